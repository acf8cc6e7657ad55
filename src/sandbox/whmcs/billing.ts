/** What WHMCS keeps: products, clients, orders and the services that orders make. In memory. */

export type ServiceStatus = "Pending" | "Active" | "Suspended" | "Terminated" | "Cancelled" | "Fraud" | "Completed";
export type OrderStatus = "Pending" | "Active" | "Fraud" | "Cancelled";
/** As parameters name it; answers show `CYCLE_SHOWN`. */
export type Cycle = "onetime" | "monthly" | "quarterly" | "semiannually" | "annually" | "biennially" | "triennially";

export const CYCLE_SHOWN: Readonly<Record<Cycle, string>> = {
  onetime: "One-Time",
  monthly: "Monthly",
  quarterly: "Quarterly",
  semiannually: "Semi-Annually",
  annually: "Annually",
  biennially: "Biennially",
  triennially: "Triennially",
};
export const isCycle = (text: string): text is Cycle => Object.hasOwn(CYCLE_SHOWN, text);

export const WHMCS_CREDENTIALS = { identifier: "sandbox-identifier", secret: "sandbox-secret" } as const;
/** System name and what customers see. */
const PAYMENT_METHOD_NAMES = { banktransfer: "Bank Transfer", creditcard: "Credit Card" } as const;
export const PAYMENT_METHODS: readonly string[] = Object.keys(PAYMENT_METHOD_NAMES);

/** GetPaymentMethods. */
export const getPaymentMethods = (): object => ({
  totalresults: PAYMENT_METHODS.length,
  paymentmethods: {
    paymentmethod: Object.entries(PAYMENT_METHOD_NAMES).map(([module, displayname]) => ({ module, displayname })),
  },
});

interface CustomField {
  /** Belongs to one product only. */
  readonly id: number;
  readonly name: string;
  /** Customers fill it in as they order; without it only administrators see the field. */
  readonly onOrderForm?: true;
}

export interface Product {
  readonly pid: number;
  readonly name: string;
  readonly cycle: Cycle;
  /** Yen. */
  readonly price: number;
  /** The provisioning module; empty: a person provisions. */
  readonly module: string;
  readonly customFields: readonly CustomField[];
}

/** Add-ons have ids of their own, which GetProducts does not know. */
export interface Addon {
  readonly id: number;
  readonly name: string;
  readonly price: number;
}

export interface Client {
  readonly id: number;
  readonly firstname: string;
  readonly lastname: string;
  readonly email: string;
  readonly status: "Active" | "Inactive" | "Closed";
}

export interface Service {
  readonly id: number;
  readonly clientId: number;
  readonly orderId: number;
  readonly pid: number;
  readonly qty: number;
  domain: string;
  /** Yen. */
  amount: number;
  cycle: Cycle;
  status: ServiceStatus;
  /** Y-m-d in Japan. */
  readonly regDate: string;
  nextDueDate: string;
  terminationDate: string;
  notes: string;
  /** By custom field id. */
  readonly customFields: Map<number, string>;
}

interface ServiceAddon {
  readonly id: number;
  readonly addonId: number;
  readonly serviceId: number;
  readonly orderId: number;
  status: ServiceStatus;
}

export interface Order {
  readonly id: number;
  readonly clientId: number;
  /** Y-m-d H:i:s in Japan, without an offset. */
  readonly date: string;
  /** Yen. */
  readonly amount: number;
  readonly paymentMethod: string;
  readonly invoiceId: number;
  status: OrderStatus;
}

export interface Billing {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly products: ReadonlyMap<number, Product>;
  readonly addons: ReadonlyMap<number, Addon>;
  readonly clients: Map<number, Client>;
  readonly orders: Map<number, Order>;
  readonly services: Map<number, Service>;
  readonly serviceAddons: Map<number, ServiceAddon>;
  readonly next: (what: "client" | "order" | "service" | "addon" | "invoice") => number;
}

const byId = <T extends { readonly id: number }>(rows: readonly T[]) => new Map(rows.map((row) => [row.id, row]));

export function billing(
  products: readonly Product[],
  addons: readonly Addon[],
  clients: readonly Client[],
  now: () => number,
): Billing {
  const last = {
    client: Math.max(0, ...clients.map(({ id }) => id)),
    order: 5000,
    service: 9000,
    addon: 300,
    invoice: 70_000,
  };
  return {
    now,
    products: new Map(products.map((product) => [product.pid, product])),
    addons: byId(addons),
    clients: byId(clients),
    orders: new Map(),
    services: new Map(),
    serviceAddons: new Map(),
    next: (what) => (last[what] += 1),
  };
}

/** A refusal, in WHMCS's words. Business errors are answered with HTTP 200. */
export class WhmcsError extends Error {
  readonly status: number;
  constructor(message: string, status = 200) {
    super(message);
    this.name = "WhmcsError";
    this.status = status;
  }
}

export const clientOr = (billing: Billing, id: string, message: string): Client => {
  const client = billing.clients.get(Number(id));
  if (client === undefined) throw new WhmcsError(message);
  return client;
};
export const serviceOr = (billing: Billing, id: string, message: string): Service => {
  const service = billing.services.get(Number(id));
  if (service === undefined) throw new WhmcsError(message);
  return service;
};

const JAPAN_MS = 9 * 60 * 60 * 1000;
/** The server's clock on the wall: `2026-11-22 10:02:03`, in Japan. */
export const wallClock = (epochMs: number): string =>
  new Date(epochMs + JAPAN_MS).toISOString().slice(0, 19).replace("T", " ");
export const yen = (amount: number): string => amount.toFixed(2);
export const ZERO_DATE = "0000-00-00";

/** The fields of a product that custom field values name, by numeric id or by name; others are ignored in silence. */
export function customFieldValues(
  product: Product | undefined,
  given: ReadonlyMap<string, string>,
): [number, string][] {
  return [...given].flatMap(([key, value]): [number, string][] => {
    const field = product?.customFields.find(({ id, name }) => String(id) === key || name === key);
    return field === undefined ? [] : [[field.id, value]];
  });
}

/** A page of rows, in no helpful order: WHMCS promises none, and a client that relies on one is wrong. */
export function pageOf<T>(rows: readonly T[], idOf: (row: T) => number, start: number, count: number): readonly T[] {
  return rows.toSorted((a, b) => ((idOf(a) * 7919) % 1009) - ((idOf(b) * 7919) % 1009)).slice(start, start + count);
}
