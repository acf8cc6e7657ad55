import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import type { Logger } from "pino";
import { createApi } from "./api/app.ts";
import { nothingHere } from "./api/failures.ts";
import { healthRoutes } from "./api/health.ts";
import { complaintsTo, quit, watch, whenReady } from "./connection-watch.ts";
import { openAudit } from "./dashboard/audit.ts";
import { createDashboard } from "./dashboard/dashboard.ts";
import type { DeskContext } from "./dashboard/desk/context.ts";
import { dailyCallsWarnings } from "./domain/daily-calls.ts";
import { type EndedNames, watchEnded } from "./ended-access.ts";
import { openDocuments } from "./integrations/documents/documents.ts";
import { type Metrics, openMetrics } from "./metrics.ts";
import { kinds, provisioning } from "./processors/index.ts";
import { openDryRuns } from "./queues/dry-run.ts";
import { connectDoor, type Connection, redisWarnings } from "./queues/connection.ts";
import { openFailureGroups } from "./queues/failure-groups.ts";
import { openFinding } from "./queues/finding.ts";
import { openFollow } from "./queues/follow.ts";
import { openIntake } from "./queues/intake.ts";
import { openLedger, timingFor } from "./queues/ledger.ts";
import { openQueues } from "./queues/queues.ts";
import { openRetryAll } from "./queues/retry-all.ts";
import { readStanding } from "./queues/standing.ts";
import { sealingWith } from "./queues/sealing.ts";
import { clientsOf, type DoorReads, openDoorReads } from "./services.ts";
import type { Settings } from "./settings.ts";
import { showStanding } from "./standing-metrics.ts";
import { openTracing, type Tracing } from "./tracing.ts";
import { breakerOf, breakersOf, salesforceAllowance } from "./vendor-guards.ts";
import { vendorWarnings } from "./vendor-watch.ts";
import { prepareWorker } from "./worker-role.ts";

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

/**
 * Starts the roles that `settings` names. HTTP listens at once; work begins when Redis answers, however late that is.
 * Throws `SettingsError` before anything listens where a client cannot be made of the settings.
 */
export async function startProgram(settings: Settings, log: Logger): Promise<Program> {
  const metrics = openMetrics();
  const tracing = await openTracing(settings, log);
  const worker = settings.ROLES.has("worker") ? prepareWorker(settings, metrics, tracing, log) : undefined;
  const door = connectDoor(settings);
  watch(door, log);
  const kindNames = kinds.map(({ name }) => name);
  const read = () => readStanding(door, settings.QUEUE_PREFIX, kindNames);
  showStanding(metrics.registry, { read, kinds, roles: settings.ROLES });
  const sealing = sealingWith(settings.DATA_KEY ?? []);
  const ledger = openLedger({
    redis: door,
    prefix: settings.QUEUE_PREFIX,
    sealing,
    timing: timingFor(settings.VENDOR_TIMEOUT_MS),
  });
  let queues: Awaited<ReturnType<typeof openQueues>> | undefined;
  const intake = openIntake({ redis: door, ledger, sealing, queues: () => queues, carried: tracing?.carried });

  const allowance = salesforceAllowance(settings, door, log);
  const warnings = [
    () => vendorWarnings(door, settings.QUEUE_PREFIX),
    async () => dailyCallsWarnings(await allowance.used()),
  ];
  const follow = openFollow({
    redis: door,
    channel: ledger.channel,
    read: (id) => intake.job(id),
    complain: complaintsTo(log),
  });

  const dryRuns = openDryRuns({ redis: door, prefix: settings.QUEUE_PREFIX });

  const app = express().disable("x-powered-by").disable("etag"); // answers are small and fresh: hashing each of them buys nothing
  app.set("trust proxy", settings.TRUSTED_PROXIES);
  let ended: EndedNames | undefined;
  const { salesforce, warning } = doorReads(settings, door, metrics, tracing, log);
  const customers = { salesforce, notEligibleValues: settings.NOT_ELIGIBLE_VALUES };
  if (settings.ROLES.has("api")) {
    if (warning !== null) log.warn(warning);
    if (tracing !== null) app.use(tracing.door);
    ended = watchEnded(door, settings.QUEUE_PREFIX);
    app.use(
      createApi({
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
        warnings: [...warnings, async () => (warning === null ? [] : [warning])],
      }),
    );
  } else app.use(healthRoutes(intake, metrics.registry, warnings));
  const stopping = new AbortController();
  const retryAll = openRetryAll({ redis: door, prefix: settings.QUEUE_PREFIX, queues: () => queues });
  const desk = (): DeskContext => ({
    redis: door,
    prefix: settings.QUEUE_PREFIX,
    ledger,
    intake,
    sealing,
    groups: openFailureGroups({ redis: door, prefix: settings.QUEUE_PREFIX }),
    finding: openFinding({ redis: door, prefix: settings.QUEUE_PREFIX, sealing }),
    retryAll,
    dryRuns,
    audit: openAudit({ redis: door, prefix: settings.QUEUE_PREFIX }),
    customers,
    kinds,
    queues: () => queues,
    standing: {
      redis: door,
      prefix: settings.QUEUE_PREFIX,
      kinds,
      breakers: breakersOf(settings, door, log),
      warnings: [...warnings, () => redisWarnings(door)],
    },
    clients: [...new Set((settings.API_KEYS ?? []).map(({ client }) => client))],
    salesforceUrl: settings.SALESFORCE_LOGIN_URL ?? null,
    whmcsUrl: settings.WHMCS_URL ?? null,
    log,
  });
  const dashboard = settings.ROLES.has("dashboard")
    ? createDashboard({ settings, redis: door, log, kinds, warnings, desk: desk() })
    : undefined;
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
  log.info({ url, roles: [...settings.ROLES] }, "listening");

  let carryingOn: Promise<void> | undefined;
  whenReady(door, log, async () => {
    queues ??= await openQueues(kinds, door, settings.QUEUE_PREFIX);
    dashboard?.show([...queues.values()]);
    if (dashboard !== undefined)
      carryingOn ??= retryAll.carryOn(
        stopping.signal,
        complaintsTo(log, "retrying a group of failed jobs met an error; it goes on by itself"),
      );
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
      ended?.close();
      stopping.abort();
      follow.close(); // else its listeners would hold the server open; they come back to another process
      const closed = Promise.all([closeServer(server), worker?.stop(), carryingOn])
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
