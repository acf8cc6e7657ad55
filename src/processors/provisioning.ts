import * as z from "zod";
import { ORDINARY } from "../domain/daily-calls.ts";
import { needsPerson, type RejectedError } from "../domain/errors.ts";
import { type OpportunityId, type OrderId, orderId } from "../domain/salesforce-id.ts";
import type { OrderedItem, OrderForProvisioning, Salesforce } from "../integrations/salesforce/client.ts";
import type { OrderLine, Whmcs } from "../integrations/whmcs/client.ts";
import { defineJobKind, rejected } from "../queues/job-kind.ts";

interface Services {
  readonly salesforce: Salesforce;
  readonly whmcs: Whmcs;
}

const payload = z.strictObject({ orderId });

/** An approved Order becomes a WHMCS order and an active service (`spec/rules.md`, Provisioning). */
export const provisioning = defineJobKind({
  name: "provisioning",
  purpose: "An approved order becomes a service in WHMCS",
  payload,
  key: ({ orderId }) => orderId,
  yields: ORDINARY,
  routes: [
    {
      path: "/provisioning",
      summary: "Provision an approved order, where Salesforce does not announce it",
      body: payload,
      example: { orderId: "8015g00000ZxCvBAAV" },
      lookFirst: true, // who posts it does not know what became of the order
    },
  ],

  async run({ orderId }, step, { salesforce, whmcs }: Services, job) {
    const order = await step("read the order", "repeat", () => salesforce.orderForProvisioning(orderId));
    if (order === null) return rejected(unknownOrder);
    const { opportunity } = order;
    job.foundBy(order.accountId);
    if (opportunity !== null) job.foundBy(opportunity.opportunityId);
    if (opportunity?.stage === "Active" && opportunity.whmcsServiceId !== null) {
      const { opportunityId, whmcsServiceId } = opportunity;
      return { outcome: "done", result: { orderId, opportunityId, whmcsServiceId } };
    }
    if (order.status !== "Approved") return rejected(notApproved(order.status));
    const { opportunityId, clientId } = provisionable(order);

    const addonIds = order.items.some(isAddon)
      ? await step("ask which are add-ons", "repeat", () => addonsAmong(whmcs, order))
      : [];
    const lines = orderLines(order, addonIds);
    const settle = () => settleOrder(whmcs, clientId, opportunityId, lines);
    const found = await step<WhmcsOrder>("add the order", { find: settle }, async () => {
      if (job.resumed) await checkStillApproved(salesforce, orderId);
      const { orderId: whmcsOrderId, serviceIds } = await whmcs.addOrder({ clientId, opportunityId, lines });
      return { whmcsOrderId, serviceId: serviceIds[0] ?? null, isNew: true };
    });
    // Two orders may share an Opportunity, and be approved at the same moment: neither job saw what the other adds.
    const { whmcsOrderId, serviceId } = found.isNew
      ? await step("keep one order", "repeat", async () => (await settle()) ?? found)
      : found;
    if (serviceId === null) throw withoutService(whmcsOrderId);
    await step(
      "accept the order",
      { find: async () => (await whmcs.orderStatus(whmcsOrderId)) === "Active" || undefined },
      async () => {
        await whmcs.acceptOrder(whmcsOrderId);
        return true;
      },
    );
    await step("link and activate", { find: () => findLink(salesforce, opportunityId, serviceId) }, async () => {
      await salesforce.activate({ opportunityId, whmcsServiceId: serviceId });
      return true;
    });
    return { outcome: "done", result: { orderId, opportunityId, whmcsOrderId, whmcsServiceId: serviceId } };
  },
});

/** `serviceId`: null where it made none. `isNew`: this job added it, and did not look whether there is another since. */
interface WhmcsOrder {
  readonly whmcsOrderId: number;
  readonly serviceId: number | null;
  readonly isNew?: true;
}

const unknownOrder = {
  code: "unknown-order",
  title: "Salesforce has no such order.",
  detail: "The orderId may be of another org, or the order was deleted. Nothing was written.",
};

function notApproved(status: string) {
  return {
    code: "order-not-approved",
    title: `The order is ${status}, not Approved.`,
    detail:
      status === "Pending Review"
        ? "Customer Service approves it in Salesforce; that announces it by itself. Nothing was written."
        : "Nothing was written. Whether it shall be provisioned all the same, Customer Service says in Salesforce.",
  };
}

/** Hours may have passed since the order was read: Customer Service may have taken it back. */
async function checkStillApproved(salesforce: Salesforce, orderId: OrderId): Promise<void> {
  const order = await salesforce.orderForProvisioning(orderId);
  if (order !== null && order.status === "Approved" && order.opportunity?.stage === "Post Processing") return;
  throw needsPerson(
    "order-taken-back",
    "The order was changed while its provisioning waited: it is no longer approved, or its opportunity no longer in Post Processing.",
    "Nothing was ordered. If the customer shall have it all the same, set both back in Salesforce, then retry.",
  );
}

/** What provisioning needs of an order, or a failure that says what a person must fill in. */
function provisionable(order: OrderForProvisioning): { opportunityId: OpportunityId; clientId: number } {
  const { opportunity, whmcsClientId } = order;
  if (opportunity === null) {
    throw needsPerson(
      "no-opportunity",
      "The order has no opportunity.",
      "Link the order to its opportunity in Salesforce, then retry.",
    );
  }
  if (opportunity.stage !== "Post Processing") {
    throw needsPerson(
      "opportunity-not-in-post-processing",
      `The order's opportunity is in stage ${opportunity.stage}, not Post Processing.`,
      "Look in Salesforce whether this order should still be provisioned. If so, set its opportunity to Post Processing, then retry.",
    );
  }
  if (whmcsClientId === null) {
    throw needsPerson(
      "no-whmcs-client",
      "The account has no WHMCS client.",
      "Fill in WH_Account__c on the order's account in Salesforce with its WHMCS client id, then retry.",
    );
  }
  return { opportunityId: opportunity.opportunityId, clientId: whmcsClientId };
}

const isService = (item: OrderedItem) => item.itemClass === "Service";
const isAddon = (item: OrderedItem) => item.itemClass === "Add-on";

/** Of the items that Salesforce calls add-ons, the ids that WHMCS does not sell as products of their own. */
async function addonsAmong(whmcs: Whmcs, { items }: OrderForProvisioning): Promise<number[]> {
  const ids = items.filter(isAddon).flatMap(({ whmcsProductId }) => whmcsProductId ?? []);
  const products = await whmcs.productsAmong(ids);
  return ids.filter((id) => !products.has(id));
}

/** The order's lines for WHMCS: the first Service item first, whose service goes back to Salesforce and carries the add-ons. */
function orderLines(
  { items }: OrderForProvisioning,
  addonIds: readonly number[],
): readonly [OrderLine, ...OrderLine[]] {
  const unlinked = items.find(({ whmcsProductId }) => whmcsProductId === null);
  if (unlinked !== undefined) {
    throw needsPerson(
      "no-whmcs-product",
      `The product "${unlinked.name}" has no WHMCS product.`,
      "Fill in WH_Product_ID__c on that product in Salesforce, then retry.",
    );
  }
  const asAddon = (item: OrderedItem) => isAddon(item) && addonIds.includes(item.whmcsProductId ?? 0);
  const several = items.find((item) => asAddon(item) && item.quantity !== 1);
  if (several !== undefined) {
    throw needsPerson(
      "addon-quantity",
      `The order has "${several.name}" ${String(several.quantity)} times, and WHMCS takes an add-on once.`,
      "Set its quantity to 1 on the order in Salesforce, or make it a product of its own in WHMCS, then retry.",
    );
  }
  const [first, ...others] = items
    .filter((item) => !asAddon(item))
    .toSorted((one, other) => Number(isService(other)) - Number(isService(one)))
    .map((item) => ({
      item,
      line: {
        productId: item.whmcsProductId ?? 0,
        quantity: item.quantity,
        billingCycle: item.billingCycle ?? "",
        addonIds: [] as number[],
      },
    }));
  if (first === undefined || !isService(first.item)) {
    throw needsPerson(
      "no-service-item",
      "The order has no item of class Service.",
      "Set Item_Class__c on its products, or add the service's product to the order in Salesforce, then retry.",
    );
  }
  return [
    { ...first.line, addonIds: items.filter(asAddon).flatMap(({ whmcsProductId }) => whmcsProductId ?? []) },
    ...others.map(({ line }) => line),
  ];
}

function withoutService(whmcsOrderId: number): RejectedError {
  return needsPerson(
    "no-whmcs-service",
    `WHMCS order ${whmcsOrderId} has no service.`,
    "Its product may not be one that makes services. Cancel the order in WHMCS and mend the product there, then post the order to /api/provisioning.",
  );
}

/** Statuses of a service that is over, in WHMCS's words. */
const OVER = new Set(["Cancelled", "Terminated", "Fraud"]);

/**
 * The order that an AddOrder made, by the Opportunity's id in its custom field. Should there be two in spite of
 * all, the later one is cancelled before either is accepted, so that all who look keep the same.
 */
async function settleOrder(
  whmcs: Whmcs,
  clientId: number,
  opportunityId: OpportunityId,
  [service]: readonly [OrderLine, ...OrderLine[]],
): Promise<WhmcsOrder | undefined> {
  const orders = await whmcs.ordersOf({ clientId, opportunityId });
  const [kept, ...extra] = orders.filter(({ services }) => services.some(({ status }) => !OVER.has(status)));
  if (kept === undefined) {
    const [over] = orders;
    if (over === undefined) return undefined;
    throw needsPerson(
      "whmcs-order-cancelled",
      `WHMCS order ${over.orderId} for this opportunity was cancelled.`,
      "If the customer shall have the service all the same, empty the OpportunityId field of that order's services in WHMCS, then retry: a new order is made.",
    );
  }
  for (const { orderId, services } of extra) {
    if (services.some(({ status }) => status !== "Pending")) {
      throw needsPerson(
        "two-whmcs-orders",
        `WHMCS has two orders for this opportunity: ${kept.orderId} and ${orderId}.`,
        "Cancel the one that is too much in WHMCS, then retry.",
      );
    }
    await whmcs.cancelOrder(orderId);
  }
  const first = kept.services.find(({ productId }) => productId === service.productId);
  return { whmcsOrderId: kept.orderId, serviceId: first?.serviceId ?? null };
}

/** Whether the opportunity has its link; a link to another service is a person's to judge. */
async function findLink(
  salesforce: Salesforce,
  opportunityId: OpportunityId,
  serviceId: number,
): Promise<true | undefined> {
  const linked = (await salesforce.opportunityLink(opportunityId))?.whmcsServiceId ?? null;
  if (linked === null) return undefined;
  if (linked === serviceId) return true;
  throw needsPerson(
    "linked-to-another-service",
    `The opportunity is linked to WHMCS service ${String(linked)}, and this order made ${String(serviceId)}.`,
    "Decide which of the two the customer shall have, cancel the other in WHMCS, and correct WHMCS_Service_ID__c and the stage in Salesforce.",
  );
}
