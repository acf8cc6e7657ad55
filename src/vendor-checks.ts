import type { Check, VendorReport } from "./domain/check.ts";
import { isClassified, type Vendor } from "./domain/errors.ts";
import { sendIt, type VendorCall } from "./domain/vendor-call.ts";
import { type Freebit, freebitClient } from "./integrations/freebit/client.ts";
import { type PortalProduct, type Salesforce, salesforceClient } from "./integrations/salesforce/client.ts";
import { type Whmcs, whmcsClient } from "./integrations/whmcs/client.ts";
import type { Settings } from "./settings.ts";

/**
 * Looks whether every vendor is set up as our work needs it, and writes nothing to any of them. A vendor that does not
 * answer is no error here: its report says so. Throws at once where a client cannot be made of the settings.
 *
 * Its clients are its own, without a breaker: what a look meets, an action that the API role does not allow, says nothing
 * of the calls that jobs make. `cut`: aborted where the process can wait no longer.
 */
export function vendorChecks(settings: Settings, cut?: AbortSignal): () => Promise<readonly VendorReport[]> {
  const call = callWithoutBreaker(settings, cut);
  const salesforce: Salesforce = salesforceClient({ settings, call });
  const whmcs: Whmcs = whmcsClient({ settings, call });
  const freebit: Freebit | undefined =
    settings.FREEBIT_URL === undefined ? undefined : freebitClient({ settings, call });

  const { PORTAL_PRICEBOOK_ID: pricebookId, SALESFORCE_EVENTS: events } = settings;
  const products = async (): Promise<readonly PortalProduct[]> =>
    pricebookId === undefined ? [] : await salesforce.portalProducts(pricebookId);
  return () =>
    Promise.all([
      report("salesforce", () => salesforce.checkOrg({ pricebookId, events: events === "on" })),
      report("whmcs", async () => whmcs.checkShop(await products())),
      report("freebit", async () => [await freebitCheck(freebit)]),
    ]);
}

/** A call to a vendor with a deadline and nothing else. `cut`: aborted where the process can wait no longer. */
export function callWithoutBreaker({ VENDOR_TIMEOUT_MS }: Settings, cut?: AbortSignal): VendorCall {
  return (_operation, perform) => {
    const deadline = AbortSignal.timeout(VENDOR_TIMEOUT_MS);
    return perform(cut === undefined ? deadline : AbortSignal.any([deadline, cut]), () => undefined, sendIt);
  };
}

async function freebitCheck(freebit: Freebit | undefined): Promise<Check> {
  if (freebit !== undefined) {
    await freebit.check();
    return { subject: "credentials", findings: [] };
  }
  const remedy = "Where SIMs are sold, set FREEBIT_URL, FREEBIT_OEM_ID and FREEBIT_OEM_KEY: their cancellations wait.";
  const subject = "FREEBIT_URL";
  return { subject, findings: [{ weight: "doubtful", subject, problem: "not set", remedy }] };
}

async function report(vendor: Vendor, look: () => Promise<readonly Check[]>): Promise<VendorReport> {
  try {
    return { vendor, checks: await look(), notChecked: null };
  } catch (error) {
    if (!isClassified(error)) throw error;
    return { vendor, checks: [], notChecked: `${error.title} ${error.detail}` };
  }
}
