import type { Queue } from "bullmq";
import type { Reason } from "../domain/errors.ts";
import type { Connection } from "./connection.ts";
import { GROUPING } from "./failure-groups.ts";
import type { Outcome } from "./job-kind.ts";
import { CHANGED, JOB } from "./ledger-hash.ts";
import { MEMORY_MS } from "./retention.ts";
import { script } from "./script.ts";

/** What people do with a job that failed. Whoever comes second finds that it has not failed any more, and does nothing. */

/** Puts a failed job back into its queue; false where it has not failed (any more), and nothing is done. */
export async function retryFailed(queue: Queue, id: string): Promise<boolean> {
  const job = await queue.getJob(id);
  if (job === undefined) return false;
  try {
    await job.retry("failed");
    return true;
  } catch (error) {
    if (await job.isFailed()) throw error;
    return false; // somebody else was quicker
  }
}

interface Place {
  readonly redis: Connection;
  readonly prefix: string;
  readonly queue: Queue;
  readonly id: string;
}

/** `later`: a request of it may still land, so that nobody may go by what is found until then. */
export type Closed = "closed" | "not failed" | "later";

/**
 * KEYS: ledger, BullMQ's failed jobs. ARGV: id, outcome (JSON), how long the ledger is kept (ms). Returns 1; 0 where it has not
 * failed (any more); -1 where something of it may still land. Its natural key counts as failed, so that no sweep takes the
 * same work in again, and is kept for good, as the sign for the next job to look before it writes.
 */
const close = script(`${JOB}${CHANGED}${GROUPING}
local id = ARGV[1]
if not redis.call('ZSCORE', KEYS[2], id) or job.outcome then return 0 end
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 5) == 'step ' then
    local step = cjson.decode(fields[i + 1])
    if step.state ~= 'done' and math.max(step.lands or 0, step.lease or 0) > now then return -1 end
  end
end
redis.call('HSET', KEYS[1], 'outcome', ARGV[2], 'finished', now)
leave_group(id)
redis.call('HDEL', KEYS[1], 'failure', 'failed', 'made', 'next')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if job.natural and redis.call('HGET', job.natural, 'now') == id then
  redis.call('HDEL', job.natural, 'now')
  redis.call('HSET', job.natural, 'last', id, 'outcome', 'failed')
end
changed()
return 1
`);

/** Ends a failed job without doing the rest of it. It stands among the failed ones until a worker has told whoever follows it: retry it. */
export async function closeFailed({ redis, prefix, queue, id }: Place, reason: Reason): Promise<Closed> {
  const outcome: Outcome = { outcome: "rejected", result: {}, reason };
  const keys = [`${prefix}:ledger:${id}`, queue.toKey("failed")];
  const answer = await close(redis, keys, [id, JSON.stringify(outcome), MEMORY_MS]);
  return answer === 1 ? "closed" : answer === -1 ? "later" : "not failed";
}

/**
 * KEYS: ledger, BullMQ's failed jobs, the job. ARGV: id, payload (JSON). Returns 1 where it was written: the job has failed, and no
 * effect of it has begun, nor may have by a way that no ledger knows.
 */
const rewrite = script(`${JOB}
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) or job.suspect == '1' then return 0 end
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 5) == 'step ' and cjson.decode(fields[i + 1]).effect then return 0 end
end
redis.call('HSET', KEYS[3], 'data', ARGV[2])
return 1
`);

/** Changes what a failed job was asked to do, where it has written nothing yet. `payload`: as the queue keeps it, with what is personal sealed. */
export async function rewriteFailed({ redis, prefix, queue, id }: Place, payload: unknown): Promise<boolean> {
  const keys = [`${prefix}:ledger:${id}`, queue.toKey("failed"), queue.toKey(id)];
  return (await rewrite(redis, keys, [id, JSON.stringify(payload)])) === 1;
}

/**
 * KEYS: ledger, failure group, BullMQ's failed jobs, its active ones. ARGV: id. One that is active is let be: either BullMQ has yet
 * to hear that it failed, or the attempt that begins takes it out.
 */
const forget = script(`${GROUPING}
if redis.call('ZSCORE', KEYS[3], ARGV[1]) or redis.call('LPOS', KEYS[4], ARGV[1]) then return 0 end
leave_group(ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1]) -- its ledger may be gone
drop_empty(KEYS[2])
return 1
`);

/** Takes a job out of a failure group where it stands there no more by right: it went by a way that its ledger was not told of. */
export async function forgetFailed({ redis, prefix, queue, id }: Place, group: string): Promise<void> {
  const lists = [queue.toKey("failed"), queue.toKey("active")];
  await forget(redis, [`${prefix}:ledger:${id}`, `${prefix}:groups:${group}`, ...lists], [id]);
}
