import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { lastSecondOf, monthInJapan, monthsAfter, runDateAfter } from "../../src/domain/japan-calendar.ts";
import { cancellation } from "../../src/processors/cancellation.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { ADMINISTRATOR, type Fields, isProper, type Line, openLine, type SandboxState, textOf } from "./line.ts";

/** `spec/rules.md`, "Cancellation", line by line, against the sandbox. The 25th rule: test/api/cancellation.test.ts. */

const MONTH = monthsAfter(monthInJapan(new Date()), 1);
const LATER = monthsAfter(MONTH, 1);
const SIM_NUMBER = "08000001014";
const ADDRESS = {
  activeInternet: "activeinternet1013@customer.example",
  activeSim: "activesim1014@customer.example",
  activeVpn: "activevpn1015@customer.example",
};

let redis: TestRedis;
let line: Line;
let before: SandboxState;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  line = await openLine({ redis, attempts: 3 });
  line.engine.work();
  before = await line.state();
});
afterEach(() => line.close());

const account = (name: string) => before.seed.accounts[name] ?? "";
const opportunityOf = (name: string) => before.seed.opportunities[name] ?? "";
const serviceOf = (name: string) => Number(before.seed.services[name]);

const ask = (name: string, service: "Internet" | "SIM" | "VPN", more: Fields = {}) =>
  line.carry(cancellation, {
    service,
    accountId: account(name),
    serviceId: serviceOf(name),
    ...(service !== "VPN" && { month: MONTH }),
    ...(service === "SIM" && { simNumber: SIM_NUMBER }),
    ...more,
  });
const internet = (more: Fields = {}) => ask("activeInternet", "Internet", more);
const sim = (more: Fields = {}) => ask("activeSim", "SIM", more);
const vpn = (more: Fields = {}) => ask("activeVpn", "VPN", more);

async function newCases(): Promise<readonly Fields[]> {
  const known = new Set(before.salesforce.Case.map(({ Id }) => Id));
  return (await line.state()).salesforce.Case.filter(({ Id }) => !known.has(Id));
}
async function opportunity(name: string): Promise<Fields | undefined> {
  const id = opportunityOf(name);
  return (await line.state()).salesforce.Opportunity.find(({ Id }) => Id === id);
}
const moment = (value: unknown) => new Date(String(value)).getTime();
const endOf = async (account: string) =>
  (await line.state()).freebit.lines.find((each) => each.account === account)?.cancelDate;
const properCalls = async () =>
  (await line.calls()).filter(isProper).map(({ vendor, operation }) => `${vendor} ${operation}`);

/** Nothing was written anywhere, and nobody was written to. */
async function expectNothing() {
  await line.rest();
  const { salesforce, freebit, mails } = await line.state();
  expect(salesforce).toEqual(before.salesforce);
  expect(freebit).toEqual(before.freebit);
  expect(mails).toEqual([]);
}

describe("an Internet service", () => {
  it("ends with the last second of the chosen month in Japan, and its line is to be returned", async () => {
    const job = await internet();
    expect(job).toMatchObject({ state: "completed", outcome: "done" });
    const cancelling = await opportunity("activeInternet");
    expect(cancelling).toMatchObject({
      StageName: "△Cancelling",
      CancellationNotice__c: "有",
      LineReturn__c: "NotYet",
      SIMCancellationNotice__c: null,
      SIMScheduledCancellationDateAndTime__c: null,
    });
    expect(moment(cancelling?.["ScheduledCancellationDateAndTime__c"])).toBe(lastSecondOf(MONTH).getTime());
    const [made] = await newCases();
    expect(job.result).toEqual({
      caseId: made?.["Id"],
      opportunityId: opportunityOf("activeInternet"),
      whmcsServiceId: serviceOf("activeInternet"),
    });
  });

  it("gets a Case with all that the form held", async () => {
    const job = await internet({ comments: "引っ越しのため\nThank you", alternativeEmail: "taro@customer.example" });
    const [made, ...others] = await newCases();
    expect(others).toEqual([]);
    expect(made).toMatchObject({
      Type: "Cancellation Request",
      AccountId: account("activeInternet"),
      OpportunityId: opportunityOf("activeInternet"),
      Subject: `Cancellation Request - Internet (${MONTH})`,
      Status: "New",
    });
    const description = String(made?.["Description"]);
    const told = ["801", MONTH, "taro@customer.example", "引っ越しのため\nThank you", job.id];
    for (const each of told) expect(description).toContain(each);
  });

  it("takes two calls to Salesforce, one to WHMCS and one mail", async () => {
    await internet();
    await line.rest();
    expect(await properCalls()).toEqual([
      "salesforce query",
      "whmcs GetClientsProducts",
      "salesforce composite",
      "mail data",
    ]);
  });

  it("whose Case Salesforce refuses stays as it was, for Case and Opportunity are all or none", async () => {
    await line.fault({
      vendor: "salesforce",
      operation: "update",
      mode: "error",
      code: "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    });
    expect(await internet()).toMatchObject({ state: "failed", failure: { vendor: "salesforce" } });
    await expectNothing();
  });
});

describe("a SIM", () => {
  it("ends with the month: Freebit first, then the Case and the Opportunity", async () => {
    expect(await sim({ serialNumber: "A1-77" })).toMatchObject({ state: "completed", outcome: "done" });
    expect(await endOf(SIM_NUMBER)).toBe(runDateAfter(MONTH));
    const cancelling = await opportunity("activeSim");
    expect(cancelling).toMatchObject({
      StageName: "△Cancelling",
      SIMCancellationNotice__c: "有",
      CancellationNotice__c: null,
      LineReturn__c: null,
      ScheduledCancellationDateAndTime__c: null,
    });
    expect(moment(cancelling?.["SIMScheduledCancellationDateAndTime__c"])).toBe(lastSecondOf(MONTH).getTime());
    const [made] = await newCases();
    expect(made?.["Subject"]).toBe(`Cancellation Request - SIM (${MONTH})`);
    for (const each of [SIM_NUMBER, "A1-77", "802", "result code 100"])
      expect(String(made?.["Description"])).toContain(each);
  });

  it("takes two calls to Salesforce, one to WHMCS, one to Freebit and two mails", async () => {
    await sim();
    await line.rest();
    expect(await properCalls()).toEqual([
      "salesforce query",
      "whmcs GetClientsProducts",
      "freebit cnclAcnt",
      "salesforce composite",
      "mail data",
      "mail data",
    ]);
  });

  it("is told of to the administrator too, with Freebit's answer", async () => {
    await sim();
    const mails = await line.mails();
    expect(mails.map(({ to }) => to.join()).toSorted()).toEqual([ADDRESS.activeSim, ADMINISTRATOR]);
    const report = mails.find(({ to }) => to.includes(ADMINISTRATOR));
    expect(report && textOf(report)).toContain("result code 100");
  });

  it("that Freebit refuses for good fails, with nothing else written, and the administrator is told", async () => {
    await line.fault({ vendor: "freebit", operation: "cnclAcnt", mode: "error", code: "400-356" });
    const failed = await sim({ comments: "もう使いません" });
    expect(failed).toMatchObject({ state: "failed", failure: { vendor: "freebit", code: "freebit-refused" } });
    await line.rest();
    const [report, ...others] = await line.mails();
    expect(others).toEqual([]);
    expect(report?.to).toEqual([ADMINISTRATOR]);
    const text = report === undefined ? "" : textOf(report);
    for (const each of ["400-356", SIM_NUMBER, "もう使いません", failed.id]) expect(text).toContain(each);
    expect((await line.state()).salesforce).toEqual(before.salesforce);
    expect(await endOf(SIM_NUMBER)).toBeNull();

    expect(await line.retry(failed)).toMatchObject({ state: "completed", outcome: "done" });
    expect(await newCases()).toHaveLength(1);
  });

  it("that Freebit refuses again is told of once, in whatever words it does", async () => {
    for (const code of ["400-356", "400-357"])
      await line.fault({ vendor: "freebit", operation: "cnclAcnt", mode: "error", code });
    const again = await line.retry(await sim());
    expect(again).toMatchObject({ state: "failed", failure: { title: expect.stringContaining("400-357") } });
    expect(await line.mails()).toHaveLength(1);
  });

  it("whose answer from Freebit was lost is found booked, and not sent again", async () => {
    await line.fault({ vendor: "freebit", operation: "cnclAcnt", mode: "drop-after" });
    expect(await sim()).toMatchObject({ state: "completed", outcome: "done" });
    expect((await line.calls()).filter(({ operation }) => operation === "cnclAcnt")).toHaveLength(1);
    const [made] = await newCases();
    expect(String(made?.["Description"])).toContain("as the line shows");
  });

  it("is left to a person where WHMCS has another number for it: another customer's line might end", async () => {
    expect(await sim({ simNumber: "070-0000-0001" })).toMatchObject({
      state: "failed",
      failure: { code: "sim-number-differs" },
    });
    await expectNothing();
  });
});

describe("a VPN service", () => {
  it("ends at once, and its line has nothing to return", async () => {
    const job = await vpn();
    expect(job).toMatchObject({ state: "completed", outcome: "done" });
    const cancelling = await opportunity("activeVpn");
    expect(cancelling).toMatchObject({
      StageName: "△Cancelling",
      CancellationNotice__c: "有",
      LineReturn__c: null,
      SIMCancellationNotice__c: null,
    });
    expect(moment(cancelling?.["ScheduledCancellationDateAndTime__c"])).toBe(moment(job.createdAt));
    const [made] = await newCases();
    expect(made?.["Subject"]).toBe(`Cancellation Request - VPN (${monthInJapan(new Date(job.createdAt))})`);
  });

  it("that was asked about at 23:59 ends on that day, whenever it is carried out", async () => {
    const asked = { service: "VPN", accountId: account("activeVpn"), serviceId: serviceOf("activeVpn") };
    await line.runAt(cancellation, asked, new Date("2026-12-31T14:59:30Z"));
    expect((await newCases())[0]?.["Subject"]).toBe("Cancellation Request - VPN (2026-12)");
  });

  it("that is ending already answers with what there is", async () => {
    const first = await vpn();
    const second = await vpn();
    expect(second.id).not.toBe(first.id);
    expect(second).toMatchObject({ outcome: "done", result: first.result });
    expect(await newCases()).toHaveLength(1);
  });
});

describe("whose service it is", () => {
  it("is asked of WHMCS: another client's is rejected", async () => {
    const job = await internet({ serviceId: 999 });
    expect(job).toMatchObject({ state: "completed", outcome: "rejected", failure: { code: "not-your-service" } });
    await expectNothing();
  });

  it("cannot be told of an account that Salesforce does not have", async () => {
    const job = await internet({ accountId: "0015g0000099999AAA" });
    expect(job).toMatchObject({ outcome: "rejected", failure: { code: "unknown-account" } });
    await expectNothing();
  });

  it("is a person's to find out where the account has no WHMCS client, so that the request is not lost", async () => {
    await line.edit("Account", account("activeInternet"), { WH_Account__c: null });
    const failed = await internet();
    expect(failed).toMatchObject({ state: "failed", failure: { code: "no-whmcs-client" } });
    expect(await newCases()).toEqual([]);
    await line.edit("Account", account("activeInternet"), { WH_Account__c: 1013 });
    expect(await line.retry(failed)).toMatchObject({ state: "completed", outcome: "done" });
  });

  it("no longer matters where it has ended in WHMCS", async () => {
    await line.whmcs("UpdateClientProduct", { serviceid: "801", status: "Terminated" });
    expect(await internet()).toMatchObject({ outcome: "rejected", failure: { code: "already-cancelled" } });
    await expectNothing();
  });

  it("is not asked where the address is for another sort of service", async () => {
    expect(await ask("activeSim", "Internet")).toMatchObject({
      outcome: "rejected",
      failure: { code: "another-service-type" },
    });
    await expectNothing();
  });
});

describe("the service's Opportunity", () => {
  it("is the newest that carries the service", async () => {
    const newer = await line.make("Opportunity", {
      AccountId: account("activeInternet"),
      Name: "made by hand",
      StageName: "Active",
      CloseDate: "2027-01-31",
      CommodityType: "Corporate SonixNet Home Internet",
      WHMCS_Service_ID__c: 801,
    });
    expect((await internet()).result).toMatchObject({ opportunityId: newer.Id });
    expect(await opportunity("activeInternet")).toMatchObject({ StageName: "Active" });
  });

  it("may be missing: the Case is made all the same, and the administrator is told", async () => {
    await line.edit("Opportunity", opportunityOf("activeInternet"), { WHMCS_Service_ID__c: null });
    const job = await internet();
    const [made] = await newCases();
    expect(job).toMatchObject({ state: "completed", outcome: "done" });
    expect(job.result).toEqual({ caseId: made?.["Id"], whmcsServiceId: 801 });
    expect(made?.["OpportunityId"]).toBeNull();
    const mails = await line.mails();
    expect(mails.map(({ to }) => to.join()).toSorted()).toEqual([ADDRESS.activeInternet, ADMINISTRATOR]);
    expect(mails.find(({ to }) => to.includes(ADMINISTRATOR))?.subject).toContain("no Opportunity found");

    expect(await internet()).toMatchObject({ outcome: "done", result: job.result }); // asked again: nothing doubled
    expect(await internet({ month: LATER })).toMatchObject({ failure: { code: "already-cancelling" } });
    expect(await newCases()).toHaveLength(1);
    expect(await line.mails()).toHaveLength(2);
  });

  it("that is cancelling for the same month is the answer, and nothing is doubled", async () => {
    const first = await sim();
    const mails = await line.mails();
    await line.forgetCalls();
    const second = await sim();
    expect(second.id).not.toBe(first.id);
    expect(second).toMatchObject({ state: "completed", outcome: "done", result: first.result });
    expect(await line.mails()).toEqual(mails);
    expect(await properCalls()).toEqual(["salesforce query"]);
  });

  it("that is cancelling for another month keeps it", async () => {
    await internet();
    const cancelling = await opportunity("activeInternet");
    expect(await internet({ month: LATER })).toMatchObject({
      state: "completed",
      outcome: "rejected",
      failure: { code: "already-cancelling" },
    });
    expect(await opportunity("activeInternet")).toEqual(cancelling);
    expect(await newCases()).toHaveLength(1);
  });

  it.each(["Post Processing", "△Cancelled", "Void"])(
    "in %s fails the job for a person, before any other system is touched",
    async (stage) => {
      await line.edit("Opportunity", opportunityOf("activeSim"), { StageName: stage });
      await line.forgetCalls();
      expect(await sim()).toMatchObject({ state: "failed", failure: { code: "service-not-active" } });
      expect(await properCalls()).toEqual(["salesforce query"]);
    },
  );
});

describe("the confirmation", () => {
  it("goes to the account's address and to the other one that was given, one mail each", async () => {
    await internet({ alternativeEmail: "taro@customer.example" });
    const mails = await line.mails();
    expect(mails.map(({ to }) => to)).toHaveLength(2);
    expect(mails.flatMap(({ to }) => to).toSorted()).toEqual([ADDRESS.activeInternet, "taro@customer.example"]);
    const [made] = await newCases();
    for (const mail of mails) expect(textOf(mail)).toContain(String(made?.["CaseNumber"]));
  });

  it("goes once where both are the same", async () => {
    await internet({ alternativeEmail: ADDRESS.activeInternet.toUpperCase() });
    expect(await line.mails()).toHaveLength(1);
  });

  it("goes to the address of the oldest contact that has one", async () => {
    await line.make("Contact", {
      AccountId: account("activeInternet"),
      LastName: "松本",
      Email: "newer@customer.example",
    });
    await internet();
    expect((await line.mails()).flatMap(({ to }) => to)).toEqual([ADDRESS.activeInternet]);
  });

  it("cannot go to an account without an address: the administrator is told", async () => {
    await line.edit("Contact", await contactOf("activeInternet"), { Email: null });
    expect(await internet()).toMatchObject({ outcome: "done" });
    const [report, ...others] = await line.mails();
    expect(others).toEqual([]);
    expect(report?.to).toEqual([ADMINISTRATOR]);
    expect(report && textOf(report)).toContain("no e-mail address");
  });

  it("that cannot be sent undoes nothing: its own job fails", async () => {
    await line.fault({ vendor: "mail", operation: "rcpt", mode: "error", status: 550 });
    expect(await internet()).toMatchObject({ state: "completed", outcome: "done" });
    await line.rest();
    expect(await line.engine.queues.get("mail")?.getFailedCount()).toBe(1);
    expect(await opportunity("activeInternet")).toMatchObject({ StageName: "△Cancelling" });
  });
});

async function contactOf(name: string): Promise<string> {
  const contacts = (await line.state()).salesforce.Contact;
  return String(contacts.find(({ AccountId }) => AccountId === account(name))?.["Id"]);
}

it("goes on where Redis has lost what was done: Freebit and Salesforce are looked at, and the mails go out", async () => {
  const asked = {
    service: "SIM",
    accountId: account("activeSim"),
    serviceId: serviceOf("activeSim"),
    month: MONTH,
    simNumber: SIM_NUMBER,
  };
  const handed: unknown[] = [];
  const run = async () => {
    handed.length = 0;
    return await line.runAt(cancellation, asked, new Date(), {
      looksFirst: true,
      hand: async (_kind, payload) => {
        handed.push(payload);
        return "job-2";
      },
    });
  };
  const first = await run();
  expect(await run()).toEqual(first);
  expect(handed).toHaveLength(2);
  expect(await newCases()).toHaveLength(1);
  expect((await line.calls()).filter(({ operation }) => operation === "cnclAcnt")).toHaveLength(1);
});
