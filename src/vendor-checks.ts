import type { Check, VendorReport } from "./domain/check.ts";
import { isClassified, type Vendor } from "./domain/errors.ts";
import type { PortalProduct } from "./integrations/salesforce/client.ts";
import type { Services } from "./services.ts";
import type { Settings } from "./settings.ts";

/** The clients that are asked. */
export type CheckedServices = Pick<Services, "salesforce" | "whmcs">;

/** The part of the settings that decides what is looked at. */
export type CheckSettings = Pick<Settings, "PORTAL_PRICEBOOK_ID" | "SALESFORCE_EVENTS">;

/**
 * Looks whether every vendor is set up as our work needs it. Nothing is written to any of them. A vendor that does
 * not answer is no error here: its report says so.
 */
export async function checkVendors(
  { salesforce, whmcs }: CheckedServices,
  settings: CheckSettings,
): Promise<readonly VendorReport[]> {
  const { PORTAL_PRICEBOOK_ID: pricebookId, SALESFORCE_EVENTS: events } = settings;
  const products = async (): Promise<readonly PortalProduct[]> =>
    pricebookId === undefined ? [] : await salesforce.portalProducts(pricebookId);
  return Promise.all([
    report("salesforce", () => salesforce.checkOrg({ pricebookId, events: events === "on" })),
    report("whmcs", async () => whmcs.checkShop(await products())),
  ]);
}

async function report(vendor: Vendor, look: () => Promise<readonly Check[]>): Promise<VendorReport> {
  try {
    return { vendor, checks: await look(), notChecked: null };
  } catch (error) {
    if (!isClassified(error)) throw error;
    return { vendor, checks: [], notChecked: `${error.title} ${error.detail}` };
  }
}
