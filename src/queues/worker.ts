import { DelayedError, type Job, type JobJson, type Telemetry, Worker } from "bullmq";
import type { Logger } from "pino";
import { attempt, type AttemptSetting, type QueuedJob } from "./attempt.ts";
import { AttemptFailed, delayAfter } from "./attempt-failed.ts";
import type { Connection } from "./connection.ts";
import type { JobKind, Outcome } from "./job-kind.ts";
import { COMPLETED_KEPT_MS, FAILED_KEPT_MS } from "./retention.ts";
import { script } from "./script.ts";

/** A worker that died is noticed once its lock has run out and the next look for such jobs comes: within 40 s in all. */
export const LOCK_MS = 30_000;
export const STALLED_LOOK_MS = 5_000;

/** BullMQ never forgives a stall; the ledger does, and judges by those in a row. */
const STALLS_WITHOUT_LIMIT = 1000;

/** Jobs wait for vendors most of their time, not for the processor. */
const JOBS_AT_ONCE = 20;

/** BullMQ repeats an error of Redis many times a second; the log gets one line in this time. */
const COMPLAINT_EVERY_MS = 5_000;

/** Times `RETRY_BASE_MS`: meanwhile what else may have caused a death, a host without memory for one, can pass. */
const AFTER_DEATH = 10;

/**
 * One attempt at a job whose worker died, where it takes no other jobs along should it be to blame. Gives and throws what
 * `attempt` does; gives null where that cannot be had, and rejects with `DiedApart` where it died.
 */
export type Apart = (kind: string, queued: QueuedJob, token: string) => Promise<Outcome | null>;

/** The process that ran the attempt has died of it, or of another one that it ran. */
export class DiedApart extends Error {}

/** Counts a death where BullMQ counts those of workers, by which the ledger judges. KEYS: the job. */
const countDeath = script(`
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HINCRBY', KEYS[1], 'stc', 1) end
`);

export interface WorkerSetting<Services> extends AttemptSetting<Services> {
  readonly redis: Connection;
  readonly prefix: string;
  /** Told once a job has ended, well or not, and again where its worker died before it could finish saying so. */
  readonly onEnd?: (job: string) => Promise<void>;
  /** Without it, jobs whose worker died run beside the others. */
  readonly apart?: Apart;
  readonly log: Logger;
  /** Where attempts are traced. */
  readonly telemetry?: Telemetry;
  /** Told when a worker takes a job that somebody asked for, for the first time, and how long it waited (ms). */
  readonly onTaken?: (kind: string, waitedMs: number) => void;
}

/** A job whose payload is not even JSON would stay with BullMQ for ever: it comes as the text that it is, which no kind can read. */
class QueueWorker extends Worker<unknown, Outcome> {
  protected override createJob(data: JobJson, jobId: string): Job<unknown, Outcome> {
    try {
      return super.createJob(data, jobId);
    } catch {
      return super.createJob({ ...data, data: JSON.stringify(data.data) }, jobId);
    }
  }
}

/** Takes a kind's jobs from its queue and carries them through. `close` waits for what is in flight. */
export function startWorker<Payload, Services>(
  kind: JobKind<Payload, Services>,
  setting: WorkerSetting<Services>,
): { close(): Promise<void> } {
  const log = setting.log.child({ kind: kind.name });
  const worker = new QueueWorker(
    kind.name,
    async (job, token = "") => await attemptAndTell(kind, setting, log, job, token),
    {
      connection: setting.redis,
      prefix: setting.prefix,
      concurrency: JOBS_AT_ONCE,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_LOOK_MS,
      maxStalledCount: STALLS_WITHOUT_LIMIT,
      removeOnComplete: { age: COMPLETED_KEPT_MS / 1000 },
      removeOnFail: { age: FAILED_KEPT_MS / 1000 },
      ...(setting.telemetry !== undefined && { telemetry: setting.telemetry }),
      settings: { backoffStrategy: (_attempts, _type, error) => delayAfter(error, setting.baseMs) },
    },
  );
  worker.on("active", ({ attemptsStarted, processedOn, timestamp }) => {
    if (attemptsStarted === 1 && processedOn !== undefined && kind.schedule === undefined)
      setting.onTaken?.(kind.name, Math.max(0, processedOn - timestamp)); // two hosts' clocks
  });
  let complainedAt = 0;
  worker.on("error", (error) => {
    if (Date.now() - complainedAt < COMPLAINT_EVERY_MS) return;
    complainedAt = Date.now();
    log.warn({ err: error }, "the queue's worker met an error");
  });
  return { close: async () => await worker.close() };
}

/** One attempt, and the word that goes out where it ended its job. */
async function attemptAndTell<Payload, Services>(
  kind: JobKind<Payload, Services>,
  setting: WorkerSetting<Services>,
  kindLog: Logger,
  queued: Job<unknown, Outcome>,
  token: string,
): Promise<Outcome> {
  try {
    const apart = queued.stalledCounter > 0 ? await setting.apart?.(kind.name, queued, token) : undefined;
    const outcome = apart ?? (await attempt(kind, setting, kindLog, queued, token));
    await setting.onEnd?.(queued.id ?? "");
    return outcome;
  } catch (error) {
    if (error instanceof AttemptFailed && error.delayMs === null) {
      // Whatever comes of telling it, the job stays failed: another error would make BullMQ run it anew.
      await setting
        .onEnd?.(queued.id ?? "")
        .catch((err: unknown) => kindLog.error({ err, job: queued.id }, "nobody could be told that it failed"));
    }
    if (error instanceof DiedApart) {
      await queued.moveToDelayed(Date.now() + AFTER_DEATH * setting.baseMs, token);
      await countDeath(setting.redis, [`${setting.prefix}:${kind.name}:${queued.id ?? ""}`], []).catch((err: unknown) =>
        kindLog.warn({ err, job: queued.id }, "a death could not be counted"),
      );
      throw new DelayedError();
    }
    throw error;
  }
}
