import { describe, expect, it } from "vitest";
import * as z from "zod";
import { personal } from "../../src/domain/personal.ts";
import { isSealed, openPersonal, sealingWith, sealPersonal } from "../../src/queues/sealing.ts";

const [oldKey, newKey] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
const sealing = sealingWith([oldKey]);

const address = z.strictObject({ city: z.string(), street: z.string().optional() });
const payload = z.strictObject({
  accountId: z.string(),
  address: personal(address),
  notes: personal(z.string()).optional(),
  numbers: z.array(z.strictObject({ sim: personal(z.string()), plan: z.string() })).default([]),
});

describe("sealing", () => {
  it("hides what the schema marks as personal, and nothing else", () => {
    const value = { accountId: "001", address: { city: "渋谷区" }, numbers: [{ sim: "08012345678", plan: "5GB" }] };
    const sealed = sealPersonal(sealing, payload, value, "job-1");
    expect(sealed).toMatchObject({ accountId: "001", numbers: [{ plan: "5GB" }] });
    expect(JSON.stringify(sealed)).not.toMatch(/渋谷区|0801/);
    expect(openPersonal(sealing, sealed, "job-1")).toEqual(value);
  });

  it("opens only for the job it was sealed for", () => {
    const sealed = sealPersonal(sealing, payload, { accountId: "001", address: { city: "渋谷区" } }, "job-1");
    expect(() => openPersonal(sealing, sealed, "job-2")).toThrow();
  });

  it("opens what an older key sealed, while that key is still named", () => {
    const sealed = sealing.seal("渋谷区", "x");
    const during = sealingWith([newKey, oldKey]);
    expect(during.open(sealed, "x")).toBe("渋谷区");
    expect(during.seal("渋谷区", "x").split(":")[2]).not.toBe(sealed.split(":")[2]);
    expect(() => sealingWith([newKey]).open(sealed, "x")).toThrow("no key of DATA_KEY opens this");
  });

  it("never gives the same text twice", () => {
    expect(sealing.seal("渋谷区", "x")).not.toBe(sealing.seal("渋谷区", "x"));
    expect(isSealed(sealing.seal("渋谷区", "x"))).toBe(true);
  });

  it("refuses a form of schema in which it cannot tell what is personal", () => {
    const odd = z.strictObject({ map: z.record(z.string(), personal(z.string())) });
    expect(() => sealPersonal(sealing, odd, { map: { a: "b" } }, "job-1")).toThrow("personal");
  });
});
