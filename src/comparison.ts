import { afterJob, type ClientService, type Disagreement, type Facts, type Work } from "./domain/disagreement.ts";
import { disagreements } from "./domain/disagreements.ts";
import type { Salesforce } from "./integrations/salesforce/client.ts";
import type { Whmcs } from "./integrations/whmcs/client.ts";
import { kinds } from "./processors/index.ts";
import type { Intake } from "./queues/intake.ts";
import type { JobView } from "./queues/job-view.ts";

/** Each is a read of one client's services, a page most often. */
const CLIENTS_AT_ONCE = 4;

export interface Compared {
  readonly since: Date;
  readonly facts: Facts;
  readonly found: readonly Disagreement[];
}

/**
 * Compares Salesforce, WHMCS and the ledger for what was changed since `since`, and writes nothing to any of them. What a
 * client or the ledger throws comes through.
 *
 * The order counts: WHMCS is read after Salesforce and the ledger last, so that what is being carried out meanwhile is not
 * taken for a disagreement.
 */
export async function compare(
  {
    salesforce,
    whmcs,
    intake,
  }: {
    readonly salesforce: Pick<
      Salesforce,
      "approvedOrders" | "lifecycleOpportunities" | "lifecycleCases" | "accountsBeingChecked"
    >;
    readonly whmcs: Pick<Whmcs, "servicesWithMarks">;
    readonly intake: Pick<Intake, "lastJob">;
  },
  since: Date,
): Promise<Compared> {
  const now = new Date();
  const orders = await salesforce.approvedOrders(since);
  const opportunities = await salesforce.lifecycleOpportunities(since);
  const checking = await salesforce.accountsBeingChecked(since);
  const cases = await salesforce.lifecycleCases();
  const clients = [...new Set(opportunities.flatMap(({ whmcsClientId }) => whmcsClientId ?? []))];
  const services: ClientService[] = [];
  for (let at = 0; at < clients.length; at += CLIENTS_AT_ONCE) {
    const read = clients.slice(at, at + CLIENTS_AT_ONCE).map((client) => whmcs.servicesWithMarks(client));
    services.push(...(await Promise.all(read)).flat());
  }
  const facts = { now, orders, opportunities, cases, checking, services };

  const found: Disagreement[] = [];
  for (const one of disagreements(facts)) {
    const left = "work" in one.heal ? afterJob(one, one.heal.work, await jobOf(intake, one.heal.work), now) : one;
    if (left !== null) found.push(left);
  }
  return { since, facts, found };
}

async function jobOf(intake: Pick<Intake, "lastJob">, { kind: name, payload }: Work): Promise<JobView | null> {
  const kind = kinds.find((one) => one.name === name);
  if (kind === undefined) throw new Error(`no kind is called "${name}"`);
  return await intake.lastJob(kind, payload);
}
