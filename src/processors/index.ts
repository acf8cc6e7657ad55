import type { Salesforce } from "../integrations/salesforce/client.ts";
import type { Whmcs } from "../integrations/whmcs/client.ts";
import type { AnyJobKind } from "../queues/job-kind.ts";
import { eligibility } from "./eligibility.ts";
import { order, type OrderRules } from "./order.ts";
import { provisioning } from "./provisioning.ts";

export { provisioning };

/** What the kinds need of the outside world, taken together. */
export interface Services {
  readonly salesforce: Salesforce;
  readonly whmcs: Whmcs;
  readonly orderRules: OrderRules;
}

/** Every kind of work. Routes, queues, workers, the board and OpenAPI follow from this list. */
export const kinds: readonly AnyJobKind<Services>[] = [eligibility, order, provisioning];
