import type { ChildProcess } from "node:child_process";
import { DelayedError } from "bullmq";
import type { Logger } from "pino";
import type { Metrics } from "./metrics.ts";
import type { QueuedJob } from "./queues/attempt.ts";
import { AttemptFailed } from "./queues/attempt-failed.ts";
import type { Connection } from "./queues/connection.ts";
import type { Outcome } from "./queues/job-kind.ts";
import { type Apart, DiedApart, LOCK_MS } from "./queues/worker.ts";

/**
 * The ward: a process of its own beside a worker, in which those jobs run whose worker died. One of them may be to blame,
 * and then ends that process instead of a worker with everybody else's jobs in it. It is started for the first such job,
 * and ended when there was none for a while, or with its worker. `ward-main.ts` is what runs in it.
 */

/** With none of these jobs for so long, the process is ended. */
const IDLE_MS = 60_000;

/** The ward says so often that it lives. */
export const ALIVE_EVERY_MS = 5_000;

/** A ward that misses so many of these in a row hangs: a worker would have lost its locks by then. */
const MOST_MISSED = LOCK_MS / ALIVE_EVERY_MS;

/** A ward that is not ready after so many, while its worker speaks with Redis, will not be. */
const MOST_UNTIL_READY = 2 * MOST_MISSED;

/** What the ward is told. */
export type ToWard =
  | {
      readonly attempt: number;
      readonly kind: string;
      readonly job: Omit<QueuedJob, "moveToDelayed" | "updateData">;
      readonly token: string;
      /** The trace that the attempt belongs to, as `Tracing` writes it. */
      readonly trace?: string;
    }
  /** Jobs are handed back at their next step. */
  | "stop"
  /** Calls to vendors are waited for no longer. */
  | "cut";

/** What the ward tells. */
export type FromWard =
  | "ready"
  | "alive"
  | { readonly vendorCall: Parameters<Metrics["vendorCall"]> }
  | { readonly attempt: number; readonly ended: EndedApart };

/** How an attempt ended there. */
export interface EndedApart {
  /** For the metrics, where it came to its end. */
  readonly report: Parameters<Metrics["attempt"]> | null;
  /** By what its unreadable payload is to be replaced in the queue. */
  readonly data: string | null;
  readonly how:
    | { readonly outcome: Outcome }
    /** It is put off until then (ms since 1970). */
    | { readonly until: number }
    /** `delayMs`: as of `AttemptFailed`; absent where nobody foresaw the error. */
    | { readonly name: string; readonly message: string; readonly stack: string; readonly delayMs?: number | null };
}

export interface Ward {
  readonly apart: Apart;
  /** Ends the process, if there is one; it should have nothing to do. Resolves once it has ended. */
  close(): Promise<void>;
}

interface WardSetting {
  /** The worker's. */
  readonly redis: Pick<Connection, "status">;
  /** Starts the process, with a channel to it. */
  readonly start: () => ChildProcess;
  readonly metrics: Pick<Metrics, "vendorCall">;
  readonly onAttempt: Metrics["attempt"];
  readonly carried: (() => string | undefined) | undefined;
  /** As of `openAttemptParts`. */
  readonly stopping: AbortSignal;
  readonly cut: AbortSignal;
  readonly log: Logger;
}

export function openWard(setting: WardSetting): Ward {
  let open: Running | undefined;
  let attempts = 0;
  let idle: NodeJS.Timeout | undefined;
  const running = (): Running | null => {
    try {
      open ??= run(setting, () => (open = undefined));
      return open;
    } catch (err) {
      setting.log.error({ err }, "the ward could not be started; what was meant for it runs beside the others");
      return null;
    }
  };
  const close = async () => {
    clearTimeout(idle);
    await open?.close();
  };
  return {
    async apart(kind, queued, token) {
      if (setting.stopping.aborted) return null; // it is handed back at its first step, whoever runs it
      clearTimeout(idle);
      const { id = "", data, timestamp, attemptsStarted, attemptsMade, stalledCounter } = queued;
      const job = { id, data, timestamp, attemptsStarted, attemptsMade, stalledCounter };
      const trace = setting.carried?.();
      try {
        const asked = { attempt: (attempts += 1), kind, job, token, ...(trace !== undefined && { trace }) };
        const ended = (await running()?.attempt(asked)) ?? null;
        if (ended === null) return null;
        if (ended.report !== null) setting.onAttempt(...ended.report);
        if (ended.data !== null) await queued.updateData(ended.data);
        const { how } = ended;
        if ("outcome" in how) return how.outcome;
        if ("until" in how) {
          await queued.moveToDelayed(how.until, token);
          throw new DelayedError();
        }
        const error = Object.assign(new Error(how.message), { name: how.name, stack: how.stack });
        throw how.delayMs === undefined ? error : new AttemptFailed(error, how.delayMs);
      } finally {
        clearTimeout(idle);
        if (open?.isIdle() === true) idle = setTimeout(() => void close(), IDLE_MS).unref();
      }
    },
    close,
  };
}

interface Running {
  /** Null where the process did not come up; rejects with `DiedApart` where it ended before the attempt. */
  attempt(asked: Exclude<ToWard, string>): Promise<EndedApart | null>;
  isIdle(): boolean;
  /** Resolves once it has ended. */
  close(): Promise<void>;
}

/** One process, from its start to its end. `onClosed`: it takes no more. */
function run({ start, redis, metrics, stopping, cut, log }: WardSetting, onClosed: () => void): Running {
  const child = start();
  const { promise: ready, resolve: isReady } = Promise.withResolvers<boolean>();
  const underWay = new Map<number, { job: string; ended: PromiseWithResolvers<EndedApart> }>();
  let waiting = 0;
  const kill = () => void child.kill("SIGKILL");
  process.once("exit", kill); // one that hangs hears of nothing
  let isUp = false;
  let missed = 0; // not a time: a worker that stood still has not heard what it was told meanwhile
  const listening = setInterval(() => {
    if (redis.status !== "ready") return;
    missed += 1;
    if (missed < (isUp ? MOST_MISSED : MOST_UNTIL_READY)) return;
    log.error(isUp ? "the ward hangs, and is ended" : "the ward does not get ready, and is ended");
    kill();
  }, ALIVE_EVERY_MS).unref();
  // Whether a word came through is seen by what follows: an answer, or the process's end.
  const send = (word: ToWard) => void (child.connected && child.send(word, () => undefined));
  const closed = new AbortController();
  const { promise: over, resolve: isOver } = Promise.withResolvers<void>();
  const { signal } = closed;
  const stop = () => {
    send("stop");
    isReady(false); // a worker that stops waits for nobody who is still starting
  };
  stopping.addEventListener("abort", stop, { once: true, signal });
  cut.addEventListener("abort", () => send("cut"), { once: true, signal });
  const takeNoMore = () => {
    if (signal.aborted) return; // another one may be running by now
    closed.abort();
    onClosed();
    if (child.connected) child.disconnect();
  };
  const gone = (why: { err: Error } | { code: number | null; signal: NodeJS.Signals | null }) => {
    clearInterval(listening);
    process.off("exit", kill);
    isReady(false);
    isOver();
    if (signal.aborted) return; // it was told to go
    const attempts = [...underWay.values()];
    log.error({ ...why, jobs: attempts.map(({ job }) => job) }, "the ward has died");
    takeNoMore();
    for (const { ended } of attempts) ended.reject(new DiedApart());
  };
  child.on("error", (err) => gone({ err }));
  child.once("exit", (code, by) => {
    const how = { code, signal: by };
    // What it said last may still be on its way.
    if (child.connected) child.once("disconnect", () => gone(how));
    else gone(how);
  });
  child.on("message", (word: FromWard) => {
    if (word === "ready") {
      isUp = true;
      isReady(true);
    }
    if (isUp) missed = 0;
    if (word === "ready" || word === "alive") return;
    if ("vendorCall" in word) return metrics.vendorCall(...word.vendorCall);
    underWay.get(word.attempt)?.ended.resolve(word.ended);
  });
  return {
    async attempt(asked) {
      waiting += 1;
      try {
        if (!(await ready)) return null;
        const ended = Promise.withResolvers<EndedApart>();
        underWay.set(asked.attempt, { job: asked.job.id ?? "", ended });
        send(asked);
        return await ended.promise;
      } finally {
        underWay.delete(asked.attempt);
        waiting -= 1;
      }
    },
    isIdle: () => waiting === 0,
    async close() {
      takeNoMore();
      await over;
    },
  };
}
