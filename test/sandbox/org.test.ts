import { describe, expect, it } from "vitest";
import { inside, runningSandbox } from "./running-sandbox.ts";

const { control, rest, query, state, seeded } = runningSandbox();
const V = "/services/data/v62.0";

async function described(object: string, field: string): Promise<unknown> {
  const fields = inside((await rest("GET", `sobjects/${object}/describe`)).body, "fields");
  return (Array.isArray(fields) ? fields : []).find((one: unknown) => inside(one, "name") === field) as unknown;
}

describe("the org describes itself", () => {
  it("object after object in one composite, with what an org check asks for", async () => {
    const { body } = await rest("POST", "composite", {
      compositeRequest: ["Opportunity", "Case", "ContentVersion", "Nothing__c"].map((name) => ({
        method: "GET",
        url: `${V}/sobjects/${name}/describe`,
        referenceId: name,
      })),
    });
    const answer = (n: number) => inside(body, "compositeResponse", n);
    expect([0, 1, 2, 3].map((n) => inside(answer(n), "httpStatusCode"))).toEqual([200, 200, 200, 404]);
    expect(inside(answer(0), "body", "fields")).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: "StageName", type: "picklist", nillable: false, createable: true }),
        expect.objectContaining({ name: "IsClosed", createable: false, updateable: false }),
        expect.objectContaining({ name: "Job_Key__c", length: 100, externalId: true, unique: true }),
      ]),
    );
    expect(inside(answer(1), "body", "fields")).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          name: "Type",
          picklistValues: expect.arrayContaining([
            expect.objectContaining({ value: "Cancellation Request", active: true }),
          ]) as unknown[],
        }),
        expect.objectContaining({ name: "OpportunityId", type: "reference", referenceTo: ["Opportunity"] }),
      ]),
    );
    expect(inside(answer(2), "body", "fields")).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: "VersionData", type: "base64", updateable: false }),
        expect.objectContaining({
          name: "FirstPublishLocationId",
          referenceTo: ["Account", "Case", "Contact", "Opportunity", "Order"],
        }),
      ]),
    );
  });
});

describe("a permission", () => {
  it("to read only refuses a write, and nothing else", async () => {
    await control("PUT", "permissions", { "Case.Subject": "read" });
    expect(await described("Case", "Subject")).toMatchObject({ createable: false, updateable: false, nillable: true });
    expect(await rest("POST", "sobjects/Case", { Subject: "a" })).toMatchObject({
      status: 400,
      body: [{ errorCode: "INVALID_FIELD_FOR_INSERT_UPDATE", fields: ["Subject"] }],
    });
    expect((await query("SELECT Subject FROM Case")).status).toBe(200);
    expect((await control("POST", "records", { object: "Case", fields: { Subject: "by a person" } })).status).toBe(201);
  });

  it("that is missing makes the field as though it were not there", async () => {
    await control("PUT", "permissions", { "Case.OpportunityId": "hidden", "Case.Job_Key__c": "hidden" });
    expect(await described("Case", "OpportunityId")).toBeUndefined();
    for (const soql of [
      "SELECT OpportunityId FROM Case",
      "SELECT Opportunity.Name FROM Case",
      "SELECT Id FROM Case WHERE OpportunityId != null",
    ])
      expect(await query(soql)).toMatchObject({ status: 400, body: [{ errorCode: "INVALID_FIELD" }] });
    expect(await query("SELECT (SELECT Id FROM Cases) FROM Opportunity")).toMatchObject({ status: 400 });
    const opportunityId = await seeded("opportunities", "checking");
    expect(await rest("POST", "sobjects/Case", { OpportunityId: opportunityId })).toMatchObject({
      status: 400,
      body: [{ errorCode: "INVALID_FIELD" }],
    });
    expect((await rest("PATCH", "sobjects/Case/Job_Key__c/k1", {})).status).toBe(404);
    const id = String(inside((await state("salesforce", "Case", "0")) ?? {}, "Id"));
    expect(inside((await rest("GET", `sobjects/Case/${id}`)).body, "OpportunityId")).toBeUndefined();
    await control("PUT", "permissions", {});
    expect((await query("SELECT OpportunityId FROM Case")).status).toBe(200);
  });

  it("is for fields that there are", async () => {
    expect((await control("PUT", "permissions", { "Case.Nothing": "read" })).status).toBe(400);
  });
});

describe("the day's calls", () => {
  it("are counted, and refused once they are spent, until a day has passed", async () => {
    await rest("GET", "sobjects");
    const { headers, body } = await rest("GET", "limits");
    expect(headers.get("sforce-limit-info")).toBe("api-usage=2/100000");
    expect(body).toMatchObject({ DailyApiRequests: { Max: 100_000, Remaining: 99_998 } });
    await control("PUT", "limits", { dailyMax: 3 });
    expect((await rest("GET", "sobjects")).status).toBe(200);
    const refused = await rest("POST", "sobjects/Case", {});
    expect(refused).toMatchObject({
      status: 403,
      body: [{ errorCode: "REQUEST_LIMIT_EXCEEDED", message: "TotalRequests Limit exceeded." }],
    });
    expect(refused.headers.get("sforce-limit-info")).toBe("api-usage=3/3");
    await control("PUT", "clock", { now: new Date(Date.now() + 25 * 60 * 60 * 1000).toISOString() });
    expect((await rest("POST", "sobjects/Case", {})).status).toBe(201);
  });
});
