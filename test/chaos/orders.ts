import type { Plant } from "./plant.ts";

/** Approved orders in a plant, and what has become of them. */

export interface ApprovedOrder {
  readonly orderId: string;
  readonly opportunityId: string;
}

/** Orders like the seed's own, each of a customer and a WHMCS client of its own. */
export async function approvedOrders(plant: Plant, times: number): Promise<ApprovedOrder[]> {
  const { seed, salesforce } = await plant.state();
  const model = salesforce.Order.find(({ Id }) => Id === seed.orders["approvedApartment"]);
  const items = salesforce.OrderItem.filter(({ OrderId }) => OrderId === model?.["Id"]);
  const opportunity = salesforce.Opportunity.find(({ Id }) => Id === seed.opportunities["approvedApartment"]);
  const orders: ApprovedOrder[] = [];
  for (let number = 1; number <= times; number++) {
    const client = await plant.addClient(number);
    const AccountId = await plant.make("Account", { Name: `会社 ${String(number)}`, WH_Account__c: client });
    const OpportunityId = await plant.make("Opportunity", {
      AccountId,
      Name: `会社 ${String(number)} - Internet`,
      StageName: "Post Processing",
      CloseDate: opportunity?.["CloseDate"],
      CommodityType: opportunity?.["CommodityType"],
    });
    const orderId = await plant.make("Order", {
      AccountId,
      OpportunityId,
      Pricebook2Id: model?.["Pricebook2Id"],
      EffectiveDate: model?.["EffectiveDate"],
      Type: model?.["Type"],
      Status: "Approved",
    });
    for (const { PricebookEntryId, Quantity } of items)
      await plant.make("OrderItem", { OrderId: orderId, PricebookEntryId, Quantity });
    orders.push({ orderId, opportunityId: OpportunityId });
  }
  return orders;
}

/** How many WHMCS orders each opportunity has. */
export async function provisionedTimes(plant: Plant): Promise<ReadonlyMap<string, number>> {
  const { services } = (await plant.state()).whmcs;
  const ordersOf = new Map<string, Set<number>>();
  for (const { customFields, orderId, status } of services) {
    if (status === "Cancelled") continue;
    for (const value of Object.values(customFields))
      if (value.startsWith("006")) ordersOf.set(value, (ordersOf.get(value) ?? new Set()).add(orderId));
  }
  return new Map([...ordersOf].map(([opportunity, orders]) => [opportunity, orders.size]));
}

/** Those that are Active and linked with a service. */
export async function activeOpportunities(plant: Plant): Promise<ReadonlySet<string>> {
  const { Opportunity } = (await plant.state()).salesforce;
  const linked = Opportunity.filter((one) => one["StageName"] === "Active" && one["WHMCS_Service_ID__c"] !== null);
  return new Set(linked.map(({ Id }) => String(Id)));
}

/** How the orders differ from what was asked for: each provisioned once, and its Opportunity Active. */
export async function auditOrders(
  plant: Plant,
  orders: readonly ApprovedOrder[],
): Promise<{ readonly lost: number; readonly doubled: number }> {
  const [times, active] = [await provisionedTimes(plant), await activeOpportunities(plant)];
  return {
    lost: orders.filter(({ opportunityId }) => !times.has(opportunityId) || !active.has(opportunityId)).length,
    doubled: orders.reduce((all, { opportunityId }) => all + Math.max(0, (times.get(opportunityId) ?? 0) - 1), 0),
  };
}
