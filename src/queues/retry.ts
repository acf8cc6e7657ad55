import { type ClassifiedError, InDoubtError, RejectedError, UnavailableError, type Vendor } from "../domain/errors.ts";

/** Longest wait between two attempts: an operator who mended something sees it picked up within this. */
const LONGEST_DELAY_MS = 15 * 60_000;

/** How long a job waits for a vendor that is away before a person is asked: an outage of a night and its repair fit in. */
const LONGEST_OUTAGE_MS = 24 * 3_600_000;

/** A vendor's own wish is followed up to this: one odd `Retry-After` must not shut a vendor out for a month. */
export const LONGEST_ASKED_MS = 3_600_000;

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

/**
 * `wait` does not count as an attempt: the vendor is away. `retry` does; with `isGuess` only until the vendor turns out to
 * be away.
 */
export type AfterFailure =
  | { readonly next: "retry"; readonly delayMs: number; readonly isGuess: boolean }
  | { readonly next: "wait"; readonly delayMs: number; readonly vendor: Vendor }
  | { readonly next: "fail" };

/**
 * The one retry rule. Trying again does not help where they said no or nobody can tell. A vendor that is away is waited
 * for without spending attempts, for a day. Everything else comes again after an exponential delay with full jitter.
 */
export function afterFailure(error: ClassifiedError, facts: RetryFacts): AfterFailure {
  if (error instanceof RejectedError || error instanceof InDoubtError) return { next: "fail" };
  const asked = error instanceof UnavailableError ? Math.min(error.retryAfterMs ?? 0, LONGEST_ASKED_MS) : 0;
  // A write that was sent counts even then: an order that alone upsets its vendor must reach a person. A call that the breaker
  // kept from being made counts never, also where another one has closed it since.
  const { breakerOpenMs } = facts;
  const { vendor } = error;
  const isAway = error instanceof UnavailableError && (breakerOpenMs !== null || error.scope === "breaker");
  if (isAway && vendor !== null) {
    if (facts.outageMs > LONGEST_OUTAGE_MS) return { next: "fail" };
    return { next: "wait", delayMs: waitForVendorMs(Math.max(breakerOpenMs ?? 0, asked), facts), vendor };
  }
  if (facts.spent >= facts.allowed) return { next: "fail" };
  const jittered = facts.random * Math.min(LONGEST_DELAY_MS, facts.baseMs * 2 ** (facts.spent - 1));
  const isGuess = error instanceof UnavailableError && error.scope === "vendor";
  return { next: "retry", delayMs: Math.ceil(Math.max(jittered, asked)), isGuess };
}

/**
 * When a job looks again whether a vendor is back. Spread over as long again as the breaker stays open: the first to
 * come probes, the others hear of it, and the backlog does not fall upon a vendor that has just come back.
 */
export function waitForVendorMs(
  breakerOpenMs: number,
  { baseMs, random }: Pick<RetryFacts, "baseMs" | "random">,
): number {
  return Math.ceil(Math.max(breakerOpenMs, baseMs) + random * Math.max(breakerOpenMs, baseMs));
}
