import { FREEBIT_CREDENTIALS } from "./freebit/auth-keys.ts";
import { SALESFORCE_CREDENTIALS, ORGANIZATION_ID } from "./salesforce/token.ts";
import type { Records } from "./salesforce/records.ts";
import type { FieldValue, Fields, ObjectType } from "./salesforce/schema.ts";
import { objectTypes } from "./salesforce/schema.ts";
import { WHMCS_CREDENTIALS } from "./whmcs/billing.ts";
import type { World } from "./world.ts";

/** Everything in memory, as plain JSON. */

/** A record with all its fields, derived ones too. */
export function shownRecord(records: Records, type: ObjectType, row: Fields): Record<string, FieldValue> {
  return Object.fromEntries(type.fields.map((field) => [field.name, records.value(row, field)]));
}

export function wholeState(world: World) {
  const { records } = world.salesforce();
  const { products, addons, clients, orders, services, serviceAddons } = world.billing();
  return {
    organizationId: ORGANIZATION_ID,
    seed: world.seed(),
    clock: { now: new Date(world.now()).toISOString(), isSet: world.clock.isSet() },
    credentials: { salesforce: SALESFORCE_CREDENTIALS, whmcs: WHMCS_CREDENTIALS, freebit: FREEBIT_CREDENTIALS },
    salesforce: Object.fromEntries(
      objectTypes.map((type) => [
        type.name,
        [...records.tables.rows(type)].map((row) => shownRecord(records, type, row)),
      ]),
    ),
    whmcs: {
      products: [...products.values()],
      addons: [...addons.values()],
      clients: [...clients.values()],
      orders: [...orders.values()],
      services: [...services.values()].map((service) => ({
        ...service,
        customFields: Object.fromEntries(service.customFields),
      })),
      serviceAddons: [...serviceAddons.values()],
    },
    freebit: { lines: world.lines().all() },
    mails: world.mail.received(),
    outbound: { url: world.outbound().url(), deliveries: world.outbound().deliveries() },
    faults: world.stage.faults.active(),
    /** Writes and answers that were put off and are still to come. */
    stillToCome: world.stage.timers.pending(),
  };
}
