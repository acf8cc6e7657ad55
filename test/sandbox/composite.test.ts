import { describe, expect, it } from "vitest";
import { inside, runningSandbox } from "./running-sandbox.ts";

const { rest, state, made, seeded, control } = runningSandbox();
const V = "/services/data/v62.0";

async function eligibilityRequest(caseFields: object = {}) {
  const accountId = await seeded("accounts", "unasked");
  return [
    {
      method: "POST",
      url: `${V}/sobjects/Opportunity`,
      referenceId: "opp",
      body: { AccountId: accountId, Name: "A", StageName: "Introduction", CloseDate: "2026-12-31" },
    },
    {
      method: "POST",
      url: `${V}/sobjects/Case`,
      referenceId: "cs",
      body: { AccountId: accountId, OpportunityId: "@{opp.id}", Subject: "check", ...caseFields },
    },
    {
      method: "PATCH",
      url: `${V}/sobjects/Account/${accountId}`,
      referenceId: "acc",
      body: { Internet_Eligibility_Status__c: "Pending" },
    },
  ];
}
const codes = (body: unknown) =>
  ["0", "1", "2"].map((n) => [
    inside(body, "compositeResponse", n, "httpStatusCode"),
    inside(body, "compositeResponse", n, "body", 0, "errorCode"),
  ]);

describe("a composite that must be all or none", () => {
  it("writes everything, and later parts know the ids of earlier ones", async () => {
    const { status, body } = await rest("POST", "composite", {
      allOrNone: true,
      compositeRequest: await eligibilityRequest(),
    });
    expect(status).toBe(200);
    expect(codes(body)).toEqual([
      [201, undefined],
      [201, undefined],
      [204, undefined],
    ]);
    const opportunityId = inside(body, "compositeResponse", 0, "body", "id");
    expect(await made("salesforce", "Case")).toMatchObject([{ OpportunityId: opportunityId, Subject: "check" }]);
  });

  it("leaves no trace when one part fails, and says so with status 200", async () => {
    const before = await state("salesforce");
    const { status, body } = await rest("POST", "composite", {
      allOrNone: true,
      compositeRequest: await eligibilityRequest({ Type: "Nonsense" }),
    });
    expect(status).toBe(200);
    expect(codes(body)).toEqual([
      [400, "PROCESSING_HALTED"],
      [400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"],
      [400, "PROCESSING_HALTED"],
    ]);
    expect(await state("salesforce")).toEqual(before);
  });

  it("fails inside where a fault was ordered for one part's operation", async () => {
    await control("POST", "faults", {
      vendor: "salesforce",
      operation: "update",
      mode: "error",
      code: "UNABLE_TO_LOCK_ROW",
    });
    const { body } = await rest("POST", "composite", { allOrNone: true, compositeRequest: await eligibilityRequest() });
    expect(codes(body)).toEqual([
      [400, "PROCESSING_HALTED"],
      [400, "PROCESSING_HALTED"],
      [400, "UNABLE_TO_LOCK_ROW"],
    ]);
    expect(await made("salesforce", "Case")).toHaveLength(0);
  });
});

describe("a composite that need not be", () => {
  it("keeps what went well, and halts what refers to what did not", async () => {
    const [opp, cs, acc] = await eligibilityRequest();
    const { body } = await rest("POST", "composite", { compositeRequest: [{ ...opp, body: { Name: "A" } }, cs, acc] });
    expect(codes(body)).toEqual([
      [400, "REQUIRED_FIELD_MISSING"],
      [400, "PROCESSING_HALTED"],
      [204, undefined],
    ]);
    expect(await state("salesforce", "Account", "0")).toMatchObject({ Internet_Eligibility_Status__c: "Pending" });
  });
});

describe("a composite that reads", () => {
  const read = (url: string, referenceId: string) => ({ method: "GET", url: `${V}/${url}`, referenceId });
  const soql = (text: string) => `query?q=${encodeURIComponent(text)}`;

  it("answers each part as it would by itself, and a later part knows what an earlier one found", async () => {
    const account = await seeded("accounts", "checking");
    const { status, body } = await rest("POST", "composite", {
      allOrNone: false,
      compositeRequest: [
        read(`sobjects/Account/${account}?fields=Name`, "account"),
        read(soql(`SELECT Id, Opportunity.StageName FROM Case WHERE AccountId = '${account}'`), "cases"),
        read("sobjects/Case/@{cases.records[0].Id}?fields=Type", "one"),
        read(soql("SELECT Nothing__c FROM Case"), "wrong"),
        read(soql("SELECT Id FROM Case WHERE Subject = 'none'"), "none"),
      ],
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      compositeResponse: [
        { referenceId: "account", httpStatusCode: 200, body: { Name: "田中 健太" } },
        {
          referenceId: "cases",
          httpStatusCode: 200,
          body: { totalSize: 1, done: true, records: [{ Opportunity: { StageName: "Introduction" } }] },
        },
        { referenceId: "one", httpStatusCode: 200, body: { Type: "Eligibility Check" } },
        { referenceId: "wrong", httpStatusCode: 400, body: [{ errorCode: "INVALID_FIELD" }] },
        { referenceId: "none", httpStatusCode: 200, body: { totalSize: 0, done: true, records: [] } },
      ],
    });
  });
});

describe("a malformed composite", () => {
  const one = { method: "GET", url: `${V}/sobjects`, referenceId: "a" };
  it.each([
    ["nothing in it", { compositeRequest: [] }],
    [
      "26 parts",
      { compositeRequest: Array.from({ length: 26 }, (_, n) => ({ ...one, referenceId: `r${String(n)}` })) },
    ],
    [
      "6 queries",
      {
        compositeRequest: Array.from({ length: 6 }, (_, n) => ({
          method: "GET",
          url: `${V}/query?q=SELECT+Id+FROM+Case`,
          referenceId: `r${String(n)}`,
        })),
      },
    ],
    ["a name twice", { compositeRequest: [one, one] }],
    ["a name with a hyphen", { compositeRequest: [{ ...one, referenceId: "a-b" }] }],
    ["half an address", { compositeRequest: [{ ...one, url: "/sobjects" }] }],
  ])("is refused as a whole: %s", async (_, body) => {
    expect(await rest("POST", "composite", body)).toMatchObject({
      status: 400,
      body: [{ errorCode: "JSON_PARSER_ERROR" }],
    });
  });
});

describe("a composite graph", () => {
  it("makes each graph all or none by itself", async () => {
    const good = await eligibilityRequest();
    const bad = await eligibilityRequest({ Type: "Nonsense" });
    const { body } = await rest("POST", "composite/graph", {
      graphs: [
        { graphId: "1", compositeRequest: bad },
        { graphId: "2", compositeRequest: good },
      ],
    });
    expect(body).toMatchObject({
      graphs: [
        { graphId: "1", isSuccessful: false },
        { graphId: "2", isSuccessful: true },
      ],
    });
    expect(await made("salesforce", "Case")).toHaveLength(1);
  });
});

describe("a collection", () => {
  const records = [
    { attributes: { type: "Case" }, Subject: "good" },
    { attributes: { type: "Case" }, Type: "Nonsense" },
  ];
  it("answers row by row, and calls the error code statusCode", async () => {
    const { status, body } = await rest("POST", "composite/sobjects", { records });
    expect(status).toBe(200);
    expect(body).toMatchObject([
      { success: true, errors: [] },
      { success: false, errors: [{ statusCode: "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST" }] },
    ]);
    expect(await made("salesforce", "Case")).toHaveLength(1);
  });

  it("undoes the good rows where all or none was asked", async () => {
    const { body } = await rest("POST", "composite/sobjects", { allOrNone: true, records });
    expect(inside(body, 0, "errors", 0, "statusCode")).toBe("ALL_OR_NONE_OPERATION_ROLLED_BACK");
    expect(await made("salesforce", "Case")).toHaveLength(0);
  });
});
