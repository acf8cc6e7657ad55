import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import type { Logger } from "pino";
import { createApi } from "./api/app.ts";
import { healthRoutes } from "./api/health.ts";
import { createDashboard } from "./dashboard/dashboard.ts";
import type { Vendor } from "./domain/errors.ts";
import { openMetrics } from "./metrics.ts";
import { kinds } from "./processors/index.ts";
import { provisioning } from "./processors/provisioning.ts";
import { type Breaker, breakerFor } from "./queues/breaker.ts";
import { connectDoor, type Connection, connectWorker, redisWarnings } from "./queues/connection.ts";
import { openIntake } from "./queues/intake.ts";
import { openLedger, timingFor } from "./queues/ledger.ts";
import { openQueues } from "./queues/queues.ts";
import { sealingWith } from "./queues/sealing.ts";
import { startWorker } from "./queues/worker.ts";
import { openServices } from "./services.ts";
import type { Settings } from "./settings.ts";

/** Calls to vendors are cut off this long before the process must be gone, so that what is then in doubt is written down. */
const CUT_BEFORE_END_MS = 2_000;

/** Redis's client repeats an error at every reconnection; the log gets one line in this time. */
const COMPLAINT_EVERY_MS = 5_000;

export interface Program {
  /** Where HTTP listens. */
  readonly url: string;
  /** Stops taking work, finishes or hands back what is in flight within `SHUTDOWN_TIMEOUT_MS`, and closes everything. */
  stop(): Promise<void>;
}

/** Starts the roles that `settings` names. HTTP listens at once; work begins when Redis answers, however late that is. */
export async function startProgram(settings: Settings, log: Logger): Promise<Program> {
  const metrics = openMetrics();
  const stopping = new AbortController();
  const cut = new AbortController();
  const closing: (() => Promise<unknown>)[] = [];
  const prefix = settings.QUEUE_PREFIX;

  const door = connectDoor(settings);
  watch(door, log);
  closing.push(() => quit(door));
  const sealing = sealingWith(settings.DATA_KEY ?? []);
  const timing = timingFor(settings.VENDOR_TIMEOUT_MS);
  let queues: ReturnType<typeof openQueues> | undefined;
  const intake = openIntake({
    redis: door,
    ledger: openLedger({ redis: door, prefix, sealing, timing }),
    sealing,
    queues: () => queues,
  });

  const app = express().disable("x-powered-by");
  if (settings.ROLES.has("api"))
    app.use(createApi({ settings, log, intake, kinds, provisioning, metrics: metrics.registry }));
  else app.use(healthRoutes(intake, metrics.registry));
  const dashboard = settings.ROLES.has("dashboard") ? createDashboard({ settings, log, kinds }) : undefined;
  if (dashboard !== undefined) app.use(dashboard.router);

  const server = createServer(app);
  server.listen(settings.PORT, settings.HOST);
  await once(server, "listening");
  closing.push(async () => {
    server.closeIdleConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const url = `http://${settings.HOST.includes(":") ? `[${settings.HOST}]` : settings.HOST}:${port}`;
  log.info({ url, roles: [...settings.ROLES] }, "listening");

  whenReady(door, log, async () => {
    queues ??= openQueues(kinds, door, prefix);
    dashboard?.show([...queues.values()]);
    for (const warning of await redisWarnings(door)) log.warn(warning);
  });

  if (settings.ROLES.has("worker")) {
    const redis = connectWorker(settings);
    watch(redis, log);
    closing.push(() => quit(redis));
    const breaker = (vendor: Vendor): Breaker =>
      breakerFor(vendor, {
        redis,
        prefix,
        baseMs: settings.RETRY_BASE_MS,
        probeMs: 2 * settings.VENDOR_TIMEOUT_MS,
        complain: (err) => log.warn({ err, vendor }, "the breaker could not be told what came of a call"),
      });
    const breakers = {
      salesforce: breaker("salesforce"),
      whmcs: breaker("whmcs"),
      freebit: breaker("freebit"),
      mail: breaker("mail"),
    };
    const services = openServices(settings, breakers, metrics, cut.signal);
    const ledger = openLedger({ redis, prefix, sealing, timing });
    const workers = kinds.map((kind) =>
      startWorker(kind, {
        redis,
        prefix,
        ledger,
        sealing,
        services,
        breakers,
        attempts: settings.RETRY_ATTEMPTS,
        baseMs: settings.RETRY_BASE_MS,
        stopping: stopping.signal,
        log,
        onAttempt: (kind, end, ms) => metrics.attempt(kind, end, ms),
      }),
    );
    closing.push(() => Promise.all(workers.map((worker) => worker.close())));
  }

  return {
    url,
    async stop() {
      log.info("stopping");
      stopping.abort();
      const cutOff = setTimeout(
        () => cut.abort(),
        Math.max(settings.SHUTDOWN_TIMEOUT_MS - CUT_BEFORE_END_MS, settings.SHUTDOWN_TIMEOUT_MS / 2),
      );
      const end = new Promise<"late">((resolve) => setTimeout(resolve, settings.SHUTDOWN_TIMEOUT_MS, "late").unref());
      const closed = (async () => {
        for (const close of closing.toReversed()) await close();
        return "closed" as const;
      })();
      if ((await Promise.race([closed, end])) === "late")
        log.warn("not everything was finished in time; what is left goes on in another process");
      clearTimeout(cutOff);
      log.info("stopped");
    },
  };
}

/** Says so when Redis goes and comes, without filling the log. */
function watch(redis: Connection, log: Logger): void {
  let complainedAt = 0;
  redis.on("error", (err: unknown) => {
    if (Date.now() - complainedAt < COMPLAINT_EVERY_MS) return;
    complainedAt = Date.now();
    log.warn({ err }, "Redis is not reachable; it is tried again by itself");
  });
}

/** Runs `begin` each time that Redis becomes ready. */
function whenReady(redis: Connection, log: Logger, begin: () => Promise<void>): void {
  const run = () =>
    void begin().catch((err: unknown) => log.error({ err }, "Redis answered, but its queues could not be opened"));
  if (redis.status === "ready") run();
  redis.on("ready", run);
}

/** Closes a connection; where Redis is away there is nobody to say goodbye to. */
async function quit(redis: Connection): Promise<void> {
  if (redis.status === "ready") await redis.quit();
  else redis.disconnect();
}
