import ipaddr from "ipaddr.js";
import type { Connection } from "../queues/connection.ts";
import { script } from "../queues/script.ts";
import type { Secret } from "../settings.ts";
import { mark } from "./mark.ts";
import { fromRedis } from "./redis-away.ts";

/**
 * Who guesses passwords must wait, longer each time. Wrong tries are counted in Redis, since there may be several
 * processes: by the name that was typed, known or not, and by the address that they come from. Nobody who is signed in is
 * touched by it, and a browser in which somebody has signed in before counts for itself: others who guess at that
 * person's name cannot keep the person out.
 */

/** A person mistypes a password twice or three times. An office, or a proxy that nobody told us of, is one address. */
const TRIES = { name: 5, browser: 5, address: 20 };

const FIRST_WAIT_MS = 60_000;

/** A hundred guesses a day, as NIST SP 800-63B has it; somebody at work can wait so long. */
const LONGEST_WAIT_MS = 15 * 60_000;

const KEPT_MS = 24 * 60 * 60_000;

/** One way to tell who tries: `of` is a name, an address, or a browser. */
export interface Tried {
  readonly by: keyof typeof TRIES;
  readonly of: string;
}

export interface Lockout {
  /** Counts a try before it is made, so that many at once are not more than many in a row. Null to go ahead, or for how many milliseconds it must wait. */
  enter(tried: readonly Tried[]): Promise<number | null>;
  /** The try was right. */
  right(tried: readonly Tried[]): Promise<void>;
}

/** KEYS: what is counted. ARGV: first and longest wait, how long a count is kept (ms), then for each the tries before the first wait. */
const enter = script(`
local now = now_ms()
local wait = 0
for _, key in ipairs(KEYS) do
  wait = math.max(wait, (redis.call('HGET', key, 'until') or 0) - now)
end
if wait > 0 then return wait end
for at, key in ipairs(KEYS) do
  local over = redis.call('HINCRBY', key, 'tries', 1) - ARGV[3 + at]
  if over >= 0 then
    redis.call('HSET', key, 'until', now + math.min(ARGV[2], ARGV[1] * 2 ^ math.min(over, 20)))
  end
  redis.call('PEXPIRE', key, ARGV[3])
end
return 0
`);

/** KEYS: what is counted. ARGV: for each, 1 where its count begins anew, 0 where only this try is taken back. */
const right = script(`
for at, key in ipairs(KEYS) do
  if ARGV[at] == '1' then redis.call('DEL', key)
  elseif redis.call('EXISTS', key) == 1 then
    redis.call('HINCRBY', key, 'tries', -1)
    redis.call('HDEL', key, 'until')
  end
end
return 0
`);

export function openLockout(redis: Connection, prefix: string, secret: Secret): Lockout {
  // Never the name itself: it may be a password, typed into the wrong field.
  const keysOf = (tried: readonly Tried[]) =>
    tried.map(({ by, of }) => `${prefix}:sign-in-tries:${mark(secret, ["tries", by, of])}`);
  return {
    async enter(tried) {
      const args = [FIRST_WAIT_MS, LONGEST_WAIT_MS, KEPT_MS, ...tried.map(({ by }) => TRIES[by])];
      const wait = Number(await fromRedis(enter(redis, keysOf(tried), args)));
      return wait > 0 ? wait : null;
    },
    async right(tried) {
      // One who knows a password of one's own must not wipe out what was guessed at others' from the same address.
      const args = tried.map(({ by }) => (by === "address" ? 0 : 1));
      await fromRedis(right(redis, keysOf(tried), args));
    },
  };
}

/** What counts as one address: of IPv6 the network that a customer is given, since within it an address costs nothing. */
export function network(address: string | undefined): string {
  if (address === undefined || !ipaddr.isValid(address)) return "unknown";
  const parsed = ipaddr.process(address);
  return parsed instanceof ipaddr.IPv6 ? parsed.parts.slice(0, 4).join(":") : parsed.toString();
}
