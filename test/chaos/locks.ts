import { setTimeout } from "node:timers/promises";
import { Worker } from "bullmq";
import { kinds } from "../../src/processors/index.ts";
import type { Connection } from "../../src/queues/connection.ts";
import { LOCK_MS } from "../../src/queues/worker.ts";
import type { TestRedis } from "../redis.ts";

/** A dead worker's locks last 30 s, and somebody looks for them every 5 s. Here that is over early, where a run cannot wait so long. */

const LOOK_MS = 250;

/** How long a lock lasts that is kept short: no check takes nearly so long. */
export const SHORT_LOCK_MS = 3_000;

/** The same where nobody died: whose ward starts on a busy machine works on jobs that are so old. */
const PATIENT_LOCK_MS = 12_000;

/**
 * Ends the locks on jobs under way that are so old, and that were taken before `takenBefore` (ms since 1970), and has Redis stand
 * as it does once somebody has looked and seen them.
 */
export async function endLocks(
  redis: Connection,
  prefix: string,
  atLeastMs = 0,
  takenBefore = Number.POSITIVE_INFINITY,
): Promise<void> {
  for (const { name } of kinds) {
    const queue = `${prefix}:${name}`;
    for (const id of await redis.lrange(`${queue}:active`, 0, -1)) {
      const lock = `${queue}:${id}:lock`;
      const ageMs = LOCK_MS - (await redis.pttl(lock));
      if (ageMs < atLeastMs || Date.now() - ageMs > takenBefore) continue;
      await redis.multi().del(lock).sadd(`${queue}:stalled`, id).del(`${queue}:stalled-check`).exec();
    }
  }
}

/**
 * Has every lock end that has not been renewed for that long, until it is told to stop. `lastDeath`: only those that were taken
 * before it (ms since 1970); of a worker that lives some may last longer.
 */
export function keepLocksShort(server: TestRedis, prefix: string, lastDeath?: () => number): () => void {
  const redis = server.connect();
  redis.on("error", () => undefined); // it may well be away
  const looks = kinds.map(({ name }) => {
    const look = new Worker(name, null, {
      connection: redis,
      prefix,
      autorun: false,
      lockDuration: LOCK_MS,
      stalledInterval: LOOK_MS,
      maxStalledCount: Number.MAX_SAFE_INTEGER,
    });
    look.on("error", () => undefined);
    void look.startStalledCheckTimer();
    return look;
  });
  const over = new AbortController();
  const atLeastMs = lastDeath === undefined ? PATIENT_LOCK_MS : SHORT_LOCK_MS;
  const end = async () => {
    while (!over.signal.aborted) {
      await endLocks(redis, prefix, atLeastMs, lastDeath?.()).catch(() => undefined); // Redis was killed, or is full: the next time
      await setTimeout(LOOK_MS);
    }
  };
  void end();
  return () => {
    over.abort();
    for (const look of looks) void look.close(true).catch(() => undefined);
    redis.disconnect();
  };
}
