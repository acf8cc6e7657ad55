import type { Freebit } from "../integrations/freebit/client.ts";
import type { Mail } from "../integrations/mail/client.ts";
import type { Letters } from "../integrations/mail/letters.ts";
import type { Salesforce } from "../integrations/salesforce/client.ts";
import type { Whmcs } from "../integrations/whmcs/client.ts";
import type { AnyJobKind } from "../queues/job-kind.ts";
import { cancellation } from "./cancellation.ts";
import { eligibility } from "./eligibility.ts";
import { mail } from "./mail.ts";
import { provisioning } from "./provisioning.ts";

export { provisioning };

/** What the kinds need of the outside world, taken together. */
export interface Services {
  readonly salesforce: Salesforce;
  readonly whmcs: Whmcs;
  readonly freebit: Freebit;
  readonly mail: Mail;
  readonly letters: Letters;
}

/** Every kind of work. Routes, queues, workers, the board and OpenAPI follow from this list. */
export const kinds: readonly AnyJobKind<Services>[] = [eligibility, provisioning, cancellation, mail];
