import { DelayedError } from "bullmq";
import { openAttemptParts } from "./attempt-parts.ts";
import { watch, whenReady } from "./connection-watch.ts";
import { openLog } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { kinds } from "./processors/index.ts";
import { attempt, type QueuedJob } from "./queues/attempt.ts";
import { AttemptFailed } from "./queues/attempt-failed.ts";
import { connectWorker } from "./queues/connection.ts";
import { openQueues } from "./queues/queues.ts";
import { readSettings } from "./settings.ts";
import { openTracing, type Tracing } from "./tracing.ts";
import { ALIVE_EVERY_MS, type EndedApart, type FromWard, type ToWard } from "./ward.ts";

// The ward's process (ward.ts says what for): it carries out the attempts that its worker hands it, whose locks that worker
// keeps, and ends with it.

const settings = readSettings(process.env);
const { log, flush } = openLog(settings.LOG_LEVEL);
const stopping = new AbortController();
const cut = new AbortController();
let tracing: Tracing | null = null;
let underWay = 0;

// Whoever stops a whole group of processes stops its worker, too, which says what is to be done.
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => undefined);
// Without it nobody keeps the locks: what is under way is another worker's from now on.
process.on("disconnect", () => {
  if (underWay > 0 || tracing === null) process.exit();
  void tracing.close().finally(() => process.exit());
});
if (!process.connected) process.exit(); // it was gone before anybody listened
setInterval(() => tell("alive"), ALIVE_EVERY_MS);

try {
  tracing = await openTracing(settings, log);
  const redis = connectWorker(settings);
  watch(redis, log);
  let queues: Awaited<ReturnType<typeof openQueues>> | undefined;
  const parts = openAttemptParts(settings, {
    redis,
    queues: () => queues,
    metrics: { vendorCall: (...vendorCall) => tell({ vendorCall }) },
    tracing,
    stopping: stopping.signal,
    cut: cut.signal,
    log,
  });
  process.on("message", (word: ToWard) => {
    if (word === "stop") return stopping.abort();
    if (word === "cut") return cut.abort();
    void carryOut(word, parts).then((ended) => tell({ attempt: word.attempt, ended }));
  });
  whenReady(redis, log, async () => {
    if (queues !== undefined) return;
    queues = await openQueues(kinds, redis, settings.QUEUE_PREFIX);
    tell("ready");
  });
} catch (err) {
  log.error({ err }, "the ward could not start");
  flush();
  process.exit(1);
}

function tell(word: FromWard): void {
  // Where its worker is gone that is heard by "disconnect".
  if (process.connected) process.send?.(word, undefined, undefined, () => undefined);
}

async function carryOut(
  { kind: name, job, token, trace }: Exclude<ToWard, string>,
  parts: ReturnType<typeof openAttemptParts>,
): Promise<EndedApart> {
  underWay += 1;
  let report: EndedApart["report"] = null;
  let data: EndedApart["data"] = null;
  let until = 0;
  const queued: QueuedJob = {
    ...job,
    moveToDelayed: (at) => Promise.resolve(void (until = at)),
    updateData: (text) => Promise.resolve(void (data = String(text))),
  };
  const one = async () => {
    const kind = kinds.find((kind) => kind.name === name);
    if (kind === undefined) throw new Error(`no kind is called "${name}"`);
    const setting = { ...parts, onAttempt: (...told: Parameters<Metrics["attempt"]>) => (report = told) };
    // Its worker counts its own attempts by the same token.
    return await attempt(kind, setting, log.child({ kind: name }), queued, `${token} ward ${String(process.pid)}`);
  };
  const inTrace = async () => {
    if (tracing === null || trace === undefined) return await one();
    const { contextManager } = tracing.telemetry;
    return await contextManager.with(contextManager.fromMetadata(contextManager.active(), trace), one);
  };
  try {
    const outcome = await inTrace();
    return { report, data, how: { outcome } };
  } catch (error) {
    if (error instanceof DelayedError) return { report, data, how: { until } };
    const { name, message, stack = "" } = error instanceof Error ? error : new Error(String(error));
    const delay = error instanceof AttemptFailed ? { delayMs: error.delayMs } : {};
    return { report, data, how: { name, message, stack, ...delay } };
  } finally {
    underWay -= 1;
  }
}
