import { until } from "../e2e/process.ts";
import type { Experiment, Finding, Random } from "./experiment.ts";
import { inPlant, OUTBOUND_TOKEN, type Plant } from "./plant.ts";

/** Salesforce's limit on one message. */
const MOST_IN_ENVELOPE = 100;

/** Outbound messages out of order, twice, and not at all; the sweep finds those that never came. */
export const messages: Experiment = {
  name: "messages",
  run: async (scale, random) => [
    await inPlant(async (plant) => await shuffled(plant, scale === "full" ? 600 : 40, random)),
  ],
};

async function shuffled(plant: Plant, times: number, random: Random): Promise<Finding> {
  const api = await plant.startApi();
  const worker = await plant.startWorker();
  await restOf(plant, "approval-sweep"); // what it finds now is the seed's
  const orders = await approvedOrders(plant, times);

  const announced = orders.filter((_, at) => at > 0 && random.next() >= 0.01); // one at least is dropped
  const sent = inDisorder([...announced, ...announced.filter(() => random.next() < 0.2)], random);
  for (let at = 0; at < sent.length;) {
    const envelope = sent.slice(at, (at += random.between(1, MOST_IN_ENVELOPE)));
    const orderIds = envelope.map(({ orderId }) => orderId);
    await plant.control("POST", "outbound-messages", {
      orderIds,
      to: `${api.url}/salesforce/outbound-messages/${OUTBOUND_TOKEN}`,
    });
  }
  await restOf(plant, "provisioning");
  const beforeSweep = await provisionedTimes(plant);
  const unannounced = orders.filter((order) => !announced.includes(order));
  const early = unannounced.filter(({ opportunityId }) => beforeSweep.has(opportunityId)).length;

  const from = performance.now();
  worker.signal("SIGTERM");
  await plant.startWorker({ SWEEP_INTERVAL_MS: "1000" });
  await until(async () => {
    const provisioned = await provisionedTimes(plant);
    return unannounced.every(({ opportunityId }) => provisioned.has(opportunityId)) || undefined;
  }, api);
  const convergedMs = performance.now() - from;
  await restOf(plant, "provisioning");

  const provisioned = await provisionedTimes(plant);
  const active = await activeOpportunities(plant);
  const { code, stdout } = await plant.doctor();
  if (code !== 0) throw new Error(`the systems disagree at the end (${String(code)}):\n${stdout}`);
  return {
    what: "outbound messages shuffled, one order in five announced twice, one in a hundred never, up to 100 to a message",
    times,
    lost: orders.filter(({ opportunityId }) => !provisioned.has(opportunityId) || !active.has(opportunityId)).length,
    doubled: orders.reduce((all, { opportunityId }) => all + Math.max(0, (provisioned.get(opportunityId) ?? 0) - 1), 0),
    convergedMs,
    remark: `${String(sent.length)} notifications; ${String(unannounced.length)} orders were never announced, ${String(early)} of them provisioned before the sweep; converged: from the start of a worker that sweeps every second until it had found them`,
  };
}

interface ApprovedOrder {
  readonly orderId: string;
  readonly opportunityId: string;
}

/** Orders like the seed's own, each of a customer and a WHMCS client of its own. */
async function approvedOrders(plant: Plant, times: number): Promise<ApprovedOrder[]> {
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
async function provisionedTimes(plant: Plant): Promise<ReadonlyMap<string, number>> {
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
async function activeOpportunities(plant: Plant): Promise<ReadonlySet<string>> {
  const { Opportunity } = (await plant.state()).salesforce;
  const linked = Opportunity.filter((one) => one["StageName"] === "Active" && one["WHMCS_Service_ID__c"] !== null);
  return new Set(linked.map(({ Id }) => String(Id)));
}

async function restOf(plant: Plant, kind: string): Promise<void> {
  await plant.inQueue(async (queue) => {
    await until(
      async () =>
        (await queue.getJobCountByTypes(
          "waiting",
          "active",
          ...(kind === "approval-sweep" ? [] : ["delayed" as const]),
        )) === 0 || undefined,
    );
  }, kind);
}

function inDisorder<T>(all: readonly T[], random: Random): T[] {
  return all
    .map((one) => ({ one, at: random.next() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ one }) => one);
}
