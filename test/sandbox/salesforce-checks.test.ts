import { describe, expect, it } from "vitest";
import { inside, runningSandbox } from "./running-sandbox.ts";

const { rest, query, seeded, state } = runningSandbox();
const CLOSE = { Name: "A - SIM", StageName: "Introduction", CloseDate: "2026-12-31" };

describe("a write that the org would refuse", () => {
  it.each<[string, string, unknown, string]>([
    ["an unknown object", "Nothing__c", {}, "NOT_FOUND"],
    ["an unknown field", "Case", { Nothing__c: 1 }, "INVALID_FIELD"],
    ["a derived field", "Opportunity", { ...CLOSE, IsClosed: true }, "INVALID_FIELD_FOR_INSERT_UPDATE"],
    ["an Id", "Case", { Id: "5005g0000000001AAA" }, "INVALID_FIELD"],
    ["a number where a text belongs", "Case", { Subject: 5 }, "JSON_PARSER_ERROR"],
    ["a text where a number belongs", "Account", { Name: "A", WH_Account__c: "12" }, "JSON_PARSER_ERROR"],
    ["a day that does not exist", "Opportunity", { ...CLOSE, CloseDate: "2026-02-30" }, "JSON_PARSER_ERROR"],
    [
      "a moment without an offset",
      "Account",
      { Name: "A", Internet_Eligibility_Request_Date_Time__c: "2026-11-22T01:02:03" },
      "JSON_PARSER_ERROR",
    ],
    [
      "a value that the picklist lacks",
      "Opportunity",
      { ...CLOSE, StageName: "Cancelling" },
      "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    ],
    ["a record without its required fields", "Opportunity", { Name: "A" }, "REQUIRED_FIELD_MISSING"],
    ["an id that is none", "Case", { AccountId: "not-an-id" }, "MALFORMED_ID"],
    ["an id whose last letters do not fit", "Case", { AccountId: "0015g0000000001AAB" }, "MALFORMED_ID"],
    ["a reference to nothing", "Case", { AccountId: "0015g00000HjKlMAAV" }, "INVALID_CROSS_REFERENCE_KEY"],
    ["a reference to another object", "Case", { AccountId: "0065g0000000001AAA" }, "INVALID_CROSS_REFERENCE_KEY"],
    ["a text too long", "Opportunity", { ...CLOSE, Name: "長".repeat(121) }, "STRING_TOO_LONG"],
    ["a number with too many digits", "Account", { Name: "A", WH_Account__c: 1e19 }, "NUMBER_OUTSIDE_VALID_RANGE"],
    ["a unique value twice", "Account", { Name: "A", SF_Account_No__c: "100001" }, "DUPLICATE_VALUE"],
    ["a body that is not JSON", "Case", "{", "JSON_PARSER_ERROR"],
  ])("%s: %s", async (_, object, fields, errorCode) => {
    const before = await state("salesforce");
    const { status, body } = await rest("POST", `sobjects/${object}`, fields);
    expect({ status, code: inside(body, 0, "errorCode") }).toEqual({
      status: errorCode === "NOT_FOUND" ? 404 : 400,
      code: errorCode,
    });
    expect(await state("salesforce")).toEqual(before);
  });

  it("names every missing field at once", async () => {
    const { body } = await rest("POST", "sobjects/Opportunity", { Name: "A" });
    expect(body).toEqual([
      {
        message: "Required fields are missing: [StageName, CloseDate]",
        errorCode: "REQUIRED_FIELD_MISSING",
        fields: ["StageName", "CloseDate"],
      },
    ]);
  });

  it("refuses an order product from another price book", async () => {
    const [standardEntry] = [await state("salesforce", "PricebookEntry", "0")];
    const fields = {
      OrderId: await seeded("orders", "pendingSim"),
      PricebookEntryId: inside(standardEntry, "Id"),
      Quantity: 1,
    };
    expect((await rest("POST", "sobjects/OrderItem", fields)).body).toMatchObject([
      { errorCode: "FIELD_INTEGRITY_EXCEPTION" },
    ]);
  });

  it("lets a lookup be set once where the org does", async () => {
    const item = inside(await state("salesforce", "OrderItem", "0"), "Id");
    const other = await seeded("orders", "pendingSim");
    expect((await rest("PATCH", `sobjects/OrderItem/${String(item)}`, { OrderId: other })).body).toMatchObject([
      { errorCode: "INVALID_FIELD_FOR_INSERT_UPDATE" },
    ]);
  });
});

describe("what is accepted", () => {
  it("takes ids of 15 characters and shows 18", async () => {
    const account = await seeded("accounts", "fresh");
    const { status, body } = await rest("POST", "sobjects/Case", { AccountId: account.slice(0, 15) });
    expect(status).toBe(201);
    expect(
      (await rest("GET", `sobjects/Case/${String(inside(body, "id")).slice(0, 15)}?fields=AccountId,IsClosed`)).body,
    ).toMatchObject({ AccountId: account, IsClosed: false });
  });

  it("gives each write a later moment than the one before, in Salesforce's own form", async () => {
    await rest("POST", "sobjects/Case", {});
    await rest("POST", "sobjects/Case", {});
    const { body } = await query("SELECT CreatedDate FROM Case ORDER BY CreatedDate");
    const moments = [0, 1, 2].map((n) => String(inside(body, "records", n, "CreatedDate")));
    expect(new Set(moments).size).toBe(3);
    expect(moments).toEqual(moments.toSorted());
    expect(moments[0]).toMatch(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}\+0000$/);
  });

  it("clears a field with null, and answers 204 without a body", async () => {
    const account = await seeded("accounts", "homeEligible");
    expect(await rest("PATCH", `sobjects/Account/${account}`, { Internet_Eligibility__c: null })).toMatchObject({
      status: 204,
      body: "",
    });
    expect((await rest("GET", `sobjects/Account/${account}?fields=Internet_Eligibility__c`)).body).toMatchObject({
      Internet_Eligibility__c: null,
    });
  });
});

describe("an upsert", () => {
  it("makes the record once and changes it afterwards", async () => {
    expect(await rest("PATCH", "sobjects/Case/Job_Key__c/e%2F1", { Subject: "one" })).toMatchObject({
      status: 201,
      body: { created: true },
    });
    expect(await rest("PATCH", "sobjects/Case/Job_Key__c/e%2F1", { Subject: "two" })).toMatchObject({
      status: 200,
      body: { created: false },
    });
    expect((await query("SELECT Subject FROM Case WHERE Job_Key__c = 'e/1'")).body).toMatchObject({
      totalSize: 1,
      records: [{ Subject: "two" }],
    });
  });

  it("wants the key in the address and not in the body, and a field that is an external id", async () => {
    expect((await rest("PATCH", "sobjects/Case/Job_Key__c/e1", { Job_Key__c: "e1" })).body).toMatchObject([
      { errorCode: "INVALID_FIELD" },
    ]);
    expect(await rest("PATCH", "sobjects/Case/Subject/e1", {})).toMatchObject({
      status: 404,
      body: [{ errorCode: "NOT_FOUND" }],
    });
    expect(await rest("PATCH", "sobjects/Case/Job_Key__c/e1?updateOnly=true", {})).toMatchObject({ status: 404 });
  });
});

describe("the session", () => {
  it("is needed for every call", async () => {
    const answer = await rest("GET", "limits", undefined, { headers: { authorization: "Bearer 00D!wrong" } });
    expect(answer).toMatchObject({
      status: 401,
      body: [{ message: "Session expired or invalid", errorCode: "INVALID_SESSION_ID" }],
    });
    expect(answer.headers.get("sforce-limit-info")).toMatch(/^api-usage=\d+\/100000$/);
  });
});
