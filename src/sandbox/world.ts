import type { Clock } from "./clock.ts";
import { clock } from "./clock.ts";
import type { Stage } from "./exchange.ts";
import type { AuthKeys } from "./freebit/auth-keys.ts";
import { authKeys } from "./freebit/auth-keys.ts";
import type { Lines } from "./freebit/lines.ts";
import type { MailServer } from "./mail.ts";
import type { OutboundMessages } from "./salesforce/outbound-message.ts";
import { REDELIVERY_MS, announceApprovals, outboundMessages } from "./salesforce/outbound-message.ts";
import { records } from "./salesforce/records.ts";
import type { Salesforce } from "./salesforce/rest.ts";
import { tables } from "./salesforce/tables.ts";
import { sessions } from "./salesforce/token.ts";
import type { Seed } from "./seed.ts";
import { seedFreebit, seedSalesforce, seedWhmcs } from "./seed.ts";
import type { Billing } from "./whmcs/billing.ts";

/** Everything that the sandbox holds in memory. What a reset replaces is reached by a function. */
export interface World {
  readonly stage: Stage;
  readonly clock: Clock;
  /** The vendors' time, in milliseconds since 1970: the clock's. */
  readonly now: () => number;
  readonly mail: MailServer;
  readonly salesforce: () => Salesforce;
  readonly billing: () => Billing;
  readonly lines: () => Lines;
  /** Outlive a reset: a client may not know that a key is refused for its age. */
  readonly freebitKeys: AuthKeys;
  readonly outbound: () => OutboundMessages;
  readonly seed: () => Seed;
  /** Back to the seed: records, orders, mails, calls, faults and sessions, at the real time. The outbound URL goes back to the first one. */
  readonly reset: () => void;
}

export interface WorldOptions {
  readonly stage: Stage;
  readonly mail: MailServer;
  readonly instanceUrl: () => string;
  readonly outboundUrl: string | null;
  readonly redeliveryMs: readonly number[] | undefined;
  /** Gives Orders and outbound messages other ids at each start, for a system that remembers those of the last one. */
  readonly newIds: boolean;
}

const HOUR_MS = 60 * 60 * 1000;

export function worldOf({ stage, mail, instanceUrl, outboundUrl, redeliveryMs, newIds }: WorldOptions): World {
  const time = clock();
  const fresh = () => {
    time.set(null);
    const before = newIds ? Math.floor(Date.now() / 1000) % 900_000_000 : 0;
    let now = () => Date.now() - 3 * HOUR_MS; // the seed is three hours old
    const org = records(tables(before), () => now());
    const seed = seedSalesforce(org, now());
    now = time.now;
    const outbound = outboundMessages(org, stage.timers, instanceUrl, redeliveryMs ?? REDELIVERY_MS, before);
    outbound.setUrl(outboundUrl);
    announceApprovals(org, outbound);
    return {
      salesforce: { records: org, sessions: sessions(), cursors: new Map() } satisfies Salesforce,
      seed,
      outbound,
      billing: seedWhmcs(seed, time.now),
      lines: seedFreebit(time.now),
    };
  };
  let current = fresh();
  return {
    stage,
    clock: time,
    now: time.now,
    mail,
    salesforce: () => current.salesforce,
    billing: () => current.billing,
    lines: () => current.lines,
    freebitKeys: authKeys(),
    outbound: () => current.outbound,
    seed: () => current.seed,
    reset: () => {
      stage.timers.cancelAll();
      current.outbound.cancelAll();
      stage.faults.clear();
      stage.calls.clear();
      mail.forget();
      current = fresh();
    },
  };
}
