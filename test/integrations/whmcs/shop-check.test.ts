import { expect, test } from "vitest";
import { type SoldProduct, whmcsClient, type WhmcsSettings } from "../../../src/integrations/whmcs/client.ts";
import { productCheck } from "../../../src/integrations/whmcs/shop-check.ts";
import { Secret } from "../../../src/settings.ts";
import { callWithin, json, vendorThat } from "../vendor.ts";

const home: SoldProduct = { name: "Home 1G", whmcsProductId: 11, billingCycle: "Monthly", itemClass: "Service" };
const installation: SoldProduct = {
  name: "工事費",
  whmcsProductId: 13,
  billingCycle: "Onetime",
  itemClass: "Activation",
};
const phone: SoldProduct = { name: "ひかり電話", whmcsProductId: 7, billingCycle: "Monthly", itemClass: "Add-on" };

const byName: WhmcsSettings["WHMCS_OPPORTUNITY_FIELD"] = { name: "OpportunityId" };
const product = (pid: number, ...fields: readonly { id: number; name: string }[]) => ({
  pid,
  customfields: [...fields],
});
const mark = { id: 111, name: "OpportunityId|Opportunity" };

test.each([
  ["everything that an order needs", home, [product(11, mark)], byName, []],
  ["the field under its number", home, [product(11, mark)], { id: 111 }, []],
  ["no such product", home, [product(12, mark)], byName, [["missing", "missing"]]],
  [
    "no WHMCS product named in Salesforce",
    { ...home, whmcsProductId: null },
    [],
    byName,
    [["missing", "has no WHMCS product"]],
  ],
  [
    "a billing cycle of nobody's",
    { ...home, billingCycle: "Weekly" },
    [product(11, mark)],
    byName,
    [["missing", "unknown billing cycle"]],
  ],
  [
    "no billing cycle",
    { ...home, billingCycle: null },
    [product(11, mark)],
    byName,
    [["missing", "unknown billing cycle"]],
  ],
  [
    "no field that WHMCS would show",
    home,
    [product(11)],
    byName,
    [["doubtful", "custom field OpportunityId not seen"]],
  ],
  ["a field of another number", home, [product(11, mark)], { id: 12 }, [["doubtful", "custom field 12 not seen"]]],
  [
    "no field in the setting",
    home,
    [product(11, mark)],
    { byProduct: new Map([[12, 112]]) },
    [["missing", "no field for the Opportunity's id"]],
  ],
  ["no field on what is no service", installation, [product(13)], byName, []],
  ["an add-on, of which WHMCS tells nothing", phone, [], byName, []],
] as const)("with %s, an administrator is told what is wrong with a product", (_, sold, known, field, told) => {
  const { findings } = productCheck(
    sold,
    known.map((one) => ({ ...one, customfields: [...one.customfields] })),
    field,
  );
  expect(findings.map(({ weight, problem }) => [weight, problem])).toEqual(told);
});

/** A WHMCS with the product 11, and with what it says of its payment methods. */
async function whmcsWith(methods: object) {
  const { url, seen } = await vendorThat(({ body }, response) => {
    const action = new URLSearchParams(body).get("action");
    const customfields = { customfield: [mark] };
    json(
      response,
      200,
      action === "GetProducts"
        ? { result: "success", totalresults: 1, products: { product: [{ pid: "11", customfields }] } }
        : methods,
    );
  });
  const settings = {
    WHMCS_URL: url,
    WHMCS_IDENTIFIER: "identifier",
    WHMCS_SECRET: new Secret("s3cret"),
    WHMCS_ACCESS_KEY: undefined,
    WHMCS_OPPORTUNITY_FIELD: byName,
    WHMCS_PAYMENT_METHOD: "banktransfer",
  };
  return { whmcs: whmcsClient({ settings, call: callWithin(5_000) }), seen };
}
const active = (...modules: readonly string[]) => ({
  result: "success",
  totalresults: modules.length,
  paymentmethods: { paymentmethod: modules.map((module) => ({ module, displayname: module })) },
});

test("a WHMCS that has it all is found so, in two calls that write nothing", async () => {
  const { whmcs, seen } = await whmcsWith(active("paypal", "banktransfer"));
  expect(await whmcs.checkShop([home])).toEqual([
    { subject: "payment method banktransfer", findings: [] },
    { subject: "Home 1G (WHMCS product 11)", findings: [] },
  ]);
  expect(seen.map(({ body }) => new URLSearchParams(body).get("action"))).toEqual(["GetProducts", "GetPaymentMethods"]);
});

test("a payment method that is not active is missed, with those that are", async () => {
  const { whmcs } = await whmcsWith(active("paypal"));
  const [payment] = await whmcs.checkShop([]);
  expect(payment?.findings).toEqual([
    {
      weight: "missing",
      subject: "payment method banktransfer",
      problem: "missing",
      remedy: "Activate it in WHMCS, or set WHMCS_PAYMENT_METHOD to one that is active: paypal.",
    },
  ]);
});

test("an API role that may not list payment methods is no fault of the shop", async () => {
  const { whmcs } = await whmcsWith({
    result: "error",
    message: 'Invalid Permissions: API action "getpaymentmethods" is not allowed',
  });
  const [payment, sold] = await whmcs.checkShop([home]);
  expect(payment?.findings).toEqual([
    expect.objectContaining({ weight: "doubtful", problem: "could not be looked up" }),
  ]);
  expect(sold?.findings).toEqual([]);
});
