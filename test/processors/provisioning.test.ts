import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { customFields } from "../../src/integrations/whmcs/encoding.ts";
import { provisioning } from "../../src/processors/provisioning.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Fields, type Line, openLine, type SandboxState } from "./line.ts";

/** `spec/rules.md`, "Provisioning", line by line, against the sandbox. */

/** Of the seed: the order that is approved, its account's WHMCS client, and the WHMCS products of its items. */
const APARTMENT = { order: "approvedApartment", clientId: 1003, product: 12, installation: 13 };
const HOME = { order: "pendingHome", product: 11, installation: 13, phone: 7 };

let redis: TestRedis;
let line: Line;
let before: SandboxState;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(() => open());
afterEach(() => line.close());

async function open(environment: Readonly<Record<string, string>> = {}) {
  line = await openLine({ redis, attempts: 1, environment });
  line.engine.work();
  before = await line.state();
}

const orderId = (name: string) => before.seed.orders[name] ?? "";
const opportunityId = (name: string) => before.seed.opportunities[name] ?? "";
const productId = (name: string) => before.seed.products[name] ?? "";
const provision = (name: string) => line.carry(provisioning, { orderId: orderId(name) });
const approve = (name: string) => line.edit("Order", orderId(name), { Status: "Approved" });

async function recordOf(object: "Opportunity" | "Order", id: string): Promise<Fields | undefined> {
  return (await line.state()).salesforce[object].find(({ Id }) => Id === id);
}

/** What WHMCS holds that it did not hold before the test. */
async function madeInWhmcs(): Promise<SandboxState["whmcs"]> {
  const { whmcs } = await line.state();
  const known = new Set(before.whmcs.services.map(({ id }) => id));
  return { ...whmcs, services: whmcs.services.filter(({ id }) => !known.has(id)) };
}

/** The operations that WHMCS was asked for, in order. */
async function askedOfWhmcs(): Promise<readonly string[]> {
  return (await line.calls()).filter(({ vendor }) => vendor === "whmcs").map(({ operation }) => operation);
}

/** Neither system has anything that was not there before the test. */
async function expectNothingWritten() {
  expect(await line.state()).toMatchObject({
    salesforce: { Opportunity: before.salesforce.Opportunity, Case: before.salesforce.Case },
    whmcs: { orders: [], services: before.whmcs.services, serviceAddons: [] },
  });
}

/** Makes an approved order of `items` (product, quantity) with an Opportunity of its own, for the account in `APARTMENT`. */
async function approvedOrder(...items: readonly (readonly [product: string, quantity: number])[]) {
  const accountId = before.seed.accounts["apartmentEligible"];
  const entryOf = (product: string) =>
    before.salesforce.PricebookEntry.find((entry) => {
      const [order] = before.salesforce.Order;
      return entry["Product2Id"] === productId(product) && entry["Pricebook2Id"] === order?.["Pricebook2Id"];
    });
  const opportunity = await line.make("Opportunity", {
    AccountId: accountId,
    Name: "made by hand",
    StageName: "Post Processing",
    CloseDate: "2027-01-31",
    CommodityType: "Personal SonixNet Home Internet",
  });
  const order = await line.make("Order", {
    AccountId: accountId,
    OpportunityId: opportunity.Id,
    Pricebook2Id: entryOf("home1g")?.["Pricebook2Id"],
    EffectiveDate: "2026-11-22",
    Status: "Approved",
  });
  for (const [product, quantity] of items)
    await line.make("OrderItem", { OrderId: order.Id, PricebookEntryId: entryOf(product)?.["Id"], Quantity: quantity });
  return { orderId: order.Id, opportunityId: opportunity.Id };
}

describe("an approved order", () => {
  it("becomes an active WHMCS order, and its Opportunity is linked and moved in one update", async () => {
    const job = await provision(APARTMENT.order);
    const { salesforce } = await line.state();
    const whmcs = await madeInWhmcs();
    expect(whmcs.orders).toMatchObject([{ clientId: APARTMENT.clientId, status: "Active" }]);
    const [order] = whmcs.orders;
    const service = whmcs.services.find(({ pid }) => pid === APARTMENT.product);
    expect(job).toMatchObject({
      state: "completed",
      outcome: "done",
      result: {
        orderId: orderId(APARTMENT.order),
        opportunityId: opportunityId(APARTMENT.order),
        whmcsOrderId: order?.id,
        whmcsServiceId: service?.id,
      },
      steps: [
        { name: "read the order", state: "done" },
        { name: "add the order", state: "done" },
        { name: "keep one order", state: "done" },
        { name: "accept the order", state: "done" },
        { name: "link and activate", state: "done" },
      ],
    });
    expect(salesforce.Opportunity.find(({ Id }) => Id === opportunityId(APARTMENT.order))).toMatchObject({
      WHMCS_Service_ID__c: service?.id,
      StageName: "Active",
    });
    expect((await line.calls()).filter(({ operation }) => operation === "update")).toHaveLength(1);
  });

  it("that is approved together with another one of the same Opportunity: both end with the one order that WHMCS keeps", async () => {
    const { orderId: first, opportunityId } = await approvedOrder(["home1g", 1]);
    const { orderId: second } = await approvedOrder(["home1g", 1]);
    await line.edit("Order", second, { OpportunityId: opportunityId });
    const slow = { vendor: "whmcs", operation: "AddOrder", mode: "slow", delayMs: 300, times: 2 };
    await line.fault(slow); // both have read the Opportunity before either adds its order
    const jobs = await Promise.all([first, second].map((orderId) => line.carry(provisioning, { orderId })));
    const { whmcs } = await line.state();
    expect(whmcs.orders).toMatchObject([{ status: "Active" }, { status: "Cancelled" }]);
    const [kept] = whmcs.orders;
    for (const job of jobs) expect(job).toMatchObject({ outcome: "done", result: { whmcsOrderId: kept?.id } });
  });

  it("keeps the Status that Customer Service gave it", async () => {
    await provision(APARTMENT.order);
    expect(await recordOf("Order", orderId(APARTMENT.order))).toEqual(
      before.salesforce.Order.find(({ Id }) => Id === orderId(APARTMENT.order)),
    );
  });

  it("has one product a line, each with its billing cycle and the Opportunity's id in its custom field", async () => {
    await provision(APARTMENT.order);
    const { services } = await madeInWhmcs();
    const marked = (pid: number) => ({ [String(100 + pid)]: opportunityId(APARTMENT.order) });
    expect(services).toMatchObject([
      { pid: APARTMENT.product, qty: 1, cycle: "monthly", status: "Active", customFields: marked(APARTMENT.product) },
      { pid: APARTMENT.installation, qty: 1, cycle: "onetime", customFields: marked(APARTMENT.installation) },
    ]);
  });

  it("hangs its add-ons on the service, where WHMCS sells them as add-ons", async () => {
    await approve(HOME.order);
    await provision(HOME.order);
    const { services, serviceAddons } = await madeInWhmcs();
    expect(services.map(({ pid }) => pid)).toEqual([HOME.product, HOME.installation]);
    expect(serviceAddons).toMatchObject([{ addonId: HOME.phone, serviceId: services[0]?.id, status: "Active" }]);
  });

  it("has an add-on of Salesforce as a product of its own, where WHMCS sells it as a product", async () => {
    await line.edit("Product2", productId("homePhone"), { WH_Product_ID__c: 31 });
    await approve(HOME.order);
    const { result } = await provision(HOME.order);
    const { services, serviceAddons } = await madeInWhmcs();
    expect(new Set(services.map(({ pid }) => pid))).toEqual(new Set([HOME.product, HOME.installation, 31]));
    expect(serviceAddons).toEqual([]);
    expect(services.find(({ id }) => id === result?.["whmcsServiceId"])?.pid).toBe(HOME.product);
  });

  it("gives back the service of its first Service item, whatever was put in before it", async () => {
    const made = await approvedOrder(["installation", 1], ["homePhone", 1], ["apartment1g", 1], ["home1g", 2]);
    const { result } = await line.carry(provisioning, { orderId: made.orderId });
    const { services, serviceAddons } = await madeInWhmcs();
    const service = services.find(({ pid }) => pid === APARTMENT.product);
    expect(result).toMatchObject({ whmcsServiceId: service?.id });
    expect(services.find(({ pid }) => pid === HOME.product)?.qty).toBe(2);
    expect(serviceAddons).toMatchObject([{ addonId: HOME.phone, serviceId: service?.id }]);
    expect(await recordOf("Opportunity", made.opportunityId)).toMatchObject({ WHMCS_Service_ID__c: service?.id });
  });
});

describe("nothing is to be done", () => {
  it("where the Opportunity is Active with its service: done, and WHMCS is not asked", async () => {
    await line.edit("Opportunity", opportunityId(APARTMENT.order), { StageName: "Active", WHMCS_Service_ID__c: 4711 });
    expect(await provision(APARTMENT.order)).toMatchObject({
      outcome: "done",
      result: { opportunityId: opportunityId(APARTMENT.order), whmcsServiceId: 4711 },
    });
    expect(await askedOfWhmcs()).toEqual([]);
  });

  it("a second time: another job finds the service and makes no order", async () => {
    const first = await provision(APARTMENT.order);
    const second = await provision(APARTMENT.order);
    expect(second.id).not.toBe(first.id);
    expect(second).toMatchObject({
      outcome: "done",
      result: { whmcsServiceId: first.result?.["whmcsServiceId"] },
    });
    expect((await line.state()).whmcs.orders).toHaveLength(1);
  });

  it.each(["Draft", "Pending Review", "Cancelled"])(
    "where the order is %s: it is rejected, as an answer",
    async (status) => {
      await line.edit("Order", orderId(APARTMENT.order), { Status: status });
      expect(await provision(APARTMENT.order)).toMatchObject({
        state: "completed",
        outcome: "rejected",
        failure: { code: "order-not-approved", title: `The order is ${status}, not Approved.`, retryable: false },
      });
      expect(await askedOfWhmcs()).toEqual([]);
      await expectNothingWritten();
    },
  );

  it("where Salesforce has no such order", async () => {
    expect(await line.carry(provisioning, { orderId: "8015g000000ZZZZ" })).toMatchObject({
      outcome: "rejected",
      failure: { code: "unknown-order" },
    });
  });
});

describe("a person is asked before WHMCS is touched, and the retry goes through once it is mended:", () => {
  const opportunity = (fields: Fields) => line.edit("Opportunity", opportunityId(APARTMENT.order), fields);
  const order = (fields: Fields) => line.edit("Order", orderId(APARTMENT.order), fields);
  const account = (fields: Fields) => line.edit("Account", before.seed.accounts["apartmentEligible"] ?? "", fields);
  const product = (name: string, fields: Fields) => line.edit("Product2", productId(name), fields);

  it.each([
    {
      what: "the order has no Opportunity",
      code: "no-opportunity",
      says: "Link the order to its opportunity",
      spoil: () => order({ OpportunityId: null }),
      mend: () => order({ OpportunityId: opportunityId(APARTMENT.order) }),
    },
    ...["Introduction", "Ready", "Active", "△Cancelling", "△Cancelled", "Void"].map((StageName) => ({
      what: `its Opportunity is in ${StageName} without a service`,
      code: "opportunity-not-in-post-processing",
      says: `is in stage ${StageName}, not Post Processing`,
      spoil: () => opportunity({ StageName }),
      mend: () => opportunity({ StageName: "Post Processing" }),
    })),
    {
      what: "the account has no WHMCS client",
      code: "no-whmcs-client",
      says: "WH_Account__c",
      spoil: () => account({ WH_Account__c: null }),
      mend: () => account({ WH_Account__c: APARTMENT.clientId }),
    },
    {
      what: "a product has no WHMCS product",
      code: "no-whmcs-product",
      says: "WH_Product_ID__c",
      spoil: () => product("installation", { WH_Product_ID__c: null }),
      mend: () => product("installation", { WH_Product_ID__c: APARTMENT.installation }),
    },
    {
      what: "no item is a Service",
      code: "no-service-item",
      says: "Item_Class__c",
      spoil: () => product("apartment1g", { Item_Class__c: "Activation" }),
      mend: () => product("apartment1g", { Item_Class__c: "Service" }),
    },
  ])("$what", async ({ code, says, spoil, mend }) => {
    await spoil();
    before = await line.state();
    const failed = await provision(APARTMENT.order);
    expect(failed).toMatchObject({ state: "failed", attempts: 1, failure: { code, vendor: null, retryable: false } });
    expect(`${failed.failure?.title} ${failed.failure?.detail}`).toContain(says);
    expect((await askedOfWhmcs()).filter((operation) => operation !== "GetProducts")).toEqual([]);
    await expectNothingWritten();

    await mend();
    expect(await line.retry(failed)).toMatchObject({ state: "completed", outcome: "done", failure: null });
    expect((await line.state()).whmcs.orders).toMatchObject([{ status: "Active" }]);
  });
});

describe("what WHMCS refuses is told in plain words", () => {
  it("a closed client: the retry goes through once the account names an open one", async () => {
    await approve("pendingClosedClient");
    const failed = await provision("pendingClosedClient");
    expect(failed).toMatchObject({
      state: "failed",
      failure: { code: "whmcs-client-closed", title: "The WHMCS client is closed.", vendor: "whmcs", retryable: false },
    });
    expect(failed.failure?.detail).toContain("WH_Account__c");
    await expectNothingWritten();

    await line.edit("Account", before.seed.accounts["closedClient"] ?? "", { WH_Account__c: 1012 });
    expect(await line.retry(failed)).toMatchObject({ state: "completed", outcome: "done" });
    expect((await line.state()).whmcs.orders).toMatchObject([{ clientId: 1012, status: "Active" }]);
  });

  it("a payment method that it does not have", async () => {
    await line.close();
    await open({ WHMCS_PAYMENT_METHOD: "paypal" });
    const failed = await provision(APARTMENT.order);
    expect(failed).toMatchObject({
      state: "failed",
      attempts: 1,
      failure: { code: "whmcs-payment-method", title: "WHMCS does not know the payment method." },
    });
    expect(failed.failure?.detail).toContain("WHMCS_PAYMENT_METHOD");
    await expectNothingWritten();
  });

  it("a payment method that it has again: the retry goes through", async () => {
    const body = "Invalid Payment Method. Valid options include creditcard";
    await line.fault({ vendor: "whmcs", operation: "AddOrder", mode: "error", body });
    const failed = await provision(APARTMENT.order);
    expect(failed).toMatchObject({ state: "failed", failure: { code: "whmcs-payment-method" } });
    expect(await line.retry(failed)).toMatchObject({ state: "completed", outcome: "done" });
    expect((await line.state()).whmcs.orders).toHaveLength(1);
  });
});

describe("where the answer to AddOrder never came", () => {
  /** The job whose only attempt ended in doubt, with its order in WHMCS. */
  async function inDoubt() {
    await line.fault({ vendor: "whmcs", operation: "AddOrder", mode: "hang-after" });
    const job = await provision(APARTMENT.order);
    expect(job).toMatchObject({ state: "failed", failure: { code: "whmcs-timeout", retryable: true } });
    expect(job.steps).toContainEqual(expect.objectContaining({ name: "add the order", state: "in-doubt" }));
    const [order] = (await line.state()).whmcs.orders;
    if (order === undefined) throw new Error("the order did not land");
    await line.forgetCalls();
    return { job, landed: order.id };
  }
  /** Orders the same again with the same mark, as a person might. */
  const orderByHand = async () => {
    const { orderid } = await line.whmcs("AddOrder", {
      clientid: String(APARTMENT.clientId),
      paymentmethod: "banktransfer",
      "pid[0]": String(APARTMENT.product),
      "customfields[0]": customFields({ OpportunityId: opportunityId(APARTMENT.order) }),
    });
    await line.forgetCalls();
    return Number(orderid);
  };

  it("the order is found by its mark, and not sent again", async () => {
    const { job, landed } = await inDoubt();
    expect(await line.retry(job)).toMatchObject({ outcome: "done", result: { whmcsOrderId: landed } });
    expect(await askedOfWhmcs()).toEqual(["GetClientsProducts", "AcceptOrder"]);
  });

  it("and a person made another for the same Opportunity: the extra is cancelled before either is accepted", async () => {
    const { job, landed } = await inDoubt();
    const extra = await orderByHand();
    expect(await line.retry(job)).toMatchObject({ outcome: "done", result: { whmcsOrderId: landed } });
    expect(await askedOfWhmcs()).toEqual(["GetClientsProducts", "CancelOrder", "AcceptOrder"]);
    expect((await line.state()).whmcs.orders).toMatchObject([
      { id: landed, status: "Active" },
      { id: extra, status: "Cancelled" },
    ]);
  });

  it("and the other order is accepted already: a person is asked which of them stays", async () => {
    const { job, landed } = await inDoubt();
    const extra = await orderByHand();
    await line.whmcs("AcceptOrder", { orderid: String(extra) });
    const failed = await line.retry(job);
    expect(failed).toMatchObject({ state: "failed", failure: { code: "two-whmcs-orders" } });
    expect(failed.failure?.title).toContain(`${String(landed)} and ${String(extra)}`);

    await line.whmcs("CancelOrder", { orderid: String(landed) });
    expect(await line.retry(failed)).toMatchObject({ outcome: "done", result: { whmcsOrderId: extra } });
  });

  it("and a person cancelled the order: no other is made until that person has said so", async () => {
    const { job, landed } = await inDoubt();
    await line.whmcs("CancelOrder", { orderid: String(landed) });
    const failed = await line.retry(job);
    expect(failed).toMatchObject({ state: "failed", failure: { code: "whmcs-order-cancelled", retryable: false } });
    expect(failed.failure?.detail).toContain("OpportunityId");
    expect((await line.state()).whmcs.orders).toHaveLength(1);

    for (const { id } of (await madeInWhmcs()).services)
      await line.whmcs("UpdateClientProduct", {
        serviceid: String(id),
        customfields: customFields({ OpportunityId: "" }),
      });
    expect(await line.retry(failed)).toMatchObject({ state: "completed", outcome: "done" });
    expect((await line.state()).whmcs.orders).toMatchObject([{ status: "Cancelled" }, { status: "Active" }]);
  });
});

describe("where AcceptOrder says that the order is not Pending", () => {
  /** The job whose order waits in WHMCS: AcceptOrder was refused once. */
  async function waiting() {
    await line.fault({ vendor: "whmcs", operation: "AcceptOrder", mode: "error", body: "refused for once" });
    const job = await provision(APARTMENT.order);
    expect(job).toMatchObject({ state: "failed", failure: { vendor: "whmcs" } });
    const [order] = (await line.state()).whmcs.orders;
    return { job, whmcsOrderId: String(order?.id) };
  }

  it("counts as accepted once GetOrders says Active", async () => {
    const { job, whmcsOrderId } = await waiting();
    await line.whmcs("AcceptOrder", { orderid: whmcsOrderId });
    await line.forgetCalls();
    expect(await line.retry(job)).toMatchObject({ state: "completed", outcome: "done" });
    expect(await askedOfWhmcs()).toEqual(["AcceptOrder", "GetOrders"]);
  });

  it("fails where the order was cancelled: the Opportunity stays in Post Processing", async () => {
    const { job, whmcsOrderId } = await waiting();
    await line.whmcs("CancelOrder", { orderid: whmcsOrderId });
    expect(await line.retry(job)).toMatchObject({
      state: "failed",
      failure: {
        code: "whmcs-order-not-pending",
        title: `WHMCS order ${whmcsOrderId} is Cancelled, not Pending.`,
      },
    });
    expect(await recordOf("Opportunity", opportunityId(APARTMENT.order))).toMatchObject({
      StageName: "Post Processing",
      WHMCS_Service_ID__c: null,
    });
  });
});
