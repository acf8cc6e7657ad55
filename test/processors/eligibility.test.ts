import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { eligibility } from "../../src/processors/eligibility.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { ADDRESS, type Fields, type Line, openLine, type SandboxState } from "./line.ts";

/** `spec/rules.md`, "Names and values" and "Eligibility", line by line, against the sandbox. */

const PERSONAL = "Personal SonixNet Home Internet";
const CORPORATE = "Corporate SonixNet Home Internet";

let redis: TestRedis;
let line: Line;
let before: SandboxState;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  line = await openLine({ redis, attempts: 1 });
  line.engine.work();
  before = await line.state();
});
afterEach(() => line.close());

const account = (name: string) => before.seed.accounts[name] ?? "";
const request = (name: string, more: Fields = {}) =>
  line.carry(eligibility, { accountId: account(name), address: ADDRESS, ...more });

/** The records of `object` that were not there before the test. */
async function made(object: "Opportunity" | "Case"): Promise<readonly Fields[]> {
  const known = new Set(before.salesforce[object].map(({ Id }) => Id));
  return (await line.state()).salesforce[object].filter(({ Id }) => !known.has(Id));
}

async function recordOf(object: "Account" | "Opportunity" | "Case", id: unknown): Promise<Fields | undefined> {
  return (await line.state()).salesforce[object].find(({ Id }) => Id === id);
}

const introduction = (name: string, more: Fields = {}) =>
  line.make("Opportunity", {
    AccountId: account(name),
    Name: "made by hand",
    StageName: "Introduction",
    CloseDate: "2027-01-31",
    CommodityType: PERSONAL,
    ...more,
  });

/** Nothing of Salesforce's records differs from before the test. */
async function expectNothingWritten() {
  expect((await line.state()).salesforce).toEqual(before.salesforce);
}

describe("eligibility that is known already", () => {
  it.each([
    ["homeEligible", "Home 1G"],
    ["apartmentEligible", "Apartment 1G"],
    ["notEligible", "Not Eligible"],
  ])("is the answer, offer or not, and nothing is written: %s", async (name, value) => {
    expect(await request(name)).toMatchObject({
      state: "completed",
      outcome: "already-known",
      result: { eligibility: value },
      failure: null,
    });
    await expectNothingWritten();
  });

  it("is asked anew once Customer Service has cleared the field, for a customer who moved", async () => {
    await line.edit("Account", account("notEligible"), {
      Internet_Eligibility__c: null,
      Internet_Eligibility_Status__c: null,
    });
    expect(await request("notEligible")).toMatchObject({ outcome: "done" });
    expect(await made("Case")).toHaveLength(1);
  });
});

describe("a check that is under way", () => {
  it("is found by its open Case: nothing new is made, and the Case's id is the answer", async () => {
    const [openCase] = before.salesforce.Case;
    expect(await request("checking")).toMatchObject({
      state: "completed",
      outcome: "done",
      result: { caseId: openCase?.["Id"], opportunityId: before.seed.opportunities["checking"] },
    });
    await expectNothingWritten();
  });

  it("answers with the same Case however often the customer asks", async () => {
    const first = await request("unasked");
    const second = await request("unasked", { notes: "asked again" });
    expect(second.id).not.toBe(first.id);
    expect(second).toMatchObject({ outcome: "done", result: first.result });
    expect(await made("Case")).toHaveLength(1);
    expect(await made("Opportunity")).toHaveLength(1);
  });

  it("is none where its Case was closed and no value came of it", async () => {
    const [closed] = before.salesforce.Case;
    await line.edit("Case", String(closed?.["Id"]), { Status: "Closed" });
    expect((await request("checking")).result?.["caseId"]).not.toBe(closed?.["Id"]);
    expect(await made("Case")).toHaveLength(1);
  });
});

describe("the Opportunity", () => {
  it("is made in Introduction where there is none", async () => {
    const { result, createdAt } = await request("unasked");
    const [opportunity, ...others] = await made("Opportunity");
    expect(others).toEqual([]);
    expect(opportunity).toMatchObject({
      Id: result?.["opportunityId"],
      AccountId: account("unasked"),
      Name: `佐藤 花子 - ${PERSONAL}`,
      StageName: "Introduction",
      CommodityType: PERSONAL,
      Opportunity_Source__c: "Portal - Internet Eligibility Request",
      Application_Stage__c: "INTRO-1",
      WHMCS_Service_ID__c: null,
      CloseDate: inJapan(Date.parse(createdAt) + 60 * DAY_MS),
    });
  });

  it.each([
    ["2026-11-24T14:59:59.999Z", "2027-01-23"],
    ["2026-11-24T15:00:00.000Z", "2027-01-24"],
  ])("closes 60 days after the day in Japan on which the request was accepted: %s", async (acceptedAt, closeDate) => {
    const payload = { accountId: account("unasked"), address: ADDRESS };
    await line.runAt(eligibility, payload, new Date(acceptedAt));
    expect(await made("Opportunity")).toMatchObject([{ CloseDate: closeDate }]);
    expect(await recordOf("Account", account("unasked"))).toMatchObject({
      Internet_Eligibility_Request_Date_Time__c: acceptedAt.replace("Z", "+0000"),
    });
  });

  it("is the one in Introduction where there is one, which is left as it is", async () => {
    const id = before.seed.opportunities["introduced"];
    const untouched = await recordOf("Opportunity", id);
    expect(await request("introduced")).toMatchObject({ outcome: "done", result: { opportunityId: id } });
    expect(await made("Opportunity")).toEqual([]);
    expect(await recordOf("Opportunity", id)).toEqual(untouched);
    expect(await made("Case")).toMatchObject([{ OpportunityId: id }]);
  });

  it("is the most recently created where more than one is in Introduction", async () => {
    const newest = await introduction("introduced");
    expect(await request("introduced")).toMatchObject({ result: { opportunityId: newest.Id } });
  });

  it("may be a corporate one, though none is ever made", async () => {
    const corporate = await introduction("unasked", { CommodityType: CORPORATE });
    expect(await request("unasked")).toMatchObject({ result: { opportunityId: corporate.Id } });
    await request("fresh");
    expect((await made("Opportunity")).map(({ CommodityType }) => CommodityType)).toEqual([CORPORATE, PERSONAL]);
  });

  it.each([
    { StageName: "Ready" },
    { StageName: "Void" },
    { StageName: "Post Processing" },
    { StageName: "Active" },
    { StageName: "△Cancelling" },
    { StageName: "△Cancelled" },
    { CommodityType: "SIM" },
    { CommodityType: "VPN" },
  ])("is not one of another stage or commodity: %o", async (other) => {
    const { Id } = await introduction("unasked", other);
    const untouched = await recordOf("Opportunity", Id);
    expect((await request("unasked")).result?.["opportunityId"]).not.toBe(Id);
    expect(await recordOf("Opportunity", Id)).toEqual(untouched);
  });

  it("is not another account's", async () => {
    await introduction("fresh");
    expect(await request("unasked")).toMatchObject({ outcome: "done" });
    expect(await made("Opportunity")).toMatchObject([
      { AccountId: account("fresh") },
      { AccountId: account("unasked") },
    ]);
  });
});

describe("the Case", () => {
  it("tells Customer Service all that the customer filled in", async () => {
    const { id, result } = await request("unasked", {
      address: { ...ADDRESS, building: "ヒカリエ 8F" },
      notes: "犬がいます。\n午後のみ",
    });
    const [opened, ...others] = await made("Case");
    expect(others).toEqual([]);
    expect(opened).toMatchObject({
      Id: result?.["caseId"],
      Type: "Eligibility Check",
      Status: "New",
      AccountId: account("unasked"),
      OpportunityId: result?.["opportunityId"],
      Subject: "Internet Eligibility - 150-0002 東京都渋谷区渋谷2-21-1 ヒカリエ 8F",
      Description: [
        "Postal code: 150-0002",
        "Prefecture: 東京都",
        "City: 渋谷区",
        "Street: 渋谷2-21-1",
        "Building: ヒカリエ 8F",
        "",
        "Notes from the customer:",
        "犬がいます。\n午後のみ",
        "",
        `Handoff job: ${id}`,
      ].join("\n"),
    });
  });

  it("has a subject of the length that Salesforce allows, and loses nothing of a long address", async () => {
    const street = `${"あ".repeat(150)}𠮷野`;
    await request("unasked", { address: { ...ADDRESS, street, building: "い".repeat(160) } });
    const [opened] = await made("Case");
    expect(opened?.["Subject"]).toHaveLength(255);
    expect(opened?.["Description"]).toContain(street);
    expect(opened?.["Description"]).toContain("い".repeat(160));
  });
});

describe("the Account", () => {
  it("says Pending from the moment at which the request was accepted, and gets no value", async () => {
    const { createdAt } = await request("unasked");
    expect(await recordOf("Account", account("unasked"))).toMatchObject({
      Internet_Eligibility_Status__c: "Pending",
      Internet_Eligibility_Request_Date_Time__c: createdAt.replace("Z", "+0000"),
      Internet_Eligibility__c: null,
      Internet_Eligibility_Checked_Date_Time__c: null,
    });
  });

  it("that Salesforce does not have is an answer, not a fault", async () => {
    expect(await line.carry(eligibility, { accountId: "0015g000000ZZZZ", address: ADDRESS })).toMatchObject({
      state: "completed",
      outcome: "rejected",
      failure: { code: "unknown-account" },
    });
    await expectNothingWritten();
  });
});

describe("Opportunity, Case and Account", () => {
  it.each(["create", "update"])("are written all or none: %s is refused", async (operation) => {
    await line.fault({
      vendor: "salesforce",
      operation,
      mode: "error",
      code: "FIELD_CUSTOM_VALIDATION_EXCEPTION",
      body: "渋谷2-21-1 is refused",
    });
    const failed = await request("unasked");
    expect(failed).toMatchObject({ state: "failed", failure: { vendor: "salesforce", retryable: false } });
    expect(JSON.stringify(failed)).not.toContain(ADDRESS.street);
    await expectNothingWritten();

    expect(await line.retry(failed)).toMatchObject({ state: "completed", outcome: "done" });
    expect(await made("Opportunity")).toHaveLength(1);
    expect(await made("Case")).toHaveLength(1);
    expect(await recordOf("Account", account("unasked"))).toMatchObject({ Internet_Eligibility_Status__c: "Pending" });
  });
});

describe("a check whose answer was lost", () => {
  it("and that Customer Service has answered meanwhile is not asked a second time", async () => {
    await line.close();
    line = await openLine({ redis, attempts: 3, environment: { VENDOR_TIMEOUT_MS: "5000" } });
    line.engine.work();
    await line.fault({ vendor: "salesforce", operation: "query", mode: "slow", delayMs: 700, times: 2 });
    await line.fault({ vendor: "salesforce", operation: "composite", mode: "drop-after" });
    const carried = request("unasked");
    const looked = async () => (await line.calls()).filter(({ operation }) => operation === "query").length === 2;
    while (!(await looked())) await new Promise((resolve) => setImmediate(resolve));
    const [opened] = await made("Case");
    await line.edit("Case", String(opened?.["Id"]), { Status: "Closed" });
    await line.edit("Account", account("unasked"), {
      Internet_Eligibility__c: "Home 1G",
      Internet_Eligibility_Status__c: "Checked",
    });
    expect(await carried).toMatchObject({ state: "completed", result: { eligibility: "Home 1G" } });
    expect(await made("Case")).toHaveLength(1);
    expect(await recordOf("Account", account("unasked"))).toMatchObject({ Internet_Eligibility_Status__c: "Checked" });
  });
});

const DAY_MS = 24 * 3_600_000;

/** The date in Japan, `YYYY-MM-DD`. */
function inJapan(epochMs: number): string {
  return new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Tokyo" }).format(epochMs);
}
