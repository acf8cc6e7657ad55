import { type ClassifiedError, InDoubtError, RejectedError, UnavailableError } from "../domain/errors.ts";

/** Longest wait between two attempts: an operator who mended something sees it picked up within this. */
const LONGEST_DELAY_MS = 15 * 60_000;

/** How long a job waits for a vendor that is away before a person is asked: an outage of a night and its repair fit in. */
const LONGEST_OUTAGE_MS = 24 * 3_600_000;

export interface RetryFacts {
  /** Attempts spent so far, this one included; an operator's retry starts anew. */
  readonly spent: number;
  readonly allowed: number;
  readonly baseMs: number;
  /** How long the vendor's breaker stays open; null where it is closed. */
  readonly breakerOpenMs: number | null;
  /** How long the job has been waiting for a vendor that is away. */
  readonly outageMs: number;
  /** A number from 0 up to 1. */
  readonly random: number;
}

/** `free`: this attempt is not counted. */
export type AfterFailure =
  | { readonly next: "retry"; readonly delayMs: number; readonly free: boolean }
  | { readonly next: "fail" };

/**
 * The one retry rule. Trying again does not help where they said no or nobody can tell. A vendor that is away is waited
 * for without spending attempts, for a day. Everything else comes again after an exponential delay with full jitter.
 */
export function afterFailure(error: ClassifiedError, facts: RetryFacts): AfterFailure {
  if (error instanceof RejectedError || error instanceof InDoubtError) return { next: "fail" };
  if (facts.breakerOpenMs !== null) {
    if (facts.outageMs > LONGEST_OUTAGE_MS) return { next: "fail" };
    return { next: "retry", delayMs: Math.ceil(facts.breakerOpenMs + facts.random * facts.baseMs), free: true };
  }
  if (facts.spent >= facts.allowed) return { next: "fail" };
  const jittered = facts.random * Math.min(LONGEST_DELAY_MS, facts.baseMs * 2 ** (facts.spent - 1));
  const asked = error instanceof UnavailableError ? (error.retryAfterMs ?? 0) : 0;
  return { next: "retry", delayMs: Math.ceil(Math.max(jittered, asked)), free: false };
}
