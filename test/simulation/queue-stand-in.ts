import type { Queue } from "bullmq";
import { LOCK_MS, STALLED_LOOK_MS } from "../../src/queues/worker.ts";
import type { Line, Server } from "./redis-line.ts";
import { recordOf } from "./redis-stand-in.ts";
import { BEGINNING_MS, type Time } from "./time.ts";

/** A job as the queue keeps it. */
interface Queued {
  readonly id: string;
  readonly kind: string;
  readonly data: unknown;
  state: "waiting" | "active" | "delayed" | "completed" | "failed";
  token: string;
  lockedUntilMs: number;
  readonly timestamp: number;
  starts: number;
  stalls: number;
  failures: number;
  processedOn: number | undefined;
  finishedOn: number | undefined;
}

/**
 * What BullMQ gives, at the server: a job is given to one worker at a time, to another one when its lock ran out (also while
 * the first still runs), later where it was put off, and never again once it ended.
 */
export type QueueStandIn = ReturnType<typeof queueStandIn>;

export function queueStandIn(time: Time, server: Server) {
  const jobs = new Map<string, Queued>();
  const waiting: Queued[] = [];
  const lines = new Set<Line>();

  const wake = (): void => {
    const idle = [...lines].filter((line) => line.isWaiting() && line.process.alive);
    if (waiting.length > 0 && idle.length > 0) idle[time.random.between(0, idle.length - 1)]?.wake();
  };
  const wait = (job: Queued): void => {
    job.state = "waiting";
    waiting.push(job);
    wake();
  };
  const held = (id: string, token: string): Queued => {
    const job = jobs.get(id);
    if (job === undefined || job.token !== token || job.state !== "active")
      throw new Error(`Missing lock for job ${id}`);
    return job;
  };
  const delay = (job: Queued, ms: number): void => {
    job.state = "delayed";
    job.token = "";
    time.after(ms, null, "a delay is over", () => {
      if (job.state === "delayed") wait(job);
    });
  };
  /** Other workers look for jobs whose lock ran out, and find one at the second look. */
  const watch = (job: Queued): void => {
    const { token } = job;
    time.after(
      Math.max(0, job.lockedUntilMs - time.nowMs()) + (1 + time.random.next()) * STALLED_LOOK_MS,
      null,
      "a look for the stalled",
      () => {
        if (job.state !== "active" || job.token !== token) return;
        if (job.lockedUntilMs > time.nowMs() || !server.isUp) return watch(job);
        job.stalls += 1;
        job.token = "";
        wait(job);
      },
    );
  };

  return {
    jobs,
    lines,
    wake,
    /** Jobs were put into the list of a queue's waiting jobs. */
    pushed(list: string, ids: readonly string[]): void {
      for (const id of ids) {
        const { name = "", data = "", timestamp } = recordOf(server.redis.call("HGETALL", [list.replace(/wait$/, id)]));
        const job: Queued = {
          id,
          kind: name,
          data: JSON.parse(data),
          state: "waiting",
          token: "",
          lockedUntilMs: 0,
          timestamp: Number(timestamp),
          starts: 0,
          stalls: 0,
          failures: 0,
          processedOn: undefined,
          finishedOn: undefined,
        };
        jobs.set(id, job);
        wait(job);
      }
    },
    /** The next job, for a worker that waits for one. */
    take(token: string): { readonly answer: Queued } | null {
      const job = waiting.shift();
      if (job === undefined) return null;
      job.state = "active";
      job.token = token;
      job.starts += 1;
      job.processedOn = BEGINNING_MS + time.nowMs();
      job.lockedUntilMs = time.nowMs() + LOCK_MS;
      watch(job);
      return { answer: { ...job } };
    },
    extend(id: string, token: string): void {
      held(id, token).lockedUntilMs = time.nowMs() + LOCK_MS;
    },
    complete(id: string, token: string): void {
      const job = held(id, token);
      job.state = "completed";
      job.finishedOn = BEGINNING_MS + time.nowMs();
    },
    /** `delayMs`: as the backoff strategy says; -1 fails it for good. */
    fail(id: string, token: string, delayMs: number): void {
      const job = held(id, token);
      job.failures += 1;
      if (delayMs >= 0) {
        delay(job, delayMs);
        return;
      }
      job.state = "failed";
      job.finishedOn = BEGINNING_MS + time.nowMs();
    },
    /** A person retries a failed job at the dashboard. */
    retry(id: string): void {
      const job = jobs.get(id);
      if (job?.state === "failed") wait(job);
    },
    /** The queue of `kind`, for an intake at the other end of `line`. */
    over(line: Line, prefix: string, kind: string): Queue {
      const toKey = (id: string) => `${prefix}:${kind}:${id}`;
      return {
        name: kind,
        toKey,
        add: async (name: string, data: unknown, { jobId: id }: { readonly jobId: string }) =>
          await line.send(`add to ${kind}`, () => {
            if (server.redis.call("EXISTS", [toKey(id)]) === 0) {
              server.redis.call("HSET", [
                toKey(id),
                "name",
                name,
                "data",
                JSON.stringify(data),
                "timestamp",
                String(BEGINNING_MS + time.nowMs()),
              ]);
              server.redis.call("LPUSH", [toKey("wait"), id]);
            }
            return { answer: undefined };
          }),
        getJob: async (id: string) =>
          await line.send("a job", () => {
            const job = jobs.get(id);
            return { answer: job && { ...job, attemptsMade: job.failures } };
          }),
        getJobState: async (id: string) =>
          await line.send("a job's state", () => ({ answer: jobs.get(id)?.state ?? "unknown" })),
      } as unknown as Queue; // what else a queue can do, an intake does not ask of it
    },
    /** A job as a worker's attempt gets it. */
    given: (line: Line, { id, data, timestamp, starts, stalls, failures }: Queued) => ({
      id,
      data,
      timestamp,
      attemptsStarted: starts,
      attemptsMade: failures,
      stalledCounter: stalls,
      updateData: async () => undefined,
      moveToDelayed: async (atMs: number, token = "") =>
        await line.send("put off", () => {
          delay(held(id, token), atMs - BEGINNING_MS - time.nowMs());
          return { answer: undefined };
        }),
    }),
  };
}
