import { randomUUID } from "node:crypto";
import type { Connection } from "./connection.ts";
import { script } from "./script.ts";

/** One follower at a time: another takes over when it has not been heard of for so long. */
const LEASE_MS = 30_000;

/** KEYS: the lease. ARGV: whose, how long (ms). Returns whether it is theirs now. */
const take = script(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`);

/** KEYS: the lease. ARGV: whose. */
const leave = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0
`);

/** How far a stream of announcements has been heard, in Redis, and who of all processes listens to it. */
export interface StreamPosition {
  /** Takes the listener's place, or keeps it; false where another process has it. To be called more often than every `leaseMs`. */
  take(): Promise<boolean>;
  leave(): Promise<void>;
  /** The place of the last announcement that is safe; null where none was heard yet. */
  read(): Promise<number | null>;
  write(place: number): Promise<void>;
  readonly leaseMs: number;
}

export function streamPosition(redis: Connection, prefix: string, stream: string): StreamPosition {
  const own = randomUUID();
  const [lease, place] = [`${prefix}:stream:${stream}:listener`, `${prefix}:stream:${stream}:place`];
  return {
    leaseMs: LEASE_MS,
    take: async () => (await take(redis, [lease], [own, LEASE_MS])) === 1,
    leave: async () => void (await leave(redis, [lease], [own])),
    async read() {
      const stored = await redis.get(place);
      return stored === null ? null : Number(stored);
    },
    async write(now) {
      await redis.set(place, now);
    },
  };
}
