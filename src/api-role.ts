import type { RequestHandler } from "express";
import { createApi } from "./api/app.ts";
import { complaintsTo } from "./connection-watch.ts";
import { watchEnded } from "./ended-access.ts";
import { openDocuments } from "./integrations/documents/documents.ts";
import { kinds, provisioning } from "./processors/index.ts";
import { openFollow } from "./queues/follow.ts";
import type { DoorParts } from "./program.ts";

/** The doors of the REST API and of outbound messages. */
export function openApi({ settings, redis, log, metrics, tracing, ...parts }: DoorParts): {
  /** In the order in which a request meets them. */
  readonly handlers: readonly RequestHandler[];
  /** Ends what would hold the server open. */
  close(): void;
} {
  const { ledger, intake, dryRuns, sealing, customers, customersUnread, warnings } = parts;
  if (customersUnread !== null) log.warn(customersUnread);
  const follow = openFollow({
    redis,
    channel: ledger.channel,
    read: (id) => intake.job(id),
    complain: complaintsTo(log),
  });
  const ended = watchEnded(redis, settings.QUEUE_PREFIX);
  const api = createApi({
    settings,
    log,
    intake,
    follow,
    dryRun: { dryRuns, sealing },
    ended,
    documents: openDocuments({ settings }),
    kinds,
    provisioning,
    customers,
    metrics: metrics.registry,
    warnings: [...warnings, async () => (customersUnread === null ? [] : [customersUnread])],
  });
  return {
    handlers: tracing === null ? [api] : [tracing.door, api],
    close() {
      ended.close();
      follow.close(); // its listeners come back to another process
    },
  };
}
