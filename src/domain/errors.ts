/**
 * The family of faults. Two questions decide what happens next: does trying again help, and did it happen?
 *
 * | class                 | did it happen?     | then                                      |
 * | --------------------- | ------------------ | ----------------------------------------- |
 * | `RejectedError`       | no, they refused   | a person looks; trying again will not help |
 * | `UnavailableError`    | no, never got there | try again                                 |
 * | `UnknownOutcomeError` | nobody knows       | look first, then try again                |
 * | `InDoubtError`        | nobody can find out | a person decides                          |
 *
 * Anything else that is thrown counts as an unknown outcome.
 *
 * `title` and `detail` are read by people, stored in Redis and logged: plain words, what happened and what to do
 * next, never a secret and never personal data.
 */

export type Vendor = "salesforce" | "whmcs" | "freebit" | "mail";

/** Vendors as people call them. */
export const VENDOR_NAMES: Readonly<Record<Vendor, string>> = {
  salesforce: "Salesforce",
  whmcs: "WHMCS",
  freebit: "Freebit",
  mail: "The mail server",
};

export interface Reason {
  /** Stable, for programs: lower case with hyphens, e.g. `no-whmcs-client`. */
  readonly code: string;
  /** What happened, in one short sentence. */
  readonly title: string;
  /** What a person should do about it. */
  readonly detail: string;
}

interface Fault extends Reason {
  readonly vendor: Vendor | null;
  readonly cause?: unknown;
}

abstract class HandoffError extends Error implements Reason {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly vendor: Vendor | null;

  constructor(fault: Fault) {
    super(`${fault.title} ${fault.detail}`, { cause: fault.cause });
    this.name = new.target.name;
    this.code = fault.code;
    this.title = fault.title;
    this.detail = fault.detail;
    this.vendor = fault.vendor;
  }
}

/** They said no: nothing happened, and the same request will be refused again. */
export class RejectedError extends HandoffError {}

/** A `RejectedError` of our own rules: no vendor said no, but only a person can mend it. */
export function needsPerson(code: string, title: string, detail: string): RejectedError {
  return new RejectedError({ code, title, detail, vendor: null });
}

/** It never got through: nothing happened, and trying again helps. A read whose answer was lost is one of these. */
export class UnavailableError extends HandoffError {
  /**
   * `call`: only this call met an obstacle (a locked row). `vendor`: the whole system is away or has had enough of us.
   * `breaker`: it was, and so the call was not even made.
   */
  readonly scope: "call" | "vendor" | "breaker";
  /** The system's own wish, in milliseconds from now; null where it named none. */
  readonly retryAfterMs: number | null;

  constructor(fault: Fault & { readonly scope: "call" | "vendor" | "breaker"; readonly retryAfterMs?: number | null }) {
    super(fault);
    this.scope = fault.scope;
    this.retryAfterMs = fault.retryAfterMs ?? null;
  }
}

/** A write was sent and no clear answer came back: it may have happened. */
export class UnknownOutcomeError extends HandoffError {
  /**
   * `true` where they may still be working on it (a deadline, a dropped connection, a gateway that gave up): what a look
   * does not find now may yet appear. `false` where their answer, however unclear, ended it.
   */
  readonly mayStillLand: boolean;
  /** Whether the vendor as a whole seems unwell, which its breaker counts. */
  readonly scope: "call" | "vendor";

  constructor(fault: Fault & { readonly mayStillLand: boolean; readonly scope?: "call" | "vendor" }) {
    super(fault);
    this.mayStillLand = fault.mayStillLand;
    this.scope = fault.scope ?? "vendor";
  }
}

/** It may have happened and no program can find out: parked for a person. */
export class InDoubtError extends HandoffError {}

export type ClassifiedError = RejectedError | UnavailableError | UnknownOutcomeError | InDoubtError;

export function isClassified(error: unknown): error is ClassifiedError {
  return error instanceof HandoffError;
}

/** Whether `error` proves that the write it came from changed nothing. */
export function nothingHappened(error: unknown): boolean {
  return error instanceof RejectedError || error instanceof UnavailableError;
}
