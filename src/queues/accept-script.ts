import { script } from "./script.ts";

/** Salesforce may send a message again for a day, under new ids: room for some forty. */
const LONGEST_DOORS = 2000;

/**
 * Takes requests of one kind down, one after the other, and puts those that are new into BullMQ's queue: claimed and queued
 * is one thing. KEYS: era, of the queue its waiting jobs, its meta data and its marker, then four for each request: natural
 * key, ledger of the candidate, its place in the queue, idempotency key (any key where the caller gave none). ARGV: how long
 * idempotency keys are kept (ms), how long Redis stays suspect after a restart (ms), kind, BullMQ's options of a job (JSON),
 * then seven for each request: candidate id, door, how an earlier job may have ended that answers in its place ('done',
 * 'failed', or both), whether it looks before it writes (0 or 1), body hash (empty where the caller gave no key), payload
 * (JSON), and the trace that it belongs to (empty where to none). Returns for each request how, the id of the job that answers, and of a new one when it was accepted (ms, as text); or 'error' and
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
  return { how, id, how == 'new' and tostring(now) or nil }
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
