import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { monthInJapan, monthsAfter } from "../../src/domain/japan-calendar.ts";
import { cancellation } from "../../src/processors/cancellation.ts";
import { dailySweep } from "../../src/processors/daily-sweep.ts";
import { order } from "../../src/processors/order.ts";
import { provisioning } from "../../src/processors/provisioning.ts";
import { termination } from "../../src/processors/termination.ts";
import { verification } from "../../src/processors/verification.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Fields, type Line, openLine, type SandboxState } from "./line.ts";

/** A job that comes back hours later, by itself or since an operator retries it, meets a world that went on without it. */

const ATTEMPTS = 3;
const MONTH = monthsAfter(monthInJapan(new Date()), 1);
const LATER = monthsAfter(MONTH, 2);

let redis: TestRedis;
let line: Line;
let seed: SandboxState["seed"];

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  line = await openLine({ redis, attempts: ATTEMPTS });
  line.engine.work();
  ({ seed } = await line.state());
});
afterEach(() => line.close());

const ofOpportunity = async (name: string) => {
  const { salesforce } = await line.state();
  return salesforce.Opportunity.find(({ Id }) => Id === seed.opportunities[name]);
};
const casesOf = async (name: string) => {
  const { salesforce } = await line.state();
  return salesforce.Case.filter(({ OpportunityId }) => OpportunityId === seed.opportunities[name]);
};
const refuseOnce = (operation: string) =>
  line.fault({ vendor: "salesforce", operation, mode: "error", code: "FIELD_CUSTOM_VALIDATION_EXCEPTION" });
const neverAnswer = (vendor: string, operation: string) =>
  line.fault({ vendor, operation, mode: "drop-before", times: ATTEMPTS });
const cancel = (service: "Internet" | "SIM", month: string) =>
  line.carry(cancellation, {
    service,
    accountId: seed.accounts[service === "SIM" ? "activeSim" : "activeInternet"],
    serviceId: Number(seed.services[service === "SIM" ? "activeSim" : "activeInternet"]),
    month,
    ...(service === "SIM" && { simNumber: seed.sims["activeSim"] }),
  });

describe("a request that was sent again after it had failed", () => {
  it("is one cancellation, though an operator retries the first one too", async () => {
    await refuseOnce("create");
    const first = await cancel("SIM", MONTH);
    expect(first.state).toBe("failed");
    const second = await cancel("SIM", MONTH);
    expect(second.outcome).toBe("done");
    expect(await line.retry(first)).toMatchObject({ state: "completed", outcome: "done", result: second.result });
    expect(await casesOf("activeSim")).toHaveLength(1);
    expect((await line.mails()).map(({ to }) => to.join())).toHaveLength(2); // the customer's and the administrator's
  });

  it("is one order, though Customer Service has approved it before an operator retries the first one", async () => {
    const request = {
      accountId: seed.accounts["unasked"],
      orderType: "VPN",
      items: [{ productId: seed.products["vpn"] }],
    };
    await refuseOnce("create");
    const first = await line.carry(order, request);
    const second = await line.carry(order, request);
    await line.edit("Order", String(second.result?.["orderId"]), { Status: "Approved" });
    expect(await line.retry(first)).toMatchObject({ outcome: "done", result: second.result });
    const orders = (await line.state()).salesforce.Order.filter(({ AccountId }) => AccountId === request.accountId);
    expect(orders).toHaveLength(1);
  });
});

describe("a cancellation in doubt", () => {
  it("does not overwrite the month that the customer chose since", async () => {
    await neverAnswer("salesforce", "composite");
    const first = await cancel("Internet", MONTH);
    expect(first).toMatchObject({ state: "failed", failure: { vendor: "salesforce" } });
    const second = await cancel("Internet", LATER);
    expect(second.outcome).toBe("done");
    const chosen = await ofOpportunity("activeInternet");
    expect(await line.retry(first)).toMatchObject({ state: "failed", failure: { code: "settled-otherwise" } });
    expect(await ofOpportunity("activeInternet")).toEqual(chosen);
    expect(await casesOf("activeInternet")).toHaveLength(1);
    expect(await line.mails()).toHaveLength(1);
  });
});

describe("the end of a service", () => {
  const due = { StageName: "△Cancelling", SIMScheduledCancellationDateAndTime__c: "2026-01-31T14:59:59.000Z" };

  it("does not come for a customer who stayed while it waited", async () => {
    const opportunityId = seed.opportunities["activeSim"] ?? "";
    await line.edit("Opportunity", opportunityId, due);
    await neverAnswer("whmcs", "ModuleTerminate");
    const job = await line.carry(termination, { opportunityId });
    expect(job.state).toBe("failed");
    await line.edit("Opportunity", opportunityId, {
      StageName: "Active",
      SIMScheduledCancellationDateAndTime__c: null,
    });
    expect(await line.retry(job)).toMatchObject({ state: "failed", failure: { code: "no-longer-due" } });
    const { whmcs } = await line.state();
    expect(whmcs.services.find(({ id }) => id === Number(seed.services["activeSim"]))?.status).toBe("Active");
    expect(await ofOpportunity("activeSim")).toMatchObject({ StageName: "Active" });
  });

  it("goes by the date of its own sort: a SIM's date that was left on an Internet opportunity counts for nothing", async () => {
    await line.edit("Opportunity", seed.opportunities["activeInternet"] ?? "", {
      ...due,
      ScheduledCancellationDateAndTime__c: "2099-06-30T14:59:59.000Z",
    });
    expect(await line.carry(dailySweep, {})).toMatchObject({ result: { terminations: 0, endedByHand: 0 } });
  });
});

describe("an order in doubt", () => {
  it("is not sent to WHMCS again once Customer Service has taken it back", async () => {
    const orderId = seed.orders["approvedApartment"] ?? "";
    await neverAnswer("whmcs", "AddOrder");
    const job = await line.carry(provisioning, { orderId });
    expect(job.state).toBe("failed");
    await line.edit("Order", orderId, { Status: "Cancelled" });
    expect(await line.retry(job)).toMatchObject({ state: "failed", failure: { code: "order-taken-back" } });
    expect((await line.state()).whmcs.orders).toEqual([]);
  });
});

describe("an identity document", () => {
  const account = async (): Promise<Fields | undefined> =>
    (await line.state()).salesforce.Account.find(({ Id }) => Id === seed.accounts["unasked"]);
  const submit = async (content: string, autoApproved: boolean) => {
    const put = await line.documents.put(
      (async function* () {
        yield Buffer.from(content);
      })(),
    );
    const document = { ...put, extension: "pdf" };
    return await line.carry(verification, { accountId: seed.accounts["unasked"], autoApproved, document });
  };

  it("that waited does not take back what was verified since", async () => {
    await refuseOnce("update");
    const first = await submit("%PDF-1.7 one", false);
    expect(first.state).toBe("failed");
    await submit("%PDF-1.7 another", true);
    const verified = await account();
    expect(verified).toMatchObject({ Id_Verification_Status__c: "Verified" });
    expect(await line.retry(first)).toMatchObject({ state: "completed", outcome: "done" });
    expect(await account()).toEqual(verified);
  });
});
