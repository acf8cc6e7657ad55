import { expect, it } from "vitest";
import { whereToLook } from "../../src/dashboard/desk/verdict.ts";
import type { Vendor } from "../../src/domain/errors.ts";

const STEP = "cancel the line";

/** An attempt that was left to a person. `asked`: the vendors that it called, in order. */
const failed = (code: string, vendor: Vendor | null, ...asked: string[]) => ({
  what: "failed" as const,
  at: new Date(0),
  attempt: 1,
  failure: { code, title: "It broke.", detail: "Look.", vendor, retryable: false, at: new Date(0).toISOString() },
  calls: asked.map((vendor) => ({ vendor, operation: "getDetail", came: "done", ms: 3 })),
});
const inDoubt = failed("in-doubt", "freebit");
const retried = { what: "retried" as const, at: new Date(0), by: "olga", why: "" };

it.each([
  ["of the vendor that the failure names", STEP, [inDoubt], "freebit"],
  [
    "of the one that was asked last, where the failure names none",
    STEP,
    [failed("in-doubt", null, "salesforce", "freebit")],
    "freebit",
  ],
  ["of the last failure", STEP, [inDoubt, retried, failed("in-doubt", "whmcs")], "whmcs"],
  [
    "of what left it in doubt, where the job failed in another step since",
    "open the case",
    [inDoubt, retried, failed("salesforce-refused", "salesforce")],
    "freebit",
  ],
  ["of nobody who is no vendor", STEP, [failed("in-doubt", null, "documents")], null],
  ["of nobody that is known", null, [], null],
] as const)("what is in doubt is asked %s", (_of, failedIn, story, vendor) => {
  expect(whereToLook({ failedIn, story }, STEP)).toBe(vendor);
});
