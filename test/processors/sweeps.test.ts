import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { approvalSweep } from "../../src/processors/approval-sweep.ts";
import { dailySweep } from "../../src/processors/daily-sweep.ts";
import { documentSweep } from "../../src/processors/document-sweep.ts";
import { provisioning } from "../../src/processors/provisioning.ts";
import { termination } from "../../src/processors/termination.ts";
import type { JobView } from "../../src/queues/job-view.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Fields, type Line, openLine } from "./line.ts";

let redis: TestRedis;
let line: Line;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  line = await openLine({ redis, environment: { ADMIN_EMAIL: "operations@sonixnet.example" } });
  line.engine.work();
});
afterEach(() => line.close());

const HOUR_AGO = () => new Date(Date.now() - 3_600_000).toISOString();

async function jobsOf(kind: string): Promise<JobView[]> {
  const jobs = (await line.engine.queues.get(kind)?.getJobs()) ?? [];
  return await Promise.all(jobs.map(({ id }) => line.engine.until(id ?? "", "completed", "failed")));
}

async function recordOf(object: "Opportunity" | "Order" | "Case", fits: (record: Fields) => boolean): Promise<Fields> {
  const found = (await line.state()).salesforce[object].find(fits);
  if (found === undefined) throw new Error(`no ${object}`);
  return found;
}

const seeded = async (group: "opportunities" | "orders" | "services", name: string) =>
  (await line.state()).seed[group][name] ?? "";

describe("the sweep for approvals", () => {
  it("provisions approved orders that nobody announced, and says that it found them", async () => {
    expect(await line.carry(approvalSweep, {})).toMatchObject({ outcome: "done", result: { approvedOrders: 2 } });
    const jobs = await jobsOf("provisioning");
    expect(jobs).toHaveLength(2);
    for (const job of jobs) expect(job.doors).toEqual(["approval-sweep"]);
    expect(await line.carry(approvalSweep, {})).toMatchObject({ result: { approvedOrders: 0 } });
  });

  it("leaves alone what a message has announced already, and the job says by which doors it came", async () => {
    const orderId = await seeded("orders", "approvedApartment");
    await line.fault({ vendor: "whmcs", operation: "AddOrder", mode: "slow", delayMs: 300 });
    const taken = await line.engine.accept(provisioning, { orderId }, { door: "outbound message 1", unless: ["done"] });
    await line.carry(approvalSweep, {});
    expect(await jobsOf("provisioning")).toHaveLength(2);
    if (taken.how === "key-reused") throw new Error("no key was given");
    expect((await line.engine.job(taken.job.id)).doors).toEqual(["outbound message 1", "approval-sweep"]);
    expect((await line.state()).whmcs.orders).toHaveLength(2);
  });

  it("does not fail anew what waits for a person", async () => {
    const orderId = await seeded("orders", "pendingWithoutClient");
    await line.edit("Order", orderId, { Status: "Approved" });
    await line.carry(approvalSweep, {});
    const [failed] = (await jobsOf("provisioning")).filter(({ state }) => state === "failed");
    expect(failed).toMatchObject({ failure: { code: "no-whmcs-client" } });
    await line.carry(approvalSweep, {});
    expect((await jobsOf("provisioning")).filter(({ state }) => state === "failed")).toHaveLength(1);
  });

  it("finds an order that was approved while a job for it had just read otherwise", async () => {
    const orderId = await seeded("orders", "pendingHome");
    expect(await line.carry(provisioning, { orderId })).toMatchObject({ outcome: "rejected" });
    await line.edit("Order", orderId, { Status: "Approved" });
    await line.carry(approvalSweep, {});
    const jobs = (await jobsOf("provisioning")).filter(({ result }) => result?.["orderId"] === orderId);
    expect(jobs.map(({ outcome }) => outcome)).toEqual(["done"]);
  });

  it("finds an approved order without an opportunity, for a person to mend", async () => {
    const order = await recordOf("Order", ({ Status }) => Status === "Pending Review");
    await line.edit("Order", String(order["Id"]), { Status: "Approved", OpportunityId: null });
    await line.carry(approvalSweep, {});
    expect((await jobsOf("provisioning")).map(({ failure }) => failure?.code)).toContain("no-opportunity");
  });
});

describe("on the scheduled date", () => {
  /** The Opportunity of an active service, as a cancellation of an hour ago left it. */
  async function cancelled(name: string, fields: Fields): Promise<string> {
    const id = await seeded("opportunities", name);
    const { AccountId } = await recordOf("Opportunity", ({ Id }) => Id === id);
    await line.edit("Opportunity", id, { StageName: "△Cancelling", ...fields });
    await line.make("Case", { Type: "Cancellation Request", AccountId, OpportunityId: id, Status: "New" });
    return id;
  }
  const opportunity = async (id: string) => await recordOf("Opportunity", ({ Id }) => Id === id);
  const caseOf = async (id: string) => await recordOf("Case", ({ OpportunityId }) => OpportunityId === id);
  const statusOf = async (name: string) => {
    const id = Number(await seeded("services", name));
    return (await line.state()).whmcs.services.find((service) => service.id === id)?.status;
  };
  const endByHand = async (name: string) =>
    await line.whmcs("UpdateClientProduct", { serviceid: await seeded("services", name), status: "Terminated" });
  const sweep = async () => {
    const job = await line.carry(dailySweep, {});
    await jobsOf("termination");
    return job;
  };

  it("a SIM is ended in WHMCS, its opportunity is cancelled and its case closed", async () => {
    const id = await cancelled("activeSim", { SIMScheduledCancellationDateAndTime__c: HOUR_AGO() });
    expect(await sweep()).toMatchObject({ result: { terminations: 1, endedByHand: 0 } });
    expect(await statusOf("activeSim")).toBe("Terminated");
    expect(await opportunity(id)).toMatchObject({ StageName: "△Cancelled" });
    expect(await caseOf(id)).toMatchObject({ Status: "Closed" });
  });

  it("nothing happens to a service whose last day is still to come", async () => {
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
    const id = await cancelled("activeSim", { SIMScheduledCancellationDateAndTime__c: tomorrow });
    await sweep();
    expect(await statusOf("activeSim")).toBe("Active");
    expect(await opportunity(id)).toMatchObject({ StageName: "△Cancelling" });
  });

  it("the administrator gets one mail that lists Internet and VPN services which still run", async () => {
    await cancelled("activeInternet", { ScheduledCancellationDateAndTime__c: HOUR_AGO(), LineReturn__c: "SentKit" });
    const vpn = await cancelled("activeVpn", { ScheduledCancellationDateAndTime__c: HOUR_AGO() });
    expect(await sweep()).toMatchObject({ result: { terminations: 0, endedByHand: 2 } });
    await jobsOf("mail");
    const { mails } = await line.state();
    expect(mails.map(({ to }) => to)).toEqual([["operations@sonixnet.example"]]);
    expect(await opportunity(vpn)).toMatchObject({ StageName: "△Cancelling" });
    expect(await statusOf("activeInternet")).toBe("Active");
  });

  it("a VPN that was ended in WHMCS by hand is cancelled, and its case closed", async () => {
    const id = await cancelled("activeVpn", { ScheduledCancellationDateAndTime__c: HOUR_AGO() });
    await endByHand("activeVpn");
    expect(await sweep()).toMatchObject({ result: { terminations: 1, endedByHand: 0 } });
    expect(await opportunity(id)).toMatchObject({ StageName: "△Cancelled" });
    expect(await caseOf(id)).toMatchObject({ Status: "Closed" });
    expect((await line.state()).mails).toEqual([]);
  });

  it.for(["Returned", "不要"])("an Internet case is closed where the line is %s", async (lineReturn) => {
    const id = await cancelled("activeInternet", {
      ScheduledCancellationDateAndTime__c: HOUR_AGO(),
      LineReturn__c: lineReturn,
    });
    await endByHand("activeInternet");
    await sweep();
    expect(await opportunity(id)).toMatchObject({ StageName: "△Cancelled" });
    expect(await caseOf(id)).toMatchObject({ Status: "Closed" });
  });

  it("an Internet case stays open until the equipment is back, though the opportunity is cancelled", async () => {
    const id = await cancelled("activeInternet", {
      ScheduledCancellationDateAndTime__c: HOUR_AGO(),
      LineReturn__c: "SentKit",
    });
    await endByHand("activeInternet");
    await sweep();
    expect(await opportunity(id)).toMatchObject({ StageName: "△Cancelled" });
    expect(await caseOf(id)).toMatchObject({ Status: "New" });
    await line.edit("Opportunity", id, { LineReturn__c: "Returned" });
    expect(await sweep()).toMatchObject({ result: { terminations: 1, endedByHand: 0 } });
    expect(await caseOf(id)).toMatchObject({ Status: "Closed" });
    expect(await sweep()).toMatchObject({ result: { terminations: 0, endedByHand: 0 } });
  });

  it("a SIM that WHMCS cannot end waits for a person, and does not fail anew every morning", async () => {
    await cancelled("activeSim", { SIMScheduledCancellationDateAndTime__c: HOUR_AGO() });
    await line.fault({
      vendor: "whmcs",
      operation: "ModuleTerminate",
      mode: "error",
      body: "Service not assigned to a module",
    });
    await sweep();
    expect((await jobsOf("termination")).map(({ failure }) => failure?.code)).toEqual(["whmcs-no-module"]);
    await sweep();
    expect(await jobsOf("termination")).toHaveLength(1);
    expect(await statusOf("activeSim")).toBe("Active");
  });

  it("a customer who stays after all keeps the service", async () => {
    const id = await cancelled("activeSim", { SIMScheduledCancellationDateAndTime__c: HOUR_AGO() });
    await line.edit("Opportunity", id, { StageName: "Active" });
    const job = await line.carry(termination, { opportunityId: id });
    expect(job).toMatchObject({ outcome: "rejected", failure: { code: "not-due" } });
    expect(await statusOf("activeSim")).toBe("Active");
  });
});

describe("the sweep for documents", () => {
  it("erases what has waited for 30 days, and nothing younger", async () => {
    const { id } = await line.documents.put(
      (async function* () {
        yield Buffer.from("%PDF-1.7");
      })(),
    );
    await line.carry(documentSweep, {});
    expect(await line.documents.open(id)).toHaveLength(1);
    await line.runAt(documentSweep, {}, new Date(Date.now() + 31 * 86_400_000));
    await expect(line.documents.open(id)).rejects.toThrow(/no longer in the store/);
  });
});
