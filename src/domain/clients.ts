/**
 * Names of our own among the clients whose idempotency keys, and callbacks, are told apart by name: no client of the REST API may
 * take one.
 */

/** What jobs and the program itself hand on. */
export const HANDOFF_CLIENT = "handoff";
/** Outbound messages. */
export const SALESFORCE_CLIENT = "salesforce";
/** The receiver of alerts. */
export const ALERTS_CLIENT = "alerts";

export const OWN_CLIENTS: readonly string[] = [HANDOFF_CLIENT, SALESFORCE_CLIENT, ALERTS_CLIENT];
