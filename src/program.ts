import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Queue } from "bullmq";
import express from "express";
import type { Logger } from "pino";
import type { Customers } from "./api/account-status.ts";
import { nothingHere } from "./api/failures.ts";
import { healthRoutes, type WarningSource } from "./api/health.ts";
import { quit, watch, whenReady } from "./connection-watch.ts";
import { dailyCallsWarnings } from "./domain/daily-calls.ts";
import { type Metrics, openMetrics } from "./metrics.ts";
import { kinds } from "./processors/index.ts";
import { type DryRuns, openDryRuns } from "./queues/dry-run.ts";
import { connectDoor, type Connection, redisWarnings } from "./queues/connection.ts";
import { type Intake, openIntake } from "./queues/intake.ts";
import { type Ledger, openLedger, timingFor } from "./queues/ledger.ts";
import { openQueues } from "./queues/queues.ts";
import { readStanding } from "./queues/standing.ts";
import { type Sealing, sealingWith } from "./queues/sealing.ts";
import { clientsOf, type DoorReads, openDoorReads } from "./services.ts";
import type { Settings } from "./settings.ts";
import { showStanding } from "./standing-metrics.ts";
import { openTracing, type Tracing } from "./tracing.ts";
import { breakerOf, salesforceAllowance } from "./vendor-guards.ts";
import { vendorWarnings } from "./vendor-watch.ts";

/** How long a whole request may take to arrive, above the longest that a door itself waits (a document's minute): it also bounds how long a refused body is read away. */
const REQUEST_ARRIVES_WITHIN_MS = 75_000;

/** Headers are a kilobyte or two. Node's own minute, looked at every half minute, lets a stranger hold a connection for long. */
const HEADERS_ARRIVE_WITHIN_MS = 20_000;
const LOOKED_AT_EVERY_MS = 5_000;

export interface Program {
  /** Where HTTP listens. */
  readonly url: string;
  /** Stops taking work, finishes or hands back what is in flight within `SHUTDOWN_TIMEOUT_MS`, and closes everything. */
  stop(): Promise<void>;
}

/** What the roles that people and programs speak to are made of. */
export interface DoorParts {
  readonly settings: Settings;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly tracing: Tracing | null;
  /** Its commands fail soon while Redis is away. */
  readonly redis: Connection;
  readonly sealing: Sealing;
  readonly ledger: Ledger;
  readonly intake: Intake;
  readonly dryRuns: DryRuns;
  /** By kind's name; undefined until Redis answered for the first time. */
  readonly queues: () => ReadonlyMap<string, Queue> | undefined;
  /** What Salesforce says of customers, and how that is read. */
  readonly customers: Customers;
  /** Why they cannot be read here; null where they can. */
  readonly customersUnread: string | null;
  /** Tells the operator what should be mended, in plain words. */
  readonly warnings: readonly WarningSource[];
}

/**
 * Starts the roles that `settings` names. HTTP listens at once; work begins when Redis answers, however late that is.
 * A role is loaded only where it runs: a worker that starts again beside others takes little of their processor.
 * `startWard` starts a worker's ward (ward.ts); without it jobs whose worker died run beside the others.
 * Throws `SettingsError` before anything listens where a client cannot be made of the settings.
 */
export async function startProgram(settings: Settings, log: Logger, startWard?: () => ChildProcess): Promise<Program> {
  const { ROLES: roles, QUEUE_PREFIX: prefix } = settings;
  const metrics = openMetrics();
  const tracing = await openTracing(settings, log);
  const worker = roles.has("worker")
    ? (await import("./worker-role.ts")).prepareWorker(settings, metrics, tracing, log, startWard)
    : undefined;
  const door = connectDoor(settings);
  watch(door, log);
  const kindNames = kinds.map(({ name }) => name);
  const read = () => readStanding(door, prefix, kindNames);
  showStanding(metrics.registry, { read, kinds, roles });
  const sealing = sealingWith(settings.DATA_KEY ?? []);
  const ledger = openLedger({ redis: door, prefix, sealing, timing: timingFor(settings.VENDOR_TIMEOUT_MS) });
  let queues: Awaited<ReturnType<typeof openQueues>> | undefined;
  const intake = openIntake({ redis: door, ledger, sealing, queues: () => queues, carried: tracing?.carried });
  const allowance = salesforceAllowance(settings, door, log);
  const warnings = [() => vendorWarnings(door, prefix), async () => dailyCallsWarnings(await allowance.used())];
  const reads = doorReads(settings, door, metrics, tracing, log);
  const parts: DoorParts = {
    settings,
    log,
    metrics,
    tracing,
    redis: door,
    sealing,
    ledger,
    intake,
    dryRuns: openDryRuns({ redis: door, prefix }),
    queues: () => queues,
    customers: { salesforce: reads.salesforce, notEligibleValues: settings.NOT_ELIGIBLE_VALUES },
    customersUnread: reads.warning,
    warnings,
  };
  const api = roles.has("api") ? (await import("./api-role.ts")).openApi(parts) : undefined;
  const dashboard = roles.has("dashboard") ? (await import("./dashboard-role.ts")).openDashboard(parts) : undefined;

  const app = express().disable("x-powered-by").disable("etag"); // answers are small and fresh: hashing each of them buys nothing
  app.set("trust proxy", settings.TRUSTED_PROXIES);
  app.use(...(api?.handlers ?? [healthRoutes(intake, metrics.registry, warnings)]));
  if (dashboard !== undefined) app.use(dashboard.router);
  app.use(nothingHere());

  const limits = {
    requestTimeout: REQUEST_ARRIVES_WITHIN_MS,
    headersTimeout: HEADERS_ARRIVE_WITHIN_MS,
    connectionsCheckingInterval: LOOKED_AT_EVERY_MS,
  };
  const server = createServer(limits, app).listen(settings.PORT, settings.HOST);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const url = `http://${settings.HOST.includes(":") ? `[${settings.HOST}]` : settings.HOST}:${String(port)}`;
  log.info({ url, roles: [...roles] }, "listening");

  whenReady(door, log, async () => {
    queues ??= await openQueues(kinds, door, prefix);
    dashboard?.show([...queues.values()]);
    for (const warning of await redisWarnings(door)) log.warn(warning);
  });
  worker?.start();

  return {
    url,
    async stop() {
      log.info("stopping");
      const late = setTimeout(
        () => log.warn("not everything was finished in time; what is left goes on in another process"),
        settings.SHUTDOWN_TIMEOUT_MS,
      );
      const limit = once(AbortSignal.timeout(settings.SHUTDOWN_TIMEOUT_MS), "abort");
      api?.close();
      const closed = Promise.all([closeServer(server), worker?.stop(), dashboard?.close()])
        .then(() => quit(door))
        .catch((err: unknown) => log.warn({ err }, "not everything could be closed in order"))
        .then(() => tracing?.close());
      await Promise.race([closed, limit]);
      clearTimeout(late);
      log.info("stopped");
    },
  };
}

function doorReads(
  settings: Settings,
  door: Connection,
  metrics: Metrics,
  tracing: Tracing | null,
  log: Logger,
): DoorReads {
  const breaker = breakerOf("salesforce", settings, door, log);
  return clientsOf(() => openDoorReads(settings, breaker, metrics, tracing), door);
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  await closed;
}
