import { GROUPING } from "./failure-groups.ts";
import { script } from "./script.ts";
import { TELLING } from "./story.ts";

/** Salesforce sends a message for a day: some forty doors' names. */
const LONGEST_DOORS = 2000;

/** Writes notes down, from argument `first` on. The first word on a step is believed: returns whether another was heard before. */
const RECORD = `
local function record(first)
  local conflict = false
  for i = first, #ARGV, 4 do
    local field = 'step ' .. ARGV[i]
    local stored = redis.call('HGET', KEYS[1], field)
    local step = stored and cjson.decode(stored) or { n = redis.call('HINCRBY', KEYS[1], 'steps', 1) }
    if step.state == 'done' then
      conflict = conflict or step.result ~= ARGV[i + 2]
    else
      local done = { n = step.n, state = 'done', at = now_ms(), effect = ARGV[i + 1] == '1', result = ARGV[i + 2], ms = tonumber(ARGV[i + 3]) }
      redis.call('HSET', KEYS[1], field, cjson.encode(done))
    end
  end
  return conflict
end
`;

/**
 * Whether another attempt of the job has begun since: BullMQ gave it to another worker, and how it goes on is that one's to say.
 * The first attempt of a job that takes no turns is not written down, and has nobody before it.
 */
const OVERTAKEN = `
local function overtaken(by)
  local last = redis.call('HGET', KEYS[1], 'by')
  return last and last ~= by
end
`;

/** Tells whoever follows a job that it changed. A job's ledger is also the channel on which that is said. */
const CHANGED = `
local function changed()
  redis.call('PUBLISH', KEYS[1], '')
end
`;

/**
 * The scripts behind `ledger.ts`. A job's ledger is one hash:
 *
 * - of the job: `kind`, `natural` (its natural key in Redis), `accepted` (ms), `door` (by which it came; a line each, where it came by several), `run` (which run of Redis wrote it), `suspect`,
 *   `by` (which attempt began last; see `overtaken`), `attempts` (all so far),
 *   `spent` (since a person last retried it), `guesses` (how many of these, the last ones in a row, may have been the beginning
 *   of an outage), `outage` (ms, since when it waits for a vendor), `away` (which one), `next` (ms),
 *   `failure` (JSON), `failed` (ms, when it was left to a person), `made` (how many failures BullMQ knew of before that one),
 *   `group` and `whose` (the failure group that it is in, see `failure-groups.ts`), `bulk` (with which it was last retried, see `retry-all.ts`), `outcome` (JSON), `finished` (ms)
 * - of a job whose worker died: `stalls` (how often, as BullMQ last said, which never forgets), `deaths` (those since the
 *   last attempt that counted), `inside` (an attempt has begun since `stalls` was written, and has not ended)
 * - of each step, `step NAME`: JSON of `n` (order), `state`, `at` (ms), `effect` (whether doing it twice would matter),
 *   `by` (the claim), `lease` (ms, until when the claim holds), `lands` (ms, until when a request may still land),
 *   `looks` (how often it was looked for in vain), `result` (sealed), `ms` (how long it took)
 *
 * What a step gave is not sent by itself: it goes along with the next call as a note (four arguments: step, effect (0 or 1),
 * sealed result, how long it took (ms)), which is written before anything else.
 *
 * Jobs that were left to a person in doubt stand in one more hash, `doubts`: the kind of each by its id. Whoever reads it
 * (`standing.ts`) takes those off that are so no more.
 *
 * A natural key is another hash: `now` (the job under way), `last` (the job that last had it), `outcome` (how that ended),
 * `ended` (ms, when it ended well).
 */

/**
 * Takes requests of one kind down, one after the other, and puts those that are new into BullMQ's queue: claimed and queued
 * is one thing. KEYS: era, of the queue its waiting jobs, its meta data and its marker, then four for each request: natural
 * key, ledger of the candidate, its place in the queue, idempotency key (any key where the caller gave none). ARGV: how long
 * idempotency keys are kept (ms), how long Redis stays suspect after a restart (ms), kind, BullMQ's options of a job (JSON),
 * then seven for each request: candidate id, door, how an earlier job may have ended that answers in its place ('done',
 * 'failed', or both), whether it looks before it writes (0 or 1), body hash (empty where the caller gave no key), payload
 * (JSON), and the trace that it belongs to (empty where to none). Returns for each request how, the id of the job that answers, when it was accepted (ms, as text); or 'error' and
 * Redis's words, which leaves the others alone.
 *
 * A job stands in the queue as BullMQ itself would have put it there (a test compares them), but for the two entries in
 * BullMQ's stream of events, which nobody reads. BullMQ's own call for each job would cost a request more than all the rest here.
 */
export const accept = script(`
local kind, options = ARGV[3], ARGV[4]
local now, run = now_ms(), run_id()
local era = redis.call('HMGET', KEYS[1], 'run', 'since')
local since = tonumber(era[2] or 0)
if era[1] ~= run then
  if era[1] then since = now end
  redis.call('HSET', KEYS[1], 'run', run, 'since', since)
end
local after_restart = now - since < tonumber(ARGV[2])

-- A job that is asked for by several doors says so, up to a length that nobody reads anyway.
local function came_too(ledger, candidate, id, door)
  local known = string.sub(ledger, 1, -1 - #candidate) .. id
  local doors = redis.call('HGET', known, 'door')
  if doors and #doors < ${LONGEST_DOORS} and not string.find('\\n' .. doors .. '\\n', '\\n' .. door .. '\\n', 1, true) then
    redis.call('HSET', known, 'door', doors .. '\\n' .. door)
  end
end

local queued = {}
local function take(natural, ledger, place, once, candidate, door, unless, look_first, body, payload, trace)
  -- This call sent twice, because its answer was lost on the way, takes it down once.
  local accepted = redis.call('HGET', ledger, 'accepted')
  if accepted then return { 'new', candidate, accepted } end
  if body ~= '' then
    local seen = redis.call('HMGET', once, 'body', 'job')
    if seen[1] then return { seen[1] == body and 'replayed' or 'key-reused', seen[2] } end
  end

  local how, id = 'new', candidate
  local key = redis.call('HMGET', natural, 'now', 'last', 'outcome', 'ended')
  if key[1] then
    how, id = 'under-way', key[1]
  elseif key[3] and string.find(unless, key[3], 1, true)
    and (key[3] == 'failed' or now - tonumber(key[4] or 0) < tonumber(ARGV[2])) then
    how, id = 'under-way', key[2]
  end

  if body ~= '' then
    redis.call('HSET', once, 'body', body, 'job', id)
    redis.call('PEXPIRE', once, ARGV[1])
  end
  if how == 'new' then
    local suspect = (key[2] or after_restart or look_first == '1') and '1' or '0'
    redis.call('HSET', natural, 'now', id, 'last', id)
    if key[2] then
      redis.call('HDEL', natural, 'outcome')
      redis.call('PERSIST', natural)
    end
    redis.call('HSET', ledger, 'kind', kind, 'natural', natural, 'accepted', now, 'door', door, 'run', run, 'suspect', suspect)
    local own = trace == '' and options or string.sub(options, 1, -2) .. ',"tm":' .. cjson.encode(trace) .. '}'
    redis.call('HSET', place, 'name', kind, 'data', payload, 'opts', own, 'timestamp', now, 'delay', 0, 'priority', 0)
    queued[#queued + 1] = candidate
  else
    came_too(ledger, candidate, id, door)
  end
  return { how, id, tostring(now) }
end

local answers = {}
for i = 0, #KEYS / 4 - 2 do
  local k, a = 5 + 4 * i, 5 + 7 * i
  local well, answer = pcall(take, KEYS[k], KEYS[k + 1], KEYS[k + 2], KEYS[k + 3], ARGV[a], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4], ARGV[a + 5], ARGV[a + 6])
  answers[i + 1] = well and answer or { 'error', type(answer) == 'table' and answer.err or tostring(answer) }
end
if #queued > 0 then
  redis.call('LPUSH', KEYS[2], unpack(queued))
  if redis.call('HEXISTS', KEYS[3], 'paused') == 0 then redis.call('ZADD', KEYS[4], 0, '0') end -- wakes a worker
end
return answers
`);

/**
 * Begins an attempt. KEYS: ledger, natural key, the turn of those that run alone, and the account's turn where the kind has
 * one. ARGV: id, kind, how long a turn lasts (ms), how long the ledger of a job that ended well is kept (ms), how often its
 * worker died with it by BullMQ's count, by how many deaths in a row it runs alone, how long that turn lasts (ms), how many
 * failures of it BullMQ knows of, by, and how the names of all places in the queue begin.
 * Returns 'ended' and the outcome; or 'failed' and the failure; or 'wait' where another job has the key or the account's turn; or 'not alone' where
 * another one has the other turn; or 'go', accepted (ms), suspect (0 or 1), spent, outage (ms), the vendor it waits for or
 * an empty text, deaths in a row, and two for each step that is remembered: its name, and its sealed result or an empty
 * text. Writes only what is news: a call that writes nothing need not wait for the disk.
 */
export const begin = script(`${CHANGED}${GROUPING}${TELLING}
local now, run = now_ms(), run_id()
local id = ARGV[1]
local job, names, results, effect = {}, {}, {}, false
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 5) == 'step ' then
    local step = cjson.decode(all[i + 1])
    names[#names + 1] = all[i]
    results[#results + 1] = step.state == 'done' and step.result or ''
    effect = effect or step.effect
  else
    job[all[i]] = all[i + 1]
  end
end
if job.outcome then return { 'ended', job.outcome } end
-- Where a person retries it, BullMQ knows of that failure. Else it was taken before then, by a worker that was thought dead; or
-- the one that failed it died before it could say so.
if job.failed and tonumber(ARGV[8]) <= tonumber(job.made or -1) then return { 'failed', job.failure } end

local stalls = tonumber(ARGV[5])
if KEYS[4] or job.by or stalls > 0 or job.next or job.failed then redis.call('HSET', KEYS[1], 'by', ARGV[9]) end

local key = redis.call('HMGET', KEYS[2], 'now', 'last', 'outcome', 'ended')
-- A job that somebody took out of the queue may never come again: nobody waits for it.
if key[1] and key[1] ~= id and redis.call('EXISTS', ARGV[10] .. key[1]) == 1 then return { 'wait' } end

-- A job that lost its key (it failed, or was taken out of the queue) to one that has done the same work since: that is the answer.
if job.accepted and key[2] ~= id and key[3] == 'done' and tonumber(key[4] or 0) > tonumber(job.accepted) then
  local outcome = redis.call('HGET', string.sub(KEYS[1], 1, -1 - #id) .. key[2], 'outcome')
  if outcome then
    redis.call('HSET', KEYS[1], 'outcome', outcome, 'finished', now)
    redis.call('HDEL', KEYS[1], 'failure', 'failed', 'made', 'next')
    redis.call('PEXPIRE', KEYS[1], ARGV[4])
    leave_group(id)
    changed()
    return { 'ended', outcome }
  end
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
local suspect = job.suspect == '1' or job.run ~= run or (key[2] and key[2] ~= id)
if suspect and job.suspect ~= '1' then
  redis.call('HSET', KEYS[1], 'kind', ARGV[2], 'suspect', 1, 'run', run)
  if not job.accepted then
    job.accepted = now
    redis.call('HSET', KEYS[1], 'accepted', now)
  end
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
local reply = { 'go', job.accepted, suspect and 1 or 0, tonumber(job.spent or 0), outage, job.away or '', deaths }
for i, name in ipairs(names) do
  reply[#reply + 1] = string.sub(name, 6)
  reply[#reply + 1] = results[i]
end
return reply
`);

/**
 * Claims a step whose effect must not happen twice. KEYS: ledger, and the turn. ARGV: step, by, suspect (0 or 1), lease
 * (ms), how long a request may land after the lease began (ms), id, notes.
 * Returns 'overtaken' where another attempt has begun, or gave another result for what is noted; 'done' and the result; 'in flight' and
 * for how long (ms); 'fresh'; or 'cut off', for how long it may still land (ms), and how often it was looked for.
 */
export const claim = script(`${RECORD}${OVERTAKEN}${CHANGED}
if record(7) or overtaken(ARGV[2]) then return { 'overtaken' } end
local now = now_ms()
local field = 'step ' .. ARGV[1]
local stored = redis.call('HGET', KEYS[1], field)
local step = stored and cjson.decode(stored)
if step and step.state == 'done' then return { 'done', step.result } end
local ours = step and step.state == 'active' and step.by == ARGV[2]
if step and step.state == 'active' and step.lease > now and not ours then
  return { 'in flight', step.lease - now }
end
if KEYS[2] then
  local holder = redis.call('GET', KEYS[2])
  -- Where it ran out, another job may have had it meanwhile, and what this attempt read is no longer true.
  if holder ~= ARGV[6] then return { 'in flight', holder and ARGV[4] or 0 } end
  redis.call('SET', KEYS[2], ARGV[6], 'PX', ARGV[5])
end

-- This call sent twice, because its answer was lost on the way, gets the same answer twice.
local look = ARGV[3] == '1'
if ours then look = step.look elseif step then look = true end
local lands = look and now or now + tonumber(ARGV[5])
step = step or { n = redis.call('HINCRBY', KEYS[1], 'steps', 1), looks = 0, lands = lands }
local reply = { 'fresh' }
if look then reply = { 'cut off', math.max(0, step.lands - now), step.looks } end
step.state, step.at, step.effect, step.by, step.lease = 'active', now, true, ARGV[2], now + tonumber(ARGV[4])
step.look = look
redis.call('HSET', KEYS[1], field, cjson.encode(step))
changed()
return reply
`);

/** Writes notes down at once. KEYS: ledger. ARGV: notes. Returns 1 where another worker gave another result. */
export const note = script(`${RECORD}
return record(1) and 1 or 0
`);

/**
 * Says that a request is about to be sent again: from now on that one may land. KEYS: ledger, and the turn. ARGV: step, by,
 * lease (ms), land (ms), id. Returns 1 where the job, the claim and the turn are still the caller's.
 */
export const resend = script(`${OVERTAKEN}
if overtaken(ARGV[2]) then return 0 end
if KEYS[2] then
  if redis.call('GET', KEYS[2]) ~= ARGV[5] then return 0 end
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
end
local field = 'step ' .. ARGV[1]
local stored = redis.call('HGET', KEYS[1], field)
if not stored then return 0 end
local step = cjson.decode(stored)
if step.by ~= ARGV[2] then return 0 end
local now = now_ms()
step.lease, step.lands, step.looks = now + tonumber(ARGV[3]), now + tonumber(ARGV[4]), 0
redis.call('HSET', KEYS[1], field, cjson.encode(step))
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

/** Leaves a claim in doubt. KEYS: ledger. ARGV: step, by, how long it may still land (ms; -1: as was known before), looks to add. */
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
    redis.call('HSET', KEYS[1], field, cjson.encode(step))
    changed()
  end
end
return 0
`);

/**
 * Ends an attempt that did not end the job. KEYS: as of `begin`. ARGV: id, failure (JSON, or empty
 * where the job merely waits), delay (ms; -1: left to a person), the vendor that is waited for (empty: the attempt counts),
 * how long the ledger of a failed job is kept (ms), whether the failure may be the beginning of an outage (0 or 1), how many failures BullMQ knew of before it,
 * by, the failure group that it joins where it is left to a person (a Redis key), notes.
 * Returns 1 where another attempt has begun since: what one that was thought dead met counts no more.
 */
export const pause = script(`${RECORD}${OVERTAKEN}${CHANGED}${GROUPING}${TELLING}
record(10)
local gone = overtaken(ARGV[8])
local ends = redis.call('HMGET', KEYS[1], 'failed', 'outcome')
local is_over = ends[1] or ends[2]
if gone and not is_over then return 1 end
local late = is_over and (gone or ARGV[2] ~= '')
local now, id, delay = now_ms(), ARGV[1], tonumber(ARGV[3])
-- How long something may still arrive, of a step in doubt or one that another worker is or died inside: this attempt leaves
-- no active step of its own behind. Until then no other job may go by what it finds.
local landing, in_doubt = 0, false
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 5) == 'step ' then
    local step = cjson.decode(all[i + 1])
    if step.state ~= 'done' then landing = math.max(landing, step.lands - now, (step.lease or 0) - now) end
    in_doubt = in_doubt or step.state ~= 'done'
    if step.state == 'active' and step.lease <= now and delay < 0 then
      step.state, step.at, step.lease = 'in-doubt', now, nil
      redis.call('HSET', KEYS[1], all[i], cjson.encode(step))
    end
  end
end
-- The same failure, with its moment, is this call sent twice, because its answer was lost on the way: it counts once.
if not late and ARGV[2] ~= '' and redis.call('HGET', KEYS[1], 'failure') ~= ARGV[2] then
  redis.call('HSET', KEYS[1], 'failure', ARGV[2])
  if ARGV[4] ~= '' then
    if redis.call('HSETNX', KEYS[1], 'outage', now) == 1 then tell({ at = now, what = 'waits', failure = ARGV[2] }) end
    redis.call('HSET', KEYS[1], 'away', ARGV[4])
    -- It was an outage: the attempts that were spent on finding that out are given back.
    local guesses = tonumber(redis.call('HGET', KEYS[1], 'guesses') or 0)
    if guesses > 0 then
      redis.call('HINCRBY', KEYS[1], 'spent', -guesses)
      redis.call('HINCRBY', KEYS[1], 'attempts', -guesses)
      redis.call('HDEL', KEYS[1], 'guesses')
    end
  else
    redis.call('HINCRBY', KEYS[1], 'spent', 1)
    local attempt = redis.call('HINCRBY', KEYS[1], 'attempts', 1)
    tell({ at = now, what = delay < 0 and 'failed' or 'retrying', attempt = attempt, failure = ARGV[2] })
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
  join_group(id, ARGV[9], now, ARGV[2], ARGV[5])
  if in_doubt then redis.call('HSET', string.sub(KEYS[1], 1, -1 - #('ledger:' .. id)) .. 'doubts', id, redis.call('HGET', KEYS[1], 'kind') or '') end
end
-- The key itself is kept for good: it is the sign for the next job to look before it writes.
if (late or delay < 0) and landing <= 0 and redis.call('HGET', KEYS[2], 'now') == id then
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
export const end = script(`${RECORD}${OVERTAKEN}${CHANGED}${GROUPING}
if record(6) then return 1 end
if redis.call('HEXISTS', KEYS[1], 'outcome') == 1 then return 0 end
if overtaken(ARGV[5]) then return 1 end
local id = ARGV[1]
redis.call('HINCRBY', KEYS[1], 'attempts', 1)
redis.call('HSET', KEYS[1], 'outcome', ARGV[2], 'finished', now_ms())
leave_group(id)
redis.call('HDEL', KEYS[1], 'failure', 'failed', 'made', 'next')
redis.call('PEXPIRE', KEYS[1], ARGV[4])
changed()
if redis.call('HGET', KEYS[2], 'now') == id then
  redis.call('HDEL', KEYS[2], 'now')
  redis.call('HSET', KEYS[2], 'last', id, 'outcome', ARGV[3], 'ended', now_ms())
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
end
for turn = 3, #KEYS do
  if redis.call('GET', KEYS[turn]) == id then redis.call('DEL', KEYS[turn]) end
end
return 0
`);
