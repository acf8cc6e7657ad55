import { UnavailableError, UnknownOutcomeError, type ClassifiedError } from "../../domain/errors.ts";
import { codes, refusedForGood } from "./refusals.ts";

/** One entry of Salesforce's error list. `message` may hold customers' data: it is read here, and never copied. */
export interface ApiError {
  readonly errorCode: string;
  readonly message: string;
  readonly fields: readonly string[];
}

/** What came back instead of what was asked for. */
export type Trouble =
  /** Salesforce's own error list, with its HTTP status. */
  | {
      readonly kind: "refused";
      readonly status: number;
      readonly errors: readonly ApiError[];
      readonly retryAfterMs?: number | null;
    }
  /** An item's error list inside an all-or-none composite answer: whatever it was, nothing of the call was kept. */
  | { readonly kind: "rolled-back"; readonly status: number; readonly errors: readonly ApiError[] }
  /** An answer that is not Salesforce's: HTML, broken JSON, a redirect, another shape or size than ever agreed. */
  | { readonly kind: "unreadable"; readonly status: number }
  /** JSON, but not of the form that was expected: about this record, not about Salesforce. */
  | { readonly kind: "misshapen" }
  /** `not-reached` proves that nothing was sent; after the others the request may still be worked on. */
  | { readonly kind: "network"; readonly failure: "not-reached" | "deadline" | "dropped" };

export interface Failure {
  /** What the request wanted. A lost answer matters only to a write. */
  readonly asked: "sign-in" | "read" | "write";
  readonly trouble: Trouble;
  /** The sObject that was being read or written, where one is meant. */
  readonly object?: string;
  readonly cause?: unknown;
}

/** The code of the error after which a call is replayed once with a new session. */
export const SESSION_REFUSED = "salesforce-session-refused";

const MINUTE_MS = 60_000;
/** The daily limit is a rolling 24 hours: it frees a little at a time, so a look each quarter of an hour is enough. */
const DAILY_LIMIT_PAUSE_MS = 15 * MINUTE_MS;
/** The concurrency limit frees as soon as one long call ends. */
const CONCURRENCY_PAUSE_MS = 5_000;

/** The error that stands for `failure`: the one place where Salesforce's answers get a meaning (vendors/salesforce.md, section 2). */
export function salesforceError(failure: Failure): ClassifiedError {
  const { asked, trouble } = failure;
  switch (trouble.kind) {
    case "network":
      return networkError(failure, trouble.failure);
    case "unreadable":
      return lostAnswer(failure, {
        code: "salesforce-unreadable",
        title: `Salesforce's answer (HTTP ${trouble.status}) could not be read.`,
        detail:
          "Something between here and Salesforce may be answering in its place, or Salesforce is in maintenance. Check SALESFORCE_LOGIN_URL and status.salesforce.com if this goes on.",
        mayStillLand: isGatewayGivingUp(trouble.status),
      });
    case "misshapen":
      return lostAnswer(failure, {
        code: "salesforce-unreadable",
        title: "Salesforce's answer has a form that Handoff does not know.",
        detail:
          "A field may be of another type in this org, or SALESFORCE_API_VERSION another one: let a developer look.",
        mayStillLand: false,
        scope: "call",
      });
    case "refused":
      return asked === "sign-in" && trouble.status < 500
        ? signInRefused(failure, trouble.errors)
        : refusal(failure, trouble);
    case "rolled-back":
      return rolledBack(failure, trouble);
  }
}

type Refused = Extract<Trouble, { kind: "refused" }>;
type RolledBack = Extract<Trouble, { kind: "rolled-back" }>;

/** Behind these two the request may go on running. Any other answer, however unclear, ended it. */
const isGatewayGivingUp = (status: number) => status === 502 || status === 504;

function networkError(failure: Failure, how: "not-reached" | "deadline" | "dropped"): ClassifiedError {
  if (how === "not-reached") {
    return new UnavailableError({
      vendor: "salesforce",
      scope: "vendor",
      code: "salesforce-not-reached",
      title: "Salesforce could not be reached.",
      detail: "Nothing was sent. It is tried again; check SALESFORCE_LOGIN_URL, DNS and the firewall if this goes on.",
      cause: failure.cause,
    });
  }
  return lostAnswer(failure, {
    code: how === "deadline" ? "salesforce-timeout" : "salesforce-connection-lost",
    title: how === "deadline" ? "Salesforce did not answer in time." : "The connection to Salesforce broke.",
    detail:
      "Nothing needs to be done unless this goes on: then look at status.salesforce.com and at VENDOR_TIMEOUT_MS.",
    mayStillLand: true,
  });
}

/** A read or a sign-in whose answer is lost changed nothing; a write may have. */
function lostAnswer(
  { asked, cause }: Failure,
  fault: { code: string; title: string; detail: string; mayStillLand: boolean; scope?: "call" | "vendor" },
): ClassifiedError {
  const { mayStillLand, scope = "vendor", ...reason } = fault;
  return asked === "write"
    ? new UnknownOutcomeError({ vendor: "salesforce", scope, ...reason, mayStillLand, cause })
    : new UnavailableError({ vendor: "salesforce", scope, ...reason, cause });
}

/** A configuration fault, but every job meets it: they wait for whoever mends it, instead of failing by hundreds. */
function signInRefused({ cause }: Failure, errors: readonly ApiError[]): ClassifiedError {
  return new UnavailableError({
    vendor: "salesforce",
    scope: "vendor",
    code: "salesforce-sign-in-refused",
    title: `Salesforce refused to sign us in${codes(errors)}.`,
    detail:
      "Check SALESFORCE_CLIENT_ID and its secret (or SALESFORCE_USERNAME and SALESFORCE_PRIVATE_KEY), and in Salesforce that the app allows this flow and its user may use the API. Jobs wait meanwhile.",
    cause,
  });
}

function refusal(failure: Failure, trouble: Refused): ClassifiedError {
  const { cause } = failure;
  const shared = pauseOrObstacle(trouble.errors, trouble.retryAfterMs ?? null, cause);
  if (shared !== null) return shared;
  if (trouble.status === 401) {
    return new UnavailableError({
      vendor: "salesforce",
      scope: "vendor",
      code: SESSION_REFUSED,
      title: `Salesforce refused the session that it had just given${codes(trouble.errors)}.`,
      detail:
        "In Salesforce, check the connected app's policies (IP restrictions, session timeout) and that its user may use the API. Jobs wait meanwhile.",
      cause,
    });
  }
  if (trouble.errors.some(({ errorCode }) => API_CLOSED.has(errorCode))) return signInRefused(failure, trouble.errors);
  if (trouble.status === 429) return tooManyCalls(trouble.retryAfterMs ?? CONCURRENCY_PAUSE_MS, cause);
  if (trouble.status >= 500) {
    return lostAnswer(failure, {
      code: "salesforce-server-error",
      title: `Salesforce answered with a fault of its own (HTTP ${trouble.status}${codes(trouble.errors)}).`,
      detail: "Nothing needs to be done unless this goes on: then look at status.salesforce.com.",
      mayStillLand: isGatewayGivingUp(trouble.status),
    });
  }
  return refusedForGood(trouble.errors, failure.object, failure.cause);
}

/** Salesforce itself says that nothing was kept, so nothing is in doubt, and since it answers, it is not away. */
function rolledBack(failure: Failure, trouble: RolledBack): ClassifiedError {
  const shared = pauseOrObstacle(trouble.errors, null, failure.cause);
  if (shared !== null) return shared;
  if (trouble.status < 500 && trouble.errors.length > 0)
    return refusedForGood(trouble.errors, failure.object, failure.cause);
  return new UnavailableError({
    vendor: "salesforce",
    scope: "call",
    code: "salesforce-rolled-back",
    title: `Salesforce took everything back${codes(trouble.errors)}.`,
    detail:
      "Nothing was kept and it is tried again. If this goes on, look at the flows and triggers of the objects named.",
    cause: failure.cause,
  });
}

/** The codes by which an org or a user is shut out of the API as a whole. */
const API_CLOSED: ReadonlySet<string> = new Set([
  "API_CURRENTLY_DISABLED",
  "API_DISABLED_FOR_ORG",
  "INVALID_OPERATION_WITH_EXPIRED_PASSWORD",
  "INVALID_SESSION_ID",
]);

function pauseOrObstacle(
  errors: readonly ApiError[],
  retryAfterMs: number | null,
  cause: unknown,
): UnavailableError | null {
  const limit = errors.find(({ errorCode }) => errorCode === "REQUEST_LIMIT_EXCEEDED");
  if (limit !== undefined) {
    const pause = /concurrent/i.test(limit.message) ? CONCURRENCY_PAUSE_MS : DAILY_LIMIT_PAUSE_MS;
    return tooManyCalls(retryAfterMs ?? pause, cause);
  }
  // A trigger's own error wraps the lock's name in its text.
  if (
    errors.some((error) => error.errorCode === "UNABLE_TO_LOCK_ROW" || error.message.includes("UNABLE_TO_LOCK_ROW"))
  ) {
    return new UnavailableError({
      vendor: "salesforce",
      scope: "call",
      code: "salesforce-record-locked",
      title: "Someone else was changing the same record in Salesforce.",
      detail: "Nothing was changed and it is tried again in a moment.",
      cause,
    });
  }
  const slow = errors.find(
    ({ errorCode }) => errorCode === "QUERY_TIMEOUT" || errorCode === "REQUEST_RUNNING_TOO_LONG",
  );
  if (slow === undefined) return null;
  return new UnavailableError({
    vendor: "salesforce",
    scope: "call",
    code: "salesforce-too-slow",
    title: `Salesforce gave up on the request because it took too long${codes([slow])}.`,
    detail:
      "Nothing was changed and it is tried again. If this goes on, an index or a slow flow needs a look in Salesforce.",
    cause,
  });
}

function tooManyCalls(retryAfterMs: number, cause: unknown): UnavailableError {
  return new UnavailableError({
    vendor: "salesforce",
    scope: "vendor",
    code: "salesforce-limit",
    title: "Salesforce takes no more calls from this org for now.",
    detail: "Jobs wait until it does. If this comes often, look at API usage in Salesforce's company information.",
    retryAfterMs,
    cause,
  });
}
