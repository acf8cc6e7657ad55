import { describe, expect, it } from "vitest";
import { dailyCallsWarnings } from "../../src/domain/daily-calls.ts";
import { kinds } from "../../src/processors/index.ts";

describe("the last of Salesforce's daily calls", () => {
  it("are left by sweeps first, by what was ordered next, and by no cancellation, nor by what needs no call", () => {
    const from = (share: number | undefined) =>
      kinds.filter(({ yields }) => yields?.from === share).map(({ name }) => name);
    expect(from(0.8)).toEqual(["approval-sweep", "daily-sweep"]);
    expect(from(0.95)).toEqual(["eligibility", "verification", "order", "provisioning"]);
    expect(from(undefined)).toEqual(["cancellation", "termination", "mail", "callback", "document-sweep"]);
    expect(new Set(kinds.flatMap(({ yields }) => yields?.vendor ?? []))).toEqual(new Set(["salesforce"]));
  });

  it("are spoken of once somebody waits", () => {
    expect(dailyCallsWarnings(null)).toEqual([]);
    expect(dailyCallsWarnings(0.79)).toEqual([]);
    expect(dailyCallsWarnings(0.8)).toEqual([
      "80 % of Salesforce's calls of a day are used. Sweeps wait until some are free again.",
    ]);
    expect(dailyCallsWarnings(0.978)).toEqual([
      "97 % of Salesforce's calls of a day are used. All jobs but cancellations and terminations wait until some are free again.",
    ]);
  });
});
