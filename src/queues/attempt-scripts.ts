import { GROUPING } from "./failure-groups.ts";
import { CHANGED, JOB, OVERTAKEN, RECORD, RESTARTED } from "./ledger-hash.ts";
import { script } from "./script.ts";
import { TELLING } from "./story.ts";

/** What else stands at the work of job `id`. `key`: its natural key's `now`, `last`, `outcome` and `ended`. */
const BESIDE = `
-- A job that somebody took out of the queue may never come again: nobody waits for it.
local function other_at_work(key, id, places)
  return key[1] and key[1] ~= id and redis.call('EXISTS', places .. key[1]) == 1
end

-- A job that lost its key (it failed, or was taken out of the queue) to one that has done the same work since: that is the answer.
local function done_by_other(key, id, accepted)
  if not accepted or key[2] == id or key[3] ~= 'done' or tonumber(key[4] or 0) <= tonumber(accepted) then return false end
  return redis.call('HGET', string.sub(KEYS[1], 1, -1 - #id) .. key[2], 'outcome')
end

-- Whether the ledger may not tell all that was done.
local function is_suspect(job, key, id, run)
  return job.suspect == '1' or job.run ~= run or (key[2] and key[2] ~= id)
end
`;

/**
 * Begins an attempt. KEYS: ledger, natural key, the turn of those that run alone, and the account's turn where the kind has
 * one. ARGV: id, kind, how long a turn lasts (ms), how long the ledger of a job that ended well is kept (ms), how often its
 * worker died with it by BullMQ's count, by how many deaths in a row it runs alone, how long that turn lasts (ms), how many
 * failures of it BullMQ knows of, by, and how the names of all places in the queue begin.
 * Returns 'ended' and the outcome; or 'failed' and the failure; or 'wait' where another job has the key or the account's turn; or 'not alone' where
 * another one has the other turn; or 'go', accepted (ms), spent, outage (ms), the vendor it waits for or
 * an empty text, deaths in a row, and two for each step that is remembered: its name, and its sealed result or an empty
 * text. Writes only what is news: a call that writes nothing need not wait for the disk.
 */
export const begin = script(`${JOB}${CHANGED}${GROUPING}${TELLING}${BESIDE}
local id, run = ARGV[1], run_id()
local names, results, effect = {}, {}, false
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 5) == 'step ' then
    local step = cjson.decode(fields[i + 1])
    names[#names + 1] = fields[i]
    results[#results + 1] = step.state == 'done' and step.result or ''
    effect = effect or step.effect
  end
end
if job.outcome then return { 'ended', job.outcome } end
-- Where a person has retried it, BullMQ counts this failure. Where it does not, a slow worker took the job before it failed, or the
-- worker that failed it died before it could tell BullMQ.
if job.failed and tonumber(ARGV[8]) <= tonumber(job.made or -1) then return { 'failed', job.failure } end

local stalls = tonumber(ARGV[5])
if KEYS[4] or job.by or stalls > 0 or job.next or job.failed then redis.call('HSET', KEYS[1], 'by', ARGV[9]) end

local key = redis.call('HMGET', KEYS[2], 'now', 'last', 'outcome', 'ended')
if other_at_work(key, id, ARGV[10]) then return { 'wait' } end
local done = done_by_other(key, id, job.accepted)
if done then
  redis.call('HSET', KEYS[1], 'outcome', done, 'finished', now)
  redis.call('HDEL', KEYS[1], 'failure', 'failed', 'made', 'next')
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  leave_group(id)
  changed()
  return { 'ended', done }
end

-- A worker that dies while the job merely waits for a turn says nothing about it. The first death counts all the same: until
-- then nothing is written down.
local known, deaths = tonumber(job.stalls or 0), tonumber(job.deaths or 0)
if stalls ~= known then
  if stalls > known and (known == 0 or job.inside) then
    deaths = deaths + 1
    tell({ at = now, what = 'died' })
  end
  redis.call('HSET', KEYS[1], 'stalls', stalls, 'deaths', deaths)
  redis.call('HDEL', KEYS[1], 'inside')
end
local alone = deaths == tonumber(ARGV[6])
local function taken(turn)
  local holder = redis.call('GET', turn)
  return holder and holder ~= id
end
if alone and taken(KEYS[3]) then return { 'not alone' } end
if KEYS[4] then
  if taken(KEYS[4]) then return { 'wait' } end
  redis.call('SET', KEYS[4], id, 'PX', ARGV[3])
end
if alone then redis.call('SET', KEYS[3], id, 'PX', ARGV[7]) end
if stalls > 0 then redis.call('HSET', KEYS[1], 'inside', 1) end

if key[1] ~= id then
  redis.call('HSET', KEYS[2], 'now', id, 'last', id)
  redis.call('HDEL', KEYS[2], 'outcome')
  redis.call('PERSIST', KEYS[2])
end
if job.suspect ~= '1' and is_suspect(job, key, id, run) then
  redis.call('HSET', KEYS[1], 'suspect', 1, 'run', run)
end
if not job.accepted then
  job.accepted = now
  redis.call('HSET', KEYS[1], 'kind', ARGV[2], 'natural', KEYS[2], 'accepted', now)
end
if job.next or job.failed then redis.call('HDEL', KEYS[1], 'next', 'failed', 'made') end
if job.failed then
  redis.call('PERSIST', KEYS[1])
  leave_group(id)
  redis.call('HDEL', KEYS[1], 'spent', 'guesses', 'outage', 'away')
  job.spent, job.outage, job.away = nil, nil, nil
end

-- Until an effect has begun, an attempt starts afresh: what was read then may no longer be true.
if not effect and #names > 0 then
  redis.call('HDEL', KEYS[1], unpack(names))
  names = {}
end
changed()
local outage = job.outage and now - job.outage or 0
local reply = { 'go', job.accepted, tonumber(job.spent or 0), outage, job.away or '', deaths }
for i, name in ipairs(names) do
  reply[#reply + 1] = string.sub(name, 6)
  reply[#reply + 1] = results[i]
end
return reply
`);

/**
 * What `begin` would come to for a job as it stands, or for one that were taken in now; whose turn it is, and whether the job has
 * ended itself, is not asked. KEYS: ledger, natural key, era. ARGV:
 * id, how the names of all places in the queue begin, how long Redis stays suspect after a restart (ms). Returns 'wait', or
 * 'ended' and the outcome, or 'go' and whether it would look before each write (0 or 1).
 */
export const foresee = script(`${BESIDE}
local id, run = ARGV[1], run_id()
local key = redis.call('HMGET', KEYS[2], 'now', 'last', 'outcome', 'ended')
local stands = redis.call('HMGET', KEYS[1], 'accepted', 'suspect', 'run')
local job = { accepted = stands[1], suspect = stands[2], run = stands[3] }
if other_at_work(key, id, ARGV[2]) then return { 'wait' } end
local done = done_by_other(key, id, job.accepted)
if done then return { 'ended', done } end
if job.accepted then return { 'go', is_suspect(job, key, id, run) and 1 or 0 } end
local era = redis.call('HMGET', KEYS[3], 'run', 'since')
local after_restart = (era[1] and era[1] ~= run) or now_ms() - tonumber(era[2] or 0) < tonumber(ARGV[3])
return { 'go', (key[2] or after_restart) and 1 or 0 }
`);

/**
 * Ends an attempt that did not end the job. KEYS: as of `begin`. ARGV: id, failure (JSON, or empty
 * where the job merely waits), delay (ms; -1: left to a person), the vendor that is waited for (empty: the attempt counts),
 * how long the ledger of a failed job is kept (ms), whether the failure may be the beginning of an outage (0 or 1), how many failures BullMQ knew of before it,
 * by, the failure group that it joins where it is left to a person (a Redis key), the calls that its last step made, whose it is in
 * that group, notes.
 * Returns 1 where another attempt has begun since: what one that was thought dead met counts no more.
 */
export const pause = script(`${JOB}${RECORD}${OVERTAKEN}${CHANGED}${GROUPING}${TELLING}
record(12)
written()
local calls = ARGV[10] ~= '' and ARGV[10] or nil
local gone = overtaken(ARGV[8], ARGV[1])
local is_over = job.failed or job.outcome
if gone and not is_over then return 1 end
${RESTARTED}
if not gone then redis.call('HSET', KEYS[1], 'by', ARGV[8]) end -- this call sent twice is not overtaken by itself
local late = is_over and (gone or ARGV[2] ~= '')
local id, delay = ARGV[1], tonumber(ARGV[3])
-- How long something may still arrive, of a step in doubt or one that another worker is or died inside (this attempt leaves no
-- active step of its own behind, but for one whose claim came too late). Until then no other job may go by what it finds.
local landing, in_doubt = 0, false
for i = 1, #fields, 2 do
  local field = fields[i]
  if string.sub(field, 1, 5) == 'step ' then
    local step = cjson.decode(job[field])
    if step.state ~= 'done' then landing = math.max(landing, step.lands - now, (step.lease or 0) - now) end
    in_doubt = in_doubt or step.state ~= 'done'
    if step.state == 'active' and step.lease <= now and delay < 0 then
      step.state, step.at, step.lease = 'in-doubt', now, nil
      redis.call('HSET', KEYS[1], field, cjson.encode(step))
    end
  end
end
-- The same failure, with its moment, is this call sent twice, because its answer was lost on the way: it counts once.
if not late and ARGV[2] ~= '' and job.failure ~= ARGV[2] then
  redis.call('HSET', KEYS[1], 'failure', ARGV[2])
  if ARGV[4] ~= '' then
    if job.away ~= ARGV[4] then -- another vendor's outage is another day to wait
      redis.call('HSET', KEYS[1], 'outage', now, 'away', ARGV[4])
      tell({ at = now, what = 'waits', failure = ARGV[2], calls = calls })
    end
    -- It was an outage: the attempts that were spent on finding that out are given back.
    local guesses = tonumber(job.guesses or 0)
    if guesses > 0 then
      redis.call('HINCRBY', KEYS[1], 'spent', -guesses)
      redis.call('HINCRBY', KEYS[1], 'attempts', -guesses)
      redis.call('HDEL', KEYS[1], 'guesses')
    end
  else
    redis.call('HINCRBY', KEYS[1], 'spent', 1)
    local attempt = redis.call('HINCRBY', KEYS[1], 'attempts', 1)
    tell({ at = now, what = delay < 0 and 'failed' or 'retrying', attempt = attempt, failure = ARGV[2], calls = calls })
    if ARGV[6] == '1' then
      redis.call('HINCRBY', KEYS[1], 'guesses', 1)
    else
      redis.call('HDEL', KEYS[1], 'guesses', 'outage', 'away')
    end
    redis.call('HDEL', KEYS[1], 'deaths')
  end
end
redis.call('HDEL', KEYS[1], 'inside')
if not late and delay >= 0 then
  redis.call('HSET', KEYS[1], 'next', now + delay)
elseif not late then
  redis.call('HSET', KEYS[1], 'failed', now, 'made', ARGV[7])
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
  join_group(id, ARGV[9], ARGV[11], now, ARGV[2], ARGV[5])
  if in_doubt then redis.call('HSET', string.sub(KEYS[1], 1, -1 - #('ledger:' .. id)) .. 'doubts', id, job.kind or '') end
end
-- The key itself is kept for good: it is the sign for the next job to look before it writes.
if (late or delay < 0) and landing <= 0 and not in_doubt and redis.call('HGET', KEYS[2], 'now') == id then
  redis.call('HDEL', KEYS[2], 'now')
  redis.call('HSET', KEYS[2], 'outcome', 'failed')
end
changed()
if redis.call('GET', KEYS[3]) == id then redis.call('DEL', KEYS[3]) end
if KEYS[4] and redis.call('GET', KEYS[4]) == id then
  if landing > 0 then redis.call('PEXPIRE', KEYS[4], landing) else redis.call('DEL', KEYS[4]) end
end
return gone and 1 or 0
`);

/**
 * Ends a job well. KEYS: as of `begin`. ARGV: id, outcome (JSON), its word, how long keys are kept
 * (ms), by, notes. Returns 1 where another attempt has begun, or gave another result for what is noted: nothing has ended then.
 */
export const end = script(`${JOB}${RECORD}${OVERTAKEN}${CHANGED}${GROUPING}
local id = ARGV[1]
if record(6) then return written(1) end
if job.outcome then return written(0) end
if overtaken(ARGV[5], id) then return written(1) end
written(nil, 'attempts', (job.attempts or 0) + 1, 'outcome', ARGV[2], 'finished', now)
if job.group then leave_group(id) end
if job.failure or job.next then redis.call('HDEL', KEYS[1], 'failure', 'failed', 'made', 'next') end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
changed()
if redis.call('HGET', KEYS[2], 'now') == id then
  redis.call('HDEL', KEYS[2], 'now')
  redis.call('HSET', KEYS[2], 'last', id, 'outcome', ARGV[3], 'ended', now)
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
end
for turn = job.stalls and 3 or 4, #KEYS do -- whose worker never died never had the first one
  if redis.call('GET', KEYS[turn]) == id then redis.call('DEL', KEYS[turn]) end
end
return 0
`);
