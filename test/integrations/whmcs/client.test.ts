import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { RejectedError, UnavailableError, UnknownOutcomeError } from "../../../src/domain/errors.ts";
import { opportunityIdAnswer } from "../../../src/integrations/salesforce/answers.ts";
import { whmcsClient, type OrderLine, type WhmcsSettings } from "../../../src/integrations/whmcs/client.ts";
import { Secret } from "../../../src/settings.ts";
import { callWithin, deserted, json, LOST_ANSWERS, vendorThat, type SeenRequest } from "../vendor.ts";

const OPPORTUNITY = opportunityIdAnswer.parse("0065g00000AbCdEAAV");
const SHORT_OPPORTUNITY = OPPORTUNITY.slice(0, 15);
const home: OrderLine = { productId: 11, quantity: 1, billingCycle: "Monthly", addonIds: [7, 8] };
const installation: OrderLine = { productId: 13, quantity: 2, billingCycle: "One-Time", addonIds: [] };
const order = { clientId: 1001, opportunityId: OPPORTUNITY, lines: [home, installation] };

type Field = WhmcsSettings["WHMCS_OPPORTUNITY_FIELD"];

function settingsFor(url: string, field: Field = { name: "OpportunityId" }): WhmcsSettings {
  return {
    WHMCS_URL: url,
    WHMCS_IDENTIFIER: "identifier",
    WHMCS_SECRET: new Secret("s3cret"),
    WHMCS_ACCESS_KEY: undefined,
    WHMCS_OPPORTUNITY_FIELD: field,
    WHMCS_PAYMENT_METHOD: "banktransfer",
  };
}

const paramsOf = ({ body }: SeenRequest) => new URLSearchParams(body);

/** A WHMCS that answers each action by `answers`. */
async function whmcsThat(
  answers: Readonly<Record<string, (params: URLSearchParams, response: ServerResponse) => void>>,
  { field, deadlineMs = 5_000 }: { field?: Field; deadlineMs?: number } = {},
) {
  const { url, seen } = await vendorThat((request, response) => {
    const params = paramsOf(request);
    const answer = answers[params.get("action") ?? ""];
    if (answer === undefined) json(response, 200, { result: "error", message: "Invalid API Action" });
    else answer(params, response);
  });
  return { whmcs: whmcsClient({ settings: settingsFor(url, field), call: callWithin(deadlineMs) }), seen };
}

const says = (body: Readonly<Record<string, unknown>>) => (_: URLSearchParams, response: ServerResponse) =>
  json(response, 200, { result: "success", ...body });
const refuses = (message: string) => (_: URLSearchParams, response: ServerResponse) =>
  json(response, 200, { result: "error", message });
const unmask = (value: string | null) => Buffer.from(value ?? "", "base64").toString("utf8");

describe("an order", () => {
  const made = says({ orderid: "76", productids: "66,67", serviceids: "66,67", addonids: "", invoiceid: 70 });

  test("is sent line by line, marked with the Opportunity's id, without WHMCS's own mail", async () => {
    const { whmcs, seen } = await whmcsThat({ AddOrder: made });
    await expect(whmcs.addOrder(order)).resolves.toEqual({ orderId: 76, serviceIds: [66, 67] });
    expect(seen[0]).toMatchObject({ method: "POST", path: "/includes/api.php" });
    expect(seen[0]?.headers["content-type"]).toMatch(/^application\/x-www-form-urlencoded/);
    const {
      "customfields[0]": first = "",
      "customfields[1]": second = "",
      ...rest
    } = Object.fromEntries(new URLSearchParams(seen[0]?.body));
    expect(rest).toEqual({
      action: "AddOrder",
      identifier: "identifier",
      secret: "s3cret",
      responsetype: "json",
      clientid: "1001",
      paymentmethod: "banktransfer",
      noemail: "1",
      "pid[0]": "11",
      "pid[1]": "13",
      "qty[0]": "1",
      "qty[1]": "2",
      "billingcycle[0]": "monthly",
      "billingcycle[1]": "onetime",
      "addons[0]": "7,8",
    });
    expect(unmask(first)).toBe(`a:1:{s:13:"OpportunityId";s:18:"${OPPORTUNITY}";}`);
    expect(unmask(second)).toBe(unmask(first));
  });

  test("carries the mark by the field's number, for each product its own", async () => {
    const { whmcs, seen } = await whmcsThat({ AddOrder: made }, { field: { byProduct: new Map([[11, 5]]) } });
    await whmcs.addOrder(order);
    const params = new URLSearchParams(seen[0]?.body);
    expect(unmask(params.get("customfields[0]"))).toBe(`a:1:{i:5;s:18:"${OPPORTUNITY}";}`);
    expect(params.has("customfields[1]")).toBe(false);
  });

  test("is not sent where it could never be found again, or not as it was meant", async () => {
    const { whmcs, seen } = await whmcsThat({ AddOrder: made }, { field: { byProduct: new Map([[99, 5]]) } });
    await expect(whmcs.addOrder(order)).rejects.toMatchObject({
      constructor: RejectedError,
      code: "whmcs-opportunity-field",
    });
    const named = await whmcsThat({ AddOrder: made });
    await expect(
      named.whmcs.addOrder({ ...order, lines: [{ ...home, billingCycle: "Weekly" }] }),
    ).rejects.toMatchObject({ constructor: RejectedError, code: "unknown-billing-cycle" });
    await expect(named.whmcs.addOrder({ ...order, lines: [{ ...home, quantity: 1.5 }] })).rejects.toMatchObject({
      constructor: RejectedError,
      code: "quantity-not-whole",
    });
    expect([...seen, ...named.seen]).toHaveLength(0);
  });

  test("that WHMCS reports without its id may have been made", async () => {
    const { whmcs } = await whmcsThat({ AddOrder: says({ orderid: "", serviceids: "" }) });
    await expect(whmcs.addOrder(order)).rejects.toMatchObject({
      constructor: UnknownOutcomeError,
      mayStillLand: false,
    });
  });
});

describe("accepting an order", () => {
  const notPending = refuses("Order ID not found or Status not Pending");
  const orders = (status: string) => says({ totalresults: "1", orders: { order: [{ id: 76, status }] } });

  test("that was accepted before succeeds once WHMCS says that it is Active", async () => {
    const { whmcs, seen } = await whmcsThat({ AcceptOrder: notPending, GetOrders: orders("Active") });
    await expect(whmcs.acceptOrder(76)).resolves.toBeUndefined();
    expect(seen).toHaveLength(2);
  });

  test("that someone cancelled is refused, with the status", async () => {
    const { whmcs } = await whmcsThat({ AcceptOrder: notPending, GetOrders: orders("Cancelled") });
    await expect(whmcs.acceptOrder(76)).rejects.toMatchObject({
      constructor: RejectedError,
      code: "whmcs-order-not-pending",
      title: "WHMCS order 76 is Cancelled, not Pending.",
    });
  });

  test("that is gone is refused", async () => {
    const { whmcs } = await whmcsThat({ AcceptOrder: notPending, GetOrders: says({ totalresults: 0, orders: "" }) });
    await expect(whmcs.acceptOrder(76)).rejects.toMatchObject({
      constructor: RejectedError,
      code: "whmcs-order-not-found",
    });
  });

  test("is not taken for done because of another order that WHMCS throws in", async () => {
    const others = says({
      orders: { order: { "0": { id: "75", status: "Active" }, "1": { id: "76", status: "Fraud" } } },
    });
    const { whmcs } = await whmcsThat({ AcceptOrder: notPending, GetOrders: others });
    await expect(whmcs.acceptOrder(76)).rejects.toBeInstanceOf(RejectedError);
    await expect(whmcs.orderStatus(74)).resolves.toBeNull();
  });

  test("and cancelling a cancelled one succeeds as well", async () => {
    const { whmcs } = await whmcsThat({ CancelOrder: notPending, GetOrders: orders("Cancelled") });
    await expect(whmcs.cancelOrder(76)).resolves.toBeUndefined();
  });
});

describe("looking for an Opportunity's orders", () => {
  const marked = (name: string, value: string, id: unknown = "5") => ({ customfield: [{ id, name, value }] });
  const service = (
    id: number,
    orderid: unknown,
    customfields: unknown,
    more: Readonly<Record<string, unknown>> = {},
  ) => ({
    id: String(id),
    clientid: "1001",
    orderid,
    pid: "11",
    status: "Pending",
    username: "u",
    password: "p",
    customfields,
    ...more,
  });
  const ours = marked("OpportunityId", OPPORTUNITY);
  const page = (rows: readonly unknown[]) =>
    says({ totalresults: String(rows.length), startnumber: 0, products: { product: rows } });

  test("finds them by the mark, oldest first, each with all its services", async () => {
    const { whmcs } = await whmcsThat({
      GetClientsProducts: page([
        service(70, "80", ours),
        service(67, "76", "", { pid: "13", status: "Active" }),
        service(66, 76, marked("OpportunityId|Opportunity", SHORT_OPPORTUNITY)),
        service(60, "75", marked("OpportunityId", "0065g00000ZzZzZ")),
        service(61, "75", marked("Other", OPPORTUNITY)),
        service(62, "0", ours),
        service(63, "90", ours, { clientid: "2002" }),
      ]),
    });
    await expect(whmcs.ordersOf(order)).resolves.toEqual([
      {
        orderId: 76,
        services: [
          { serviceId: 66, productId: 11, status: "Pending" },
          { serviceId: 67, productId: 13, status: "Active" },
        ],
      },
      { orderId: 80, services: [{ serviceId: 70, productId: 11, status: "Pending" }] },
    ]);
  });

  test.for([
    ["its number", { id: 5 }, [66]],
    ["its number for the product", { byProduct: new Map([[11, 5]]) }, [66]],
    ["a number that is another product's", { byProduct: new Map([[13, 5]]) }, []],
  ] as const)("knows the field by %s", async ([, field, found]) => {
    const { whmcs } = await whmcsThat(
      { GetClientsProducts: page([service(66, "76", marked("Whatever", OPPORTUNITY))]) },
      { field },
    );
    const orders = await whmcs.ordersOf(order);
    expect(orders.flatMap(({ services }) => services.map(({ serviceId }) => serviceId))).toEqual(found);
  });

  test.for([
    ["a bare object", service(66, "76", ours)],
    ["numbered keys", { "1": service(66, "76", ours) }],
  ])("reads a list that is %s", async ([, product]) => {
    const { whmcs } = await whmcsThat({ GetClientsProducts: says({ totalresults: 1, products: { product } }) });
    await expect(whmcs.ordersOf(order)).resolves.toHaveLength(1);
  });

  test("finds nothing where the client has nothing", async () => {
    const { whmcs } = await whmcsThat({ GetClientsProducts: says({ totalresults: "0", products: "" }) });
    await expect(whmcs.ordersOf(order)).resolves.toEqual([]);
  });

  test("turns every page", async () => {
    const all = Array.from({ length: 600 }, (_, index) =>
      service(index + 1, String(index + 1), index === 599 ? ours : ""),
    );
    const { whmcs, seen } = await whmcsThat({
      GetClientsProducts: (params, response) => {
        const start = Number(params.get("limitstart"));
        json(response, 200, {
          result: "success",
          totalresults: "600",
          products: { product: all.slice(start, start + Number(params.get("limitnum"))) },
        });
      },
    });
    await expect(whmcs.ordersOf(order)).resolves.toMatchObject([{ orderId: 600 }]);
    expect(seen).toHaveLength(3);
  });

  test("says that it could not look, rather than that there is nothing, where services are missing from the list", async () => {
    const { whmcs } = await whmcsThat({
      GetClientsProducts: says({ totalresults: "2", products: { product: [service(66, "76", "")] } }),
    });
    await expect(whmcs.ordersOf(order)).rejects.toMatchObject({
      constructor: UnavailableError,
      code: "whmcs-list-incomplete",
    });
  });
});

test("add-ons are the ids that are no products", async () => {
  const { whmcs, seen } = await whmcsThat({
    GetProducts: says({ totalresults: 2, products: { product: [{ pid: 11 }, { pid: "99" }] } }),
  });
  await expect(whmcs.productsAmong([11, 7])).resolves.toEqual(new Set([11]));
  expect(paramsOf(seen[0] ?? { method: "", path: "", headers: {}, body: "" }).get("pid")).toBe("11,7");
  await expect(whmcs.productsAmong([])).resolves.toEqual(new Set());
});

describe("whose service it is", () => {
  const row = (id: number, clientid: number) => ({
    id: String(id),
    clientid,
    orderid: 1,
    pid: 21,
    status: "Active",
    domain: "08000001014",
    customfields: "",
  });
  const of = { clientId: 1014, serviceId: 802 };

  test("is asked by client and service", async () => {
    const { whmcs, seen } = await whmcsThat({
      GetClientsProducts: says({ totalresults: "1", products: { product: [row(802, 1014)] } }),
    });
    await expect(whmcs.serviceOf(of)).resolves.toEqual({ status: "Active", domain: "08000001014" });
    expect(seen.map((request) => [paramsOf(request).get("clientid"), paramsOf(request).get("serviceid")])).toEqual([
      ["1014", "802"],
    ]);
  });

  test("is nobody's of this client where WHMCS finds none, or gives another's", async () => {
    const none = await whmcsThat({ GetClientsProducts: says({ totalresults: "0", products: "" }) });
    await expect(none.whmcs.serviceOf(of)).resolves.toBeNull();
    const anothers = await whmcsThat({
      GetClientsProducts: says({ totalresults: "1", products: { product: [row(802, 1013)] } }),
    });
    await expect(anothers.whmcs.serviceOf(of)).resolves.toBeNull();
  });

  test("is looked for on every page where WHMCS ignores the filter", async () => {
    const rows = [row(801, 1014), row(802, 1014)];
    const { whmcs } = await whmcsThat({
      GetClientsProducts: (params, response) =>
        says({ totalresults: "2", products: { product: params.has("serviceid") ? rows.slice(0, 1) : rows } })(
          params,
          response,
        ),
    });
    await expect(whmcs.serviceOf(of)).resolves.toMatchObject({ status: "Active" });
  });
});

describe("an answer that gets lost", () => {
  test.for(LOST_ANSWERS)("leaves a write in doubt and a read to be repeated: WHMCS %s", async ([, lose]) => {
    const { whmcs, seen } = await whmcsThat(
      { AddOrder: (_, response) => lose(response), GetOrders: (_, response) => lose(response) },
      { deadlineMs: 1_000 },
    );
    await expect(whmcs.addOrder(order)).rejects.toMatchObject({ constructor: UnknownOutcomeError, mayStillLand: true });
    await expect(whmcs.orderStatus(76)).rejects.toMatchObject({ constructor: UnavailableError, scope: "vendor" });
    expect(seen).toHaveLength(2);
  });

  const unreadable: readonly (readonly [string, (response: ServerResponse) => void])[] = [
    ["HTML with status 200", (response) => void response.writeHead(200, { "content-type": "text/html" }).end("<html>")],
    ["nothing", (response) => void response.writeHead(200).end()],
    ["JSON without a result", (response) => json(response, 200, { hello: "world" })],
    ["a redirect", (response) => void response.writeHead(302, { location: "/login" }).end()],
    ["success with a server's fault", (response) => json(response, 500, { result: "success", orderid: 1 })],
    ["more than anyone would read", (response) => void response.writeHead(200).end("x".repeat(11 * 1024 * 1024))],
  ];
  test.for(unreadable)("is one that cannot be read: %s", async ([, answer]) => {
    const { whmcs, seen } = await whmcsThat({ AddOrder: (_, response) => answer(response) });
    await expect(whmcs.addOrder(order)).rejects.toMatchObject({
      constructor: UnknownOutcomeError,
      mayStillLand: false,
    });
    expect(seen).toHaveLength(1);
  });

  test("is none where nobody was there to ask", async () => {
    const whmcs = whmcsClient({ settings: settingsFor(await deserted()), call: callWithin(5_000) });
    await expect(whmcs.addOrder(order)).rejects.toMatchObject({
      constructor: UnavailableError,
      code: "whmcs-not-reached",
    });
  });

  test("does not take the secret with it into the error", async () => {
    const { whmcs } = await whmcsThat({ AddOrder: (_, response) => void response.destroy() });
    const error: unknown = await whmcs.addOrder(order).catch((thrown: unknown) => thrown);
    const { inspect } = await import("node:util");
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain("s3cret");
  });
});
