import { eligibility } from "../../src/processors/eligibility.ts";
import type { Services } from "../../src/processors/index.ts";
import { order } from "../../src/processors/order.ts";
import { provisioning } from "../../src/processors/provisioning.ts";
import type { AnyJobKind } from "../../src/queues/job-kind.ts";
import { ADDRESS, type Effects } from "./line.ts";

/** One request of each kind that does all that the kind can do, what comes of it, and how many calls to vendors it takes. */
export const requests: Readonly<
  Record<string, { kind: AnyJobKind<Services>; payload: unknown; effects: Effects; calls: number }>
> = {
  eligibility: {
    kind: eligibility,
    payload: { accountId: "0015g0000000001AAA", address: ADDRESS, notes: "犬がいます" },
    effects: { opportunities: 1, cases: 1, orders: 0, whmcsOrders: 0, whmcsServices: 0 },
    calls: 2,
  },
  order: {
    kind: order,
    payload: {
      accountId: "0015g0000000003AAA",
      orderType: "Internet",
      items: [{ productId: "01t5g0000000002AAA" }, { productId: "01t5g0000000003AAA", quantity: 2 }],
      priority: true,
      notes: "午前中に連絡してください",
    },
    effects: { opportunities: 1, cases: 0, orders: 1, whmcsOrders: 0, whmcsServices: 0 },
    calls: 2,
  },
  provisioning: {
    kind: provisioning,
    payload: { orderId: "8015g0000000001AAA" },
    effects: { opportunities: 0, cases: 0, orders: 0, whmcsOrders: 1, whmcsServices: 2 },
    calls: 4,
  },
};
