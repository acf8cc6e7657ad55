import { DelayedError, type Job, type JobJson, type Telemetry, Worker } from "bullmq";
import type { Logger } from "pino";
import {
  type ClassifiedError,
  InDoubtError,
  isClassified,
  RejectedError,
  UnavailableError,
  UnknownOutcomeError,
  type Vendor,
} from "../domain/errors.ts";
import type { Allowance } from "./allowance.ts";
import type { Breaker } from "./breaker.ts";
import type { Connection } from "./connection.ts";
import { findableIn, type Finding } from "./finding.ts";
import type { Intake } from "./intake.ts";
import type { AnyJobKind, Hand, JobKind, Outcome } from "./job-kind.ts";
import type { Failure } from "./job-view.ts";
import { DEATHS_OF_ITS_OWN, type Ledger, type Note, type Pause } from "./ledger.ts";
import { COMPLETED_KEPT_MS, FAILED_KEPT_MS } from "./retention.ts";
import { afterFailure, waitForVendorMs } from "./retry.ts";
import { openPersonal, type Sealing } from "./sealing.ts";
import { classify, ComeBackLater, stepRunner } from "./steps.ts";

/** A worker that died is noticed once its lock has run out and the next look for such jobs comes: within 40 s in all. */
export const LOCK_MS = 30_000;
export const STALLED_LOOK_MS = 5_000;

/** BullMQ never forgives a stall; the ledger does, and judges by those in a row. */
const STALLS_WITHOUT_LIMIT = 1000;

/** Jobs wait for vendors most of their time, not for the processor. */
const JOBS_AT_ONCE = 20;

/** How soon a job looks again whether another one of its account, or with its natural key, has ended. */
const TURN_LOOK_MS = 500;

/** BullMQ repeats an error of Redis many times a second; the log gets one line in this time. */
const COMPLAINT_EVERY_MS = 5_000;

/** How an attempt ended, for the metrics. */
export type AttemptEnd = "completed" | "rejected" | "retrying" | "waiting" | "failed";

export interface WorkerSetting<Services> {
  readonly redis: Connection;
  readonly prefix: string;
  readonly ledger: Ledger;
  readonly sealing: Sealing;
  readonly finding: Finding;
  readonly services: Services;
  readonly breakers: Readonly<Partial<Record<Vendor, Breaker>>>;
  readonly allowances: Readonly<Partial<Record<Vendor, Allowance>>>;
  /** `RETRY_ATTEMPTS` and `RETRY_BASE_MS`. */
  readonly attempts: number;
  readonly baseMs: number;
  /** Aborted when the process is asked to stop: jobs are handed back at their next step. */
  readonly stopping: AbortSignal;
  /** Where jobs hand further work on. */
  readonly intake: Intake;
  /** Every kind, by which that work may be. */
  readonly kinds: readonly AnyJobKind[];
  /** Told once a job has ended, well or not, and again where its worker died before it could finish saying so. */
  readonly onEnd?: (job: string) => Promise<void>;
  readonly log: Logger;
  /** Where attempts are traced. */
  readonly telemetry?: Telemetry;
  /** `code`: the outcome's word, the rule that said no, or the failure's code; empty where it merely waits. */
  readonly onAttempt: (kind: string, end: AttemptEnd, ms: number, code: string) => void;
  /** Told when a worker takes a job that somebody asked for, for the first time, and how long it waited (ms). */
  readonly onTaken?: (kind: string, waitedMs: number) => void;
}

/** What BullMQ keeps of an attempt that failed: plain words, the place in our code, and what the retry rule decided. */
class AttemptFailed extends Error {
  readonly delayMs: number | null;
  constructor(error: ClassifiedError, delayMs: number | null) {
    super(error.message);
    this.name = error.name;
    this.delayMs = delayMs;
    this.stack = `${error.name}: ${error.message}\n${frames(error.cause) ?? frames(error) ?? ""}`;
  }
}

/** What the retry rule decided about an attempt that ended with `error`, in BullMQ's terms: -1 leaves the job to a person. */
export function delayAfter(error: unknown, baseMs: number): number {
  // A job that BullMQ failed by itself lost its lock: another worker has it, or will.
  return error instanceof AttemptFailed ? (error.delayMs ?? -1) : baseMs;
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
    const outcome = await attempt(kind, setting, kindLog, queued, token);
    await setting.onEnd?.(queued.id ?? "");
    return outcome;
  } catch (error) {
    if (error instanceof AttemptFailed && error.delayMs === null) {
      // Whatever comes of telling it, the job stays failed: another error would make BullMQ run it anew.
      await setting
        .onEnd?.(queued.id ?? "")
        .catch((err: unknown) => kindLog.error({ err, job: queued.id }, "nobody could be told that it failed"));
    }
    throw error;
  }
}

/** One attempt, from what BullMQ hands over to what it gets back. */
export async function attempt<Payload, Services>(
  kind: JobKind<Payload, Services>,
  setting: WorkerSetting<Services>,
  kindLog: Logger,
  queued: Pick<
    Job<unknown, Outcome>,
    "id" | "data" | "attemptsMade" | "stalledCounter" | "moveToDelayed" | "updateData"
  >,
  token: string,
): Promise<Outcome> {
  const { ledger, stopping } = setting;
  const id = queued.id ?? "";
  const log = kindLog.child({ job: id });
  const startedAt = performance.now();
  const report = (end: AttemptEnd, code = "") => setting.onAttempt(kind.name, end, performance.now() - startedAt, code);

  const payload = readPayload(kind, setting.sealing, queued.data, id);
  const readable = !(payload instanceof RejectedError);
  const keys = readable
    ? ledger.keys(kind.name, id, kind.key(payload), kind.account?.(payload))
    : await ledger.keysOfUnreadable(kind.name, id);

  /** Puts the job off; BullMQ counts no attempt. */
  const putOff = async (
    pause: Pause & { readonly delayMs: number },
    why: string,
    notes: readonly Note[],
  ): Promise<never> => {
    await ledger.pause(keys, pause, notes);
    log.debug({ delayMs: pause.delayMs, why }, "the job waits");
    report("waiting");
    await queued.moveToDelayed(Date.now() + pause.delayMs, token);
    throw new DelayedError();
  };

  const beginning = await ledger.begin(keys, { stalls: queued.stalledCounter, made: queued.attemptsMade });
  if (beginning.state === "ended") {
    log.info({ outcome: beginning.outcome.outcome, ...beginning.outcome.result }, "ended already");
    report("completed", beginning.outcome.outcome);
    return beginning.outcome;
  }
  if (beginning.state === "failed") {
    log.info({ code: beginning.failure.code }, "failed already");
    throw new AttemptFailed(new RejectedError(beginning.failure), null);
  }
  if (beginning.state === "wait") {
    // A sweep that is still under way reads everything anew when it goes on: a second one would find nothing more.
    if (kind.schedule !== undefined) return { outcome: "done", result: {} };
    return await putOff({ delayMs: TURN_LOOK_MS * (1 + Math.random()) }, "another job has its account or key", []);
  }
  if (beginning.state === "not alone")
    return await putOff({ delayMs: TURN_LOOK_MS * (1 + Math.random()) }, "workers died with it, and it runs alone", []);
  const { acceptedAt, suspect, remembered, waitsFor, deaths } = beginning;
  const openForMs = waitsFor === null ? null : ((await setting.breakers[waitsFor]?.openForMs()) ?? null);
  if (openForMs !== null && openForMs > 0) {
    // Not even reading helps yet: a thousand jobs that read at every look would use up another vendor's limit.
    return await putOff(
      { delayMs: waitForVendorMs(openForMs, { baseMs: setting.baseMs, random: Math.random() }) },
      "its vendor is away",
      [],
    );
  }

  const { yields } = kind;
  const scarceForMs = yields === undefined ? null : await setting.allowances[yields.vendor]?.enter(yields.from);
  if (typeof scarceForMs === "number") {
    return await putOff(
      { delayMs: waitForVendorMs(scarceForMs, { baseMs: setting.baseMs, random: Math.random() }) },
      "what is left of its vendor's allowance is for others",
      [],
    );
  }

  attempts += 1;
  const steps = stepRunner({
    job: keys,
    ledger,
    by: `${token} ${String(attempts)}`,
    // Who finds out whether its vendor is back does so by a look: a write that got lost would be in doubt, and count.
    suspect: suspect || openForMs === 0,
    remembered,
    stopping,
  });
  const remembering: Promise<void>[] = [];
  const foundBy = (values: readonly string[]) => {
    if (values.length === 0) return;
    const remembered = setting.finding.remember(id, acceptedAt, values);
    remembered.catch(() => {}); // it is awaited before the attempt ends, and until then is nobody's
    remembering.push(remembered);
  };
  try {
    if (!readable) {
      // What is no JSON is put down as a text: whoever lists the queue reads that.
      if (typeof queued.data === "string") await queued.updateData(queued.data);
      throw payload;
    }
    if (deaths >= DEATHS_OF_ITS_OWN) throw crashesItsWorker(deaths);
    if (remembered.size === 0 && beginning.spent === 0) foundBy(findableIn(kind.payload, payload));
    const facts = {
      id,
      acceptedAt,
      resumed: remembered.size > 0,
      hand: handFrom(kind.name, id, setting),
      foundBy: (value: string) => foundBy([value]),
    };
    const outcome = await kind.run(payload, steps.step, setting.services, facts);
    foundBy(Object.values(outcome.result).map(String));
    const unvisited = [...remembered.keys()].filter((name) => !steps.names.has(name));
    if (unvisited.length > 0) throw unknownSteps(unvisited);
    await Promise.all(remembering);
    if (!(await ledger.end(keys, outcome, steps.notes)))
      throw new ComeBackLater("another worker went through the same steps", 0);
    log.info({ outcome: outcome.outcome, ...outcome.result, reason: outcome.reason?.code }, "completed");
    report(outcome.reason === undefined ? "completed" : "rejected", outcome.reason?.code ?? outcome.outcome);
    return outcome;
  } catch (thrown) {
    await Promise.all(remembering);
    if (thrown instanceof ComeBackLater) return await putOff({ delayMs: thrown.delayMs }, thrown.message, steps.notes);
    const error = classify(thrown);
    if (stopping.aborted && helpsToRetry(error))
      return await putOff({ delayMs: 0 }, "this worker is stopping", steps.notes);

    const failure = failureOf(error);
    const after = afterFailure(error, {
      spent: beginning.spent + 1,
      allowed: kind.attempts ?? setting.attempts,
      baseMs: setting.baseMs,
      breakerOpenMs: error.vendor === null ? null : ((await setting.breakers[error.vendor]?.openForMs()) ?? null),
      outageMs: beginning.outageMs,
      random: Math.random(),
    });
    switch (after.next) {
      case "wait":
        return await putOff(
          { delayMs: after.delayMs, failure, ...(error.vendor !== null && { waitsFor: error.vendor }) },
          error.code,
          steps.notes,
        );
      case "retry":
        await ledger.pause(keys, { delayMs: after.delayMs, failure, isGuess: after.isGuess }, steps.notes);
        log.warn({ err: error, delayMs: after.delayMs }, "the attempt failed and is tried again");
        report("retrying", failure.code);
        throw new AttemptFailed(error, after.delayMs);
      case "fail":
        await ledger.pause(keys, { failure, made: queued.attemptsMade, step: steps.inside() }, steps.notes);
        log.error({ err: error }, "failed: a person must look");
        report("failed", failure.code);
        throw new AttemptFailed(error, null);
    }
  }
}

/** The client whose idempotency keys name what a job hands on. */
export const OWN_CLIENT = "handoff";

function handFrom(from: string, id: string, { kinds, intake }: Pick<WorkerSetting<never>, "kinds" | "intake">): Hand {
  return async (name, payload, { once, unless, lookFirst } = {}) => {
    const kind = kinds.find((one) => one.name === name);
    if (kind === undefined) throw new Error(`no kind is called "${name}"`);
    const taken = await intake.accept(kind, kind.payload.parse(payload), {
      door: from,
      ...(once !== undefined && { idempotency: { client: OWN_CLIENT, key: `${id} ${once}` } }),
      ...(unless !== undefined && { unless }),
      ...(lookFirst !== undefined && { lookFirst }),
    });
    if (taken.how === "key-reused") throw new Error(`this job handed on something else as "${once ?? ""}" before`);
    return taken.job.id;
  };
}

/** Numbers this process's attempts: BullMQ uses a token for one job after another. */
let attempts = 0;

/** The payload, opened and checked; a `RejectedError` where no code can read it. */
function readPayload<Payload>(
  kind: JobKind<Payload, never>,
  sealing: Sealing,
  data: unknown,
  id: string,
): Payload | RejectedError {
  try {
    return kind.payload.parse(openPersonal(sealing, data, id));
  } catch (cause) {
    return new RejectedError({
      code: "unreadable-payload",
      title: "What this job was asked to do cannot be read.",
      detail:
        "A key was taken out of DATA_KEY too early, or a newer version of Handoff wrote it: put the key back, or run that version, then retry.",
      vendor: null,
      cause,
    });
  }
}

function crashesItsWorker(deaths: number): RejectedError {
  return new RejectedError({
    code: "crashes-its-worker",
    title: `The worker died ${String(deaths)} times in a row while it ran this job.`,
    detail:
      "The last time no other such job ran, so it is most likely this one. Look why the process ended (its exit status, out of memory?), let a developer mend the cause, then retry it: that counts anew.",
    vendor: null,
  });
}

function unknownSteps(names: readonly string[]): RejectedError {
  return new RejectedError({
    code: "unknown-step",
    title: `This job has done a step that this version of Handoff does not know: "${names.join('", "')}".`,
    detail: "Run the version that began it, or let a developer look: going on could do that step's work twice.",
    vendor: null,
  });
}

function helpsToRetry(error: ClassifiedError): boolean {
  return error instanceof UnavailableError || error instanceof UnknownOutcomeError;
}

function failureOf(error: ClassifiedError): Failure {
  const { title, detail, vendor } = error;
  const code = error instanceof InDoubtError ? "in-doubt" : error.code; // the contract's section 3
  return { code, title, detail, vendor, retryable: helpsToRetry(error), at: new Date().toISOString() };
}

/** Where an error came from, without its message, which may hold anything. */
function frames(error: unknown): string | undefined {
  if (!(error instanceof Error) || isClassified(error.cause)) return undefined;
  return error.stack
    ?.split("\n")
    .filter((line) => line.startsWith("    at "))
    .join("\n");
}
