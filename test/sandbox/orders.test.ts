import { describe, expect, it } from "vitest";
import { inside, runningSandbox } from "./running-sandbox.ts";

const { rest, state, seeded } = runningSandbox();
const code = ({ body }: { readonly body: unknown }) => inside(body, 0, "errorCode");

async function draft(more: object = {}) {
  const fields = {
    AccountId: await seeded("accounts", "verified"),
    EffectiveDate: "2026-12-01",
    Status: "Pending Review",
    Pricebook2Id: String(await state("seed", "pricebookId")),
    ...more,
  };
  return await rest("POST", "sobjects/Order", fields);
}

/** The portal's entry for the SIM. */
async function simEntry(): Promise<unknown> {
  const product = await seeded("products", "sim5gb");
  const pricebook = await state("seed", "pricebookId");
  const entries = await state("salesforce", "PricebookEntry");
  const found = (Array.isArray(entries) ? entries : []).find(
    (entry: unknown) => inside(entry, "Product2Id") === product && inside(entry, "Pricebook2Id") === pricebook,
  ) as unknown;
  return inside(found, "Id");
}

describe("an order", () => {
  it("begins as a draft of some sort, and is activated once it holds a product, which is then locked", async () => {
    expect(code(await draft({ Status: "Activated" }))).toBe("FAILED_ACTIVATION");
    const OrderId = String(inside((await draft()).body, "id"));
    expect(code(await rest("PATCH", `sobjects/Order/${OrderId}`, { Status: "Activated" }))).toBe("FAILED_ACTIVATION");
    const made = await rest("POST", "sobjects/OrderItem", { OrderId, PricebookEntryId: await simEntry(), Quantity: 1 });
    const item = `sobjects/OrderItem/${String(inside(made.body, "id"))}`;
    expect(code(await rest("PATCH", `sobjects/Order/${OrderId}`, { Pricebook2Id: null }))).toBe(
      "FIELD_INTEGRITY_EXCEPTION",
    );
    expect((await rest("PATCH", `sobjects/Order/${OrderId}`, { Status: "Activated" })).status).toBe(204);
    expect(code(await rest("PATCH", item, { Quantity: 2 }))).toBe("FAILED_ACTIVATION");
    expect(code(await rest("DELETE", item))).toBe("FAILED_ACTIVATION");
    expect(code(await rest("DELETE", `sobjects/Order/${OrderId}`))).toBe("FAILED_ACTIVATION");
  });

  it.each<[string, object, object]>([
    ["nothing of a product", {}, { Quantity: 0 }],
    ["a price below nothing", {}, { UnitPrice: -1 }],
    ["a product where it has no price book", { Pricebook2Id: null }, {}],
  ])("takes no item with %s", async (_, order, item) => {
    const OrderId = inside((await draft(order)).body, "id");
    const fields = { OrderId, PricebookEntryId: await simEntry(), Quantity: 1, ...item };
    expect(code(await rest("POST", "sobjects/OrderItem", fields))).toBe("FIELD_INTEGRITY_EXCEPTION");
  });

  it("takes an item's price from its entry where none is given", async () => {
    const OrderId = inside((await draft()).body, "id");
    const fields = { OrderId, PricebookEntryId: await simEntry(), Quantity: 2 };
    const { body } = await rest("POST", "sobjects/OrderItem", fields);
    const { body: item } = await rest("GET", `sobjects/OrderItem/${String(inside(body, "id"))}`);
    expect(item).toMatchObject({ UnitPrice: 1500, TotalPrice: 3000 });
  });
});
