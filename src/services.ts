import { UnavailableError, type Vendor, VENDOR_NAMES } from "./domain/errors.ts";
import { type Gate, type Outgoing, type Send, sendIt, type VendorCall } from "./domain/vendor-call.ts";
import { type Callbacks, callbackClient } from "./integrations/callbacks/client.ts";
import { type Documents, openDocuments } from "./integrations/documents/documents.ts";
import { freebitClient, type Freebit } from "./integrations/freebit/client.ts";
import { mailClient, type Mail } from "./integrations/mail/client.ts";
import { type Letters, openLetters } from "./integrations/mail/letters.ts";
import { salesforceClient, type Salesforce } from "./integrations/salesforce/client.ts";
import { whmcsClient, type Whmcs } from "./integrations/whmcs/client.ts";
import { type CameOfCall, cameOf, DONE, type Metrics, NOT_MADE } from "./metrics.ts";
import type { Allowance } from "./queues/allowance.ts";
import { type Breaker, withoutWaiting } from "./queues/breaker.ts";
import { tellCall } from "./queues/calls.ts";
import type { Connection } from "./queues/connection.ts";
import { type Settings, SettingsError, type Variable } from "./settings.ts";
import type { Tracing } from "./tracing.ts";

/** What calls to vendors are told to. */
type CallMetrics = Pick<Metrics, "vendorCall">;

/** The clients that processors get as an argument. */
export interface Services {
  readonly salesforce: Salesforce;
  readonly whmcs: Whmcs;
  readonly freebit: Freebit;
  readonly mail: Mail;
  readonly letters: Letters;
  readonly documents: Documents;
  readonly orderRules: { readonly pricebookId: string | null; readonly notEligibleValues: readonly string[] };
  readonly callbacks: Callbacks;
}

/** The allowances of the vendors that count our calls and say how many are used. */
interface Allowances {
  readonly salesforce: Allowance;
}

/**
 * The real clients, each behind its vendor's breaker. `cut`: aborted where the process can wait no longer. `gate`: of a dry
 * run, through which all goes that would leave.
 */
export function openServices(
  settings: Settings,
  breakers: Readonly<Record<Vendor, Breaker>>,
  allowances: Allowances,
  metrics: CallMetrics,
  cut: AbortSignal,
  tracing: Tracing | null = null,
  gate?: Gate,
): Services {
  const deadlineMs = settings.VENDOR_TIMEOUT_MS;
  const traced = tracedBy(tracing);
  const call = (vendor: Vendor, allowance?: Allowance) =>
    traced(vendor, vendorCall({ vendor, breaker: breakers[vendor], allowance, metrics, deadlineMs, cut, gate }));
  return {
    salesforce: salesforceClient({ settings, call: call("salesforce", allowances.salesforce) }),
    whmcs: whmcsClient({ settings, call: call("whmcs") }),
    freebit: freebitClient({ settings, call: call("freebit") }),
    mail: mailClient({ settings, call: call("mail") }),
    letters: openLetters({ settings }),
    documents: gate === undefined ? openDocuments({ settings }) : readOnly(openDocuments({ settings }), gate),
    orderRules: {
      pricebookId: settings.PORTAL_PRICEBOOK_ID ?? null,
      notEligibleValues: settings.NOT_ELIGIBLE_VALUES,
    },
    callbacks: callbackClient({ settings, call: traced("callback", receiverCall(metrics, deadlineMs, cut, gate)) }),
  };
}

/** What waits is read, and stays. */
function readOnly(documents: Documents, gate: Gate): Documents {
  return {
    open: (id) => documents.open(id),
    leftovers: (olderThanMs, nowMs) => documents.leftovers(olderThanMs, nowMs),
    put: () => Promise.reject(new Error("a dry run stores no document")),
    async erase(id) {
      const outgoing: Outgoing<void> = {
        writes: true,
        parts: () => [{ to: "erase the document", fields: { id } }],
        isPlain: () => true,
        taken: () => undefined,
      };
      await gate({ vendor: "documents", operation: "erase" }, outgoing, () => Promise.resolve());
    },
  };
}

/** Where nothing is traced, a call is left as it is. */
function tracedBy(tracing: Tracing | null): Tracing["call"] {
  return tracing?.call ?? ((_vendor, call) => call);
}

/** A door's caller waits: Redis on the same network answers in a millisecond or is not well. */
const BREAKER_PATIENCE_MS = 250;

/** What the doors read of Salesforce. */
export interface DoorReads {
  readonly salesforce: Pick<Salesforce, "accountStatus">;
  /** What the operator should set, in plain words; null where nothing is missing. */
  readonly warning: string | null;
}

/**
 * The doors' own client. A process that only takes work in starts without Salesforce's settings: then it says so instead
 * of reading. Throws where a setting is wrong.
 */
export function openDoorReads(
  settings: Settings,
  breaker: Breaker,
  metrics: CallMetrics,
  tracing: Tracing | null = null,
): DoorReads {
  const missing = missingForSalesforce(settings);
  if (missing.length > 0) {
    const title = `This process cannot read Salesforce: ${missing.join(", ")} not set.`;
    const code = "salesforce-not-set-up";
    const detail = "Set it for the api processes too, and restart them.";
    const accountStatus = () =>
      Promise.reject(new UnavailableError({ code, title, detail, vendor: "salesforce", scope: "vendor" }));
    return { salesforce: { accountStatus }, warning: `${title} Customers' status is answered with 503. ${detail}` };
  }
  const call = vendorCall({
    vendor: "salesforce",
    breaker: withoutWaiting(breaker, BREAKER_PATIENCE_MS),
    metrics,
    deadlineMs: settings.VENDOR_TIMEOUT_MS,
    cut: new AbortController().signal, // a read is over before the server is closed, or nobody waits for it
  });
  return { salesforce: salesforceClient({ settings, call: tracedBy(tracing)("salesforce", call) }), warning: null };
}

function missingForSalesforce(settings: Settings): string[] {
  const isSet = (variable: Variable) => settings[variable] !== undefined;
  const signsIn =
    isSet("SALESFORCE_CLIENT_SECRET") || (isSet("SALESFORCE_USERNAME") && isSet("SALESFORCE_PRIVATE_KEY"));
  return [
    ...(["SALESFORCE_LOGIN_URL", "SALESFORCE_CLIENT_ID"] as const).filter((variable) => !isSet(variable)),
    ...(signsIn ? [] : ["SALESFORCE_CLIENT_SECRET (or SALESFORCE_USERNAME with SALESFORCE_PRIVATE_KEY)"]),
  ];
}

/** Every call to a vendor goes through here: breaker, deadline, what is used of its allowance, metrics. */
export function vendorCall({
  vendor,
  breaker,
  allowance,
  metrics,
  deadlineMs,
  cut,
  gate,
}: {
  vendor: Vendor;
  breaker: Breaker;
  allowance?: Allowance | undefined;
  metrics: CallMetrics;
  deadlineMs: number;
  cut: AbortSignal;
  gate?: Gate | undefined;
}): VendorCall {
  const tellUsed = (share: number) => allowance?.tell(share);
  const tell = tellerOf(vendor, metrics);
  return async (operation, perform) => {
    const deadline = AbortSignal.timeout(deadlineMs);
    const askedAt = performance.now();
    // A dry run takes nobody's turn to probe, for it may send nothing that tells.
    const openForMs = gate === undefined ? await breaker.enter() : (await breaker.openForMs()) || null;
    if (openForMs !== null) {
      tell(operation, NOT_MADE, 0);
      throw new UnavailableError({
        code: `${vendor}-away`,
        title: `${VENDOR_NAMES[vendor]} is away.`,
        detail: "Its last calls all failed. The job waits, and goes on by itself once it answers again.",
        vendor,
        scope: "breaker",
        retryAfterMs: openForMs,
      });
    }
    // By the clock: a process that stood still hears Redis before its own timer, and would send now what was given up long ago.
    if (performance.now() - askedAt >= deadlineMs) {
      throw new UnavailableError({
        code: "redis-slow",
        title: "Redis took too long to answer.",
        detail: "The call was not made, and is tried again by itself.",
        vendor: null,
        scope: "call",
      });
    }
    const startedAt = performance.now();
    let isCaught = false;
    const send: Send =
      gate === undefined
        ? sendIt
        : async (outgoing, really) => {
            isCaught ||= outgoing.writes;
            return await gate({ vendor, operation }, outgoing, really);
          };
    try {
      const result = await perform(AbortSignal.any([deadline, cut]), tellUsed, send);
      if (isCaught) return result; // nobody was called
      tell(operation, DONE, performance.now() - startedAt);
      await breaker.report(undefined);
      return result;
    } catch (error) {
      if (isCaught) throw error;
      tell(operation, cameOf(error), performance.now() - startedAt);
      if (!cut.aborted) await breaker.report(error);
      throw error;
    }
  };
}

/** Tells the metrics, and the step that made it, what came of a call. */
function tellerOf(vendor: string, metrics: CallMetrics) {
  return (operation: string, came: CameOfCall, ms: number): void => {
    metrics.vendorCall(vendor, operation, came, ms);
    tellCall({ vendor, operation, came: came.class, ms });
  };
}

/** A call to a client's own receiver: deadline and metrics. No breaker: one receiver that is away says nothing of the others. */
function receiverCall(metrics: CallMetrics, deadlineMs: number, cut: AbortSignal, gate?: Gate): VendorCall {
  const tell = tellerOf("callback", metrics);
  return async (operation, perform) => {
    if (gate !== undefined)
      return await perform(
        cut,
        () => undefined,
        (outgoing, really) => gate({ vendor: "callback", operation }, outgoing, really),
      );
    const startedAt = performance.now();
    let came = DONE;
    try {
      return await perform(AbortSignal.any([AbortSignal.timeout(deadlineMs), cut]), () => undefined, sendIt);
    } catch (error) {
      came = cameOf(error);
      throw error;
    } finally {
      tell(operation, came, performance.now() - startedAt);
    }
  };
}

/** A client that cannot be made says which of its settings is at fault. */
export function clientsOf<Services>(open: () => Services, redis: Connection): Services {
  try {
    return open();
  } catch (error) {
    redis.disconnect();
    throw new SettingsError([
      { variable: "", problem: error instanceof Error ? error.message : "a client cannot be made" },
    ]);
  }
}
