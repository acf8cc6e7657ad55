import { describe, expect, test } from "vitest";
import { salesforceError, type ApiError, type Failure } from "../../../src/integrations/salesforce/errors.ts";
import { meaning, type Meaning } from "../vendor.ts";

const error = (errorCode: string, message = "", fields: readonly string[] = []): ApiError => ({
  errorCode,
  message,
  fields,
});
const refused = (status: number, ...errors: readonly ApiError[]) => ({ kind: "refused", status, errors }) as const;
const rolledBack = (status: number, ...errors: readonly ApiError[]) =>
  ({ kind: "rolled-back", status, errors }) as const;
const network = (failure: "not-reached" | "deadline" | "dropped") => ({ kind: "network", failure }) as const;
const unreadable = (status: number) => ({ kind: "unreadable", status }) as const;

const rows: readonly (readonly [string, Failure["asked"], Failure["trouble"], Meaning])[] = [
  [
    "the daily limit is spent",
    "write",
    refused(403, error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")),
    { unavailable: "vendor", code: "salesforce-limit", after: 900_000 },
  ],
  [
    "too many calls at once",
    "write",
    refused(403, error("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.")),
    { unavailable: "vendor", code: "salesforce-limit", after: 5_000 },
  ],
  [
    "throttled with 429",
    "write",
    refused(429, error("TOO_MANY")),
    { unavailable: "vendor", code: "salesforce-limit", after: 5_000 },
  ],
  [
    "throttled with a wish",
    "read",
    { ...refused(429, error("TOO_MANY")), retryAfterMs: 7_000 },
    { unavailable: "vendor", code: "salesforce-limit", after: 7_000 },
  ],
  [
    "a locked row",
    "write",
    refused(400, error("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records: 0015g")),
    { unavailable: "call", code: "salesforce-record-locked" },
  ],
  [
    "a locked row inside a trigger's error",
    "write",
    refused(
      400,
      error("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "T: execution of AfterInsert caused by: UNABLE_TO_LOCK_ROW"),
    ),
    { unavailable: "call", code: "salesforce-record-locked" },
  ],
  [
    "a query that took too long",
    "read",
    refused(400, error("QUERY_TIMEOUT")),
    { unavailable: "call", code: "salesforce-too-slow" },
  ],
  [
    "a server fault on a read",
    "read",
    refused(500, error("UNKNOWN_EXCEPTION")),
    { unavailable: "vendor", code: "salesforce-server-error" },
  ],
  [
    "a server fault on a write",
    "write",
    refused(500, error("UNKNOWN_EXCEPTION")),
    { unknown: "salesforce-server-error", mayStillLand: false },
  ],
  [
    "unavailable on a write",
    "write",
    refused(503, error("SERVER_UNAVAILABLE")),
    { unknown: "salesforce-server-error", mayStillLand: false },
  ],
  ["a gateway's 502 on a write", "write", unreadable(502), { unknown: "salesforce-unreadable", mayStillLand: true }],
  ["a gateway's 504 on a write", "write", unreadable(504), { unknown: "salesforce-unreadable", mayStillLand: true }],
  ["a gateway's 504 on a read", "read", unreadable(504), { unavailable: "vendor", code: "salesforce-unreadable" }],
  ["HTML with 200 on a write", "write", unreadable(200), { unknown: "salesforce-unreadable", mayStillLand: false }],
  ["HTML with 200 on a read", "read", unreadable(200), { unavailable: "vendor", code: "salesforce-unreadable" }],
  ["no answer in time to a write", "write", network("deadline"), { unknown: "salesforce-timeout", mayStillLand: true }],
  ["no answer in time to a read", "read", network("deadline"), { unavailable: "vendor", code: "salesforce-timeout" }],
  [
    "a dropped connection on a write",
    "write",
    network("dropped"),
    { unknown: "salesforce-connection-lost", mayStillLand: true },
  ],
  [
    "a dropped connection on a read",
    "read",
    network("dropped"),
    { unavailable: "vendor", code: "salesforce-connection-lost" },
  ],
  [
    "nobody there on a write",
    "write",
    network("not-reached"),
    { unavailable: "vendor", code: "salesforce-not-reached" },
  ],
  ["a record like it is there", "write", refused(400, error("DUPLICATE_VALUE")), { rejected: "salesforce-duplicate" }],
  [
    "a duplicate rule",
    "write",
    refused(400, error("DUPLICATES_DETECTED", "Use one of these records?")),
    { rejected: "salesforce-duplicate" },
  ],
  [
    "a validation rule",
    "write",
    refused(400, error("FIELD_CUSTOM_VALIDATION_EXCEPTION")),
    { rejected: "salesforce-validation-rule" },
  ],
  [
    "a required field",
    "write",
    refused(400, error("REQUIRED_FIELD_MISSING", "", ["CloseDate"])),
    { rejected: "salesforce-required-field" },
  ],
  ["an unknown field", "read", refused(400, error("INVALID_FIELD")), { rejected: "salesforce-unknown-field" }],
  [
    "a read-only field",
    "write",
    refused(400, error("INVALID_FIELD_FOR_INSERT_UPDATE")),
    { rejected: "salesforce-read-only-field" },
  ],
  [
    "a picklist without our value",
    "write",
    refused(400, error("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")),
    { rejected: "salesforce-picklist" },
  ],
  ["a text too long", "write", refused(400, error("STRING_TOO_LONG")), { rejected: "salesforce-too-long" }],
  ["a malformed query", "read", refused(400, error("MALFORMED_QUERY")), { rejected: "salesforce-refused" }],
  ["a malformed id", "write", refused(400, error("MALFORMED_ID")), { rejected: "salesforce-no-such-record" }],
  [
    "a reference to nothing",
    "write",
    refused(400, error("INVALID_CROSS_REFERENCE_KEY")),
    { rejected: "salesforce-no-such-record" },
  ],
  [
    "no access",
    "write",
    refused(400, error("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY")),
    { rejected: "salesforce-access" },
  ],
  ["full storage", "write", refused(400, error("STORAGE_LIMIT_EXCEEDED")), { rejected: "salesforce-storage" }],
  [
    "a trigger that says no",
    "write",
    refused(400, error("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY")),
    { rejected: "salesforce-automation" },
  ],
  ["a record that is not there", "write", refused(404, error("NOT_FOUND")), { rejected: "salesforce-no-such-record" }],
  ["a deleted record", "write", refused(404, error("ENTITY_IS_DELETED")), { rejected: "salesforce-no-such-record" }],
  [
    "a code that nobody has heard of",
    "write",
    refused(400, error("BRAND_NEW_CODE")),
    { rejected: "salesforce-refused" },
  ],
  [
    "a session refused twice",
    "write",
    refused(401, error("INVALID_SESSION_ID")),
    { unavailable: "vendor", code: "salesforce-session-refused" },
  ],
  [
    "the API switched off",
    "write",
    refused(403, error("API_DISABLED_FOR_ORG")),
    { unavailable: "vendor", code: "salesforce-sign-in-refused" },
  ],
  [
    "a wrong client id",
    "sign-in",
    refused(400, error("invalid_client_id")),
    { unavailable: "vendor", code: "salesforce-sign-in-refused" },
  ],
  [
    "a wrong client secret",
    "sign-in",
    refused(401, error("invalid_client")),
    { unavailable: "vendor", code: "salesforce-sign-in-refused" },
  ],
  [
    "a refused grant",
    "sign-in",
    refused(400, error("invalid_grant")),
    { unavailable: "vendor", code: "salesforce-sign-in-refused" },
  ],
  [
    "a sign-in that fails inside",
    "sign-in",
    refused(500, error("server_error")),
    { unavailable: "vendor", code: "salesforce-server-error" },
  ],
  [
    "a sign-in without an answer",
    "sign-in",
    network("deadline"),
    { unavailable: "vendor", code: "salesforce-timeout" },
  ],
  [
    "a rolled-back validation rule",
    "write",
    rolledBack(400, error("FIELD_CUSTOM_VALIDATION_EXCEPTION")),
    { rejected: "salesforce-validation-rule" },
  ],
  [
    "a rolled-back lock",
    "write",
    rolledBack(400, error("UNABLE_TO_LOCK_ROW")),
    { unavailable: "call", code: "salesforce-record-locked" },
  ],
  [
    "a rolled-back server fault, which leaves no doubt",
    "write",
    rolledBack(500, error("UNKNOWN_EXCEPTION")),
    { unavailable: "call", code: "salesforce-rolled-back" },
  ],
  [
    "everything halted and nobody to blame",
    "write",
    rolledBack(500),
    { unavailable: "call", code: "salesforce-rolled-back" },
  ],
];

describe("what Salesforce's answers mean", () => {
  test.for(rows)("%s (%s)", ([, asked, trouble, expected]) => {
    const got = salesforceError({ asked, trouble });
    expect(got.vendor).toBe("salesforce");
    expect(meaning(got)).toEqual(expected);
  });
});

describe("what a person reads", () => {
  test("names the object, the field and the code", () => {
    const got = salesforceError({
      asked: "write",
      object: "Case",
      trouble: rolledBack(400, error("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "bad value", ["Type"])),
    });
    expect(got.title).toBe(
      "Salesforce's picklist lacks a value that we write: Case.Type (INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST).",
    );
  });

  test("names the column that a query or a write does not find, and its own object", () => {
    const write = error("INVALID_FIELD", "No such column 'OpportunityId' on sobject of type Case");
    const query = error(
      "INVALID_FIELD",
      "\nSELECT Id, WH_Account__c\n ^\nERROR at Row:1:Column:8\nNo such column 'WH_Account__c' on entity 'Account'. If you are",
    );
    expect(salesforceError({ asked: "write", trouble: refused(400, write) }).title).toContain(
      "Case.OpportunityId (INVALID_FIELD)",
    );
    expect(salesforceError({ asked: "read", object: "Order", trouble: refused(400, query) }).title).toContain(
      "Account.WH_Account__c (",
    );
  });

  test("never holds Salesforce's own words, which may quote the customer", () => {
    for (const [, asked, trouble] of rows) {
      const told =
        "errors" in trouble
          ? {
              ...trouble,
              errors: trouble.errors.map((one) => ({
                ...one,
                message: `${one.message} 渋谷 花子`,
                fields: [...one.fields, "渋谷 花子"],
              })),
            }
          : trouble;
      const got = salesforceError({ asked, trouble: told });
      expect(`${got.message} ${JSON.stringify(got)}`).not.toContain("花子");
    }
  });

  test("an error code that is no code is not repeated", () => {
    const got = salesforceError({ asked: "write", trouble: refused(400, error("渋谷 花子 says no")) });
    expect(got.message).not.toContain("花子");
  });
});
