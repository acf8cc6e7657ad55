import { describe, expect, it } from "vitest";
import { inside, runningSandbox } from "./running-sandbox.ts";

const { control, rest, whmcs, state, seeded } = runningSandbox();
const NEW_YEAR = "2026-12-31T15:00:00Z"; // midnight in Japan

describe("the clock", () => {
  it("dates what is written in Salesforce and WHMCS from the moment it is set to, and runs on", async () => {
    expect((await control("PUT", "clock", { now: NEW_YEAR })).status).toBe(204);
    await rest("POST", "sobjects/Case", { Subject: "on New Year's Day" });
    await whmcs("AddOrder", { clientid: "1002", paymentmethod: "banktransfer", "pid[0]": "11" });
    const whole = await state();
    const cases = inside(whole, "salesforce", "Case");
    expect(Array.isArray(cases) ? cases.at(-1) : cases).toMatchObject({
      CreatedDate: expect.stringMatching(/^2026-12-31T15:00:0/) as string,
      LastModifiedDate: expect.stringMatching(/^2026-12-31T15:00:0/) as string,
    });
    expect(inside(whole, "whmcs", "orders", 0, "date")).toMatch(/^2027-01-01 00:00:0/);
    expect(inside(whole, "clock")).toMatchObject({ isSet: true });
    expect(Date.parse(String(inside(whole, "clock", "now")))).toBeGreaterThan(Date.parse(NEW_YEAR));
  });

  it("goes back to the real time when it is told to, and on a reset", async () => {
    const account = await seeded("accounts", "fresh");
    for (const back of [() => control("PUT", "clock", { now: null }), () => control("POST", "reset")]) {
      await control("PUT", "clock", { now: "2126-12-31T15:00:00Z" });
      await rest("PATCH", `sobjects/Account/${account}`, { Phone: "03-1111-1111" });
      await back();
      await control("PATCH", `records/Account/${account}`, { Phone: "03-2222-2222" });
      const { body } = await control("PATCH", `records/Account/${account}`, {});
      expect(String(inside(body, "LastModifiedDate")) < "2126").toBe(true);
      expect(await state("clock", "isSet")).toBe(false);
    }
  });

  it("takes only a moment with its offset", async () => {
    expect((await control("PUT", "clock", { now: "2026-12-31" })).status).toBe(400);
  });
});
