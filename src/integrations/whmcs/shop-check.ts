import * as z from "zod";
import type { Check, Finding } from "../../domain/check.ts";
import { isClassified } from "../../domain/errors.ts";
import type { WhmcsOpportunityField } from "../../settings.ts";
import { id, wrapped } from "./answers.ts";
import type { Perform } from "./api.ts";
import type { SoldProduct, WhmcsSettings } from "./client.ts";
import { billingCycle, fieldKey } from "./encoding.ts";
import { SIGN_IN_REFUSED, UNKNOWN_ACTION } from "./errors.ts";

const catalogue = z.object({
  products: wrapped(
    "product",
    z.object({ pid: id, customfields: wrapped("customfield", z.object({ id, name: z.string().nullish() })) }),
  ),
});
type WhmcsProduct = z.infer<typeof catalogue>["products"][number];

const paymentMethods = z.object({
  paymentmethods: wrapped("paymentmethod", z.object({ module: z.string() })),
});

/** Looks whether WHMCS has what orders of `sold` will ask for. Two calls, and nothing is written. */
export async function checkShop(
  perform: Perform,
  settings: WhmcsSettings,
  sold: readonly SoldProduct[],
): Promise<readonly Check[]> {
  const ids = [...new Set(sold.flatMap(({ whmcsProductId }) => whmcsProductId ?? []))];
  const { products } = await perform({
    action: "GetProducts",
    writes: false,
    parameters: { pid: ids.length === 0 ? "0" : ids.join(",") }, // without any it would give all that there are
    answer: catalogue,
  });
  return [
    await paymentCheck(perform, settings.WHMCS_PAYMENT_METHOD),
    ...sold.map((product) => productCheck(product, products, settings.WHMCS_OPPORTUNITY_FIELD)),
  ];
}

async function paymentCheck(perform: Perform, wanted: string): Promise<Check> {
  const subject = `payment method ${wanted}`;
  const looked = await perform({
    action: "GetPaymentMethods",
    writes: false,
    parameters: {},
    answer: paymentMethods,
  }).catch((error: unknown) => {
    // Orders do not need this action, so an API role may well be without it.
    if (isClassified(error) && (error.code === SIGN_IN_REFUSED || error.code === UNKNOWN_ACTION)) return null;
    throw error;
  });
  if (looked === null) {
    const remedy = "Allow the API role GetPaymentMethods, or look in WHMCS that the payment method is active.";
    return { subject, findings: [{ weight: "doubtful", subject, problem: "could not be looked up", remedy }] };
  }
  const known = looked.paymentmethods.map(({ module }) => module);
  if (known.includes(wanted)) return { subject, findings: [] };
  const remedy = `Activate it in WHMCS, or set WHMCS_PAYMENT_METHOD to one that is active${known.length === 0 ? "" : `: ${known.join(", ")}`}.`;
  return { subject, findings: [missing(subject, "missing", remedy)] };
}

/** What an order of `sold` would stumble over. */
export function productCheck(sold: SoldProduct, known: readonly WhmcsProduct[], field: WhmcsOpportunityField): Check {
  const { name, whmcsProductId: pid, itemClass } = sold;
  const subject = pid === null ? name : `${name} (WHMCS product ${pid})`;
  if (pid === null) {
    const remedy = "Fill in WH_Product_ID__c on the product in Salesforce, or take it out of the portal's price book.";
    return { subject, findings: [missing(subject, "has no WHMCS product", remedy)] };
  }
  const product = known.find((one) => one.pid === pid);
  // WHMCS's API lists no add-ons: of one that is sold as such nothing can be found out.
  const findings: Finding[] =
    product === undefined && itemClass !== "Add-on"
      ? [
          missing(
            subject,
            "missing",
            "Create the product in WHMCS, or correct WH_Product_ID__c on the product in Salesforce.",
          ),
        ]
      : [];
  if (product !== undefined && billingCycle(sold.billingCycle ?? "") === null) {
    findings.push(
      missing(
        subject,
        "unknown billing cycle",
        "Set Billing_Cycle__c on the product in Salesforce to Monthly, Quarterly, Semi-Annually, Annually, Biennially, Triennially or One-Time.",
      ),
    );
  }
  return { subject, findings: [...findings, ...markFindings(subject, sold, product, field)] };
}

/** An order is marked on its services: another product of it can do without the field. */
function markFindings(
  subject: string,
  { itemClass, whmcsProductId }: SoldProduct,
  product: WhmcsProduct | undefined,
  field: WhmcsOpportunityField,
): Finding[] {
  if (product === undefined || whmcsProductId === null || itemClass !== "Service") return [];
  const key = fieldKey(field, whmcsProductId);
  if (key === null) {
    const remedy = "Add the product's custom field to WHMCS_OPPORTUNITY_FIELD: its orders could not be found again.";
    return [missing(subject, "no field for the Opportunity's id", remedy)];
  }
  const has = product.customfields.some(({ id, name }) =>
    "name" in field ? name?.split("|")[0]?.trim() === key : String(id) === key,
  );
  if (has) return [];
  return [
    {
      weight: "doubtful",
      subject,
      problem: `custom field ${key} not seen`,
      remedy:
        "WHMCS shows only fields of the order form here. Look under the product's Custom Fields that it is there.",
    },
  ];
}

function missing(subject: string, problem: string, remedy: string): Finding {
  return { weight: "missing", subject, problem, remedy };
}
