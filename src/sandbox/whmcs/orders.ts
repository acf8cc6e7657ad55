import type { Billing, Order, OrderStatus, Service } from "./billing.ts";
import {
  CYCLE_SHOWN,
  PAYMENT_METHODS,
  WhmcsError,
  ZERO_DATE,
  clientOr,
  customFieldValues,
  isCycle,
  pageOf,
  wallClock,
  yen,
} from "./billing.ts";
import type { Parameters } from "./parameters.ts";
import { serializedFields } from "./php-unserialize.ts";

/** AddOrder, AcceptOrder, CancelOrder and GetOrders. */

const NOT_PENDING = "Order ID not found or Status not Pending";
const idList = (ids: readonly number[]) => ids.join(",");

function paymentMethod(given: string): string {
  if (!PAYMENT_METHODS.includes(given))
    throw new WhmcsError(`Invalid Payment Method. Valid options include ${PAYMENT_METHODS.join(",")}`);
  return given;
}

/** Makes a pending order with a pending service for each product. It never provisions. */
export function addOrder(billing: Billing, given: Parameters): object {
  const client = clientOr(billing, given.text("clientid"), "Client ID Not Found");
  if (client.status === "Closed") throw new WhmcsError("Unable to add order when client status is Closed");
  const method = paymentMethod(given.text("paymentmethod"));
  const [pids, quantities, cycles, domains, customFields, addonLists, prices] = [
    "pid",
    "qty",
    "billingcycle",
    "domain",
    "customfields",
    "addons",
    "priceoverride",
  ].map(given.array);
  given.array("configoptions");
  const lines = [...(pids ?? [])].flatMap(([index, pid]) => {
    const product = billing.products.get(Number(pid));
    return product === undefined ? [] : [{ index, product }];
  });
  if (lines.length === 0) throw new WhmcsError("No items added to cart so order cannot proceed");

  const orderId = billing.next("order");
  const now = wallClock(billing.now());
  const services: Service[] = [];
  const addonIds: number[] = [];
  let amount = 0;
  for (const { index, product } of lines) {
    const asked = cycles?.get(index) ?? "";
    const cycle = isCycle(asked) ? asked : product.cycle;
    const service: Service = {
      id: billing.next("service"),
      clientId: client.id,
      orderId,
      pid: product.pid,
      qty: Number(quantities?.get(index) ?? 1) || 1,
      domain: domains?.get(index) ?? "",
      amount: Number(prices?.get(index) ?? product.price),
      cycle,
      status: "Pending",
      regDate: now.slice(0, 10),
      nextDueDate: cycle === "onetime" ? ZERO_DATE : now.slice(0, 10),
      terminationDate: ZERO_DATE,
      notes: "",
      customFields: new Map(customFieldValues(product, serializedFields(customFields?.get(index) ?? ""))),
    };
    services.push(service);
    billing.services.set(service.id, service);
    amount += service.amount * service.qty;
    for (const id of (addonLists?.get(index) ?? "").split(",")) {
      const addon = billing.addons.get(Number(id));
      if (addon === undefined) continue;
      const made = {
        id: billing.next("addon"),
        addonId: addon.id,
        serviceId: service.id,
        orderId,
        status: "Pending" as const,
      };
      billing.serviceAddons.set(made.id, made);
      addonIds.push(made.id);
      amount += addon.price;
    }
  }
  const invoiceId = given.flag("noinvoice") ? 0 : billing.next("invoice");
  billing.orders.set(orderId, {
    id: orderId,
    clientId: client.id,
    date: now,
    amount,
    paymentMethod: method,
    invoiceId,
    status: "Pending",
  });
  const serviceIds = idList(services.map(({ id }) => id));
  return {
    orderid: orderId,
    productids: serviceIds,
    serviceids: serviceIds,
    addonids: idList(addonIds),
    domainids: "",
    ...(invoiceId === 0 ? {} : { invoiceid: invoiceId }),
  };
}

function settle(billing: Billing, given: Parameters, status: "Active" | "Cancelled"): object {
  const order = billing.orders.get(Number(given.text("orderid")));
  if (order?.status !== "Pending") throw new WhmcsError(NOT_PENDING);
  order.status = status satisfies OrderStatus;
  for (const row of [...billing.services.values(), ...billing.serviceAddons.values()]) {
    if (row.orderId === order.id && row.status === "Pending") row.status = status;
  }
  return {};
}

/** Makes the order and its services active. */
export const acceptOrder = (billing: Billing, given: Parameters): object => settle(billing, given, "Active");
export const cancelOrder = (billing: Billing, given: Parameters): object => settle(billing, given, "Cancelled");

function shownOrder(billing: Billing, order: Order): object {
  const client = billing.clients.get(order.clientId);
  const products = [...billing.services.values()]
    .filter(({ orderId }) => orderId === order.id)
    .map((service) => ({
      type: "product",
      relid: service.id,
      producttype: "Product/Service",
      product: billing.products.get(service.pid)?.name ?? "",
      domain: service.domain,
      billingcycle: CYCLE_SHOWN[service.cycle],
      amount: yen(service.amount),
      status: service.status,
    }));
  const addons = [...billing.serviceAddons.values()]
    .filter(({ orderId }) => orderId === order.id)
    .map((addon) => ({
      type: "addon",
      relid: addon.id,
      producttype: "Addon",
      product: billing.addons.get(addon.addonId)?.name ?? "",
      domain: "",
      billingcycle: "Monthly",
      amount: yen(billing.addons.get(addon.addonId)?.price ?? 0),
      status: addon.status,
    }));
  return {
    id: order.id,
    ordernum: 7_000_000_000 + order.id,
    userid: order.clientId,
    name: client === undefined ? "" : `${client.firstname} ${client.lastname}`,
    date: order.date,
    amount: yen(order.amount),
    paymentmethod: order.paymentMethod,
    invoiceid: order.invoiceId,
    status: order.status,
    notes: "",
    paymentstatus: order.invoiceId === 0 ? "" : "Unpaid",
    lineitems: { lineitem: [...products, ...addons] },
  };
}

/** Ids are numbers here; an empty list is `[]`. */
export function getOrders(billing: Billing, given: Parameters): object {
  const [id, userId, status] = ["id", "userid", "status"].map(given.text);
  const matching = [...billing.orders.values()].filter(
    (order) =>
      (id === "" || String(order.id) === id) &&
      (userId === "" || String(order.clientId) === userId) &&
      (status === "" || order.status === status),
  );
  const start = given.count("limitstart", 0);
  const rows = pageOf(matching, (order) => order.id, start, given.count("limitnum", 25));
  return {
    totalresults: matching.length,
    startnumber: start,
    numreturned: rows.length,
    orders: rows.length === 0 ? [] : { order: rows.map((order) => shownOrder(billing, order)) },
  };
}
