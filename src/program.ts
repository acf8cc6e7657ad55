import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import type { Logger } from "pino";
import { watchForTrouble } from "./alerts.ts";
import { createApi } from "./api/app.ts";
import { nothingHere } from "./api/failures.ts";
import { healthRoutes } from "./api/health.ts";
import { callbacksOnEnd } from "./callbacks.ts";
import { openAudit } from "./dashboard/audit.ts";
import { createDashboard } from "./dashboard/dashboard.ts";
import type { DeskContext } from "./dashboard/desk/context.ts";
import { followApprovalEvents } from "./approval-events.ts";
import { dailyCallsWarnings } from "./domain/daily-calls.ts";
import type { Vendor } from "./domain/errors.ts";
import { type EndedNames, watchEnded } from "./ended-access.ts";
import { openDocuments } from "./integrations/documents/documents.ts";
import { type Metrics, openMetrics } from "./metrics.ts";
import { kinds, provisioning } from "./processors/index.ts";
import { type Allowance, allowanceOf } from "./queues/allowance.ts";
import { answerDryRuns, openDryRuns } from "./queues/dry-run.ts";
import { rehearsalGate, rehearse, type Rehearsed } from "./queues/rehearsal.ts";
import { type Breaker, breakerFor } from "./queues/breaker.ts";
import { connectDoor, type Connection, connectWorker, redisWarnings } from "./queues/connection.ts";
import { openFailureGroups } from "./queues/failure-groups.ts";
import { openFinding } from "./queues/finding.ts";
import { openFollow } from "./queues/follow.ts";
import { openIntake } from "./queues/intake.ts";
import { keepSchedule } from "./queues/schedule.ts";
import { openLedger, timingFor } from "./queues/ledger.ts";
import { openQueues } from "./queues/queues.ts";
import { openRetryAll } from "./queues/retry-all.ts";
import { readStanding } from "./queues/standing.ts";
import { sealingWith } from "./queues/sealing.ts";
import { streamPosition } from "./queues/stream-position.ts";
import { countCalls } from "./queues/vendor-health.ts";
import { startWorker } from "./queues/worker.ts";
import { type DoorReads, openDoorReads, openServices } from "./services.ts";
import { type Settings, SettingsError } from "./settings.ts";
import { showStanding } from "./standing-metrics.ts";
import { openTracing, type Tracing } from "./tracing.ts";
import { vendorChecks } from "./vendor-checks.ts";
import { vendorWarnings, watchVendors } from "./vendor-watch.ts";

/** Calls to vendors are cut off this long before the process must be gone, so that what is then in doubt is written down. */
const CUT_BEFORE_END_MS = 2_000;

/** Redis's client repeats an error at every reconnection; the log gets one line in this time. */
const COMPLAINT_EVERY_MS = 5_000;

/** How soon what Redis refused at the start is asked of it again. */
const BEGIN_AGAIN_MS = 2_000;

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
    if (dashboard !== undefined) carryingOn ??= retryAll.carryOn(stopping.signal, complaintsTo(log));
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
        .then(() => tracing?.close());
      await Promise.race([closed, limit]);
      clearTimeout(late);
      log.info("stopped");
    },
  };
}

/** The worker's parts, made before anything listens; `start` takes jobs as soon as Redis answers. */
function prepareWorker(
  settings: Settings,
  metrics: Metrics,
  tracing: Tracing | null,
  log: Logger,
): { start: () => void; stop: () => Promise<void> } {
  const prefix = settings.QUEUE_PREFIX;
  const stopping = new AbortController();
  const cut = new AbortController();
  const redis = connectWorker(settings);
  watch(redis, log);
  const breakers = breakersOf(settings, redis, log);
  const allowances = { salesforce: salesforceAllowance(settings, redis, log) };
  const sealing = sealingWith(settings.DATA_KEY ?? []);
  const ledger = openLedger({ redis, prefix, sealing, timing: timingFor(settings.VENDOR_TIMEOUT_MS) });
  let queues: Awaited<ReturnType<typeof openQueues>> | undefined;
  const intake = openIntake({ redis, ledger, sealing, queues: () => queues, carried: tracing?.carried });
  const onEnd = callbacksOnEnd(settings, intake);
  const count = countCalls({ redis, prefix, stopping: stopping.signal, complain: complaintsTo(log) });
  const counting: Metrics = {
    ...metrics,
    vendorCall(vendor, operation, came, ms) {
      metrics.vendorCall(vendor, operation, came, ms);
      if (came.class !== "not-made") count(vendor, came.class === "done" || came.class === "rejected");
    },
  };
  const common = {
    redis,
    prefix,
    sealing,
    breakers,
    allowances,
    ledger,
    intake,
    finding: openFinding({ redis, prefix, sealing }),
    ...(onEnd !== undefined && { onEnd }),
    kinds,
    services: clientsOf(() => openServices(settings, breakers, allowances, counting, cut.signal, tracing), redis),
    attempts: settings.RETRY_ATTEMPTS,
    baseMs: settings.RETRY_BASE_MS,
    stopping: stopping.signal,
    log,
    onAttempt(...attempt: Parameters<Metrics["attempt"]>) {
      metrics.attempt(...attempt);
      const [, end, , code] = attempt;
      tracing?.attempted(end, code);
    },
    ...(tracing !== null && { telemetry: tracing.telemetry }),
    onTaken: metrics.taken,
  };
  const check = vendorChecks(settings, cut.signal);
  let workers: { close(): Promise<void> }[] = [];
  let following: Promise<void> | undefined;
  let alerting: Promise<void> | undefined;
  let answering: Promise<void> | undefined;
  const rehearsal = {
    ledger,
    sealing,
    kinds,
    services: openServices(settings, breakers, allowances, counting, cut.signal, tracing, rehearsalGate),
    complain: (err: unknown) => log.error({ err }, "a dry run met what nobody foresaw"),
  };
  const answer = () => {
    const listening = connectWorker(settings);
    watch(listening, log);
    const complain = (err: unknown) => log.warn({ err }, "a dry run could not be answered");
    const carryOut = (asked: Rehearsed, nobodyWaits: AbortSignal) => rehearse(asked, rehearsal, nobodyWaits);
    return answerDryRuns({ redis, prefix, listening }, carryOut, complain, stopping.signal);
  };
  const follow = () =>
    followApprovalEvents(
      {
        salesforce: common.services.salesforce,
        intake: common.intake,
        provisioning,
        position: streamPosition(redis, prefix, "approvals"),
        log,
      },
      stopping.signal,
    );
  return {
    start() {
      watchVendors({ redis, prefix, check, log, stopping: stopping.signal });
      whenReady(redis, log, async () => {
        queues ??= await openQueues(kinds, redis, prefix);
        if (workers.length === 0) workers = kinds.map((kind) => startWorker(kind, common));
        for (const { name, schedule } of kinds) {
          const queue = queues.get(name);
          if (schedule !== undefined && queue !== undefined)
            await keepSchedule(queue, schedule, settings.SWEEP_INTERVAL_MS);
        }
        answering ??= answer();
        alerting ??= watchForTrouble({ redis, prefix, intake, kinds, settings }, stopping.signal, log);
        if (settings.SALESFORCE_EVENTS === "on")
          following ??= follow().catch((err: unknown) =>
            log.error({ err }, "Salesforce's events are no longer followed"),
          );
      });
    },
    async stop() {
      stopping.abort();
      const { SHUTDOWN_TIMEOUT_MS: limit } = settings;
      const cutOff = setTimeout(() => cut.abort(), Math.max(limit - CUT_BEFORE_END_MS, limit / 2));
      // Where Redis is away nothing can be handed back: what was in flight is found in doubt by the next worker.
      if (redis.status === "ready")
        await Promise.all([following, alerting, answering, ...workers.map((worker) => worker.close())]);
      clearTimeout(cutOff);
      await quit(redis);
    },
  };
}

/** A vendor's breaker is one for the doors and the workers: an outage is the same for all. */
function breakerOf(vendor: Vendor, settings: Settings, redis: Connection, log: Logger): Breaker {
  return breakerFor(vendor, {
    redis,
    prefix: settings.QUEUE_PREFIX,
    baseMs: settings.RETRY_BASE_MS,
    probeMs: 2 * settings.VENDOR_TIMEOUT_MS,
    complain: (err) => log.warn({ err, vendor }, "the breaker could not be told what came of a call"),
  });
}

function breakersOf(settings: Settings, redis: Connection, log: Logger): Readonly<Record<Vendor, Breaker>> {
  const breaker = (vendor: Vendor) => breakerOf(vendor, settings, redis, log);
  return {
    salesforce: breaker("salesforce"),
    whmcs: breaker("whmcs"),
    freebit: breaker("freebit"),
    mail: breaker("mail"),
  };
}

/** How much is used of an org's daily calls: of the vendors only Salesforce counts, and says so. */
function salesforceAllowance(settings: Settings, redis: Connection, log: Logger): Allowance {
  return allowanceOf("salesforce", {
    redis,
    prefix: settings.QUEUE_PREFIX,
    baseMs: settings.RETRY_BASE_MS,
    lookMs: 2 * settings.VENDOR_TIMEOUT_MS,
    complain: (err) => log.warn({ err }, "how many of Salesforce's daily calls are used could not be written down"),
  });
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

/** A client that cannot be made says which of its settings is at fault. */
function clientsOf<Services>(open: () => Services, redis: Connection): Services {
  try {
    return open();
  } catch (error) {
    redis.disconnect();
    throw new SettingsError([
      { variable: "", problem: error instanceof Error ? error.message : "a client cannot be made" },
    ]);
  }
}

/** Says so when Redis goes. */
function watch(redis: Connection, log: Logger): void {
  redis.on("error", complaintsTo(log));
}

/** Takes down what a connection to Redis meets, without filling the log. */
function complaintsTo(log: Logger): (err: unknown) => void {
  let complainedAt = 0;
  return (err) => {
    if (Date.now() - complainedAt < COMPLAINT_EVERY_MS) return;
    complainedAt = Date.now();
    log.warn({ err }, "Redis is not reachable; it is tried again by itself");
  };
}

/** Runs `begin` each time that Redis becomes ready, and again where that fails: it may be full, or a cluster that is not whole. */
function whenReady(redis: Connection, log: Logger, begin: () => Promise<void>): void {
  let again: NodeJS.Timeout | undefined;
  const run = () => {
    clearTimeout(again);
    void begin().catch((err: unknown) => {
      log.error({ err }, "Redis answered, but its queues could not be opened; it is tried again by itself");
      if (redis.status === "ready") again = setTimeout(run, BEGIN_AGAIN_MS).unref();
    });
  };
  if (redis.status === "ready") run();
  redis.on("ready", run);
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  await closed;
}

/** Closes a connection; where Redis is away there is nobody to say goodbye to. */
async function quit(redis: Connection): Promise<void> {
  if (redis.status === "ready") await redis.quit();
  else redis.disconnect();
}
