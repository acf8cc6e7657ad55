import { isClassified, UnavailableError, type Vendor } from "./domain/errors.ts";
import type { VendorCall } from "./domain/vendor-call.ts";
import { freebitClient, type Freebit } from "./integrations/freebit/client.ts";
import { mailClient, type Mail } from "./integrations/mail/client.ts";
import { type Letters, openLetters } from "./integrations/mail/letters.ts";
import { salesforceClient, type Salesforce } from "./integrations/salesforce/client.ts";
import { whmcsClient, type Whmcs } from "./integrations/whmcs/client.ts";
import type { Metrics } from "./metrics.ts";
import type { Breaker } from "./queues/breaker.ts";
import type { Settings } from "./settings.ts";

/** The clients that processors get as an argument. */
export interface Services {
  readonly salesforce: Salesforce;
  readonly whmcs: Whmcs;
  readonly freebit: Freebit;
  readonly mail: Mail;
  readonly letters: Letters;
  readonly orderRules: { readonly pricebookId: string | null; readonly notEligibleValues: readonly string[] };
}

/** The real clients, each behind its vendor's breaker. `cut`: aborted where the process can wait no longer. */
export function openServices(
  settings: Settings,
  breakers: Readonly<Record<Vendor, Breaker>>,
  metrics: Metrics,
  cut: AbortSignal,
): Services {
  const call = (vendor: Vendor) =>
    vendorCall({ vendor, breaker: breakers[vendor], metrics, deadlineMs: settings.VENDOR_TIMEOUT_MS, cut });
  return {
    salesforce: salesforceClient({ settings, call: call("salesforce") }),
    whmcs: whmcsClient({ settings, call: call("whmcs") }),
    freebit: freebitClient({ settings, call: call("freebit") }),
    mail: mailClient({ settings, call: call("mail") }),
    letters: openLetters({ settings }),
    orderRules: {
      pricebookId: settings.PORTAL_PRICEBOOK_ID ?? null,
      notEligibleValues: settings.NOT_ELIGIBLE_VALUES,
    },
  };
}

/** Every call to a vendor goes through here: breaker, deadline, metrics. */
export function vendorCall({
  vendor,
  breaker,
  metrics,
  deadlineMs,
  cut,
}: {
  vendor: Vendor;
  breaker: Breaker;
  metrics: Metrics;
  deadlineMs: number;
  cut: AbortSignal;
}): VendorCall {
  return async (operation, perform) => {
    const deadline = AbortSignal.timeout(deadlineMs);
    const openForMs = await breaker.enter();
    if (openForMs !== null) {
      metrics.vendorCall(vendor, operation, "not-made", 0);
      throw new UnavailableError({
        code: `${vendor}-away`,
        title: `${NAMES[vendor]} is away.`,
        detail: "Its last calls all failed. The job waits, and goes on by itself once it answers again.",
        vendor,
        scope: "vendor",
        retryAfterMs: openForMs,
      });
    }
    if (deadline.aborted) {
      throw new UnavailableError({
        code: "redis-slow",
        title: "Redis took too long to answer.",
        detail: "The call was not made, and is tried again by itself.",
        vendor: null,
        scope: "call",
      });
    }
    const startedAt = performance.now();
    try {
      const result = await perform(AbortSignal.any([deadline, cut]));
      metrics.vendorCall(vendor, operation, "done", performance.now() - startedAt);
      await breaker.report(undefined);
      return result;
    } catch (error) {
      metrics.vendorCall(
        vendor,
        operation,
        isClassified(error) ? error.code : "unexpected",
        performance.now() - startedAt,
      );
      if (!cut.aborted) await breaker.report(error);
      throw error;
    }
  };
}

const NAMES: Record<Vendor, string> = {
  salesforce: "Salesforce",
  whmcs: "WHMCS",
  freebit: "Freebit",
  mail: "The mail server",
};
