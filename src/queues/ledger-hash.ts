/*
 * How the ledger is kept in Redis, and what the scripts behind `ledger.ts` have in common. A job's ledger is one hash:
 *
 * - of the job: `kind`, `natural` (its natural key in Redis), `accepted` (ms), `door` (by which it came; a line each, where it came by several), `run` (which run of Redis wrote it), `suspect`,
 *   `by` (which attempt began last; a job's very first, where it takes no turn, stands here once it has claimed a step or paused), `steps` (how many are numbered), `attempts` (all so far),
 *   `spent` (since a person last retried it), `guesses` (how many of these, the last ones in a row, may have been the beginning
 *   of an outage), `outage` (ms, since when it waits for a vendor), `away` (which one), `next` (ms),
 *   `failure` (JSON), `failed` (ms, when it was left to a person), `made` (how many failures BullMQ knew of before that one),
 *   `group` and `whose` (the failure group that it is in, see `failure-groups.ts`), `bulk` (with which it was last retried, see `retry-all.ts`), `outcome` (JSON), `finished` (ms)
 * - of a job whose worker, or ward, died: `stalls` (how often, as BullMQ last said, which never forgets), `deaths` (those since the
 *   last attempt that counted), `inside` (an attempt has begun since `stalls` was written, and has not ended)
 * - of each step, `step NAME`: JSON of `n` (order), `state`, `at` (ms), `effect` (whether doing it twice would matter),
 *   `by` (the claim), `lease` (ms, until when the claim holds), `lands` (ms, until when a request may still land),
 *   `look` (whether the claim was told to look first), `looks` (how often it was looked for in vain), `asks` (a person is asked about it: the name of the id that they give, or empty),
 *   `said` (what they said, sealed), `result` (sealed), `ms` (how long it took), `calls` (see `calls.ts`)
 *
 * What a step gave is not sent by itself: it goes along with the next call as a note (five arguments: step, effect (0 or 1),
 * sealed result, how long it took (ms), its calls), which is written before anything else.
 *
 * Jobs that were left to a person in doubt stand in one more hash, `doubts`: the kind of each by its id. Whoever reads it
 * (`standing.ts`) takes those off that are so no more.
 *
 * A natural key is another hash: `now` (the job under way), `last` (the job that last had it), `outcome` (how that ended),
 * `ended` (ms, when it ended well).
 */

/** The job's ledger as it stands when a script begins, which reads it once: `job`, by its fields. `now`: ms. */
export const JOB = `
local now, fields, job = now_ms(), redis.call('HGETALL', KEYS[1]), {}
for i = 1, #fields, 2 do
  job[fields[i]] = fields[i + 1]
end
local function step_of(name)
  local stored = job['step ' .. name]
  return stored and cjson.decode(stored)
end
`;

/**
 * Takes notes, from argument `first` on: `record` returns whether another word on a step was heard before, for the first one is
 * believed. `written` writes them down, in one go with the fields that it is given, and returns its answer: every script that takes
 * notes ends by it. After `JOB`.
 */
export const RECORD = `
local news = {}
local function record(first)
  local conflict = false
  for i = first, #ARGV, 5 do
    local step = step_of(ARGV[i])
    if step and step.state == 'done' then
      conflict = conflict or step.result ~= ARGV[i + 2]
    else
      if not step then job.steps = (job.steps or 0) + 1 end
      local done = { n = step and step.n or job.steps, state = 'done', at = now, effect = ARGV[i + 1] == '1', result = ARGV[i + 2], ms = tonumber(ARGV[i + 3]) }
      if ARGV[i + 4] ~= '' then done.calls = ARGV[i + 4] end
      local field = 'step ' .. ARGV[i]
      job[field] = cjson.encode(done)
      news[#news + 1] = field
      news[#news + 1] = job[field]
    end
  end
  if #news > 0 then news[#news + 1], news[#news + 2] = 'steps', job.steps end
  return conflict
end
local function written(answer, ...)
  for _, word in ipairs({ ... }) do
    news[#news + 1] = word
  end
  if #news > 0 then redis.call('HSET', KEYS[1], unpack(news)) end
  return answer
end
`;

/**
 * Whether this attempt must stop, because another one has begun since: BullMQ gave the job to another worker, and how it goes on is
 * that one's to say. Where the ledger names an attempt (`by`), it must be this one. Where it names none, this is the first, and goes on
 * only while the ledger looks untouched: accepted, never paused or failed, with its natural key; else the next one is for `begin` to
 * judge. KEYS: ledger, natural key. After `JOB`.
 */
export const OVERTAKEN = `
local function overtaken(by, id)
  if job.by then return job.by ~= by end
  return not job.accepted or job.next or job.failed or redis.call('HGET', KEYS[2], 'now') ~= id
end
`;

/**
 * Takes down that Redis was restarted since the job was accepted, where no attempt had begun in writing before: what was done may
 * be lost with what it knew (`suspect`). After `JOB`.
 */
export const RESTARTED = `
if not job.by and job.run ~= run_id() then
  job.suspect, job.run = '1', run_id()
  redis.call('HSET', KEYS[1], 'suspect', job.suspect, 'run', job.run)
end
`;

/** Tells whoever follows a job that it changed. A job's ledger is also the channel on which that is said. */
export const CHANGED = `
local function changed()
  redis.call('PUBLISH', KEYS[1], '')
end
`;
