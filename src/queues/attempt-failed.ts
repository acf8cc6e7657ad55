import {
  type ClassifiedError,
  InDoubtError,
  isClassified,
  RejectedError,
  UnavailableError,
  UnknownOutcomeError,
} from "../domain/errors.ts";
import type { Failure } from "./job-view.ts";

/** What BullMQ keeps of an attempt that failed: plain words, the place in our code, and what the retry rule decided. */
export class AttemptFailed extends Error {
  readonly delayMs: number | null;
  /** `error`: a classified one, or one that another process made of it. */
  constructor(error: Error, delayMs: number | null) {
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

/** No code can read what the job was asked. */
export function unreadablePayload(cause: unknown): RejectedError {
  return new RejectedError({
    code: "unreadable-payload",
    title: "What this job was asked to do cannot be read.",
    detail:
      "A key was taken out of DATA_KEY too early, or a newer version of Handoff wrote it: put the key back, or run that version, then retry.",
    vendor: null,
    cause,
  });
}

/** The job is to blame that workers die. */
export function crashesItsWorker(deaths: number): RejectedError {
  return new RejectedError({
    code: "crashes-its-worker",
    title: `The process that ran this job died ${String(deaths)} times in a row.`,
    detail:
      'The last time no other such job ran, so it is most likely this one. Look why it died (the worker\'s log has "the ward has died" and the signal; out of memory?), let a developer mend the cause, then retry it: that counts anew.',
    vendor: null,
  });
}

/** A newer version began it. */
export function unknownSteps(names: readonly string[]): RejectedError {
  return new RejectedError({
    code: "unknown-step",
    title: `This job has done a step that this version of Handoff does not know: "${names.join('", "')}".`,
    detail: "Run the version that began it, or let a developer look: going on could do that step's work twice.",
    vendor: null,
  });
}

/** Whether another attempt may go better without a person. */
export function helpsToRetry(error: ClassifiedError): boolean {
  return error instanceof UnavailableError || error instanceof UnknownOutcomeError;
}

/** What is kept of `error`, for people and programs. */
export function failureOf(error: ClassifiedError): Failure {
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
