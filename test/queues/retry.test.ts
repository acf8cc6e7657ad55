import { describe, expect, it } from "vitest";
import { InDoubtError, RejectedError, UnavailableError, UnknownOutcomeError } from "../../src/domain/errors.ts";
import { afterFailure, type RetryFacts, waitForVendorMs } from "../../src/queues/retry.ts";

const fault = { code: "x", title: "Something.", detail: "Do something.", vendor: "whmcs" as const };
const away = (retryAfterMs: number | null = null) => new UnavailableError({ ...fault, scope: "vendor", retryAfterMs });
const facts = (some: Partial<RetryFacts> = {}): RetryFacts => ({
  spent: 1,
  allowed: 12,
  baseMs: 1000,
  breakerOpenMs: null,
  outageMs: 0,
  random: 1,
  ...some,
});

describe("the retry rule", () => {
  it("leaves a refusal and what nobody can tell to a person at once", () => {
    expect(afterFailure(new RejectedError(fault), facts())).toEqual({ next: "fail" });
    expect(afterFailure(new InDoubtError(fault), facts())).toEqual({ next: "fail" });
  });

  it("doubles the longest delay with each attempt, up to a quarter of an hour", () => {
    const delays = [1, 2, 3, 10, 11, 12, 40].map((spent) => afterFailure(away(), facts({ spent, allowed: 100 })));
    expect(delays.map((after) => (after.next === "retry" ? after.delayMs : null))).toEqual([
      1000, 2000, 4000, 512_000, 900_000, 900_000, 900_000,
    ]);
  });

  it("spreads attempts over the whole of that time", () => {
    expect(afterFailure(away(), facts({ spent: 4, random: 0 }))).toMatchObject({ delayMs: 0 });
    expect(afterFailure(away(), facts({ spent: 4, random: 0.5 }))).toMatchObject({ delayMs: 4000 });
  });

  it("comes no sooner than the vendor asks, up to an hour", () => {
    expect(afterFailure(away(30_000), facts({ random: 0 }))).toMatchObject({ next: "retry", delayMs: 30_000 });
    expect(afterFailure(away(30 * 86_400_000), facts({ random: 0 }))).toMatchObject({
      next: "retry",
      delayMs: 3_600_000,
    });
  });

  it("asks a person once the attempts are spent", () => {
    const lost = new UnknownOutcomeError({ ...fault, mayStillLand: false });
    expect(afterFailure(lost, facts({ spent: 11 })).next).toBe("retry");
    expect(afterFailure(lost, facts({ spent: 12 }))).toEqual({ next: "fail" });
  });

  it("waits for a vendor that is away without spending attempts, for a day", () => {
    const waits = afterFailure(away(), facts({ spent: 99, breakerOpenMs: 5000, random: 0 }));
    expect(waits).toEqual({ next: "wait", delayMs: 5000, vendor: "whmcs" });
    expect(afterFailure(away(), facts({ breakerOpenMs: 5000, outageMs: 24 * 3_600_000 })).next).toBe("wait");
    expect(afterFailure(away(), facts({ breakerOpenMs: 5000, outageMs: 24 * 3_600_000 + 1 }))).toEqual({
      next: "fail",
    });
  });

  it("spreads those who wait over as long again, so that one probes and the others hear of it", () => {
    expect(waitForVendorMs(300_000, { baseMs: 1000, random: 0 })).toBe(300_000);
    expect(waitForVendorMs(300_000, { baseMs: 1000, random: 1 })).toBe(600_000);
    expect(waitForVendorMs(0, { baseMs: 1000, random: 0 })).toBe(1000);
  });

  it("takes only a vendor that never got the call for the possible beginning of an outage", () => {
    expect(afterFailure(away(), facts())).toMatchObject({ next: "retry", isGuess: true });
    const locked = new UnavailableError({ ...fault, scope: "call" });
    const lost = new UnknownOutcomeError({ ...fault, mayStillLand: false });
    for (const error of [locked, lost]) expect(afterFailure(error, facts())).toMatchObject({ isGuess: false });
  });

  it("counts a write that was sent, also to a vendor that is away", () => {
    const lost = new UnknownOutcomeError({ ...fault, mayStillLand: false });
    expect(afterFailure(lost, facts({ spent: 3, breakerOpenMs: 5000 })).next).toBe("retry");
    expect(afterFailure(lost, facts({ spent: 12, breakerOpenMs: 5000 }))).toEqual({ next: "fail" });
  });
});
