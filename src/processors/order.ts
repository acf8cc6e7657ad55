import { createHash } from "node:crypto";
import * as z from "zod";
import { ORDINARY } from "../domain/daily-calls.ts";
import { isEligible } from "../domain/eligibility.ts";
import { RejectedError, type Reason } from "../domain/errors.ts";
import { paragraph } from "../domain/free-text.ts";
import { SERVICE_TYPES, type ServiceType, typeOfCommodity } from "../domain/opportunity.ts";
import { orderNotes } from "../domain/order-notes.ts";
import { personal } from "../domain/personal.ts";
import { accountId, productId } from "../domain/salesforce-id.ts";
import type { OrderingFacts, PlacedOrder, PricedProduct, Salesforce } from "../integrations/salesforce/client.ts";
import { defineJobKind, rejected, type Result } from "../queues/job-kind.ts";

/** What the settings say about orders. */
export interface OrderRules {
  /** The price book that orders use; null where PORTAL_PRICEBOOK_ID is not set. */
  readonly pricebookId: string | null;
  /** Values of `Internet_Eligibility__c` that mean no. */
  readonly notEligibleValues: readonly string[];
}

interface Services {
  readonly salesforce: Salesforce;
  readonly orderRules: OrderRules;
}

/** Order, Opportunity and items go in one call, which takes 25 parts. */
const MOST_ITEMS = 20;

/** Nobody orders more of one product by a form; a slip of the finger does. */
const MOST_OF_ONE = 100;

const item = z.strictObject({
  productId,
  quantity: z
    .int()
    .min(1)
    .max(MOST_OF_ONE)
    .default(1)
    .meta({ description: "How many", examples: [1] }),
});
type Item = z.infer<typeof item>;

const payload = z.strictObject({
  accountId,
  orderType: z
    .enum(SERVICE_TYPES)
    .meta({ description: "What is ordered: it decides what the customer must have first" }),
  items: z
    .array(item)
    .min(1, "must name at least one product")
    .max(MOST_ITEMS, `must name ${String(MOST_ITEMS)} products at most`)
    // Whether somebody wanted two or pressed twice, only they know.
    .superRefine((items, context) => {
      for (const [at, { productId }] of items.entries()) {
        if (items.findIndex((other) => other.productId === productId) === at) continue;
        const message = "names a product a second time: name it once, with a quantity";
        context.addIssue({ code: "custom", path: [at, "productId"], message });
      }
    })
    .meta({ description: "Each product once" }),
  priority: z.boolean().default(false).meta({ description: "Customer Service reviews it within 30 minutes" }),
  notes: personal(paragraph(2000).meta({ description: "Anything that Customer Service should know" })).optional(),
});

/** A customer orders: Customer Service gets an Order to review (`spec/rules.md`, Orders). */
export const order = defineJobKind({
  name: "order",
  purpose: "A customer orders, and Customer Service gets the order to review",
  payload,
  key: ({ accountId, orderType, items }) =>
    [accountId, orderType, createHash("sha256").update(listed(items)).digest("base64url")].join("."),
  account: ({ accountId }) => accountId,
  yields: ORDINARY,
  routes: [
    {
      path: "/orders",
      summary: "Order products",
      body: payload,
      example: {
        accountId: "0015g00000HjKlMAAV",
        orderType: "Internet",
        items: [{ productId: "01t5g000003GhIjAAK" }, { productId: "01t5g000003GhIkAAK", quantity: 2 }],
        priority: true,
        notes: "平日の午前に連絡をください。",
      },
    },
  ],

  async run({ accountId, orderType, items, priority, notes }, step, { salesforce, orderRules }: Services, job) {
    const { pricebookId } = orderRules;
    if (pricebookId === null) throw new RejectedError({ ...noPricebook, vendor: null });
    const question = {
      accountId,
      type: orderType,
      productIds: items.map(({ productId }) => productId),
      pricebookId,
      since: new Date(job.acceptedAt.getTime() - CLOCKS_DIFFER_BY_MS),
    };

    const facts = await step("read what the order needs", "repeat", () => salesforce.orderingFacts(question));
    if (facts === null) return rejected(unknownAccount);
    const there = placed(facts.orders, orderType, items, job.id);
    if (there !== undefined) return { outcome: "done", result: there };
    const refusal =
      refusedCustomer(facts, orderType, orderRules.notEligibleValues) ?? refusedProducts(facts.products, items);
    if (refusal !== null) return rejected(refusal);

    const find = async () => {
      const now = await salesforce.orderingFacts(question);
      return now === null ? undefined : placed(now.orders, orderType, items, job.id);
    };
    const made = await step("place the order", { find }, () =>
      salesforce.placeOrder({
        accountId,
        accountName: facts.accountName,
        type: orderType,
        opportunityId: facts.opportunity,
        pricebookId,
        items: items.map(({ productId, quantity }) => ({ ...sold(facts.products, productId), quantity })),
        notes: orderNotes({ isPriority: priority, notes: notes ?? null, job: job.id }),
        requestedAt: job.acceptedAt,
      }),
    );
    return { outcome: "done", result: made };
  },
});

/** Salesforce's clock need not be Redis's: an Order of ours must count as made after its request was accepted. */
const CLOCKS_DIFFER_BY_MS = 3_600_000;

/** What is ordered, as one text: the same products in the same quantities give the same, in whatever order and however many lines. */
function listed(items: readonly { readonly productId: string; readonly quantity: number }[]): string {
  const quantities = new Map<string, number>();
  for (const { productId, quantity } of items) quantities.set(productId, (quantities.get(productId) ?? 0) + quantity);
  return [...quantities]
    .map(([productId, quantity]) => `${productId} ${String(quantity)}`)
    .toSorted()
    .join("\n");
}

/**
 * The order that is there already: the one that this job made, whatever Customer Service has decided or changed since, or
 * one of the same products that nobody has decided on.
 */
function placed(
  orders: readonly PlacedOrder[],
  type: ServiceType,
  items: readonly Item[],
  job: string,
): Result | undefined {
  const isSame = ({ status, opportunity, items: others }: PlacedOrder) =>
    status === "Pending Review" &&
    (opportunity === null || typeOfCommodity(opportunity.commodity) === type) &&
    listed(others) === listed(items);
  const found = orders.find((one) => one.job === job) ?? orders.find(isSame);
  if (found === undefined) return undefined;
  const { orderId, opportunity } = found;
  return { orderId, ...(opportunity !== null && { opportunityId: opportunity.opportunityId }) };
}

/** Why this customer may not order this; null where nothing stands in the way. */
function refusedCustomer(
  { eligibility, verification }: OrderingFacts,
  type: ServiceType,
  notEligibleValues: readonly string[],
): Reason | null {
  if (type === "Internet" && !isEligible(eligibility, notEligibleValues)) return notEligible(eligibility);
  if (type === "SIM" && verification !== "Verified") return notVerified;
  return null;
}

function refusedProducts(products: readonly PricedProduct[], items: readonly Item[]): Reason | null {
  const faults = items.flatMap(({ productId }) => {
    const why = faultOf(products.find((product) => product.productId === productId));
    return why === null ? [] : [`${productId} ${why}`];
  });
  if (faults.length === 0) return null;
  return {
    code: "unknown-product",
    title: faults.length === 1 ? "A product cannot be ordered." : "Some products cannot be ordered.",
    detail: `${faults.join("; ")}. Nothing was written.`,
  };
}

function faultOf(product: PricedProduct | undefined): string | null {
  if (product === undefined) return "is no product of the portal's price book";
  if (!product.isActive) return "is not active, or its price is not";
  return product.whmcsProductId === null ? "has no WH_Product_ID__c" : null;
}

function sold(products: readonly PricedProduct[], id: string): PricedProduct {
  const product = products.find(({ productId }) => productId === id);
  if (product === undefined) throw new Error("an item was not judged before it was ordered");
  return product;
}

const noPricebook = {
  code: "no-pricebook",
  title: "Handoff does not know which price book orders use.",
  detail:
    "Set PORTAL_PRICEBOOK_ID to the id of the portal's price book in Salesforce (01s…), restart the workers, then retry.",
};

const unknownAccount = {
  code: "unknown-account",
  title: "Salesforce has no such account.",
  detail: "The accountId may be of another org, or the account was deleted or merged. Nothing was written.",
};

function notEligible(value: string | null): Reason {
  return {
    code: "not-eligible",
    title: "The customer cannot order Internet.",
    detail:
      value === null
        ? "It is not known yet whether Internet can be had there. Ask for the check first. Nothing was written."
        : "Internet cannot be had at the customer's address. Nothing was written.",
  };
}

const notVerified = {
  code: "identity-not-verified",
  title: "The customer's identity is not verified.",
  detail: "A SIM needs it: the customer uploads a residence card first. Nothing was written.",
};
