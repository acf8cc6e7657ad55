import type { Queue } from "bullmq";
import { complaintsTo } from "./connection-watch.ts";
import { openAudit } from "./dashboard/audit.ts";
import { createDashboard, type Dashboard } from "./dashboard/dashboard.ts";
import { kinds } from "./processors/index.ts";
import type { DoorParts } from "./program.ts";
import { redisWarnings } from "./queues/connection.ts";
import { openFailureGroups } from "./queues/failure-groups.ts";
import { openFinding } from "./queues/finding.ts";
import { openRetryAll } from "./queues/retry-all.ts";
import { breakersOf } from "./vendor-guards.ts";

/** The operators' pages, and the retrying of many jobs that was begun there. Throws an `Error` where a setting cannot be used. */
export function openDashboard({ settings, log, redis, queues, warnings, customers, ...parts }: DoorParts): {
  readonly router: Dashboard["router"];
  /** Redis answers: shows the queues, and carries on what another process left. */
  show(queues: readonly Queue[]): void;
  close(): Promise<void>;
} {
  const { ledger, intake, sealing, dryRuns } = parts;
  const prefix = settings.QUEUE_PREFIX;
  const inQueues = { redis, prefix };
  const stopping = new AbortController();
  const retryAll = openRetryAll({ ...inQueues, queues });
  const audit = openAudit(inQueues);
  const dashboard = createDashboard({
    settings,
    redis,
    log,
    kinds,
    warnings,
    desk: {
      ...inQueues,
      ledger,
      intake,
      sealing,
      groups: openFailureGroups(inQueues),
      finding: openFinding({ ...inQueues, sealing }),
      retryAll,
      dryRuns,
      audit,
      customers,
      kinds,
      queues,
      standing: {
        ...inQueues,
        kinds,
        breakers: breakersOf(settings, redis, log),
        warnings: [...warnings, () => redisWarnings(redis)],
      },
      clients: [...new Set((settings.API_KEYS ?? []).map(({ client }) => client))],
      salesforceUrl: settings.SALESFORCE_LOGIN_URL ?? null,
      whmcsUrl: settings.WHMCS_URL ?? null,
      log,
    },
  });
  let carryingOn: Promise<void> | undefined;
  return {
    router: dashboard.router,
    show(opened) {
      dashboard.show(opened);
      carryingOn ??= retryAll.carryOn(
        stopping.signal,
        complaintsTo(log, "retrying a group of failed jobs met an error; it goes on by itself"),
      );
    },
    async close() {
      stopping.abort();
      await carryingOn;
    },
  };
}
