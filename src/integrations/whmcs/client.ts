import type { Check } from "../../domain/check.ts";
import type { ClientService } from "../../domain/disagreement.ts";
import { RejectedError, UnavailableError } from "../../domain/errors.ts";
import { opportunityId as opportunityIdOf, type OpportunityId, to18 } from "../../domain/salesforce-id.ts";
import type { VendorCall } from "../../domain/vendor-call.ts";
import type { Settings, WhmcsOpportunityField } from "../../settings.ts";
import { orderList, orderMade, productList, servicePage, type Service } from "./answers.ts";
import { performing, type ApiSettings } from "./api.ts";
import { billingCycle, customFields, fieldKey } from "./encoding.ts";
import { CLIENT_NOT_FOUND, NOT_PENDING } from "./errors.ts";
import { checkShop } from "./shop-check.ts";
import * as z from "zod";

/** One product of an order. */
export type OrderLine = {
  readonly productId: number;
  readonly quantity: number;
  /** In anyone's spelling: `Monthly`, `One-Time`. */
  readonly billingCycle: string;
  readonly addonIds: readonly number[];
};

/** An order as its services show it. */
export type FoundOrder = {
  readonly orderId: number;
  /** All services of the order, by id. `status`: Pending, Active, Suspended, Terminated, Cancelled, Fraud, Completed. */
  readonly services: readonly { readonly serviceId: number; readonly productId: number; readonly status: string }[];
};

export type ServiceState = {
  /** Pending, Active, Suspended, Terminated, Cancelled, Fraud, Completed. */
  readonly status: string;
  /** What WHMCS calls its domain; of a SIM it may be the number. Empty where there is none. */
  readonly domain: string;
};

/** What the business asks of WHMCS. Throws errors of `domain/errors.ts` only; reads never throw an `UnknownOutcomeError`. */
export interface Whmcs {
  /**
   * Orders `lines`, marked with the Opportunity's id so that the order can be found. WHMCS provisions nothing before
   * `acceptOrder`. `serviceIds` are in WHMCS's order.
   */
  addOrder(order: {
    readonly clientId: number;
    readonly opportunityId: OpportunityId;
    readonly lines: readonly OrderLine[];
  }): Promise<{ readonly orderId: number; readonly serviceIds: readonly number[] }>;
  /** Accepting an order that is Active already does nothing and succeeds. */
  acceptOrder(orderId: number): Promise<void>;
  /** Cancels a pending order; one that is cancelled already stays so. */
  cancelOrder(orderId: number): Promise<void>;
  /** Pending, Active, Fraud or Cancelled; null where there is no such order. */
  orderStatus(orderId: number): Promise<string | null>;
  /** The client's orders that carry the Opportunity's mark, oldest first. */
  ordersOf(of: { readonly clientId: number; readonly opportunityId: OpportunityId }): Promise<readonly FoundOrder[]>;
  /** All services of the client, with their marks; none where WHMCS has no such client. */
  servicesWithMarks(clientId: number): Promise<readonly ClientService[]>;
  /** A service's status (`FoundOrder` names them); null where there is no such service. */
  serviceStatus(serviceId: number): Promise<string | null>;
  /** Ends a service through its product's module: its line or account is gone then. */
  terminate(serviceId: number): Promise<void>;
  /** The client's service of that id; null where the client has none such. */
  serviceOf(of: { readonly clientId: number; readonly serviceId: number }): Promise<ServiceState | null>;
  /** Which of `ids` are products; WHMCS's add-ons have ids of their own, and are not among them. */
  productsAmong(ids: readonly number[]): Promise<ReadonlySet<number>>;
  /** Whether WHMCS has what orders of these products will ask for: the products, the field for the mark, the payment method. */
  checkShop(sold: readonly SoldProduct[]): Promise<readonly Check[]>;
}

/** A product as Salesforce's price book has it. */
export type SoldProduct = {
  readonly name: string;
  readonly whmcsProductId: number | null;
  readonly billingCycle: string | null;
  readonly itemClass: string | null;
};

export type WhmcsSettings = ApiSettings & Pick<Settings, "WHMCS_OPPORTUNITY_FIELD" | "WHMCS_PAYMENT_METHOD">;

/** More than a client ever has, so that one page is the rule. */
const SERVICES_A_PAGE = 250;

/** The client for one WHMCS. Throws where a setting is missing. */
export function whmcsClient({ settings, call }: { settings: WhmcsSettings; call: VendorCall }): Whmcs {
  const perform = performing({ settings, call });
  const { WHMCS_OPPORTUNITY_FIELD: field, WHMCS_PAYMENT_METHOD: paymentMethod } = settings;

  async function orderStatus(orderId: number): Promise<string | null> {
    const { orders } = await perform({
      action: "GetOrders",
      writes: false,
      parameters: { id: orderId },
      answer: orderList,
    });
    // WHMCS ignores parameters that it does not know, so every filter is checked on the rows again.
    return orders.find(({ id }) => id === orderId)?.status ?? null;
  }

  /** Moves a pending order on; where WHMCS says that it is not pending, `wanted` tells whether that is what was asked for. */
  async function moveOn(action: string, orderId: number, wanted: string, parameters: Record<string, number> = {}) {
    try {
      await perform({ action, writes: true, parameters: { orderid: orderId, ...parameters }, answer: z.object({}) });
    } catch (error) {
      if (!(error instanceof RejectedError) || error.code !== NOT_PENDING) throw error;
      const status = await orderStatus(orderId);
      if (status === "Pending") throw contradicted(orderId);
      if (status !== wanted) throw notPending(orderId, status);
    }
  }

  async function servicesOf(clientId: number): Promise<readonly Service[]> {
    const found = new Map<number, Service>();
    for (let start = 0; ; start += SERVICES_A_PAGE) {
      const page = await perform({
        action: "GetClientsProducts",
        writes: false,
        parameters: { clientid: clientId, limitstart: start, limitnum: SERVICES_A_PAGE },
        answer: servicePage,
      });
      const before = found.size;
      for (const service of page.products) found.set(service.id, service);
      if (found.size >= page.totalresults) break;
      if (found.size === before) throw incomplete();
    }
    return [...found.values()].filter(({ clientid }) => clientid === clientId);
  }

  return {
    async addOrder({ clientId, opportunityId, lines }) {
      const marks = lines.map(({ productId }) => mark(field, productId, opportunityId));
      if (marks.every((each) => each === null)) throw unmarked(lines);
      const { orderid, serviceids, productids } = await perform({
        action: "AddOrder",
        writes: true,
        parameters: {
          clientid: clientId,
          paymentmethod: paymentMethod,
          noemail: 1,
          pid: lines.map(({ productId }) => productId),
          qty: lines.map(wholeQuantity),
          billingcycle: lines.map(cycle),
          customfields: marks,
          addons: lines.map(({ addonIds }) => (addonIds.length === 0 ? null : addonIds.join(","))),
        },
        answer: orderMade,
        taken: (anew) => ({
          orderid: anew("the new WHMCS order's id"),
          serviceids: lines.map(() => anew("the new WHMCS service's id")),
        }),
      });
      return { orderId: orderid, serviceIds: serviceids.length > 0 ? serviceids : productids };
    },

    acceptOrder: (orderId) => moveOn("AcceptOrder", orderId, "Active"),
    cancelOrder: (orderId) => moveOn("CancelOrder", orderId, "Cancelled", { noemail: 1 }),
    orderStatus,

    async ordersOf({ clientId, opportunityId }) {
      const services = (await servicesOf(clientId)).filter(({ orderid }) => orderid !== null);
      const byOrder = Map.groupBy(services, ({ orderid }) => orderid ?? 0);
      return [...byOrder]
        .filter(([, ofOrder]) => ofOrder.some((service) => markOn(field, service) === to18(opportunityId)))
        .map(([orderId, ofOrder]) => ({
          orderId,
          services: ofOrder
            .map(({ id, pid, status }) => ({ serviceId: id, productId: pid ?? 0, status }))
            .toSorted((one, other) => one.serviceId - other.serviceId),
        }))
        .toSorted((one, other) => one.orderId - other.orderId);
    },

    async servicesWithMarks(clientId) {
      const services = await servicesOf(clientId).catch((error: unknown) => {
        if (error instanceof RejectedError && error.code === CLIENT_NOT_FOUND) return [];
        throw error;
      });
      return services.map((service) => ({
        serviceId: service.id,
        clientId,
        orderId: service.orderid,
        status: service.status,
        opportunityId: markOn(field, service),
      }));
    },

    async serviceStatus(serviceId) {
      const { products } = await perform({
        action: "GetClientsProducts",
        writes: false,
        parameters: { serviceid: serviceId },
        answer: servicePage,
      });
      return products.find(({ id }) => id === serviceId)?.status ?? null;
    },

    async terminate(serviceId) {
      await perform({
        action: "ModuleTerminate",
        writes: true,
        parameters: { serviceid: serviceId },
        answer: z.object({}),
      });
    },

    async serviceOf({ clientId, serviceId }) {
      const { products, totalresults } = await perform({
        action: "GetClientsProducts",
        writes: false,
        parameters: { clientid: clientId, serviceid: serviceId },
        answer: servicePage,
      });
      // More than one: the filter was ignored, and the service may stand on a later page.
      const services = totalresults > products.length ? await servicesOf(clientId) : products;
      const found = services.find(({ id, clientid }) => id === serviceId && clientid === clientId);
      return found === undefined ? null : { status: found.status, domain: found.domain ?? "" };
    },

    async productsAmong(ids) {
      if (ids.length === 0) return new Set();
      const { products } = await perform({
        action: "GetProducts",
        writes: false,
        parameters: { pid: ids.join(",") },
        answer: productList,
      });
      const known = new Set(products.map(({ pid }) => pid));
      return new Set(ids.filter((id) => known.has(id)));
    },

    checkShop: (sold) => checkShop(perform, settings, sold),
  };
}

function mark(field: WhmcsOpportunityField, productId: number, opportunityId: OpportunityId): string | null {
  const key = fieldKey(field, productId);
  return key === null ? null : customFields({ [key]: opportunityId });
}

/** The Opportunity whose id, with 15 characters or 18, stands in the field that carries it; null where there is none. */
function markOn(field: WhmcsOpportunityField, service: Service): OpportunityId | null {
  const key = fieldKey(field, service.pid ?? 0);
  for (const { id, name, value } of service.customfields) {
    // "Name|Shown name" is WHMCS's way to give a field a friendlier name.
    const isOurs = "name" in field ? name?.split("|")[0]?.trim() === key : id !== null && String(id) === key;
    const mark = isOurs ? opportunityIdOf.safeParse(value) : undefined;
    if (mark?.success === true) return mark.data;
  }
  return null;
}

function cycle({ productId, billingCycle: spelt }: OrderLine): string {
  const known = billingCycle(spelt);
  if (known !== null) return known;
  throw new RejectedError({
    vendor: "whmcs",
    code: "unknown-billing-cycle",
    title: `The billing cycle of WHMCS product ${productId} is none that WHMCS has.`,
    detail:
      "Set Billing_Cycle__c on the product in Salesforce to Monthly, Quarterly, Semi-Annually, Annually, Biennially, Triennially or One-Time, then retry.",
  });
}

function wholeQuantity({ productId, quantity }: OrderLine): number {
  if (Number.isSafeInteger(quantity) && quantity > 0) return quantity;
  throw new RejectedError({
    vendor: "whmcs",
    code: "quantity-not-whole",
    title: `The quantity of WHMCS product ${productId} is no whole number above zero.`,
    detail: "Correct the order's quantity in Salesforce, then retry.",
  });
}

function unmarked(lines: readonly OrderLine[]): RejectedError {
  return new RejectedError({
    vendor: "whmcs",
    code: "whmcs-opportunity-field",
    title: `WHMCS_OPPORTUNITY_FIELD names no field for the WHMCS products ${lines.map(({ productId }) => productId).join(", ")}.`,
    detail:
      "Without the mark the order could not be found again. Add the products' custom field to WHMCS_OPPORTUNITY_FIELD, then retry.",
  });
}

function notPending(orderId: number, status: string | null): RejectedError {
  const isWord = status !== null && /^\w{1,30}$/.test(status);
  return new RejectedError({
    vendor: "whmcs",
    code: status === null ? "whmcs-order-not-found" : NOT_PENDING,
    title:
      status === null
        ? `WHMCS has no order ${orderId}.`
        : `WHMCS order ${orderId} is ${isWord ? status : "in another status"}, not Pending.`,
    detail:
      "Someone may have changed it in WHMCS. Look at the order there; if the customer shall have it all the same, set it back to Pending, then retry.",
  });
}

/** WHMCS refused it as not pending and then called it pending: one of the two answers was old. */
function contradicted(orderId: number): UnavailableError {
  return new UnavailableError({
    vendor: "whmcs",
    scope: "call",
    code: "whmcs-contradicts-itself",
    title: `WHMCS says both that order ${orderId} is Pending and that it is not.`,
    detail: "It is asked again by itself.",
  });
}

/** A look that may have missed a row is no look: what it does not find might be there. */
function incomplete(): UnavailableError {
  return new UnavailableError({
    vendor: "whmcs",
    scope: "call",
    code: "whmcs-list-incomplete",
    title: "WHMCS gave fewer services than it counted.",
    detail: "The list may have changed while it was read. It is read again.",
  });
}
