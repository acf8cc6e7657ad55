import type { Callbacks } from "../integrations/callbacks/client.ts";
import type { Documents } from "../integrations/documents/documents.ts";
import type { Freebit } from "../integrations/freebit/client.ts";
import type { Mail } from "../integrations/mail/client.ts";
import type { Letters } from "../integrations/mail/letters.ts";
import type { Salesforce } from "../integrations/salesforce/client.ts";
import type { Whmcs } from "../integrations/whmcs/client.ts";
import type { AnyJobKind } from "../queues/job-kind.ts";
import { approvalSweep } from "./approval-sweep.ts";
import { callback, type CallbackPayload } from "./callback.ts";
import { cancellation } from "./cancellation.ts";
import { dailySweep } from "./daily-sweep.ts";
import { documentSweep } from "./document-sweep.ts";
import { eligibility } from "./eligibility.ts";
import { mail } from "./mail.ts";
import { order, type OrderRules } from "./order.ts";
import { provisioning } from "./provisioning.ts";
import { termination } from "./termination.ts";
import { verification } from "./verification.ts";

export { callback, type CallbackPayload, mail, provisioning };

/** What the kinds need of the outside world, taken together. */
export interface Services {
  readonly salesforce: Salesforce;
  readonly whmcs: Whmcs;
  readonly freebit: Freebit;
  readonly mail: Mail;
  readonly letters: Letters;
  readonly documents: Documents;
  readonly orderRules: OrderRules;
  readonly callbacks: Callbacks;
}

/** Every kind of work. Routes, queues, workers, the board and OpenAPI follow from this list. */
export const kinds: readonly AnyJobKind<Services>[] = [
  eligibility,
  verification,
  order,
  provisioning,
  cancellation,
  termination,
  mail,
  callback,
  approvalSweep,
  dailySweep,
  documentSweep,
];
