import { describe, expect, it } from "vitest";
import { call, inside, runningSandbox } from "./running-sandbox.ts";
import { startSandbox } from "../../src/sandbox/sandbox.ts";

const { url, control, rest, whmcs, state, made, seeded } = runningSandbox();

describe("the state", () => {
  it("has the same ids after every start", async () => {
    const other = await startSandbox();
    const { body } = await call(`${other.url}/control/state`, {});
    await other.close();
    expect(inside(body, "seed")).toEqual(await state("seed"));
  });

  it("goes back to the seed on a reset", async () => {
    await rest("POST", "sobjects/Case", {});
    await whmcs("AddOrder", { clientid: "1002", paymentmethod: "banktransfer", "pid[0]": "11" });
    await control("POST", "reset");
    expect(await made("salesforce", "Case")).toHaveLength(0);
    expect(await state("whmcs", "orders")).toEqual([]);
    expect((await control("GET", "calls")).body).toEqual([]);
  });
});

describe("the call log", () => {
  it("tells what each vendor was asked, and never a secret", async () => {
    await whmcs("GetOrders", { userid: "1002" });
    await rest("GET", "limits");
    const { body } = await control("GET", "calls");
    expect(body).toMatchObject([
      { vendor: "whmcs", operation: "GetOrders", status: 200, summary: "GetOrders userid=1002" },
      { vendor: "salesforce", operation: "token", status: 200 },
      { vendor: "salesforce", operation: "limits", status: 200 },
    ]);
    expect(JSON.stringify(body)).not.toContain("sandbox-secret");
    await control("DELETE", "calls");
    expect((await control("GET", "calls")).body).toEqual([]);
  });
});

describe("a record changed from outside", () => {
  it("goes through the same checks as any other", async () => {
    const made = await control("POST", "records", { object: "Case", fields: { Subject: "by hand" } });
    expect(made).toMatchObject({ status: 201, body: { Subject: "by hand", Status: "New", IsClosed: false } });
    const id = String(inside(made.body, "Id"));
    expect((await control("PATCH", `records/Case/${id}`, { Status: "Closed" })).body).toMatchObject({ IsClosed: true });
    expect(await control("PATCH", `records/Case/${id}`, { Status: "Nonsense" })).toMatchObject({
      status: 400,
      body: [{ errorCode: "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST" }],
    });
    expect(
      (await control("POST", "records", { object: "Case", id, fields: { Status: "Working" } })).body,
    ).toMatchObject({ Id: id, Status: "Working" });
  });
});

describe("the page", () => {
  it("shows what the vendors hold, with a button for each order in review, and escapes what it shows", async () => {
    await control("POST", "records", { object: "Case", fields: { Subject: "<script>alert(1)</script>" } });
    const { status, body } = await call(`${url()}/`, {});
    expect(status).toBe(200);
    expect(body).toContain("佐藤 花子");
    expect(String(body).match(/\/approve"/g)).toHaveLength(4);
    expect(body).not.toContain("<script");
    expect(body).toContain("&lt;script&gt;");
  });

  it("takes a fault from its form, and says what is wrong with one", async () => {
    const form = {
      vendor: "salesforce",
      operation: "query",
      mode: "error",
      times: "2",
      delayMs: "",
      status: "",
      code: "QUERY_TIMEOUT",
    };
    expect(
      (await call(`${url()}/page/faults`, { method: "POST", body: new URLSearchParams(form), redirect: "manual" }))
        .status,
    ).toBe(303);
    expect((await control("GET", "faults")).body).toMatchObject([
      { operation: "query", times: 2, code: "QUERY_TIMEOUT" },
    ]);
    expect(
      (await call(`${url()}/page/faults`, { method: "POST", body: new URLSearchParams({ ...form, times: "0" }) })).body,
    ).toContain("times: ");
  });

  const press = async (path: string, form: Readonly<Record<string, string>> = {}) =>
    (await call(`${url()}/page/${path}`, { method: "POST", body: new URLSearchParams(form), redirect: "manual" }))
      .status;

  it("rejects an order with a reason", async () => {
    const id = await seeded("orders", "pendingSim");
    expect(await press(`orders/${id}/reject`, { reason: "住所不備" })).toBe(303);
    expect((await rest("GET", `sobjects/Order/${id}`)).body).toMatchObject({
      Status: "Cancelled",
      Note__c: "住所不備",
    });
  });

  it.each([
    ["Home 1G", "Ready"],
    ["Not Eligible", "Void"],
  ])("answers an eligibility check with %s: the Case is closed and the Opportunity %s", async (value, StageName) => {
    expect(await press(`accounts/${await seeded("accounts", "checking")}/eligibility`, { value })).toBe(303);
    const { body } = await rest(
      "GET",
      `query?q=${encodeURIComponent("SELECT Status, Opportunity.StageName, Account.Internet_Eligibility__c, Account.Internet_Eligibility_Status__c, Account.Internet_Eligibility_Checked_Date_Time__c FROM Case WHERE Type = 'Eligibility Check'")}`,
    );
    expect(inside(body, "records", 0)).toMatchObject({
      Status: "Closed",
      Opportunity: { StageName },
      Account: { Internet_Eligibility__c: value, Internet_Eligibility_Status__c: "Checked" },
    });
  });

  it("verifies an identity, or rejects it with a message", async () => {
    const id = await seeded("accounts", "submitted");
    expect(await press(`accounts/${id}/identity`, { status: "Rejected", message: "ぼやけています" })).toBe(303);
    expect((await rest("GET", `sobjects/Account/${id}`)).body).toMatchObject({
      Id_Verification_Status__c: "Rejected",
      Id_Verification_Rejection_Message__c: "ぼやけています",
    });
    expect(await press(`accounts/${id}/identity`, { status: "Verified" })).toBe(303);
    expect((await rest("GET", `sobjects/Account/${id}`)).body).toMatchObject({
      Id_Verification_Status__c: "Verified",
      Id_Verification_Rejection_Message__c: null,
    });
    expect(await press(`accounts/${id}/identity`, { status: "Nonsense" })).toBe(400);
  });

  it("sets the clock in Japan's time and publishes an event", async () => {
    expect(await press("clock", { now: "2026-12-25T00:00" })).toBe(303);
    expect(await state("clock", "now")).toMatch(/^2026-12-24T15:00:0/);
    expect(await press("events", { orderId: "801x" })).toBe(303);
    expect(await state("events", "retained")).toMatchObject([{ data: { payload: { Order_Id__c: "801x" } } }]);
    expect(await press("clock", { now: "" })).toBe(303);
    expect(await state("clock", "isSet")).toBe(false);
  });

  it("takes no form from another site's page", async () => {
    const orderId = await seeded("orders", "pendingSim");
    expect(
      (
        await call(`${url()}/page/orders/${orderId}/approve`, {
          method: "POST",
          headers: { "sec-fetch-site": "cross-site" },
        })
      ).status,
    ).toBe(403);
  });
});
