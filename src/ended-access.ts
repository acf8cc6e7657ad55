import type { Connection } from "./queues/connection.ts";

/**
 * Names that may not come in any more, in Redis: of people who left, and of clients whose keys are no longer to be
 * trusted. Taking the name out of the settings is what lasts; this holds from one second to the next, without a restart.
 */

/** A set of names. */
export const endedKey = (prefix: string): string => `${prefix}:ended`;

export async function endAccess(redis: Connection, prefix: string, name: string): Promise<void> {
  await redis.sadd(endedKey(prefix), name);
}

/** Lets `name` in again; false where it was not kept out. */
export async function restoreAccess(redis: Connection, prefix: string, name: string): Promise<boolean> {
  return (await redis.srem(endedKey(prefix), name)) === 1;
}

/** How long a door may not have heard of it. */
const LOOKED_UP_EVERY_MS = 2000;

export interface EndedNames {
  has(name: string): boolean;
  close(): void;
}

/** A copy of the names for the doors, which then cost a request no call to Redis. Where Redis is away, the last copy counts. */
export function watchEnded(redis: Connection, prefix: string, everyMs = LOOKED_UP_EVERY_MS): EndedNames {
  let names: ReadonlySet<string> = new Set();
  const look = () =>
    void redis.smembers(endedKey(prefix)).then(
      (found) => (names = new Set(found)),
      () => undefined, // Redis's absence is told by those who cannot do without it
    );
  const timer = setInterval(look, everyMs).unref();
  redis.on("ready", look);
  if (redis.status === "ready") look();
  return {
    has: (name) => names.has(name),
    close() {
      clearInterval(timer);
      redis.off("ready", look);
    },
  };
}
