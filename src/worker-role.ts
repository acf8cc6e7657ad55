import type { ChildProcess } from "node:child_process";
import type { Logger } from "pino";
import { watchForTrouble } from "./alerts.ts";
import { followApprovalEvents } from "./approval-events.ts";
import { openAttemptParts } from "./attempt-parts.ts";
import { callbacksOnEnd } from "./callbacks.ts";
import { complaintsTo, quit, watch, whenReady } from "./connection-watch.ts";
import type { Metrics } from "./metrics.ts";
import { kinds, provisioning } from "./processors/index.ts";
import { connectWorker } from "./queues/connection.ts";
import { answerDryRuns } from "./queues/dry-run.ts";
import { openQueues } from "./queues/queues.ts";
import { rehearsalGate, rehearse, type Rehearsed } from "./queues/rehearsal.ts";
import { keepSchedule } from "./queues/schedule.ts";
import { streamPosition } from "./queues/stream-position.ts";
import { countCalls } from "./queues/vendor-health.ts";
import { startWorker } from "./queues/worker.ts";
import { openServices } from "./services.ts";
import type { Settings } from "./settings.ts";
import type { Tracing } from "./tracing.ts";
import { vendorChecks } from "./vendor-checks.ts";
import { watchVendors } from "./vendor-watch.ts";
import { openWard } from "./ward.ts";

/** Calls to vendors are cut off this long before the process must be gone, so that what is then in doubt is written down. */
const CUT_BEFORE_END_MS = 2_000;

/**
 * The worker's parts, made before anything listens; `start` takes jobs as soon as Redis answers. `startWard`: as of
 * `startProgram`.
 */
export function prepareWorker(
  settings: Settings,
  metrics: Metrics,
  tracing: Tracing | null,
  log: Logger,
  startWard?: () => ChildProcess,
): { start: () => void; stop: () => Promise<void> } {
  const prefix = settings.QUEUE_PREFIX;
  const stopping = new AbortController();
  const cut = new AbortController();
  const redis = connectWorker(settings);
  watch(redis, log);
  let queues: Awaited<ReturnType<typeof openQueues>> | undefined;
  const count = countCalls({
    redis,
    prefix,
    stopping: stopping.signal,
    complain: complaintsTo(log, "calls could not be counted for the desk"),
  });
  const counting: Metrics = {
    ...metrics,
    vendorCall(vendor, operation, came, ms) {
      metrics.vendorCall(vendor, operation, came, ms);
      if (came.class !== "not-made") count(vendor, came.class === "done" || came.class === "rejected");
    },
  };
  const parts = openAttemptParts(settings, {
    redis,
    queues: () => queues,
    metrics: counting,
    tracing,
    stopping: stopping.signal,
    cut: cut.signal,
    log,
  });
  const { ledger, sealing, breakers, allowances, intake } = parts;
  const onEnd = callbacksOnEnd(settings, intake);
  const onAttempt: Metrics["attempt"] = (...attempt) => {
    metrics.attempt(...attempt);
    const [, end, , code] = attempt;
    tracing?.attempted(end, code);
  };
  const ward =
    startWard === undefined
      ? undefined
      : openWard({
          start: startWard,
          redis,
          metrics: counting,
          onAttempt,
          carried: tracing?.carried,
          stopping: stopping.signal,
          cut: cut.signal,
          log,
        });
  const common = {
    ...parts,
    redis,
    prefix,
    ...(onEnd !== undefined && { onEnd }),
    ...(ward !== undefined && { apart: ward.apart }),
    log,
    onAttempt,
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
        intake,
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
        if (isAborted(stopping.signal)) return;
        // Before any job is taken: who begins with cold code should have nothing else to do.
        const kept = await Promise.allSettled(
          kinds.map(async ({ name, schedule }) => {
            const queue = queues?.get(name);
            if (schedule !== undefined && queue !== undefined)
              await keepSchedule(queue, schedule, settings.SWEEP_INTERVAL_MS);
          }),
        );
        if (isAborted(stopping.signal)) return; // a job that is taken from now on would die with this process
        if (workers.length === 0) workers = kinds.map((kind) => startWorker(kind, common));
        answering ??= answer();
        alerting ??= watchForTrouble({ redis, prefix, intake, kinds, settings }, stopping.signal, log);
        if (settings.SALESFORCE_EVENTS === "on")
          following ??= follow().catch((err: unknown) =>
            log.error({ err }, "Salesforce's events are no longer followed"),
          );
        const fault = kept.find(({ status }) => status === "rejected");
        if (fault?.status === "rejected") throw fault.reason; // all of this is tried again, for the schedule's sake
      });
    },
    async stop() {
      stopping.abort();
      const { SHUTDOWN_TIMEOUT_MS: limit } = settings;
      const cutOff = setTimeout(() => cut.abort(), Math.max(limit - CUT_BEFORE_END_MS, limit / 2));
      // Where Redis is away nothing can be handed back: what was in flight is found in doubt by the next worker.
      if (redis.status === "ready")
        await Promise.all([following, alerting, answering, ...workers.map((worker) => worker.close())]);
      await ward?.close();
      clearTimeout(cutOff);
      await quit(redis);
    },
  };
}

/** A state that another call sets meanwhile, which the compiler cannot know. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
