import { script, wholeScript } from "./script.ts";

/** How long the place of a candidate that is not wanted is kept taken: longer than any door waits for Redis. */
const UNWANTED_MS = 60_000;

/** Salesforce sends a message for a day: some forty doors' names. */
const LONGEST_DOORS = 2000;

/** Writes notes down, from argument `first` on. The first word on a step is believed: returns whether another was heard before. */
const RECORD = `
local function record(first)
  local conflict = false
  for i = first, #ARGV, 3 do
    local field = 'step ' .. ARGV[i]
    local stored = redis.call('HGET', KEYS[1], field)
    local step = stored and cjson.decode(stored) or { n = redis.call('HINCRBY', KEYS[1], 'steps', 1) }
    if step.state == 'done' then
      conflict = conflict or step.result ~= ARGV[i + 2]
    else
      local done = { n = step.n, state = 'done', at = now_ms(), effect = ARGV[i + 1] == '1', result = ARGV[i + 2] }
      redis.call('HSET', KEYS[1], field, cjson.encode(done))
    end
  end
  return conflict
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
 * - of the job: `kind`, `natural` (its natural key in Redis), `accepted` (ms), `door` (by which it came; a line each, where it came by several), `run` (which run of Redis wrote it), `suspect`, `attempts` (all so far),
 *   `spent` (since a person last retried it), `outage` (ms, since when it waits for a vendor), `away` (which one), `next` (ms),
 *   `failure` (JSON), `failed` (ms, when it was left to a person), `outcome` (JSON), `finished` (ms)
 * - of each step, `step NAME`: JSON of `n` (order), `state`, `at` (ms), `effect` (whether doing it twice would matter),
 *   `by` (the claim), `lease` (ms, until when the claim holds), `lands` (ms, until when a request may still land),
 *   `looks` (how often it was looked for in vain), `result` (sealed)
 *
 * What a step gave is not sent by itself: it goes along with the next call as a note (three arguments: step, effect (0 or 1),
 * sealed result), which is written before anything else.
 *
 * A natural key is another hash: `now` (the job under way), `last` (the job that last had it), `outcome` (how that ended),
 * `ended` (ms, when it ended well).
 */

/**
 * Takes requests down, one after the other. KEYS: era, then four for each request: natural key, ledger of the candidate,
 * the candidate's place in the queue, idempotency key (any key where the caller gave none). ARGV: how long idempotency keys
 * are kept (ms), how long Redis stays suspect after a restart (ms), then five for each request: candidate id, kind, door,
 * how an earlier job may have ended that answers in its place ('done', 'failed', or both), body hash (empty where the
 * caller gave no key). Returns for each request how, the id of the job that
 * answers, when it was accepted (ms, as text); or 'error' and Redis's words, which leaves the others alone.
 *
 * The candidates are put into the queue right behind this call, without waiting for its answer. Where one is not wanted,
 * its place is taken here, so that BullMQ finds it there already and leaves it alone. That needs this call to come first
 * whatever happens, so it is sent whole: a script that Redis had forgotten would come again behind.
 */
export const accept = wholeScript(`
local now, run = now_ms(), run_id()
local era = redis.call('HMGET', KEYS[1], 'run', 'since')
local since = tonumber(era[2] or 0)
if era[1] ~= run then
  if era[1] then since = now end
  redis.call('HSET', KEYS[1], 'run', run, 'since', since)
end
local after_restart = now - since < tonumber(ARGV[2])

local function unwanted(place)
  redis.call('HSET', place, 'name', 'not accepted')
  redis.call('PEXPIRE', place, ${UNWANTED_MS})
end

-- A job that is asked for by several doors says so, up to a length that nobody reads anyway.
local function came_too(ledger, candidate, id, door)
  local known = string.sub(ledger, 1, -1 - #candidate) .. id
  local doors = redis.call('HGET', known, 'door')
  if doors and #doors < ${LONGEST_DOORS} and not string.find('\\n' .. doors .. '\\n', '\\n' .. door .. '\\n', 1, true) then
    redis.call('HSET', known, 'door', doors .. '\\n' .. door)
  end
end

local function take(natural, ledger, place, once, candidate, kind, door, unless, body)
  -- This call sent twice, because its answer was lost on the way, gets the same answer twice.
  local accepted = redis.call('HGET', ledger, 'accepted')
  if accepted then return { 'new', candidate, accepted } end
  if body ~= '' then
    local seen = redis.call('HMGET', once, 'body', 'job')
    if seen[1] then
      unwanted(place)
      if seen[1] ~= body then return { 'key-reused' } end
      return { 'replayed', seen[2] }
    end
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
    local suspect = (key[2] or after_restart) and '1' or '0'
    redis.call('HSET', natural, 'now', id, 'last', id)
    if key[2] then
      redis.call('HDEL', natural, 'outcome')
      redis.call('PERSIST', natural)
    end
    redis.call('HSET', ledger, 'kind', kind, 'natural', natural, 'accepted', now, 'door', door, 'run', run, 'suspect', suspect)
  else
    unwanted(place)
    came_too(ledger, candidate, id, door)
  end
  return { how, id, tostring(now) }
end

local answers = {}
for i = 0, #KEYS / 4 - 1 do
  local k, a = 2 + 4 * i, 3 + 5 * i
  local well, answer = pcall(take, KEYS[k], KEYS[k + 1], KEYS[k + 2], KEYS[k + 3], ARGV[a], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4])
  answers[i + 1] = well and answer or { 'error', type(answer) == 'table' and answer.err or tostring(answer) }
end
return answers
`);

/**
 * Begins an attempt. KEYS: ledger, natural key, and the account's turn where the kind has one. ARGV: id, kind, how long a
 * turn lasts (ms), how long the ledger of a job that ended well is kept (ms). Returns 'ended' and the outcome; or 'wait' where another job has the key or the turn; or 'go',
 * accepted (ms), suspect (0 or 1), spent, outage (ms), the vendor it waits for or an empty text, and two for each step that is remembered: its name, and its
 * sealed result or an empty text. Writes only what is news: a call that writes nothing need not wait for the disk.
 */
export const begin = script(`${CHANGED}
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

local key = redis.call('HMGET', KEYS[2], 'now', 'last', 'outcome', 'ended')
if key[1] and key[1] ~= id then return { 'wait' } end

-- A job that failed, gave its key back and is retried now, when a later one has done the same work: that is the answer.
if job.failed and job.accepted and key[2] ~= id and key[3] == 'done' and tonumber(key[4] or 0) > tonumber(job.accepted) then
  local outcome = redis.call('HGET', string.sub(KEYS[1], 1, -1 - #id) .. key[2], 'outcome')
  if outcome then
    redis.call('HSET', KEYS[1], 'outcome', outcome, 'finished', now)
    redis.call('HDEL', KEYS[1], 'failure', 'failed', 'next')
    redis.call('PEXPIRE', KEYS[1], ARGV[4])
    changed()
    return { 'ended', outcome }
  end
end

if KEYS[3] then
  local holder = redis.call('GET', KEYS[3])
  if holder and holder ~= id then return { 'wait' } end
  -- An attempt that was cut off keeps the turn for as long as what it sent may land: that must not become less.
  if redis.call('PTTL', KEYS[3]) < tonumber(ARGV[3]) then redis.call('SET', KEYS[3], id, 'PX', ARGV[3]) end
end

if not key[1] then
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
if job.next or job.failed then redis.call('HDEL', KEYS[1], 'next', 'failed') end
if job.failed then
  redis.call('PERSIST', KEYS[1])
  redis.call('HDEL', KEYS[1], 'spent', 'outage', 'away')
  job.spent, job.outage, job.away = nil, nil, nil
end

-- Until an effect has begun, an attempt starts afresh: what was read then may no longer be true.
if not effect and #names > 0 then
  redis.call('HDEL', KEYS[1], unpack(names))
  names = {}
end
changed()
local outage = job.outage and now - job.outage or 0
local reply = { 'go', job.accepted, suspect and 1 or 0, tonumber(job.spent or 0), outage, job.away or '' }
for i, name in ipairs(names) do
  reply[#reply + 1] = string.sub(name, 6)
  reply[#reply + 1] = results[i]
end
return reply
`);

/**
 * Claims a step whose effect must not happen twice. KEYS: ledger, and the turn. ARGV: step, by, suspect (0 or 1), lease
 * (ms), how long a request may land after the lease began (ms), id, notes.
 * Returns 'conflict' where another worker gave another result for what is noted; 'done' and the result; 'in flight' and
 * for how long (ms); 'fresh'; or 'cut off', for how long it may still land (ms), and how often it was looked for.
 */
export const claim = script(`${RECORD}${CHANGED}
if record(7) then return { 'conflict' } end
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
  if holder and holder ~= ARGV[6] then return { 'in flight', ARGV[4] } end
  -- It ran out: another job may have had it meanwhile, and what this attempt read is no longer true.
  if not holder then return { 'in flight', 0 } end
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
 * lease (ms), land (ms), id. Returns 1 where the claim and the turn are still the caller's.
 */
export const resend = script(`
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
 * Ends an attempt that did not end the job. KEYS: ledger, natural key, and the turn. ARGV: id, failure (JSON, or empty
 * where the job merely waits), delay (ms; -1: left to a person), the vendor that is waited for (empty: the attempt counts),
 * how long the ledger of a failed job is kept (ms), notes.
 */
export const pause = script(`${RECORD}${CHANGED}
record(6)
-- Another worker has left the job to a person meanwhile, or ended it: what one that was thought dead met changes nothing.
local ends = redis.call('HMGET', KEYS[1], 'failed', 'outcome')
if ARGV[2] ~= '' and (ends[1] or ends[2]) then return 0 end
local now, id, delay = now_ms(), ARGV[1], tonumber(ARGV[3])
-- How long something may still arrive, of a step in doubt or one that another worker is inside: this attempt leaves no
-- active step of its own behind. Until then no other job may go by what it finds.
local landing = 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 5) == 'step ' then
    local step = cjson.decode(all[i + 1])
    if step.state ~= 'done' then landing = math.max(landing, step.lands - now, (step.lease or 0) - now) end
  end
end
-- The same failure, with its moment, is this call sent twice, because its answer was lost on the way: it counts once.
if ARGV[2] ~= '' and redis.call('HGET', KEYS[1], 'failure') ~= ARGV[2] then
  redis.call('HSET', KEYS[1], 'failure', ARGV[2])
  if ARGV[4] ~= '' then
    redis.call('HSETNX', KEYS[1], 'outage', now)
    redis.call('HSET', KEYS[1], 'away', ARGV[4])
  else
    redis.call('HINCRBY', KEYS[1], 'spent', 1)
    redis.call('HINCRBY', KEYS[1], 'attempts', 1)
    redis.call('HDEL', KEYS[1], 'outage', 'away')
  end
end
if delay >= 0 then
  redis.call('HSET', KEYS[1], 'next', now + delay)
else
  redis.call('HSET', KEYS[1], 'failed', now)
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
  -- The key itself is kept for good: it is the sign for the next job to look before it writes.
  if landing <= 0 and redis.call('HGET', KEYS[2], 'now') == id then
    redis.call('HDEL', KEYS[2], 'now')
    redis.call('HSET', KEYS[2], 'outcome', 'failed')
  end
end
changed()
if KEYS[3] and redis.call('GET', KEYS[3]) == id then
  if landing > 0 then redis.call('PEXPIRE', KEYS[3], landing) else redis.call('DEL', KEYS[3]) end
end
return 0
`);

/**
 * Ends a job well. KEYS: ledger, natural key, and the turn. ARGV: id, outcome (JSON), its word, how long keys are kept
 * (ms), notes. Returns 1 where another worker gave another result for what is noted: nothing has ended then.
 */
export const end = script(`${RECORD}${CHANGED}
if record(5) then return 1 end
if redis.call('HEXISTS', KEYS[1], 'outcome') == 1 then return 0 end
local id = ARGV[1]
redis.call('HINCRBY', KEYS[1], 'attempts', 1)
redis.call('HSET', KEYS[1], 'outcome', ARGV[2], 'finished', now_ms())
redis.call('HDEL', KEYS[1], 'failure', 'failed', 'next')
redis.call('PEXPIRE', KEYS[1], ARGV[4])
changed()
if redis.call('HGET', KEYS[2], 'now') == id then
  redis.call('HDEL', KEYS[2], 'now')
  redis.call('HSET', KEYS[2], 'last', id, 'outcome', ARGV[3], 'ended', now_ms())
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
end
if KEYS[3] and redis.call('GET', KEYS[3]) == id then redis.call('DEL', KEYS[3]) end
return 0
`);
