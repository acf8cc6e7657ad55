import {
  InDoubtError,
  RejectedError,
  UnavailableError,
  UnknownOutcomeError,
  type ClassifiedError,
  type Reason,
} from "../../domain/errors.ts";
import { written, type CodeMeaning, type Codes } from "./profile.ts";

/** What came back instead of success. */
export type Trouble =
  /** Freebit's own answer with a code other than success. */
  | { readonly kind: "refused"; readonly meaning: Exclude<CodeMeaning, "success">; readonly codes: Codes }
  /** An answer that is not Freebit's: HTML, broken JSON, a redirect, no resultCode, an unexpected size. */
  | { readonly kind: "unreadable"; readonly status: number }
  /** A success without what it must hold. */
  | { readonly kind: "misshapen" }
  /** `not-reached` proves that nothing was sent. */
  | { readonly kind: "network"; readonly failure: "not-reached" | "deadline" | "dropped" };

export interface Failure {
  /** Freebit's name of the operation, e.g. `cnclAcnt`. */
  readonly operation: string;
  /** A lost answer matters only to a write. */
  readonly writes: boolean;
  readonly trouble: Trouble;
  readonly cause?: unknown;
}

/** The code of a write's answer that the profile does not list: the client reads back what came of it. */
export const UNLISTED = "freebit-unlisted-code";

/** The error that stands for `failure`: the one place where Freebit's answers get a meaning (vendors/freebit.md). */
export function freebitError(failure: Failure): ClassifiedError {
  const { operation, trouble, cause } = failure;
  switch (trouble.kind) {
    case "refused":
      return refusal(failure, trouble.meaning, shown(trouble.codes));
    case "unreadable":
      return lostAnswer(failure, {
        code: "freebit-unreadable",
        title: `Freebit's answer to ${operation} (HTTP ${trouble.status}) could not be read.`,
        detail: "Look whether Freebit is in maintenance, and at FREEBIT_URL, which must be the API's base.",
        mayStillLand: trouble.status === 502 || trouble.status === 504,
      });
    case "misshapen":
      return lostAnswer(failure, {
        code: "freebit-unreadable",
        title: `Freebit's answer to ${operation} lacks what it should hold.`,
        detail: "Compare Freebit's contract documents with FREEBIT_PROFILE.",
        mayStillLand: false,
      });
    case "network":
      if (trouble.failure === "not-reached") {
        return unavailable(
          {
            code: "freebit-not-reached",
            title: "Freebit could not be reached.",
            detail: "Nothing was sent. It is tried again; check FREEBIT_URL, DNS and the firewall if this goes on.",
          },
          cause,
        );
      }
      return lostAnswer(failure, {
        code: trouble.failure === "deadline" ? "freebit-timeout" : "freebit-connection-lost",
        title:
          trouble.failure === "deadline"
            ? `Freebit did not answer ${operation} in time.`
            : `The connection to Freebit broke during ${operation}.`,
        detail: "Nothing needs to be done unless this goes on: then ask Freebit, and look at VENDOR_TIMEOUT_MS.",
        mayStillLand: true,
      });
  }
}

function refusal(failure: Failure, meaning: Exclude<CodeMeaning, "success">, codes: string): ClassifiedError {
  const { operation, writes, cause } = failure;
  if (meaning === "retryable") {
    return unavailable(
      {
        code: "freebit-busy",
        title: `Freebit put ${operation} off (${codes}).`,
        detail: "Nothing needs to be done: it is tried again.",
      },
      cause,
    );
  }
  if (operation === "authOem" || meaning === "authExpired") {
    return unavailable(
      {
        code: "freebit-sign-in-refused",
        title: `Freebit does not let us in (${codes}).`,
        detail:
          "Check FREEBIT_OEM_ID and FREEBIT_OEM_KEY, and whether Freebit lets this address in. Jobs wait meanwhile.",
      },
      cause,
    );
  }
  if (meaning === "notFound") {
    return new RejectedError({
      vendor: "freebit",
      code: "freebit-line-not-found",
      title: `Freebit knows no such line (${codes}).`,
      detail: "Check the SIM's number with the customer's contract. The number itself is not shown here.",
      cause,
    });
  }
  // `alreadyDone` means something for a write alone, and there it is no failure.
  const unlisted = {
    vendor: "freebit",
    scope: "call",
    code: UNLISTED,
    title: `Freebit answered ${operation} with a code that nobody has explained (${codes}).`,
    detail: "Look the code up in Freebit's contract documents and add it to the right list of FREEBIT_PROFILE.",
    cause,
  } as const;
  return writes ? new UnknownOutcomeError({ ...unlisted, mayStillLand: false }) : new UnavailableError(unlisted);
}

function lostAnswer({ writes, cause }: Failure, fault: Reason & { readonly mayStillLand: boolean }): ClassifiedError {
  const { mayStillLand, ...reason } = fault;
  return writes
    ? new UnknownOutcomeError({ vendor: "freebit", ...reason, mayStillLand, cause })
    : unavailable(reason, cause);
}

function unavailable(reason: Reason, cause?: unknown): UnavailableError {
  return new UnavailableError({ vendor: "freebit", scope: "vendor", ...reason, cause });
}

/** Codes are shown, other texts are not: they may quote the request. */
function shown(codes: Codes): string {
  const text = written(codes);
  return /^[\w-]{1,30}$/.test(text) ? `code ${text}` : "a code of an odd form";
}

export function notSetUp(): UnavailableError {
  return unavailable({
    code: "freebit-not-set-up",
    title: "Freebit is not set up.",
    detail: "Set FREEBIT_URL, FREEBIT_OEM_ID and FREEBIT_OEM_KEY. Cancellations of SIMs wait meanwhile.",
  });
}

/** An answer that the profile does not explain, and the line shows that nothing came of it. */
export function refusedForGood(unlisted: UnknownOutcomeError): RejectedError {
  return new RejectedError({
    vendor: "freebit",
    code: "freebit-refused",
    title: unlisted.title,
    detail: `The line shows no cancellation. ${unlisted.detail} Mend the cause, then retry.`,
    cause: unlisted,
  });
}

/** `booked`: YYYYMMDD. */
export function bookedOtherwise(booked: string): RejectedError {
  return new RejectedError({
    vendor: "freebit",
    code: "freebit-booked-otherwise",
    title: `The line's cancellation is booked for another day (${booked}).`,
    detail: "Ask the customer which day is meant, and change it with Freebit by hand if need be.",
  });
}

/** A read-back that the profile cannot make sense of: null would mean "send it again". */
export function unclear(unlisted?: UnknownOutcomeError): InDoubtError {
  const before = unlisted === undefined ? "" : `${unlisted.title} `;
  return new InDoubtError({
    vendor: "freebit",
    code: "freebit-read-back-unclear",
    title: `${before}Freebit's answer does not tell whether the line's cancellation is booked.`,
    detail:
      "Look at the line with Freebit, and say on the job's page at the desk whether it is. So that it can be read next time, correct cancelAccount.readBack in FREEBIT_PROFILE from Freebit's contract documents.",
  });
}

export function noLine(): RejectedError {
  return new RejectedError({
    vendor: "freebit",
    code: "freebit-account-not-digits",
    title: "The SIM's number is not made of digits alone.",
    detail: "Nothing was sent. Correct the number where it came from; the number itself is not shown here.",
  });
}

export function noFutureDate(): RejectedError {
  return new RejectedError({
    vendor: "freebit",
    code: "freebit-run-date",
    title: "The day of the cancellation is no day, or no longer lies ahead.",
    detail: "Nothing was sent: Freebit might have ended the line at once. Choose a later month with the customer.",
  });
}
