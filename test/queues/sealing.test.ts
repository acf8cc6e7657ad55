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

  it("finds what is personal behind whatever a schema says of it, and leaves the rest as it was", () => {
    const name = personal(z.string());
    const forms = z.strictObject({
      optional: name.optional(),
      nullable: name.nullable(),
      preset: name.default("nobody"),
      fixed: name.readonly(),
      list: z.array(name),
      either: z.union([z.strictObject({ plan: z.string() }), z.strictObject({ name })]),
      plain: z.string().nullable(),
    });
    const value = {
      optional: "佐藤",
      nullable: "鈴木",
      preset: "高橋",
      fixed: "田中",
      list: ["伊藤"],
      either: { name: "渡辺" },
      plain: null,
    };
    const sealed = sealPersonal(sealing, forms, value, "job-1");
    expect(JSON.stringify(sealed)).not.toMatch(/[一-龠]/);
    expect(sealed).toMatchObject({ plain: null });
    expect(openPersonal(sealing, sealed, "job-1")).toEqual(value);
    const none = { optional: undefined, nullable: null, list: [], either: { plan: "5GB" }, plain: "5GB" };
    expect(sealPersonal(sealing, forms, none, "job-1")).toEqual(none);
  });

  it("leaves what no schema knows as it came: whoever reads the payload refuses it", () => {
    const odd = { accountId: "001", unknown: { deep: [1] }, numbers: "none", address: { city: "渋谷区", floor: 3 } };
    expect(sealPersonal(sealing, payload, odd, "job-1")).toMatchObject({
      accountId: "001",
      unknown: { deep: [1] },
      numbers: "none",
    });
    const either = z.union([z.strictObject({ a: z.string() }), z.strictObject({ b: z.string() })]);
    expect(sealPersonal(sealing, either, { c: "1" }, "job-1")).toEqual({ c: "1" });
    expect(() => sealPersonal(sealing, z.string(), ["1"], "job-1")).toThrow("personal");
  });

  it("names a value for good and all by a key, shortly, and says nothing of it", () => {
    const [tag, older] = sealingWith([newKey, oldKey]).tags("08012345678");
    expect(tag).toMatch(/^[\w-]{22}$/);
    expect(sealingWith([oldKey]).tags("08012345678")).toEqual([older]);
    expect(tag).not.toBe(older);
  });

  it("says what is missing where there is no key", () => {
    expect(() => sealingWith([]).seal("渋谷区", "x")).toThrow("DATA_KEY");
    expect(sealingWith([]).tags("x")).toEqual([]);
  });

  it("refuses a form of schema in which it cannot tell what is personal", () => {
    const odd = z.strictObject({ map: z.record(z.string(), personal(z.string())) });
    expect(() => sealPersonal(sealing, odd, { map: { a: "b" } }, "job-1")).toThrow("personal");
    for (const hiding of [personal(z.string()).transform((text) => text.length), z.lazy(() => personal(z.string()))])
      expect(() => sealPersonal(sealing, hiding, "渋谷区", "job-1")).toThrow("personal");
  });
});
