import type { Vendor } from "../domain/errors.ts";
import type { Outcome, Result } from "./job-kind.ts";

/** `queued` waits for its first attempt; `retrying` for its next; `failed` needs a person. */
export type JobState = "queued" | "active" | "retrying" | "completed" | "failed";

export type StepState = "active" | "done" | "in-doubt";

export interface StepView {
  readonly name: string;
  readonly state: StepState;
  /** When it reached this state, ISO 8601. */
  readonly at: string;
}

/** Why a job failed, waits for another attempt, or was rejected, in plain words without personal data. */
export interface Failure {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly vendor: Vendor | null;
  /** Whether another attempt may help without anyone changing something first. */
  readonly retryable: boolean;
  /** ISO 8601. */
  readonly at: string;
}

/** A job as everyone outside sees it (the contract's section 3). */
export interface JobView {
  readonly id: string;
  readonly kind: string;
  readonly state: JobState;
  /** ISO 8601. */
  readonly createdAt: string;
  /** ISO 8601, or null while it is under way. */
  readonly finishedAt: string | null;
  /** ISO 8601; present while `retrying`. */
  readonly nextAttemptAt?: string;
  readonly attempts: number;
  readonly steps: readonly StepView[];
  readonly outcome: string | null;
  readonly result: Result | null;
  readonly failure: Failure | null;
  /** By which doors it came, the first one first. */
  readonly doors: readonly string[];
  readonly links: { readonly self: string; readonly events: string };
}

/** What BullMQ knows of a job; null where it has none (any more). */
export interface QueuedJob {
  /** BullMQ's own word: waiting, delayed, active, completed, failed … */
  readonly state: string;
  /** Milliseconds, where it is finished. */
  readonly finishedOn: number | undefined;
  /** Milliseconds, when a worker last took it, by the worker's clock. */
  readonly processedOn: number | undefined;
  /** How many failures BullMQ has heard of. */
  readonly attemptsMade: number;
}

/** A job that was just accepted: nothing has happened to it yet. */
export function newJobView(id: string, kind: string, door: string, acceptedAt: Date): JobView {
  return {
    id,
    kind,
    state: "queued",
    createdAt: acceptedAt.toISOString(),
    finishedAt: null,
    attempts: 0,
    steps: [],
    outcome: null,
    result: null,
    failure: null,
    doors: [door],
    links: linksOf(id),
  };
}

/** Puts a job together from its ledger (see `ledger-hash.ts`) and what BullMQ says of it. */
export function jobView(id: string, ledger: Readonly<Record<string, string>>, queued: QueuedJob | null): JobView {
  const outcome = ledger["outcome"] === undefined ? null : (JSON.parse(ledger["outcome"]) as Outcome); // written by the ledger's `end`
  const failure = ledger["failure"] === undefined ? null : (JSON.parse(ledger["failure"]) as Failure); // written by its `pause`
  const state = stateOf(ledger, queued, outcome, failure);
  const finishedAt =
    state === "completed"
      ? time(ledger["finished"])
      : state === "failed"
        ? time(ledger["failed"] ?? queued?.finishedOn)
        : null;
  const nextAttemptAt = time(ledger["next"]);
  return {
    id,
    kind: ledger["kind"] ?? "",
    state,
    createdAt: time(ledger["accepted"]) ?? "",
    finishedAt,
    ...(state === "retrying" && nextAttemptAt !== null && { nextAttemptAt }),
    attempts: Number(ledger["attempts"] ?? 0) + (state === "active" ? 1 : 0),
    steps: stepsOf(ledger),
    outcome: outcome?.outcome ?? null,
    result: outcome?.result ?? null,
    failure:
      state === "completed" ? rejection(outcome, finishedAt) : state === "queued" ? null : (failure ?? givenUp(queued)),
    doors: ledger["door"]?.split("\n") ?? [],
    links: linksOf(id),
  };
}

function stateOf(
  ledger: Readonly<Record<string, string>>,
  queued: QueuedJob | null,
  outcome: Outcome | null,
  failure: Failure | null,
): JobState {
  if (outcome !== null) return "completed";
  if (queued === null) return ledger["failed"] === undefined ? "queued" : "failed";
  switch (queued.state) {
    case "active":
      // The ledger hears first how an attempt ended, BullMQ a moment later.
      if (ledger["failed"] !== undefined) return isRetried(ledger, queued) ? "active" : "failed";
      if (ledger["next"] !== undefined) return failure === null ? "queued" : "retrying";
      return "active";
    case "delayed":
      return failure === null ? "queued" : "retrying";
    case "failed":
      return "failed";
    default:
      return "queued";
  }
}

/**
 * Whether a failed job was taken up again since, in the moment before its next attempt begins. Two signs must agree, for
 * each can deceive: BullMQ may have failed an attempt that the ledger never saw, and the worker's clock may be ahead.
 */
function isRetried(ledger: Readonly<Record<string, string>>, queued: QueuedJob): boolean {
  const { attemptsMade, processedOn = 0 } = queued;
  return attemptsMade >= Number(ledger["attempts"] ?? 0) && processedOn > Number(ledger["failed"]);
}

function stepsOf(ledger: Readonly<Record<string, string>>): StepView[] {
  return Object.entries(ledger)
    .filter(([field]) => field.startsWith("step "))
    .map(([field, json]) => ({
      name: field.slice("step ".length),
      ...(JSON.parse(json) as { n: number; state: StepState; at: number }),
    })) // written by the ledger's scripts
    .toSorted((one, other) => one.n - other.n)
    .map(({ name, state, at }) => ({ name, state, at: new Date(at).toISOString() }));
}

/** A business rule's no stands where a failure would, so that a program finds its code in one place. */
function rejection(outcome: Outcome | null, at: string | null): Failure | null {
  if (outcome?.reason === undefined) return null;
  return { ...outcome.reason, vendor: null, retryable: false, at: at ?? "" };
}

function givenUp(queued: QueuedJob | null): Failure | null {
  if (queued?.state !== "failed") return null;
  return {
    code: "given-up",
    title: "The queue gave this job up.",
    detail:
      "Its worker died again and again while it ran. Retry it; if it fails once more, the log has the details under this job's id.",
    vendor: null,
    retryable: true,
    at: time(queued.finishedOn) ?? "",
  };
}

function linksOf(id: string): JobView["links"] {
  return { self: `/api/jobs/${id}`, events: `/api/jobs/${id}/events` };
}

function time(ms: string | number | undefined): string | null {
  return ms === undefined ? null : new Date(Number(ms)).toISOString();
}
