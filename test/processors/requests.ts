import { eligibility } from "../../src/processors/eligibility.ts";
import type { Services } from "../../src/processors/index.ts";
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
    effects: { opportunities: 1, cases: 1, whmcsOrders: 0, whmcsServices: 0 },
    calls: 2,
  },
  provisioning: {
    kind: provisioning,
    payload: { orderId: "8015g0000000001AAA" },
    effects: { opportunities: 0, cases: 0, whmcsOrders: 1, whmcsServices: 2 },
    calls: 4,
  },
};
