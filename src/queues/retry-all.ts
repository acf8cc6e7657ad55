import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import type { Queue } from "bullmq";
import * as z from "zod";
import type { Connection } from "./connection.ts";
import { forgetFailed, retryFailed } from "./failed-job.ts";

/**
 * Retries a whole failure group in the background. Which jobs is settled when it is asked for: what fails later waits for
 * the next time. `PREFIX:bulks` holds the runs by when they began, `PREFIX:bulks:open` those that are not over; of each, `PREFIX:bulk:ID` what was asked and how far it is,
 * `…:todo` the jobs that are still to come, in the order in which they were accepted, and `…:again` those that failed anew,
 * which the ledger's scripts tell it.
 */

/** Runs are looked at this long after they began. */
const KEPT_MS = 30 * 86_400_000;

/** How often the next ones are retried while a run is under way; how often one looks for a run otherwise. */
const TICK_MS = 200;
const IDLE_LOOK_MS = 1000;

/** A process that has a run must come back to it within this time, or another takes it over. */
const LEASE_MS = 10_000;

/** Jobs a second. */
export const RATES = [1, 5, 20, 100] as const;
export type Rate = (typeof RATES)[number];

const stored = z.object({
  group: z.string(),
  kind: z.string(),
  by: z.string(),
  why: z.string(),
  rate: z.coerce.number(),
  total: z.coerce.number(),
  retried: z.coerce.number(),
  gone: z.coerce.number(),
  began: z.coerce.number().transform((ms) => new Date(ms)),
  state: z.enum(["running", "paused", "aborted", "done"]),
});

export interface Bulk extends z.infer<typeof stored> {
  readonly id: string;
  /** How many failed anew since they were retried. */
  readonly again: number;
}

export type RetryAll = ReturnType<typeof openRetryAll>;

export function openRetryAll({
  redis,
  prefix,
  queues,
  tickMs = TICK_MS,
  lookMs = IDLE_LOOK_MS,
}: {
  redis: Connection;
  prefix: string;
  queues: () => ReadonlyMap<string, Queue> | undefined;
  tickMs?: number;
  lookMs?: number;
}) {
  const keyOf = (id: string) => `${prefix}:bulk:${id}`;
  const ledgerOf = (job: string) => `${prefix}:ledger:${job}`;
  const open = `${prefix}:bulks:open`;
  const me = randomUUID();

  const read = async (id: string): Promise<Bulk | null> => {
    const [about, again] = await Promise.all([redis.hgetall(keyOf(id)), redis.zcard(`${keyOf(id)}:again`)]);
    const known = stored.safeParse(about);
    return known.success ? { ...known.data, id, again } : null;
  };

  const list = async (): Promise<Bulk[]> => {
    const ids = await redis.zrevrange(`${prefix}:bulks`, "0", "49");
    return (await Promise.all(ids.map(read))).filter((bulk) => bulk !== null);
  };

  /** Retries the next `count` of a run. */
  const advance = async (bulk: Bulk, count: number): Promise<void> => {
    const queue = queues()?.get(bulk.kind);
    if (queue === undefined) return;
    const todo = `${keyOf(bulk.id)}:todo`;
    const next = await redis.zrange(todo, "0", String(count - 1));
    // A process that dies in between leaves some of these to be retried once more, which then have not failed: nothing happens.
    // One that another run has retried is told to that one if it fails again.
    await Promise.all(next.map((job) => redis.hsetnx(ledgerOf(job), "bulk", keyOf(bulk.id))));
    const retried = await Promise.all(next.map((job) => retryFailed(queue, job)));
    const dealtWith = next.filter((_job, at) => retried[at] === false);
    await Promise.all(
      dealtWith.map(async (id) => {
        await forgetFailed({ redis, prefix, queue, id }, bulk.group);
        if ((await redis.hget(ledgerOf(id), "bulk")) === keyOf(bulk.id)) await redis.hdel(ledgerOf(id), "bulk");
      }),
    );
    const gone = dealtWith.length;
    if (next.length > 0) {
      await redis.zrem(todo, ...next);
      await redis.hincrby(keyOf(bulk.id), "retried", next.length - gone);
      await redis.hincrby(keyOf(bulk.id), "gone", gone);
    }
    if (next.length === count) return;
    await redis.hset(keyOf(bulk.id), "state", "done");
    await redis.srem(open, bulk.id);
  };

  const isMine = async (id: string): Promise<boolean> => {
    const lease = `${keyOf(id)}:lease`;
    await redis.set(lease, me, "PX", LEASE_MS, "NX");
    if ((await redis.get(lease)) !== me) return false;
    await redis.pexpire(lease, LEASE_MS);
    return true;
  };

  return {
    read,
    list,

    /** Begins a run over the group as it stands, or over its first `most` jobs; null where it is empty. */
    async start(
      group: { readonly id: string; readonly kind: string },
      { by, why, rate, most }: { by: string; why: string; rate: Rate; most?: number },
    ): Promise<string | null> {
      const id = randomUUID();
      const todo = `${keyOf(id)}:todo`;
      const total = await redis.zrangestore(todo, `${prefix}:groups:${group.id}`, "0", String((most ?? 0) - 1));
      if (total === 0) return null;
      await redis.pexpire(todo, KEPT_MS);
      const began = Date.now();
      const about = { group: group.id, kind: group.kind, by, why, rate, total, retried: 0, gone: 0, began };
      await redis.hset(keyOf(id), { ...about, state: "running" });
      await redis.pexpire(keyOf(id), KEPT_MS);
      await redis.sadd(open, id);
      await redis.zadd(`${prefix}:bulks`, began, id);
      await redis.zremrangebyscore(`${prefix}:bulks`, "-inf", began - KEPT_MS);
      return id;
    },

    /** Stops a run for the time being, lets it go on, or ends it. */
    async set(id: string, state: "running" | "paused" | "aborted"): Promise<void> {
      const bulk = await read(id);
      if (bulk?.state !== "running" && bulk?.state !== "paused") return;
      await redis.hset(keyOf(id), "state", state);
      // Where it was done at that very moment, it stands among the open ones no more, and would stay as it was set to for good.
      await (state === "aborted" ? redis.srem(open, id) : redis.sadd(open, id));
    },

    /** The ids of those that failed anew, the last one first. */
    async failedAgain(id: string, count: number): Promise<string[]> {
      return await redis.zrevrange(`${keyOf(id)}:again`, "0", String(count - 1));
    },

    /** Carries runs on until `stopping` is aborted, whichever process began them. `complain` hears what Redis says meanwhile. */
    async carryOn(stopping: AbortSignal, complain: (error: unknown) => void): Promise<void> {
      const owed = new Map<string, number>();
      const forgiven = (error: unknown): string[] => {
        complain(error);
        return [];
      };
      while (!stopping.aborted) {
        let wait = lookMs;
        for (const id of await redis.smembers(open).catch(forgiven)) {
          try {
            const bulk = await read(id);
            if (bulk === null) await redis.srem(open, id);
            if (bulk?.state !== "running" || !(await isMine(id))) continue;
            wait = tickMs;
            const due = (owed.get(id) ?? 0) + (bulk.rate * tickMs) / 1000;
            owed.set(id, due % 1);
            if (due >= 1) await advance(bulk, Math.floor(due));
          } catch (error) {
            complain(error);
          }
        }
        await setTimeout(wait, undefined, { signal: stopping }).catch(() => {});
      }
    },
  };
}
