import * as z from "zod";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { RejectedError, UnavailableError, UnknownOutcomeError } from "../../src/domain/errors.ts";
import { accountId, orderId } from "../../src/domain/salesforce-id.ts";
import { mailClient } from "../../src/integrations/mail/client.ts";
import { opportunityIdAnswer } from "../../src/integrations/salesforce/answers.ts";
import { salesforceClient, type Salesforce } from "../../src/integrations/salesforce/client.ts";
import { whmcsClient, type Whmcs } from "../../src/integrations/whmcs/client.ts";
import { startSandbox, type Sandbox } from "../../src/sandbox/sandbox.ts";
import { readSettings, type Settings } from "../../src/settings.ts";
import { callWithin } from "./vendor.ts";

/** Only what these tests look at. */
const state = z.object({
  seed: z.object({
    accounts: z.record(z.string(), z.string()),
    orders: z.record(z.string(), z.string()),
    opportunities: z.record(z.string(), z.string()),
  }),
  salesforce: z.record(z.string(), z.array(z.looseObject({ Id: z.string() }))),
  mails: z.array(z.looseObject({})),
});

const CLIENT_OF_APARTMENT = 1003;
/** Far longer than any answer here takes, however busy the machine. */
const CALL_DEADLINE_MS = 10_000;

let sandbox: Sandbox;
let settings: Settings;
let salesforce: Salesforce;
let whmcs: Whmcs;

beforeAll(async () => {
  sandbox = await startSandbox();
  settings = readSettings({
    ROLES: "worker",
    REDIS_URL: "redis://127.0.0.1:1",
    DATA_KEY: Buffer.alloc(32).toString("base64"),
    SALESFORCE_LOGIN_URL: sandbox.url,
    SALESFORCE_CLIENT_ID: "sandbox-client",
    SALESFORCE_CLIENT_SECRET: "sandbox-secret",
    WHMCS_URL: `${sandbox.url}/whmcs`,
    WHMCS_IDENTIFIER: "sandbox-identifier",
    WHMCS_SECRET: "sandbox-secret",
    SMTP_URL: sandbox.smtpUrl,
    MAIL_FROM: "portal@sonixnet.example",
  });
});
afterAll(() => sandbox.close());

beforeEach(async () => {
  await control("POST", "reset");
  const call = callWithin(CALL_DEADLINE_MS);
  salesforce = salesforceClient({ settings, call });
  whmcs = whmcsClient({ settings, call });
});

async function control(method: string, path: string, body?: unknown): Promise<Response> {
  const response = await fetch(`${sandbox.url}/control/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response;
}
const kept = async () => state.parse(await (await control("GET", "state")).json());
const fault = (order: Readonly<Record<string, unknown>>) => control("POST", "faults", order);
const rowsOf = async (object: string) => (await kept()).salesforce[object] ?? [];

async function accountCalled(name: string) {
  return accountId.parse((await kept()).seed.accounts[name]);
}
async function orderCalled(name: string) {
  return orderId.parse((await kept()).seed.orders[name]);
}
async function checkFor(name: string) {
  const id = await accountCalled(name);
  const facts = await salesforce.eligibility(id);
  if (facts === null) throw new Error(`no account ${name}`);
  return {
    accountId: id,
    accountName: facts.accountName,
    opportunityId: facts.introduction,
    subject: "Internet Eligibility - 150-0002 東京都渋谷区",
    description: "Postal code: 150-0002\nCity: O'Brien's \"渋谷区\" \\",
    requestedAt: new Date("2026-11-22T01:02:03.004Z"),
  };
}

describe("an eligibility check", () => {
  test("is opened in one call and found again by the next look", async () => {
    const check = await checkFor("unasked");
    expect(check.opportunityId).toBeNull();
    const made = await salesforce.requestEligibilityCheck(check);
    await expect(salesforce.eligibility(check.accountId)).resolves.toEqual({
      accountName: check.accountName,
      eligibility: null,
      status: "Pending",
      openCase: made,
      introduction: made.opportunityId,
    });
    const opened = (await rowsOf("Case")).find(({ Id }) => Id === made.caseId);
    expect(opened).toMatchObject({ Description: check.description, Status: "New", OpportunityId: made.opportunityId });
  });

  test("leaves nothing behind where one part of it is refused", async () => {
    const check = await checkFor("unasked");
    const before = (await rowsOf("Opportunity")).length;
    await expect(
      salesforce.requestEligibilityCheck({ ...check, description: "x".repeat(40_000) }),
    ).rejects.toMatchObject({
      constructor: RejectedError,
      code: "salesforce-too-long",
      title: expect.stringContaining("Case.Description") as string,
    });
    expect(await rowsOf("Opportunity")).toHaveLength(before);
  });

  test("whose answer was lost is in doubt, and a look finds it", async () => {
    const check = await checkFor("unasked");
    await fault({ vendor: "salesforce", operation: "composite", mode: "hang-after" });
    const hurried = salesforceClient({ settings, call: callWithin(1_000) });
    await expect(hurried.requestEligibilityCheck(check)).rejects.toMatchObject({
      constructor: UnknownOutcomeError,
      mayStillLand: true,
    });
    const found = await salesforce.eligibility(check.accountId);
    expect(found?.openCase).not.toBeNull();
  });

  test("waits where someone else holds the account's lock", async () => {
    const check = await checkFor("unasked");
    await fault({ vendor: "salesforce", operation: "composite", mode: "error", code: "UNABLE_TO_LOCK_ROW" });
    await expect(salesforce.requestEligibilityCheck(check)).rejects.toMatchObject({
      constructor: UnavailableError,
      scope: "call",
    });
  });

  test("of an account that is not there is not known", async () => {
    await expect(salesforce.eligibility(accountId.parse("001000000000001"))).resolves.toBeNull();
  });
});

describe("an approved order", () => {
  test("is read whole, becomes a WHMCS order, and its opportunity becomes active", async () => {
    const order = await salesforce.orderForProvisioning(await orderCalled("approvedApartment"));
    expect(order).toMatchObject({
      status: "Approved",
      whmcsClientId: CLIENT_OF_APARTMENT,
      opportunity: { stage: "Post Processing", whmcsServiceId: null },
      items: [
        { whmcsProductId: 12, billingCycle: "Monthly", itemClass: "Service", quantity: 1 },
        { whmcsProductId: 13, itemClass: "Activation", quantity: 1 },
      ],
    });
    const opportunityId = opportunityIdAnswer.parse(order?.opportunity?.opportunityId);
    const of = { clientId: CLIENT_OF_APARTMENT, opportunityId };
    await expect(whmcs.ordersOf(of)).resolves.toEqual([]);

    const made = await whmcs.addOrder({
      ...of,
      lines: [
        { productId: 12, quantity: 1, billingCycle: "Monthly", addonIds: [] },
        { productId: 13, quantity: 1, billingCycle: "Onetime", addonIds: [] },
      ],
    });
    expect(made.serviceIds).toHaveLength(2);
    const found = await whmcs.ordersOf(of);
    expect(found).toEqual([
      {
        orderId: made.orderId,
        services: [
          { serviceId: made.serviceIds[0], productId: 12, status: "Pending" },
          { serviceId: made.serviceIds[1], productId: 13, status: "Pending" },
        ],
      },
    ]);

    await whmcs.acceptOrder(made.orderId);
    await whmcs.acceptOrder(made.orderId);
    await expect(whmcs.orderStatus(made.orderId)).resolves.toBe("Active");
    await expect(whmcs.cancelOrder(made.orderId)).rejects.toMatchObject({
      constructor: RejectedError,
      code: "whmcs-order-not-pending",
    });

    const whmcsServiceId = z.number().parse(made.serviceIds[0]);
    await salesforce.activate({ opportunityId, whmcsServiceId });
    await salesforce.activate({ opportunityId, whmcsServiceId });
    await expect(salesforce.opportunityLink(opportunityId)).resolves.toEqual({ stage: "Active", whmcsServiceId });
  });

  test("whose WHMCS answer was lost is found by the opportunity's mark", async () => {
    const { seed } = await kept();
    const of = {
      clientId: CLIENT_OF_APARTMENT,
      opportunityId: opportunityIdAnswer.parse(seed.opportunities["approvedApartment"]),
    };
    await fault({ vendor: "whmcs", operation: "AddOrder", mode: "drop-after" });
    const lines = [{ productId: 12, quantity: 1, billingCycle: "Monthly", addonIds: [] }];
    await expect(whmcs.addOrder({ ...of, lines })).rejects.toMatchObject({
      constructor: UnknownOutcomeError,
      mayStillLand: true,
    });
    const [found] = await whmcs.ordersOf(of);
    expect(found?.services).toHaveLength(1);
    await whmcs.cancelOrder(z.number().parse(found?.orderId));
    await whmcs.cancelOrder(z.number().parse(found?.orderId));
  });

  test("of a closed client is refused in plain words", async () => {
    const { seed } = await kept();
    const opportunityId = opportunityIdAnswer.parse(seed.opportunities["pendingClosedClient"]);
    const lines = [{ productId: 21, quantity: 1, billingCycle: "Monthly", addonIds: [] }];
    await expect(whmcs.addOrder({ clientId: 1009, opportunityId, lines })).rejects.toMatchObject({
      constructor: RejectedError,
      code: "whmcs-client-closed",
    });
    await expect(whmcs.addOrder({ clientId: 4711, opportunityId, lines })).rejects.toMatchObject({
      constructor: RejectedError,
      code: "whmcs-client-not-found",
    });
  });

  test("has add-ons where WHMCS knows no such product", async () => {
    await expect(whmcs.productsAmong([11, 7])).resolves.toEqual(new Set([11]));
  });

  test("that is not there is not known", async () => {
    await expect(salesforce.orderForProvisioning(orderId.parse("801000000000001"))).resolves.toBeNull();
    await expect(whmcs.orderStatus(4711)).resolves.toBeNull();
  });
});

describe("the way in", () => {
  test("a Salesforce session that ended is renewed without anyone noticing", async () => {
    const account = await accountCalled("unasked");
    await salesforce.eligibility(account);
    await control("POST", "expire-sessions");
    await expect(Promise.all(Array.from({ length: 20 }, () => salesforce.eligibility(account)))).resolves.toHaveLength(
      20,
    );
    const calls = z.array(z.object({ operation: z.string() })).parse(await (await control("GET", "calls")).json());
    expect(calls.filter(({ operation }) => operation === "token")).toHaveLength(2);
  });

  test("wrong credentials make jobs wait instead of failing", async () => {
    const wrong = { ...settings, SALESFORCE_CLIENT_ID: "someone-else", WHMCS_IDENTIFIER: "someone-else" };
    const call = callWithin(CALL_DEADLINE_MS);
    await expect(
      salesforceClient({ settings: wrong, call }).eligibility(await accountCalled("unasked")),
    ).rejects.toMatchObject({ constructor: UnavailableError, scope: "vendor", code: "salesforce-sign-in-refused" });
    await expect(whmcsClient({ settings: wrong, call }).orderStatus(1)).rejects.toMatchObject({
      constructor: UnavailableError,
      scope: "vendor",
      code: "whmcs-sign-in-refused",
    });
  });

  test("an unknown payment method is named", async () => {
    const { seed } = await kept();
    const wrong = whmcsClient({
      settings: { ...settings, WHMCS_PAYMENT_METHOD: "cowries" },
      call: callWithin(CALL_DEADLINE_MS),
    });
    const opportunityId = opportunityIdAnswer.parse(seed.opportunities["approvedApartment"]);
    const lines = [{ productId: 12, quantity: 1, billingCycle: "Monthly", addonIds: [] }];
    await expect(wrong.addOrder({ clientId: CLIENT_OF_APARTMENT, opportunityId, lines })).rejects.toMatchObject({
      constructor: RejectedError,
      code: "whmcs-payment-method",
    });
  });
});

test("a mail reaches the mail server", async () => {
  const mail = mailClient({ settings, call: callWithin(2_000) });
  await mail.send({
    to: "hanako@customer.example",
    subject: "ご解約",
    text: "…",
    messageId: "<a.v1@sonixnet.example>",
  });
  expect((await kept()).mails).toMatchObject([
    { to: ["hanako@customer.example"], messageId: "<a.v1@sonixnet.example>" },
  ]);
});
