import { setTimeout } from "node:timers/promises";
import { isClassified, UnavailableError, UnknownOutcomeError, type Vendor } from "../domain/errors.ts";
import type { Connection } from "./connection.ts";
import { LONGEST_ASKED_MS } from "./retry.ts";
import { script } from "./script.ts";

/** So many failures in a row, by whichever worker, mean that the vendor is away and not that a call was unlucky. */
const FAILURES_TO_OPEN = 5;

/** Open for 5 times the first retry's delay at first (5 s by default), doubling up to 300 times (5 min): some 12 probes an hour. */
const FIRST_OPEN_FACTOR = 5;
const LONGEST_OPEN_FACTOR = 300;

/**
 * One vendor's breaker, in Redis, since an outage is the same for every worker: a hash of `failures` in a row, `open`
 * (ms, until when), `since` (ms, when it first opened), `opened` (how often in a row), `probe` (ms, until when somebody is
 * probing).
 */
export interface Breaker {
  /** Whether a call may be made: null, or for how many milliseconds it may not. One caller at a time gets to probe. */
  enter(): Promise<number | null>;
  /** Tells what came of the call. Never throws: a call that was made must not fail for its bookkeeping. */
  report(error: unknown): Promise<void>;
  /** For how many more milliseconds it is open; null where it is closed. */
  openForMs(): Promise<number | null>;
}

/** A probe is most often over long before it may be at the latest, so who waits for it asks again after ARGV[1] ms. */
const SHUT_FOR = `
local function shut_for(now, open, probe)
  return math.max(0, tonumber(open) - now, math.min(tonumber(ARGV[1]), tonumber(probe or 0) - now))
end
`;

/** KEYS: breaker. ARGV: when to ask again after a probe, how long it may take (ms). Returns -1 to go ahead, or how long to wait (ms). */
const enter = script(`${SHUT_FOR}
local now = now_ms()
local breaker = redis.call('HMGET', KEYS[1], 'open', 'probe')
if not breaker[1] then return -1 end
local wait = shut_for(now, breaker[1], breaker[2])
if wait > 0 then return wait end
redis.call('HSET', KEYS[1], 'probe', now + tonumber(ARGV[2]))
return -1
`);

/** KEYS: breaker. ARGV: when to ask again after a probe (ms). Returns -1 where it is closed, or for how long it stays open (ms). */
const openFor = script(`${SHUT_FOR}
local breaker = redis.call('HMGET', KEYS[1], 'open', 'probe')
if not breaker[1] then return -1 end
return shut_for(now_ms(), breaker[1], breaker[2])
`);

/** KEYS: breaker. ARGV: first and longest opening (ms), failures to open, what the vendor asked for (ms; 0: nothing). */
const failed = script(`
local now = now_ms()
local asked = tonumber(ARGV[4])
local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
local breaker = redis.call('HMGET', KEYS[1], 'open', 'opened')
if breaker[1] and tonumber(breaker[1]) > now then return 0 end
if breaker[1] or asked > 0 or failures >= tonumber(ARGV[3]) then
  local opened = tonumber(breaker[2] or 0)
  local length = math.max(asked, math.min(tonumber(ARGV[2]), tonumber(ARGV[1]) * 2 ^ math.min(opened, 20)))
  redis.call('HSET', KEYS[1], 'open', now + length, 'opened', opened + 1)
  redis.call('HSETNX', KEYS[1], 'since', now)
  redis.call('HDEL', KEYS[1], 'probe')
end
return 0
`);

export function breakerFor(
  vendor: Vendor,
  {
    redis,
    prefix,
    baseMs,
    probeMs,
    complain,
  }: { redis: Connection; prefix: string; baseMs: number; probeMs: number; complain: (error: unknown) => void },
): Breaker {
  const key = `${prefix}:breaker:${vendor}`;

  return {
    async enter() {
      const wait = Number(await enter(redis, [key], [FIRST_OPEN_FACTOR * baseMs, probeMs]));
      return wait < 0 ? null : wait;
    },
    async report(error) {
      try {
        if (away(error)) {
          const asked = error instanceof UnavailableError ? Math.min(error.retryAfterMs ?? 0, LONGEST_ASKED_MS) : 0;
          await failed(
            redis,
            [key],
            [FIRST_OPEN_FACTOR * baseMs, LONGEST_OPEN_FACTOR * baseMs, FAILURES_TO_OPEN, asked],
          );
        } else {
          await redis.del(key);
        }
      } catch (problem) {
        complain(problem);
      }
    },
    async openForMs() {
      const left = Number(await openFor(redis, [key], [FIRST_OPEN_FACTOR * baseMs]));
      return left < 0 ? null : left;
    },
  };
}

/**
 * For a call that is worth making without a breaker too: where Redis does not answer within `patienceMs`, it goes ahead,
 * and what came of it is told to Redis without waiting.
 */
export function withoutWaiting(breaker: Breaker, patienceMs: number): Breaker {
  return {
    ...breaker,
    async enter() {
      const patience = new AbortController();
      const goAhead = setTimeout(patienceMs, null, { signal: patience.signal }).catch(() => null);
      const wait = await Promise.race([breaker.enter().catch(() => null), goAhead]);
      patience.abort();
      return wait;
    },
    async report(error) {
      void breaker.report(error);
    },
  };
}

/** Whether `error` says that the vendor as a whole is unwell; an answer, even a refusal, says that it is well. */
function away(error: unknown): boolean {
  return (
    isClassified(error) &&
    (error instanceof UnavailableError || error instanceof UnknownOutcomeError) &&
    error.scope === "vendor"
  );
}
