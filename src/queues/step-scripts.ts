import { CHANGED, JOB, OVERTAKEN, RECORD, RESTARTED } from "./ledger-hash.ts";
import { script } from "./script.ts";

/**
 * Claims a step whose effect must not happen twice. KEYS: as of `begin` in `attempt-scripts.ts`. ARGV: step, by, whether to look first all the same (0 or 1), lease
 * (ms), how long a request may land after the lease began (ms), id, notes.
 * Returns 'overtaken' where another attempt has begun, or gave another result for what is noted; 'done' and the result; 'in flight',
 * where another attempt is inside, and for how long (ms); 'turn lost', where the account's turn ran out, and for how long another job
 * may have it (ms); 'fresh'; or 'cut off', for how long it may still land (ms), how often it was looked for, and what a person said
 * about it (sealed; or an empty text). Takes down that Redis was restarted (`RESTARTED`).
 */
export const claim = script(`${JOB}${RECORD}${OVERTAKEN}${CHANGED}
if record(7) or overtaken(ARGV[2], ARGV[6]) then return written({ 'overtaken' }) end
local step = step_of(ARGV[1])
if step and step.state == 'done' then return written({ 'done', step.result }) end
local ours = step and step.state == 'active' and step.by == ARGV[2]
if step and step.state == 'active' and step.lease > now and not ours then
  return written({ 'in flight', step.lease - now })
end
if KEYS[4] then
  local holder = redis.call('GET', KEYS[4])
  -- Where it ran out, another job may have had it meanwhile, and what this attempt read is no longer true.
  if holder ~= ARGV[6] then return written({ 'turn lost', holder and ARGV[4] or 0 }) end
  redis.call('SET', KEYS[4], ARGV[6], 'PX', ARGV[5])
end
${RESTARTED}
-- This call sent twice, because its answer was lost on the way, gets the same answer twice.
local look = ARGV[3] == '1' or job.suspect == '1'
if ours then look = step.look elseif step then look = true end
local lands = look and now or now + tonumber(ARGV[5])
if not step then
  job.steps = (job.steps or 0) + 1
  step = { n = job.steps, looks = 0, lands = lands }
end
local reply = { 'fresh' }
if look then reply = { 'cut off', math.max(0, step.lands - now), step.looks, step.said or '' } end
step.state, step.at, step.effect, step.by, step.lease = 'active', now, true, ARGV[2], now + tonumber(ARGV[4])
step.look = look
changed()
return written(reply, 'by', ARGV[2], 'steps', job.steps or 0, 'step ' .. ARGV[1], cjson.encode(step))
`);

/** Writes notes down at once. KEYS: ledger. ARGV: notes. Returns 1 where another worker gave another result. */
export const note = script(`${JOB}${RECORD}
return written(record(1) and 1 or 0)
`);

/**
 * Says that a request is about to be sent again: from now on that one may land. KEYS: as of `begin` in `attempt-scripts.ts`. ARGV: step, by,
 * lease (ms), land (ms), id. Returns 1 where the job, the claim and the turn are still the caller's.
 */
export const resend = script(`${JOB}${OVERTAKEN}
if overtaken(ARGV[2], ARGV[5]) then return 0 end
if KEYS[4] then
  if redis.call('GET', KEYS[4]) ~= ARGV[5] then return 0 end
  redis.call('PEXPIRE', KEYS[4], ARGV[4])
end
local step = step_of(ARGV[1])
if not step or step.by ~= ARGV[2] then return 0 end
step.lease, step.lands, step.looks, step.said = now + tonumber(ARGV[3]), now + tonumber(ARGV[4]), 0, nil
redis.call('HSET', KEYS[1], 'step ' .. ARGV[1], cjson.encode(step))
return 1
`);

/** Forgets a claim: the step did not happen. KEYS: ledger. ARGV: step, by. */
export const release = script(`
local field = 'step ' .. ARGV[1]
local stored = redis.call('HGET', KEYS[1], field)
if stored then
  local step = cjson.decode(stored)
  if step.state == 'active' and step.by == ARGV[2] then redis.call('HDEL', KEYS[1], field) end
end
return 0
`);

/**
 * Leaves a claim in doubt. KEYS: ledger. ARGV: step, by, how long it may still land (ms; -1: as was known before), looks to
 * add, whether a person is asked (0 or 1), the name of the id that they give (or empty). What one said before stays: what it came to
 * may be why it is in doubt still, and a retry by itself must come to the same.
 */
export const doubt = script(`${CHANGED}
local now = now_ms()
local field = 'step ' .. ARGV[1]
local stored = redis.call('HGET', KEYS[1], field)
if stored then
  local step = cjson.decode(stored)
  if step.state == 'active' and step.by == ARGV[2] then
    step.state, step.at, step.lease = 'in-doubt', now, nil
    if tonumber(ARGV[3]) >= 0 then step.lands = now + tonumber(ARGV[3]) end
    step.looks = step.looks + tonumber(ARGV[4])
    if ARGV[5] == '1' then step.asks = ARGV[6] end
    redis.call('HSET', KEYS[1], field, cjson.encode(step))
    changed()
  end
end
return 0
`);

/**
 * Takes down what a person says about a step in doubt. KEYS: ledger, BullMQ's failed jobs. ARGV: id, step, what they say
 * (sealed), whether it happened (0 or 1), since when it is in doubt (ms): an answer is to the question that was seen, and takes the
 * place of an earlier one that the job has not gone by yet. Returns 1; 0 where the job has not failed (any more), or nobody is asked
 * that (any more); -1 where it may still land, so that it cannot be said yet that it did not happen.
 */
export const settle = script(`${CHANGED}
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) or redis.call('HEXISTS', KEYS[1], 'failed') == 0 then return 0 end
local field = 'step ' .. ARGV[2]
local stored = redis.call('HGET', KEYS[1], field)
local step = stored and cjson.decode(stored)
if not step or step.state ~= 'in-doubt' or not step.asks or step.at ~= tonumber(ARGV[5]) then return 0 end
if ARGV[4] == '0' and math.max(step.lands or 0, step.lease or 0) > now_ms() then return -1 end
step.said = ARGV[3]
redis.call('HSET', KEYS[1], field, cjson.encode(step))
changed()
return 1
`);
