import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { plainWords } from "../../src/api/field-problems.ts";
import { order } from "../../src/processors/order.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Fields, type Line, type LineOptions, openLine, type SandboxState } from "./line.ts";

/** `spec/rules.md`, "Names and values" and "Orders", line by line, against the sandbox. */

const PERSONAL = "Personal SonixNet Home Internet";
const CORPORATE = "Corporate SonixNet Home Internet";

let redis: TestRedis;
let line: Line;
let before: SandboxState;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(() => begin());
afterEach(() => line.close());

async function begin(options: Omit<LineOptions, "redis"> = {}) {
  line = await openLine({ redis, ...options });
  line.engine.work();
  before = await line.state();
}

/** Another line in the place of the one that every test gets. */
async function beginAnew(options: Omit<LineOptions, "redis">) {
  await line.close();
  await begin(options);
}

const account = (name: string) => before.seed.accounts[name] ?? "";
const product = (name: string) => before.seed.products[name] ?? "";
const INTERNET = { who: "apartmentEligible", orderType: "Internet", products: ["apartment1g"] };

/** The form of an order of one of each product. */
const form = ({ who, orderType, products }: typeof INTERNET, more: Fields = {}) => ({
  accountId: account(who),
  orderType,
  items: products.map((name) => ({ productId: product(name) })),
  ...more,
});
const place = (what: Partial<typeof INTERNET> = {}, more: Fields = {}) =>
  line.carry(order, form({ ...INTERNET, ...what }, more));

/** The records of `object` that were not there before the test. */
async function made(object: "Opportunity" | "Order" | "OrderItem"): Promise<readonly Fields[]> {
  const known = new Set(before.salesforce[object].map(({ Id }) => Id));
  return (await line.state()).salesforce[object].filter(({ Id }) => !known.has(Id));
}

async function recordOf(object: "Opportunity" | "Order", id: unknown): Promise<Fields | undefined> {
  return (await line.state()).salesforce[object].find(({ Id }) => Id === id);
}

/** An Opportunity that somebody made by hand. */
const opportunity = (who: string, fields: Fields) =>
  line.make("Opportunity", {
    AccountId: account(who),
    Name: "made by hand",
    StageName: "Ready",
    CloseDate: "2027-01-31",
    CommodityType: PERSONAL,
    ...fields,
  });

/** Nothing of Salesforce's records differs from before the test. */
async function expectNothingWritten() {
  expect((await line.state()).salesforce).toEqual(before.salesforce);
}

describe("who may order", () => {
  it.each([
    ["whose eligibility is not known", "unasked"],
    ["whose address is still being checked", "checking"],
    ["to whom Customer Service said no", "notEligible"],
  ])("Internet is not for a customer %s", async (_, who) => {
    expect(await place({ who })).toMatchObject({
      state: "completed",
      outcome: "rejected",
      failure: { code: "not-eligible" },
    });
    await expectNothingWritten();
  });

  it("Internet is for whoever has a value that is none of NOT_ELIGIBLE_VALUES", async () => {
    await beginAnew({ environment: { NOT_ELIGIBLE_VALUES: "Apartment 1G, No Line" } });
    expect(await place()).toMatchObject({ failure: { code: "not-eligible" } });
    await line.edit("Account", account("notEligible"), { Internet_Eligibility__c: "no line" });
    expect(await place({ who: "notEligible" })).toMatchObject({ failure: { code: "not-eligible" } });
    await line.edit("Account", account("notEligible"), { Internet_Eligibility__c: "Home 1G" });
    expect(await place({ who: "notEligible" })).toMatchObject({ outcome: "done" });
  });

  it.each(["unasked", "submitted", "rejected"])("a SIM is not for a customer who is not Verified: %s", async (who) => {
    expect(await place({ who, orderType: "SIM", products: ["sim5gb"] })).toMatchObject({
      state: "completed",
      outcome: "rejected",
      failure: { code: "identity-not-verified" },
    });
    await expectNothingWritten();
  });

  it("a VPN is for everybody", async () => {
    expect(await place({ who: "unasked", orderType: "VPN", products: ["vpn"] })).toMatchObject({ outcome: "done" });
  });

  it("an account that Salesforce does not have is an answer, not a fault", async () => {
    expect(await place({}, { accountId: "0015g000000ZZZZ" })).toMatchObject({
      outcome: "rejected",
      failure: { code: "unknown-account" },
    });
    await expectNothingWritten();
  });
});

describe("a product that cannot be ordered is named, and nothing is written:", () => {
  const entryOf = (name: string) =>
    before.salesforce.PricebookEntry.find(
      (entry) => entry["Product2Id"] === product(name) && entry["Pricebook2Id"] === "01s5g0000000001AAA",
    );
  it.each<[string, () => Promise<unknown>, string]>([
    ["one that is not active", () => line.edit("Product2", product("installation"), { IsActive: false }), "not active"],
    [
      "one whose price is not active",
      () => line.edit("PricebookEntry", String(entryOf("installation")?.["Id"]), { IsActive: false }),
      "not active",
    ],
    [
      "one without a WHMCS product",
      () => line.edit("Product2", product("installation"), { WH_Product_ID__c: null }),
      "WH_Product_ID__c",
    ],
  ])("%s", async (_, spoil, why) => {
    await spoil();
    const salesforce = (await line.state()).salesforce;
    const { failure } = await place({ products: ["apartment1g", "installation"] });
    expect(failure).toMatchObject({ code: "unknown-product" });
    expect(failure?.detail).toContain(product("installation"));
    expect(failure?.detail).toContain(why);
    expect(failure?.detail).not.toContain(product("apartment1g"));
    expect((await line.state()).salesforce).toEqual(salesforce);
  });

  it("one that Salesforce does not have, beside another that the price book has not", async () => {
    const elsewhere = await line.make("Product2", { Name: "not for the portal", IsActive: true, WH_Product_ID__c: 55 });
    const items = ["01t5g00000ZZZZZAAA", elsewhere.Id].map((productId) => ({ productId }));
    const { outcome, failure } = await place({}, { items });
    expect({ outcome, code: failure?.code }).toEqual({ outcome: "rejected", code: "unknown-product" });
    expect(failure?.detail).toContain(elsewhere.Id);
    expect(failure?.detail).toMatch(/01t5g00000ZZZZZ\w{3} is no product of the portal's price book/);
    expect(await made("Order")).toEqual([]);
  });
});

describe("the Order", () => {
  it("waits for Customer Service with all that the customer wanted, at the price book's prices", async () => {
    const items = [{ productId: product("apartment1g") }, { productId: product("installation"), quantity: 2 }];
    const { id, state, outcome, result, createdAt } = await place({}, { items, notes: "犬がいます。\n午後のみ" });
    expect({ state, outcome }).toEqual({ state: "completed", outcome: "done" });
    const [placed, ...others] = await made("Order");
    expect(others).toEqual([]);
    expect(placed).toMatchObject({
      Id: result?.["orderId"],
      AccountId: account("apartmentEligible"),
      OpportunityId: result?.["opportunityId"],
      Status: "Pending Review",
      EffectiveDate: inJapan(Date.parse(createdAt)),
      Pricebook2Id: "01s5g0000000001AAA",
      Description: [
        "Notes from the customer:",
        "犬がいます。\n午後のみ",
        "",
        `Handoff job: ${id}`,
        "",
        "Rejection reason for the customer:",
      ].join("\n"),
    });
    expect(await made("OrderItem")).toMatchObject([
      { OrderId: placed?.["Id"], Product2Id: product("apartment1g"), Quantity: 1, UnitPrice: 4400 },
      { OrderId: placed?.["Id"], Product2Id: product("installation"), Quantity: 2, UnitPrice: 22_000 },
    ]);
  });

  it("says at the top that it is a priority order", async () => {
    await place({}, { priority: true });
    const [placed] = await made("Order");
    expect(placed?.["Description"]).toMatch(/^PRIORITY: review within 30 minutes\n\nHandoff job: /);
  });

  it.each([
    ["2026-11-24T14:59:59.999Z", "2026-11-24"],
    ["2026-11-24T15:00:00.000Z", "2026-11-25"],
  ])("begins on the day in Japan on which the request was accepted: %s", async (acceptedAt, day) => {
    await line.runAt(order, form(INTERNET), new Date(acceptedAt));
    expect(await made("Order")).toMatchObject([{ EffectiveDate: day }]);
  });

  it("holds as many products as one call can write", async () => {
    const names = Array.from({ length: 20 }, (_, at) => `product ${String(at)}`);
    const ids = await Promise.all(names.map(sellable));
    const { result } = await place({}, { items: ids.map((productId) => ({ productId })) });
    expect((await made("OrderItem")).filter(({ OrderId }) => OrderId === result?.["orderId"])).toHaveLength(20);
  });
});

describe("the Opportunity", () => {
  it.each([
    ["Internet", "apartmentEligible", "apartment1g", PERSONAL],
    ["SIM", "closedClient", "sim5gb", "SIM"],
    ["VPN", "unasked", "vpn", "VPN"],
  ])("is made in Post Processing where there is none: %s", async (orderType, who, name, commodity) => {
    await line.edit("Order", before.seed.orders["pendingClosedClient"] ?? "", { Status: "Cancelled" });
    const { result, createdAt } = await place({ orderType, who, products: [name] });
    expect(await made("Opportunity")).toMatchObject([
      {
        Id: result?.["opportunityId"],
        AccountId: account(who),
        StageName: "Post Processing",
        CommodityType: commodity,
        Opportunity_Source__c: "Portal - Order Placement",
        CloseDate: inJapan(Date.parse(createdAt) + 60 * DAY_MS),
      },
    ]);
  });

  it.each([
    ["in Introduction", { StageName: "Introduction" }],
    ["in Ready", { StageName: "Ready" }],
    ["of a company", { StageName: "Ready", CommodityType: CORPORATE }],
  ])("is the one that is there, and moves to Post Processing: %s", async (_, fields) => {
    const there = await opportunity("apartmentEligible", fields);
    expect(await place()).toMatchObject({ outcome: "done", result: { opportunityId: there.Id } });
    expect(await made("Opportunity")).toHaveLength(1);
    expect(await recordOf("Opportunity", there.Id)).toMatchObject({ ...fields, StageName: "Post Processing" });
  });

  it("is the most recently created where more than one fits", async () => {
    await opportunity("apartmentEligible", { StageName: "Ready" });
    const newest = await opportunity("apartmentEligible", { StageName: "Introduction" });
    expect(await place()).toMatchObject({ result: { opportunityId: newest.Id } });
  });

  it.each<Fields>([
    { StageName: "Void" },
    { StageName: "Post Processing" },
    { StageName: "Active" },
    { StageName: "△Cancelling" },
    { StageName: "△Cancelled" },
    { CommodityType: "SIM" },
    { CommodityType: "VPN" },
  ])("is not one of another stage or commodity: %o", async (fields) => {
    const other = await opportunity("apartmentEligible", fields);
    const untouched = await recordOf("Opportunity", other.Id);
    expect((await place()).result?.["opportunityId"]).not.toBe(other.Id);
    expect(await recordOf("Opportunity", other.Id)).toEqual(untouched);
  });
});

describe("Order, items and Opportunity", () => {
  it.each([
    ["a record is refused", "create"],
    ["the Opportunity's stage is refused", "update"],
  ])("are written all or none: %s", async (_, operation) => {
    await opportunity("apartmentEligible", { StageName: "Ready" });
    const { salesforce } = await line.state();
    const code = "FIELD_CUSTOM_VALIDATION_EXCEPTION";
    await line.fault({ vendor: "salesforce", operation, mode: "error", code, body: "秘密のメモ is refused" });
    const failed = await place({}, { notes: "秘密のメモ" });
    expect(failed).toMatchObject({ state: "failed", failure: { vendor: "salesforce", retryable: false } });
    expect(JSON.stringify(failed)).not.toContain("秘密のメモ");
    expect((await line.state()).salesforce).toEqual(salesforce);

    expect(await line.retry(failed)).toMatchObject({ state: "completed", outcome: "done" });
    expect(await made("Order")).toHaveLength(1);
  });
});

describe("the same products ordered again", () => {
  const items = () => [{ productId: product("apartment1g") }, { productId: product("installation"), quantity: 2 }];

  it("give the same order while nobody has decided on it, in whatever order they are named", async () => {
    const first = await place({}, { items: items() });
    const again = await place({}, { items: items().toReversed(), notes: "届きましたか" });
    expect(again).toMatchObject({ outcome: "done", result: first.result });
    expect(again.id).not.toBe(first.id);
    expect(await made("Order")).toHaveLength(1);
    expect(await made("Opportunity")).toHaveLength(1);
  });

  it("give an order that was made by hand, and one that stands on two lines", async () => {
    const pending = { who: "verified", orderType: "SIM", products: ["sim5gb"] };
    const byHand = before.seed.orders["pendingSim"];
    const result = { orderId: byHand, opportunityId: before.seed.opportunities["pendingSim"] };
    expect(await place(pending)).toMatchObject({ outcome: "done", result });
    const [item] = before.salesforce.OrderItem.filter(({ OrderId }) => OrderId === byHand);
    const PricebookEntryId = item?.["PricebookEntryId"];
    await line.make("OrderItem", { OrderId: byHand, PricebookEntryId, Quantity: 2, UnitPrice: 1500 });
    const three = { items: [{ productId: product("sim5gb"), quantity: 3 }] };
    expect(await place(pending, three)).toMatchObject({ outcome: "done", result });
  });

  it.each([
    ["once Customer Service has approved the first", "Approved"],
    ["once Customer Service has rejected the first", "Cancelled"],
  ])("are a new order %s", async (_, Status) => {
    const first = await place();
    await line.edit("Order", String(first.result?.["orderId"]), { Status });
    const second = await place();
    expect(second).toMatchObject({ outcome: "done" });
    expect(second.result?.["orderId"]).not.toBe(first.result?.["orderId"]);
  });

  it.each<[string, (all: ReturnType<typeof items>) => Fields]>([
    ["another quantity", (all) => ({ items: all.map((one) => ({ ...one, quantity: 3 })) })],
    ["one product less", (all) => ({ items: all.slice(1) })],
    ["the same products of another type", (all) => ({ items: all, orderType: "VPN" })],
    ["another customer", (all) => ({ items: all, accountId: account("homeEligible") })],
  ])("are another order with %s", async (_, change) => {
    await place({}, { items: items() });
    expect(await place({}, change(items()))).toMatchObject({ outcome: "done" });
    expect(await made("Order")).toHaveLength(2);
  });

  it("are one job while the first is under way", async () => {
    const first = await line.engine.accept(order, form(INTERNET));
    const second = await line.engine.accept(order, form(INTERNET));
    expect(second).toMatchObject({ how: "under-way", job: { id: "job" in first ? first.job.id : "" } });
  });
});

describe("an order whose answer was lost", () => {
  it.each([
    ["approved", { Status: "Approved" }],
    ["changed", { Status: "Draft" }],
  ])("and that Customer Service has %s meanwhile is not placed a second time", async (_, fields) => {
    await beginAnew({ attempts: 3, environment: { VENDOR_TIMEOUT_MS: "5000" } });
    await line.fault({ vendor: "salesforce", operation: "composite", mode: "drop-after", skip: 1 });
    await line.fault({ vendor: "salesforce", operation: "composite", mode: "slow", delayMs: 700, skip: 2 });
    const carried = place();
    const looked = async () => (await line.calls()).filter(({ operation }) => operation === "composite").length === 3;
    while (!(await looked())) await new Promise((resolve) => setImmediate(resolve));
    const [placed] = await made("Order");
    await line.edit("Order", String(placed?.["Id"]), fields);
    expect(await carried).toMatchObject({
      state: "completed",
      outcome: "done",
      result: { orderId: placed?.["Id"], opportunityId: placed?.["OpportunityId"] },
    });
    expect(await made("Order")).toHaveLength(1);
    expect(await made("Opportunity")).toHaveLength(1);
  });
});

describe("without PORTAL_PRICEBOOK_ID", () => {
  it("an order waits for a person, who reads what to set", async () => {
    await beginAnew({ attempts: 1, environment: { PORTAL_PRICEBOOK_ID: "" } });
    const { state, failure } = await place();
    expect({ state, code: failure?.code }).toEqual({ state: "failed", code: "no-pricebook" });
    expect(failure?.detail).toContain("PORTAL_PRICEBOOK_ID");
    expect(await line.calls()).toEqual([]);
  });
});

describe("the form", () => {
  const problems = (change: Fields) => {
    const parsed = order.payload.safeParse(form(INTERNET, change), { error: plainWords });
    return parsed.error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`) ?? [];
  };
  const id = "01t5g0000000001";

  it("takes one of each product where no quantity is said, and ids of both lengths", () => {
    expect(order.payload.parse(form(INTERNET, { items: [{ productId: id }] })).items).toEqual([
      { productId: `${id}AAA`, quantity: 1 },
    ]);
  });

  it("says so where it names a product twice, for only its sender knows what is meant", () => {
    expect(problems({ items: [{ productId: id }, { productId: `${id}AAA`, quantity: 2 }] })).toEqual([
      "items.1.productId: names a product a second time: name it once, with a quantity",
    ]);
  });

  it.each<[string, Fields]>([
    ["no product", { items: [] }],
    ["21 products", { items: Array.from({ length: 21 }, (_, at) => ({ productId: `01t5g00000000${10 + at}` })) }],
    ["half of a product", { items: [{ productId: id, quantity: 0.5 }] }],
    ["none of a product", { items: [{ productId: id, quantity: 0 }] }],
    ["101 of a product", { items: [{ productId: id, quantity: 101 }] }],
    ["an id of another object", { items: [{ productId: "0015g0000000001" }] }],
    ["a type that is not sold", { orderType: "Phone" }],
    ["a priority that is neither", { priority: "yes" }],
    ["notes of a book's length", { notes: "あ".repeat(2001) }],
    ["a field that nobody knows", { discount: 100 }],
  ])("is not taken with %s", (_, change) => {
    expect(problems(change)).toHaveLength(1);
  });
});

/** A new product with a price in the portal's price book; gives its id. */
async function sellable(Name: string): Promise<string> {
  const { Id } = await line.make("Product2", { Name, IsActive: true, WH_Product_ID__c: 12 });
  const standard = before.salesforce.PricebookEntry.find((entry) => entry["Pricebook2Id"] !== "01s5g0000000001AAA");
  for (const Pricebook2Id of [standard?.["Pricebook2Id"], "01s5g0000000001AAA"])
    await line.make("PricebookEntry", { Pricebook2Id, Product2Id: Id, UnitPrice: 100, IsActive: true });
  return Id;
}

const DAY_MS = 24 * 3_600_000;

/** The date in Japan, `YYYY-MM-DD`. */
function inJapan(epochMs: number): string {
  return new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Tokyo" }).format(epochMs);
}
