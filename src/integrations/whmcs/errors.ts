import {
  RejectedError,
  UnavailableError,
  UnknownOutcomeError,
  type ClassifiedError,
  type Reason,
} from "../../domain/errors.ts";

/** What came back instead of success. */
export type Trouble =
  /** WHMCS's own `result=error`, on whatever HTTP status. `message` may hold customers' data. */
  | { readonly kind: "refused"; readonly status: number; readonly message: string }
  /** An answer that is not WHMCS's: HTML, broken JSON, a redirect, an unexpected shape or size. */
  | { readonly kind: "unreadable"; readonly status: number }
  /** A success, but not of the form that was expected: about this record, not about WHMCS. */
  | { readonly kind: "misshapen" }
  /** `not-reached` proves that nothing was sent; after the others PHP may still be running. */
  | { readonly kind: "network"; readonly failure: "not-reached" | "deadline" | "dropped" };

export interface Failure {
  /** WHMCS's name of the action, e.g. `AddOrder`. */
  readonly action: string;
  /** A lost answer matters only to a write. */
  readonly writes: boolean;
  readonly trouble: Trouble;
  readonly cause?: unknown;
}

/** The code of AcceptOrder's and CancelOrder's refusal of an order that is no longer pending: it may be what was wanted. */
export const NOT_PENDING = "whmcs-order-not-pending";
/** The code where WHMCS has no such client (any more). */
export const CLIENT_NOT_FOUND = "whmcs-client-not-found";
/** The code where WHMCS does not let us in, or not to this action. */
export const SIGN_IN_REFUSED = "whmcs-sign-in-refused";
/** The code where WHMCS has no such action. */
export const UNKNOWN_ACTION = "whmcs-unknown-action";

/** The error that stands for `failure`: the one place where WHMCS's answers get a meaning (vendors/whmcs.md, sections 1 and 2). */
export function whmcsError(failure: Failure): ClassifiedError {
  const { trouble, cause } = failure;
  switch (trouble.kind) {
    case "refused":
      return refusal(failure, trouble.status, trouble.message);
    case "unreadable":
      return lostAnswer(failure, {
        code: "whmcs-unreadable",
        title: `WHMCS's answer to ${failure.action} (HTTP ${trouble.status}) could not be read.`,
        detail:
          "Look at WHMCS's own error log, at maintenance mode, and at WHMCS_URL, which must be the installation's root.",
        mayStillLand: trouble.status === 502 || trouble.status === 504,
      });
    case "misshapen":
      return lostAnswer(failure, {
        code: "whmcs-unreadable",
        title: `WHMCS's answer to ${failure.action} has a form that Handoff does not know.`,
        detail: "This version of WHMCS, or a hook in it, may answer otherwise: let a developer look.",
        mayStillLand: false,
        scope: "call",
      });
    case "network":
      if (trouble.failure === "not-reached") {
        return unavailable(
          "whmcs-not-reached",
          "WHMCS could not be reached.",
          "Nothing was sent. It is tried again; check WHMCS_URL, DNS and the firewall if this goes on.",
          cause,
        );
      }
      return lostAnswer(failure, {
        code: trouble.failure === "deadline" ? "whmcs-timeout" : "whmcs-connection-lost",
        title:
          trouble.failure === "deadline"
            ? `WHMCS did not answer ${failure.action} in time.`
            : `The connection to WHMCS broke during ${failure.action}.`,
        detail: "Nothing needs to be done unless this goes on: then look at WHMCS's load, and at VENDOR_TIMEOUT_MS.",
        mayStillLand: true,
      });
  }
}

function lostAnswer(
  { writes, cause }: Failure,
  fault: Reason & { readonly mayStillLand: boolean; readonly scope?: "call" | "vendor" },
): ClassifiedError {
  const { mayStillLand, scope = "vendor", ...reason } = fault;
  return writes
    ? new UnknownOutcomeError({ vendor: "whmcs", scope, ...reason, mayStillLand, cause })
    : new UnavailableError({ vendor: "whmcs", scope, ...reason, cause });
}

function unavailable(code: string, title: string, detail: string, cause?: unknown): UnavailableError {
  return new UnavailableError({ vendor: "whmcs", scope: "vendor", code, title, detail, cause });
}

/** Refusals of us as a caller. Every job meets them: they wait for whoever mends it, instead of failing by hundreds. */
const NOT_LET_IN =
  /^(authentication failed|invalid or missing credentials|invalid ip\b|ip banned|access denied|administrator account disabled|invalid permissions)/i;

/** WHMCS's refusals of a request, by its message; first match wins. The messages themselves are WHMCS's own fixed words. */
const REFUSALS: readonly (readonly [RegExp, Reason])[] = [
  [
    /^order id not found or status not pending/i,
    { code: NOT_PENDING, title: "WHMCS has no such order that is pending.", detail: "Look at the order in WHMCS." },
  ],
  [
    /^unable to add order when client status is closed/i,
    {
      code: "whmcs-client-closed",
      title: "The WHMCS client is closed.",
      detail: "Open the client in WHMCS again, or correct WH_Account__c on the account in Salesforce, then retry.",
    },
  ],
  [
    /^invalid payment method/i,
    {
      code: "whmcs-payment-method",
      title: "WHMCS does not know the payment method.",
      detail: "Set WHMCS_PAYMENT_METHOD to the system name of an active payment gateway in WHMCS, then retry.",
    },
  ],
  [
    /^no items added to cart/i,
    {
      code: "whmcs-no-items",
      title: "WHMCS took none of the order's products.",
      detail:
        "Check that WH_Product_ID__c of the products names products that WHMCS sells, with a price for their billing cycle, then retry.",
    },
  ],
  [
    /^client (id )?not found/i,
    {
      code: CLIENT_NOT_FOUND,
      title: "WHMCS has no such client.",
      detail: "Correct WH_Account__c on the account in Salesforce, then retry.",
    },
  ],
  [
    /^service id not found/i,
    {
      code: "whmcs-service-not-found",
      title: "WHMCS has no such service.",
      detail: "Check WHMCS_Service_ID__c on the opportunity in Salesforce, then retry.",
    },
  ],
  [
    /^(service not assigned to a module|module not found)/i,
    {
      code: "whmcs-no-module",
      title: "The service's product has no module in WHMCS that could end it.",
      detail: "End the service in WHMCS by hand and set it to Terminated, then retry.",
    },
  ],
  [
    /^order id not found/i,
    {
      code: "whmcs-order-not-found",
      title: "WHMCS has no such order.",
      detail: "It may have been deleted in WHMCS. Look there before retrying.",
    },
  ],
  [
    /^invalid api action/i,
    {
      code: UNKNOWN_ACTION,
      title: "This WHMCS does not know an API action that we use.",
      detail: "WHMCS is too old or the address is another program's: check its version and WHMCS_URL.",
    },
  ],
];

function refusal(failure: Failure, status: number, message: string): ClassifiedError {
  const { action, cause } = failure;
  const known = REFUSALS.find(([pattern]) => pattern.test(message.trim()))?.[1];
  if (known !== undefined) return new RejectedError({ vendor: "whmcs", ...known, cause });
  if (NOT_LET_IN.test(message.trim()) || status === 401 || status === 403) {
    return unavailable(
      SIGN_IN_REFUSED,
      `WHMCS does not let us in${message === "" ? "" : reasonWhy(message)}.`,
      `Check WHMCS_IDENTIFIER and WHMCS_SECRET, and in WHMCS the API role (it must allow ${action}) and the list of allowed IP addresses. Jobs wait meanwhile.`,
      cause,
    );
  }
  if (status === 429 || status >= 500) {
    return lostAnswer(failure, {
      code: "whmcs-server-error",
      title: `WHMCS answered ${action} with a fault of its own (HTTP ${status}).`,
      detail: "Nothing needs to be done unless this goes on: then look at WHMCS's own error log.",
      mayStillLand: status === 502 || status === 504,
    });
  }
  return new RejectedError({
    vendor: "whmcs",
    code: "whmcs-refused",
    title: `WHMCS refused ${action}${harmless(message)}.`,
    detail: "WHMCS's API log (Configuration, System Logs) has its whole answer. Mend the cause, then retry.",
    cause,
  });
}

/** Which of WHMCS's ways of not letting us in it is, in its fixed words, without the address or account it names. */
function reasonWhy(message: string): string {
  const [words] = NOT_LET_IN.exec(message.trim()) ?? [];
  return words === undefined ? "" : ` (${words})`;
}

/** Messages that hold nothing but WHMCS's own words. Any other may quote what a customer wrote, and is not shown. */
const HARMLESS = [
  /^Expecting parameter '\w{1,40}' to be an array$/,
  /^Invalid Promotion Code$/i,
  /^Product ID Not Found$/i,
  /^Invalid Billing Cycle$/i,
  /^The order status must be in Cancelled or Fraud to be deleted$/i,
];

function harmless(message: string): string {
  return HARMLESS.some((pattern) => pattern.test(message.trim())) ? `: ${message.trim()}` : "";
}
