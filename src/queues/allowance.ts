import type { Vendor } from "../domain/errors.ts";
import type { Connection } from "./connection.ts";
import { script, wholeScript } from "./script.ts";

/** A reading is believed for 300 times the first retry's delay (5 min by default); then one job goes ahead and brings a new one. */
const BELIEVED_FACTOR = 300;

/** So many times longer it is kept: where it was not renewed by then, nobody waits for it any more. */
const KEPT_FACTOR = 12;

/** A process says again what has not changed, so that it does not age: this often while it is believed. */
const SAID_AGAIN = 5;

/**
 * How much of what a vendor allows us in a day is used, as its replies say. In Redis, since it is one for all processes: a
 * hash of `used` (a share), `at` (ms, when that was heard), `look` (ms, until when a job goes ahead to hear it anew).
 */
export interface Allowance {
  /** Takes down which share is used. Never throws, and takes no time: a call that was made must not suffer for it. */
  tell(used: number): void;
  /** Whether a job may begin that leaves the rest to others from `share` on: null, or for how many milliseconds it may not. */
  enter(share: number): Promise<number | null>;
  /** The share as it was last heard; null where it was not, or long ago. */
  used(): Promise<number | null>;
}

/** KEYS: allowance. ARGV: the share used, how long it is kept (ms). Sent whole, so that whoever asks next on the same connection hears of it. */
const told = wholeScript(`
redis.call('HSET', KEYS[1], 'used', ARGV[1], 'at', now_ms())
redis.call('HDEL', KEYS[1], 'look')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 0
`);

/** KEYS: allowance. ARGV: a share, how long a reading is believed (ms), how long a look may take (ms). Returns -1 to go ahead, or how long to wait (ms). */
const enter = script(`
local now = now_ms()
local reading = redis.call('HMGET', KEYS[1], 'used', 'at', 'look')
if not reading[1] or tonumber(reading[1]) < tonumber(ARGV[1]) then return -1 end
local shut_until = math.max(tonumber(reading[2]) + tonumber(ARGV[2]), tonumber(reading[3] or 0))
if shut_until > now then return shut_until - now end
redis.call('HSET', KEYS[1], 'look', now + tonumber(ARGV[3]))
return -1
`);

/** `lookMs`: how long the job that goes ahead may take until its first reply. */
export function allowanceOf(
  vendor: Vendor,
  {
    redis,
    prefix,
    baseMs,
    lookMs,
    complain,
  }: { redis: Connection; prefix: string; baseMs: number; lookMs: number; complain: (error: unknown) => void },
): Allowance {
  const key = `${prefix}:allowance:${vendor}`;
  const believedMs = BELIEVED_FACTOR * baseMs;
  let said: { readonly percent: number; readonly at: number } | undefined;

  return {
    tell(used) {
      // A write to Redis waits for its disk: only whole percents are worth one.
      const [percent, at] = [Math.floor(used * 100), performance.now()];
      if (percent === said?.percent && at - said.at < believedMs / SAID_AGAIN) return;
      said = { percent, at };
      told(redis, [key], [used, KEPT_FACTOR * believedMs]).catch(complain);
    },
    async enter(share) {
      const wait = Number(await enter(redis, [key], [share, believedMs, lookMs]));
      return wait === -1 ? null : wait;
    },
    async used() {
      const used = await redis.hget(key, "used");
      return used === null ? null : Number(used);
    },
  };
}
