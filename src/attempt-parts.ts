import type { Queue } from "bullmq";
import type { Logger } from "pino";
import type { Metrics } from "./metrics.ts";
import { kinds } from "./processors/index.ts";
import type { Connection } from "./queues/connection.ts";
import { openFinding } from "./queues/finding.ts";
import { openIntake } from "./queues/intake.ts";
import { openLedger, timingFor } from "./queues/ledger.ts";
import { sealingWith } from "./queues/sealing.ts";
import { clientsOf, openServices } from "./services.ts";
import type { Settings } from "./settings.ts";
import type { Tracing } from "./tracing.ts";
import { breakersOf, salesforceAllowance } from "./vendor-guards.ts";

/**
 * What attempts work with, in a worker as in its ward. `queues`: undefined until Redis answered for the first time. `stopping`:
 * as of `AttemptSetting`; `cut`: aborted where a call can be waited for no longer. Throws `SettingsError` where a client
 * cannot be made of the settings.
 */
export function openAttemptParts(
  settings: Settings,
  {
    redis,
    queues,
    metrics,
    tracing,
    stopping,
    cut,
    log,
  }: {
    redis: Connection;
    queues: () => ReadonlyMap<string, Queue> | undefined;
    metrics: Pick<Metrics, "vendorCall">;
    tracing: Tracing | null;
    stopping: AbortSignal;
    cut: AbortSignal;
    log: Logger;
  },
) {
  const prefix = settings.QUEUE_PREFIX;
  const sealing = sealingWith(settings.DATA_KEY ?? []);
  const ledger = openLedger({ redis, prefix, sealing, timing: timingFor(settings.VENDOR_TIMEOUT_MS) });
  const breakers = breakersOf(settings, redis, log);
  const allowances = { salesforce: salesforceAllowance(settings, redis, log) };
  return {
    ledger,
    sealing,
    finding: openFinding({ redis, prefix, sealing }),
    services: clientsOf(() => openServices(settings, breakers, allowances, metrics, cut, tracing), redis),
    breakers,
    allowances,
    attempts: settings.RETRY_ATTEMPTS,
    baseMs: settings.RETRY_BASE_MS,
    stopping,
    intake: openIntake({ redis, ledger, sealing, queues, carried: tracing?.carried }),
    kinds,
  };
}
