import { once } from "node:events";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openMetrics } from "../../src/metrics.ts";
import { breakerFor } from "../../src/queues/breaker.ts";
import { connectDoor, type Connection } from "../../src/queues/connection.ts";
import { openDoorReads } from "../../src/services.ts";
import { readSettings } from "../../src/settings.ts";
import { runningSandbox } from "../sandbox/running-sandbox.ts";
import { ask, asPortal, type Doors, type Engine, openDoors, ORG, startEngine } from "./doors.ts";

/** What a customer sees, over HTTP from Salesforce's sandbox to the portal. */

const { url, control, seeded } = runningSandbox();

let engine: Engine;
let connection: Connection;
let doors: Doors;

beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.close());
beforeEach(() => open());
afterEach(close);

const CREDENTIALS = () => ({
  SALESFORCE_LOGIN_URL: url(),
  SALESFORCE_CLIENT_ID: "sandbox-client",
  SALESFORCE_CLIENT_SECRET: "sandbox-secret",
});

async function open(environment: Readonly<Record<string, string>> = CREDENTIALS()) {
  const settings = readSettings({
    ROLES: "api",
    ...engine.redis.environment,
    API_KEYS: "portal:the-portal's-own-key-1",
    SALESFORCE_ORG_ID: ORG,
    SALESFORCE_OUTBOUND_TOKEN: "a-secret-last-path-segment",
    DATA_KEY: Buffer.alloc(32, 7).toString("base64"),
    VENDOR_TIMEOUT_MS: "1500",
    ...environment,
  });
  connection = connectDoor(settings);
  connection.on("error", () => undefined); // a Redis that a test stops is no news
  if (connection.status !== "ready") await once(connection, "ready");
  await connection.del("{handoff}:breaker:salesforce");
  const breaker = breakerFor("salesforce", {
    redis: connection,
    prefix: settings.QUEUE_PREFIX,
    baseMs: settings.RETRY_BASE_MS,
    probeMs: 1000,
    complain: () => undefined,
  });
  const { salesforce } = openDoorReads(settings, breaker, openMetrics());
  doors = await openDoors(engine.intake, {
    customers: { salesforce, notEligibleValues: settings.NOT_ELIGIBLE_VALUES },
  });
}

async function close() {
  await doors.close();
  connection.disconnect();
}

const statusOf = (accountId: string, headers: Readonly<Record<string, string>> = asPortal) =>
  ask(`${doors.url}/api/accounts/${accountId}/status`, { headers });
const statusOfSeeded = async (name: string) => statusOf(await seeded("accounts", name));
const edit = (object: string, id: string, fields: object) => control("PATCH", `records/${object}/${id}`, fields);
const fault = (order: object) => control("POST", "faults", { vendor: "salesforce", operation: "query", ...order });

describe("a customer's status", () => {
  it("is as the contract shows it, and stays with the caller", async () => {
    const { status, headers, json } = await statusOfSeeded("homeEligible");
    expect(status).toBe(200);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(json).toEqual({
      eligibility: {
        view: "plan-selection",
        value: "Home 1G",
        requestedAt: expect.stringMatching(/^\d{4}-.*Z$/),
        checkedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      },
      verification: { view: "upload-form", message: null, submittedAt: null },
      orders: [
        { orderId: await seeded("orders", "pendingHome"), status: "Pending Review", view: "processing", message: null },
      ],
      cancellations: [],
    });
  });

  it.each([
    ["unasked", { eligibility: { view: "address-form" }, verification: { view: "upload-form" } }],
    ["checking", { eligibility: { view: "checking", value: null } }],
    ["notEligible", { eligibility: { view: "not-available", value: "Not Eligible" } }],
    ["submitted", { verification: { view: "verifying" }, orders: [{ status: "Approved", view: "approved" }] }],
    ["verified", { verification: { view: "verified", message: null } }],
    ["rejected", { verification: { view: "resubmit", message: "住所が読み取れません。もう一度撮影してください。" } }],
    ["activeInternet", { cancellations: [] }],
  ])("follows Salesforce: %s", async (name, shown) => {
    expect((await statusOfSeeded(name)).json).toMatchObject(shown);
  });

  it("tells of a service that ends, with its last day in Japan", async () => {
    const opportunity = await seeded("opportunities", "cancelling");
    await edit("Opportunity", opportunity, {
      ScheduledCancellationDateAndTime__c: "2026-12-31T14:59:59Z",
      LineReturn__c: "SentKit",
    });
    const internet = {
      serviceId: 804,
      type: "Internet",
      endDate: "2026-12-31",
      returnDeadline: null,
      kitStatus: "sent",
    };
    expect((await statusOfSeeded("cancelling")).json["cancellations"]).toEqual([{ ...internet, view: "cancelling" }]);
    await edit("Opportunity", opportunity, { StageName: "△Cancelled" });
    expect((await statusOfSeeded("cancelling")).json["cancellations"]).toEqual([{ ...internet, view: "cancelled" }]);

    await edit("Opportunity", await seeded("opportunities", "activeSim"), {
      StageName: "△Cancelling",
      SIMScheduledCancellationDateAndTime__c: "2027-01-31T14:59:59Z",
    });
    expect((await statusOfSeeded("activeSim")).json["cancellations"]).toMatchObject([
      { serviceId: 802, type: "SIM", endDate: "2027-01-31", kitStatus: null },
    ]);
  });

  it("shows the reason of a rejection, and nothing else of the Order's notes", async () => {
    const order = await seeded("orders", "pendingHome");
    const Description = "on the fraud list\nHandoff job: job-1\n\nRejection reason for the customer: No line there.";
    await edit("Order", order, { Status: "Cancelled", Description });
    const { json, text } = await statusOfSeeded("homeEligible");
    expect(json["orders"]).toEqual([
      { orderId: order, status: "Cancelled", view: "rejected", message: "No line there." },
    ]);
    expect(text).not.toMatch(/fraud|job-1/);
  });

  it("calls an order active once its Opportunity is", async () => {
    await edit("Opportunity", await seeded("opportunities", "approvedApartment"), { StageName: "Active" });
    const { json } = await statusOfSeeded("apartmentEligible");
    expect(json["orders"]).toMatchObject([{ status: "Approved", view: "active" }]);
  });

  it("is one call to Salesforce", async () => {
    await control("DELETE", "calls");
    await statusOfSeeded("homeEligible");
    const { body } = await control("GET", "calls");
    expect(body).toMatchObject([{ operation: "token" }, { operation: "query" }]);
  });

  it("has the deadline for the equipment where the org has a field for it", async () => {
    await close();
    // The sandbox's org has no such field; any date of it stands in.
    await open({ ...CREDENTIALS(), SALESFORCE_FIELDS: '{"Opportunity.ReturnDeadline": "CloseDate"}' });
    await edit("Opportunity", await seeded("opportunities", "cancelling"), { CloseDate: "2027-01-15" });
    expect((await statusOfSeeded("cancelling")).json["cancellations"]).toMatchObject([
      { returnDeadline: "2027-01-15" },
    ]);
  });

  it("follows NOT_ELIGIBLE_VALUES", async () => {
    await close();
    await open({ ...CREDENTIALS(), NOT_ELIGIBLE_VALUES: "Home 1G" });
    expect((await statusOfSeeded("homeEligible")).json).toMatchObject({ eligibility: { view: "not-available" } });
  });
});

describe("who asks wrongly", () => {
  it("is told that Salesforce has no such account", async () => {
    expect(await statusOf("0015g000000ZZZZ")).toMatchObject({ status: 404, json: { code: "unknown-account" } });
  });

  it.each(["8015g00000ZxCvBAAV", "nobody", "001", "0015g000000ZZZZ%27"])(
    "is told what an id looks like: %s",
    async (id) => {
      expect(await statusOf(id)).toMatchObject({
        status: 422,
        json: { code: "invalid-request", errors: [{ path: "accountId" }] },
      });
    },
  );

  it("learns nothing without a key", async () => {
    expect(await statusOf(await seeded("accounts", "homeEligible"), {})).toMatchObject({ status: 401 });
  });
});

describe("while Salesforce does not answer", () => {
  it.each([
    ["is in maintenance", { mode: "fail-before" }],
    ["drops the connection", { mode: "drop-before" }],
    ["says nothing until the deadline", { mode: "hang-before" }],
    ["has used up its calls", { mode: "error", status: 403, code: "REQUEST_LIMIT_EXCEEDED" }],
    ["lacks a field", { mode: "error", status: 400, code: "INVALID_FIELD", body: "No such column 'Foo__c'" }],
  ])("%s: 503 and when to ask again, and the reason in the log alone", async (_, order) => {
    await fault(order);
    const answer = await statusOfSeeded("homeEligible");
    expect(answer).toMatchObject({ status: 503, json: { code: "salesforce-unavailable" } });
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(answer.text).not.toContain("Foo__c");
    const logged = await doors.logged(answer.headers.get("x-request-id") ?? "");
    expect(logged["err"]).toMatchObject({ vendor: "salesforce" });
  });

  it("is not called any more after a while, and asked again once it is back", async () => {
    await fault({ mode: "fail-before", times: 5 });
    for (let call = 0; call < 5; call++) await statusOfSeeded("homeEligible");
    await control("DELETE", "calls");
    const answer = await statusOfSeeded("homeEligible");
    expect(answer).toMatchObject({ status: 503, json: { detail: "Salesforce is away." } });
    expect((await control("GET", "calls")).body).toEqual([]);
    await connection.hset("{handoff}:breaker:salesforce", "open", 1); // its time is over
    expect((await statusOfSeeded("homeEligible")).status).toBe(200);
  });
});

describe("without Salesforce's settings", () => {
  it("the answer says which are missing", async () => {
    await close();
    await open({});
    expect(await statusOfSeeded("homeEligible")).toMatchObject({
      status: 503,
      json: { code: "salesforce-unavailable", detail: expect.stringContaining("SALESFORCE_LOGIN_URL") },
    });
  });
});

describe("while Redis", () => {
  it.each([
    ["hangs", "SIGSTOP", () => engine.redis.kill("SIGCONT")],
    ["is away", "SIGKILL", () => engine.redis.restart()],
  ] as const)("%s, customers still see how things stand", async (_, signal, mend) => {
    await engine.redis.kill(signal);
    const asked = performance.now();
    expect((await statusOfSeeded("homeEligible")).status).toBe(200);
    expect(performance.now() - asked).toBeLessThan(2000);
    await mend();
  });
});
