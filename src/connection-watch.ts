import type { Logger } from "pino";
import type { Connection } from "./queues/connection.ts";

/** What the program does as its connections to Redis come and go. */

/** Redis's client repeats an error at every reconnection, as others do at every look; the log gets one line in this time. */
const COMPLAINT_EVERY_MS = 5_000;

/** How soon what Redis refused at the start is asked of it again. */
const BEGIN_AGAIN_MS = 2_000;

/** Says so when Redis goes. */
export function watch(redis: Connection, log: Logger): void {
  redis.on("error", complaintsTo(log));
}

/** Takes down what goes wrong again and again, without filling the log. */
export function complaintsTo(
  log: Logger,
  message = "Redis is not reachable; it is tried again by itself",
): (err: unknown) => void {
  let complainedAt = 0;
  return (err) => {
    if (Date.now() - complainedAt < COMPLAINT_EVERY_MS) return;
    complainedAt = Date.now();
    log.warn({ err }, message);
  };
}

/** Runs `begin` each time that Redis becomes ready, and again where that fails: it may be full, or a cluster that is not whole. */
export function whenReady(redis: Connection, log: Logger, begin: () => Promise<void>): void {
  let again: NodeJS.Timeout | undefined;
  const run = () => {
    clearTimeout(again);
    void begin().catch((err: unknown) => {
      log.error({ err }, "Redis answered, but not everything could be begun; it is tried again by itself");
      if (redis.status === "ready") again = setTimeout(run, BEGIN_AGAIN_MS).unref();
    });
  };
  if (redis.status === "ready") run();
  redis.on("ready", run);
}

/** Closes a connection; where Redis is away there is nobody to say goodbye to. */
export async function quit(redis: Connection): Promise<void> {
  if (redis.status === "ready") await redis.quit();
  else redis.disconnect();
}
