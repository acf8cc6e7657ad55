import { collectDefaultMetrics, Counter, Histogram, Registry } from "prom-client";
import { InDoubtError, isClassified, RejectedError, UnavailableError } from "./domain/errors.ts";
import type { AttemptEnd } from "./queues/attempt.ts";

/** What a process counts, for `/metrics`: attempts by kind and end, and calls to vendors by operation and what came of them. */
export interface Metrics {
  readonly registry: Registry;
  /** `code`: the outcome's word, the rule that said no, or the failure's code; empty where it merely waits. */
  readonly attempt: (kind: string, end: AttemptEnd, ms: number, code: string) => void;
  /** A worker took a job for the first time, so long after it was asked for. */
  readonly taken: (kind: string, waitedMs: number) => void;
  readonly vendorCall: (vendor: string, operation: string, came: CameOfCall, ms: number) => void;
}

/** What came of a call: the sort of it, which says whether it happened, and its code. */
export interface CameOfCall {
  readonly class: "done" | "not-made" | "rejected" | "unavailable" | "unknown-outcome" | "in-doubt";
  readonly result: string;
}

export const DONE: CameOfCall = { class: "done", result: "done" };
/** The breaker is open. */
export const NOT_MADE: CameOfCall = { class: "not-made", result: "not-made" };

/** What `error` says came of a call. What nobody classified may have happened. */
export function cameOf(error: unknown): CameOfCall {
  if (!isClassified(error)) return { class: "unknown-outcome", result: "unexpected" };
  const { code: result } = error;
  if (error instanceof RejectedError) return { class: "rejected", result };
  if (error instanceof UnavailableError) return { class: "unavailable", result };
  return { class: error instanceof InDoubtError ? "in-doubt" : "unknown-outcome", result };
}

const SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60];
const WAITING_SECONDS = [0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 900, 3600, 14_400];

export function openMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const attempts = new Counter({
    name: "handoff_attempts_total",
    help: "Attempts at jobs, by how they ended and with which outcome or code",
    labelNames: ["kind", "end", "code"],
    registers: [registry],
  });
  const attemptSeconds = new Histogram({
    name: "handoff_attempt_duration_seconds",
    help: "How long attempts took",
    labelNames: ["kind"],
    buckets: SECONDS,
    registers: [registry],
  });
  const waitSeconds = new Histogram({
    name: "handoff_job_wait_seconds",
    help: "How long jobs that somebody asked for waited until a worker took them for the first time",
    labelNames: ["kind"],
    buckets: WAITING_SECONDS,
    registers: [registry],
  });
  const calls = new Counter({
    name: "handoff_vendor_calls_total",
    help: "Calls to vendors, by what came of them: the class of the answer, and its code",
    labelNames: ["vendor", "operation", "class", "result"],
    registers: [registry],
  });
  const callSeconds = new Histogram({
    name: "handoff_vendor_call_duration_seconds",
    help: "How long calls to vendors took",
    labelNames: ["vendor", "operation"],
    buckets: SECONDS,
    registers: [registry],
  });
  return {
    registry,
    attempt(kind, end, ms, code) {
      attempts.inc({ kind, end, code });
      attemptSeconds.observe({ kind }, ms / 1000);
    },
    taken(kind, waitedMs) {
      waitSeconds.observe({ kind }, waitedMs / 1000);
    },
    vendorCall(vendor, operation, came, ms) {
      calls.inc({ vendor, operation, ...came });
      callSeconds.observe({ vendor, operation }, ms / 1000);
    },
  };
}
