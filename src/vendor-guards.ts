import type { Logger } from "pino";
import type { Vendor } from "./domain/errors.ts";
import { type Allowance, allowanceOf } from "./queues/allowance.ts";
import { type Breaker, breakerFor } from "./queues/breaker.ts";
import type { Connection } from "./queues/connection.ts";
import type { Settings } from "./settings.ts";

/** What keeps calls from a vendor that is away, or whose calls of the day are used up: one for all processes, in Redis. */

/** A vendor's breaker is one for the doors and the workers: an outage is the same for all. */
export function breakerOf(vendor: Vendor, settings: Settings, redis: Connection, log: Logger): Breaker {
  return breakerFor(vendor, {
    redis,
    prefix: settings.QUEUE_PREFIX,
    baseMs: settings.RETRY_BASE_MS,
    probeMs: 2 * settings.VENDOR_TIMEOUT_MS,
    complain: (err) => log.warn({ err, vendor }, "the breaker could not be told what came of a call"),
  });
}

/** The breakers of all vendors. */
export function breakersOf(settings: Settings, redis: Connection, log: Logger): Readonly<Record<Vendor, Breaker>> {
  const breaker = (vendor: Vendor) => breakerOf(vendor, settings, redis, log);
  return {
    salesforce: breaker("salesforce"),
    whmcs: breaker("whmcs"),
    freebit: breaker("freebit"),
    mail: breaker("mail"),
  };
}

/** How much is used of an org's daily calls: of the vendors only Salesforce counts, and says so. */
export function salesforceAllowance(settings: Settings, redis: Connection, log: Logger): Allowance {
  return allowanceOf("salesforce", {
    redis,
    prefix: settings.QUEUE_PREFIX,
    baseMs: settings.RETRY_BASE_MS,
    lookMs: 2 * settings.VENDOR_TIMEOUT_MS,
    complain: (err) => log.warn({ err }, "how many of Salesforce's daily calls are used could not be written down"),
  });
}
