import * as z from "zod";
import { type Vendor, VENDOR_NAMES } from "../domain/errors.ts";
import type { Connection } from "./connection.ts";
import { script } from "./script.ts";

/** Jobs put off are sorted by when they go on, not by age: so many from either end are looked at. */
const LOOKED_AT = 50;

/** More parked jobs than this are counted, but not looked at one by one. */
const DOUBTS_LOOKED_AT = 200;

const count = z.number().nonnegative();
const standing = z.object({
  kinds: z.record(
    z.string(),
    z.object({
      waiting: count,
      active: count,
      delayed: count,
      failed: count,
      completed: count,
      /** For how long the oldest one that waits, or is put off, has been asked for (ms); null where none does. */
      oldestMs: count.nullable(),
      /** Jobs left to a person with a step of which nobody knows whether it happened. */
      doubts: count,
    }),
  ),
  /** For how long a vendor has not answered well, since its breaker opened (ms); absent where it is closed. */
  awayMs: z.record(z.string(), count),
  /** Which share of a vendor's daily calls is used, as it last said; absent where none did lately. */
  used: z.record(z.string(), z.number()),
  /** Of the Redis that has the queues, in bytes; the limit is its own, or else the machine's. */
  memory: z.object({ used: count, limit: count }),
});

/** How the work stands, for all processes together. */
export type Standing = z.infer<typeof standing>;

/** KEYS: any key of the prefix (a cluster finds the server by it). ARGV: prefix, kinds, vendors (each a list with spaces between). Returns JSON. */
const read = script(`
local prefix, now = ARGV[1], now_ms()

-- A job of a schedule has the moment when it was due in its id.
local function age(queue, id)
  local at = string.match(id, '^repeat:.*:(%d+)$') or redis.call('HGET', prefix .. ':ledger:' .. id, 'accepted')
    or redis.call('HGET', queue .. ':' .. id, 'timestamp')
  return at and now - tonumber(at) or -1
end

local function oldest(queue)
  local found = -1
  for _, list in ipairs({ queue .. ':wait', queue .. ':paused' }) do
    for _, place in ipairs({ 0, -1 }) do
      local id = redis.call('LINDEX', list, place)
      if id then found = math.max(found, age(queue, id)) end
    end
  end
  for _, range in ipairs({ { 0, ${LOOKED_AT - 1} }, { -${LOOKED_AT}, -1 } }) do
    for _, id in ipairs(redis.call('ZRANGE', queue .. ':delayed', range[1], range[2])) do
      found = math.max(found, age(queue, id))
    end
  end
  return found >= 0 and found or cjson.null
end

local kinds = {}
for kind in string.gmatch(ARGV[2], '%S+') do
  local queue = prefix .. ':' .. kind
  kinds[kind] = {
    waiting = redis.call('LLEN', queue .. ':wait') + redis.call('LLEN', queue .. ':paused'),
    active = redis.call('LLEN', queue .. ':active'),
    delayed = redis.call('ZCARD', queue .. ':delayed'),
    failed = redis.call('ZCARD', queue .. ':failed'),
    completed = redis.call('ZCARD', queue .. ':completed'),
    oldestMs = oldest(queue),
    doubts = 0,
  }
end

-- Those that were retried, or taken out of their queue, are no longer in doubt: nobody else takes them off the list.
local parked = redis.call('HSCAN', prefix .. ':doubts', 0, 'COUNT', ${DOUBTS_LOOKED_AT})[2]
for i = 1, #parked, 2 do
  local id, kind = parked[i], parked[i + 1]
  if redis.call('HEXISTS', prefix .. ':ledger:' .. id, 'failed') == 0 or redis.call('EXISTS', prefix .. ':' .. kind .. ':' .. id) == 0 then
    redis.call('HDEL', prefix .. ':doubts', id)
  end
end
for _, kind in ipairs(redis.call('HVALS', prefix .. ':doubts')) do
  if kinds[kind] then kinds[kind].doubts = kinds[kind].doubts + 1 end
end

local away, used = {}, {}
for vendor in string.gmatch(ARGV[3], '%S+') do
  local breaker = redis.call('HMGET', prefix .. ':breaker:' .. vendor, 'open', 'since')
  if breaker[1] then away[vendor] = now - tonumber(breaker[2] or now) end
  local share = redis.call('HGET', prefix .. ':allowance:' .. vendor, 'used')
  if share then used[vendor] = tonumber(share) end
end

local info = redis.call('INFO', 'memory')
local function bytes(name) return tonumber(string.match(info, '[\\r\\n]' .. name .. ':(%d+)') or 0) end
local limit = bytes('maxmemory')
if limit == 0 then limit = bytes('total_system_memory') end
return cjson.encode({ kinds = kinds, awayMs = away, used = used, memory = { used = bytes('used_memory'), limit = limit } })
`);

const VENDORS = Object.keys(VENDOR_NAMES) as Vendor[]; // an object literal has no other keys

/** Reads it in one call, a fraction of a millisecond of Redis (a few where tens of thousands wait). Throws where it does not answer. */
export async function readStanding(redis: Connection, prefix: string, kinds: readonly string[]): Promise<Standing> {
  const answer = await read(redis, [`${prefix}:era`], [prefix, kinds.join(" "), VENDORS.join(" ")]);
  return standing.parse(JSON.parse(String(answer)));
}
