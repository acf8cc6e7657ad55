import { describe, expect, it } from "vitest";
import { WHMCS, call, inside, runningSandbox } from "./running-sandbox.ts";

const { url, whmcs, state, made } = runningSandbox();
const ORDER = { clientid: "1002", paymentmethod: "banktransfer", "pid[0]": "11" };
const serialized = (php: string) => Buffer.from(php).toString("base64");

describe("signing in", () => {
  it.each([
    ["an unknown identifier", { identifier: "x" }, "Invalid or missing credentials"],
    ["a wrong secret", { secret: "x" }, "Authentication Failed"],
    ["no credentials", { identifier: "", secret: "" }, "Authentication Failed"],
  ])("is refused with 403: %s", async (_, wrong, message) => {
    expect(await whmcs("GetOrders", wrong)).toMatchObject({ status: 403, body: { result: "error", message } });
  });

  it("needs a form, as PHP reads no other body", async () => {
    const answer = await call(`${url()}/whmcs/includes/api.php`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...WHMCS, action: "GetOrders" }),
    });
    expect(answer.status).toBe(403);
  });

  it("does not know every action, and finds the known ones in any case", async () => {
    expect((await whmcs("AddOrders")).body).toEqual({
      result: "error",
      message: 'Invalid API Action: "AddOrders" is not a valid API action',
    });
    expect((await whmcs("getorders")).body).toMatchObject({ result: "success", totalresults: 0, orders: [] });
  });
});

describe("AddOrder", () => {
  it.each([
    ["an unknown client", { clientid: "1" }, "Client ID Not Found"],
    ["a closed client", { clientid: "1009" }, "Unable to add order when client status is Closed"],
    [
      "an unknown payment method",
      { paymentmethod: "gold" },
      "Invalid Payment Method. Valid options include banktransfer,creditcard",
    ],
    ["only products that do not exist", { "pid[0]": "7" }, "No items added to cart so order cannot proceed"],
  ])("is refused with 200: %s", async (_, wrong, message) => {
    expect(await whmcs("AddOrder", { ...ORDER, ...wrong })).toMatchObject({
      status: 200,
      body: { result: "error", message },
    });
    expect(await state("whmcs", "orders")).toEqual([]);
  });

  it("refuses a single value where it expects an array", async () => {
    const { body } = await whmcs("AddOrder", { clientid: "1002", paymentmethod: "banktransfer", pid: "11" });
    expect(body).toEqual({ result: "error", message: "Expecting parameter 'pid' to be an array" });
  });

  it("joins the ids of several services and add-ons with commas", async () => {
    const { body } = await whmcs("AddOrder", {
      ...ORDER,
      "pid[1]": "13",
      "addons[0]": "7,7",
      "qty[0]": "2",
      noinvoice: "1",
    });
    expect(body).toEqual({
      result: "success",
      orderid: 5001,
      productids: "9001,9002",
      serviceids: "9001,9002",
      addonids: "301,302",
      domainids: "",
    });
    expect(await made("whmcs", "services")).toMatchObject([
      { qty: 2, cycle: "monthly", status: "Pending" },
      { qty: 1, cycle: "onetime" },
    ]);
  });

  it.each([
    ["by the field's number", 'a:1:{i:111;s:3:"006";}', { 111: "006" }],
    ["by the field's name", 'a:1:{s:13:"OpportunityId";s:3:"006";}', { 111: "006" }],
    ["never by another product's field", 'a:1:{i:112;s:3:"006";}', {}],
    ["never with a wrong length", 'a:1:{i:111;s:2:"006";}', {}],
  ])("keeps a custom field %s", async (_, php, kept) => {
    await whmcs("AddOrder", { ...ORDER, "customfields[0]": serialized(php) });
    expect(inside(await made("whmcs", "services"), 0, "customFields")).toEqual(kept);
  });
});

describe("an order's life", () => {
  it("is pending, then active, and cannot be accepted twice", async () => {
    await whmcs("AddOrder", { ...ORDER, "addons[0]": "7" });
    expect((await whmcs("AcceptOrder", { orderid: "5001" })).body).toEqual({ result: "success" });
    expect((await whmcs("AcceptOrder", { orderid: "5001" })).body).toEqual({
      result: "error",
      message: "Order ID not found or Status not Pending",
    });
    expect((await whmcs("CancelOrder", { orderid: "5001" })).body).toMatchObject({ result: "error" });
    expect(await state("whmcs")).toMatchObject({
      orders: [{ status: "Active" }],
      serviceAddons: [{ status: "Active" }],
    });
    expect(await made("whmcs", "services")).toMatchObject([{ status: "Active" }]);
  });

  it("may end before it began", async () => {
    await whmcs("AddOrder", ORDER);
    expect((await whmcs("CancelOrder", { orderid: "5001" })).body).toEqual({ result: "success" });
    expect((await whmcs("GetOrders", { userid: "1002", status: "Cancelled" })).body).toMatchObject({
      totalresults: 1,
      orders: { order: [{ id: 5001, invoiceid: 70_001 }] },
    });
  });

  it("ends a service through its module, if its product has one", async () => {
    await whmcs("AddOrder", { ...ORDER, "pid[1]": "21" });
    expect((await whmcs("ModuleTerminate", { serviceid: "9001" })).body).toMatchObject({
      message: "Service not assigned to a module",
    });
    expect((await whmcs("ModuleTerminate", { serviceid: "9002" })).body).toEqual({ result: "success" });
    expect((await whmcs("ModuleTerminate", {})).body).toMatchObject({ message: "Service ID is required" });
    expect(
      (await whmcs("UpdateClientProduct", { serviceid: "9001", status: "Terminated", terminationdate: "2026-12-31" }))
        .body,
    ).toEqual({ result: "success", serviceid: "9001" });
    expect(await made("whmcs", "services")).toMatchObject([
      { status: "Terminated", terminationDate: "2026-12-31" },
      { status: "Terminated" },
    ]);
  });
});

describe("reading", () => {
  it("pages through services in no useful order, with ids and totals as text", async () => {
    for (let n = 0; n < 6; n++) await whmcs("AddOrder", { ...ORDER, "pid[1]": "13", "pid[2]": "21" });
    const pages = await Promise.all(
      ["0", "10"].map((limitstart) => whmcs("GetClientsProducts", { clientid: "1002", limitstart, limitnum: "10" })),
    );
    const ids = pages.flatMap(({ body }) => {
      const products = inside(body, "products", "product");
      return Array.isArray(products) ? products.map((product: unknown) => Number(inside(product, "id"))) : [];
    });
    expect(pages.map(({ body }) => inside(body, "totalresults"))).toEqual(["18", "18"]);
    expect(ids).not.toEqual(ids.toSorted((a, b) => a - b));
    expect(new Set(ids).size).toBe(18);
  });

  it("answers an empty text where there are no services", async () => {
    expect((await whmcs("GetClientsProducts", { clientid: "1012" })).body).toMatchObject({
      totalresults: "0",
      products: "",
    });
    expect((await whmcs("GetClientsProducts", { clientid: "1" })).body).toMatchObject({
      message: "Client ID Not Found",
    });
  });

  it("knows products but no add-ons in GetProducts", async () => {
    const { body } = await whmcs("GetProducts", { pid: "11,7,13" });
    expect(body).toMatchObject({
      totalresults: 2,
      products: {
        product: [
          { pid: 11, paytype: "recurring", customfields: { customfield: [] } },
          { pid: 13, paytype: "onetime", customfields: { customfield: [{ id: 213, name: "工事希望日" }] } },
        ],
      },
    });
  });

  it("tells the ways to pay", async () => {
    expect((await whmcs("GetPaymentMethods")).body).toEqual({
      result: "success",
      totalresults: 2,
      paymentmethods: {
        paymentmethod: [
          { module: "banktransfer", displayname: "Bank Transfer" },
          { module: "creditcard", displayname: "Credit Card" },
        ],
      },
    });
  });

  it("finds an active service by its number, and ends it through its module", async () => {
    const serviceid = String(await state("seed", "services", "activeSim"));
    expect((await whmcs("GetClientsProducts", { serviceid })).body).toMatchObject({
      serviceid,
      totalresults: "1",
      products: {
        product: [
          {
            id: serviceid,
            clientid: "1014",
            orderid: "0",
            status: "Active",
            domain: "08000001014",
            customfields: {
              customfield: [{ name: "OpportunityId", value: await state("seed", "opportunities", "activeSim") }],
            },
          },
        ],
      },
    });
    expect((await whmcs("ModuleTerminate", { serviceid })).body).toEqual({ result: "success" });
    expect((await whmcs("GetClientsProducts", { serviceid })).body).toMatchObject({
      products: { product: [{ status: "Terminated" }] },
    });
  });

  it("finds a client by number or address, and makes a new one only once", async () => {
    expect((await whmcs("GetClientsDetails", { clientid: "1009" })).body).toMatchObject({
      client: { id: 1009, status: "Closed" },
    });
    expect((await whmcs("GetClientsDetails", { clientid: "1" })).body).toEqual({
      result: "error",
      message: "Client Not Found",
    });
    const client = {
      firstname: "一郎",
      lastname: "青木",
      email: "aoki@customer.example",
      address1: "1-1",
      city: "港区",
      state: "東京都",
      postcode: "105-0001",
      country: "JP",
      phonenumber: "0300000000",
      password2: "x",
    };
    expect((await whmcs("AddClient", { ...client, city: "" })).body).toMatchObject({
      message: "You did not enter your city",
    });
    expect((await whmcs("AddClient", client)).body).toMatchObject({ result: "success", clientid: "1017" });
    expect((await whmcs("AddClient", client)).body).toMatchObject({
      message: "A user already exists with that email address",
    });
    expect((await whmcs("GetClientsDetails", { email: "aoki@customer.example" })).body).toMatchObject({
      client: { id: 1017 },
    });
  });
});
