import { once } from "node:events";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { pino } from "pino";
import * as z from "zod";
import { openFinding } from "../../src/queues/finding.ts";
import { openIntake } from "../../src/queues/intake.ts";
import { type AnyJobKind, defineJobKind } from "../../src/queues/job-kind.ts";
import { openLedger, timingFor } from "../../src/queues/ledger.ts";
import { openQueues } from "../../src/queues/queues.ts";
import { sealingWith } from "../../src/queues/sealing.ts";
import { startWorker } from "../../src/queues/worker.ts";
import { startRedis } from "../redis.ts";
import { median, type Row } from "./figures.ts";

const ROUNDS = 11;
const JOBS = 2000;
const JOBS_AT_ONCE = 20; // as our workers have

const twoSteps: AnyJobKind = defineJobKind({
  name: "two-steps",
  purpose: "",
  payload: z.strictObject({ n: z.int() }),
  key: ({ n }) => String(n),
  routes: [],
  async run(_payload, step) {
    const read = await step("read", "repeat", async () => ({ account: "0015g00000HjKlMAAV" }));
    await step("write", { find: async () => undefined }, async () => read.account);
    return { outcome: "done", result: {} };
  },
});

/** Time a job of two steps takes the worker, beside BullMQ's with a processor that does nothing; and memory in Redis a job. */
export async function benchWorker(): Promise<Row[]> {
  const server = await startRedis();
  const redis = new Redis(server.url, { maxRetriesPerRequest: null });
  await once(redis, "ready");
  try {
    const times: { ours: number; bare: number }[] = [];
    let memory = { waiting: 0, completed: 0 };
    for (let round = 0; round <= ROUNDS; round++) {
      const bare = await timeBare(redis);
      const ours = await timeOurs(redis);
      if (round > 0) times.push({ bare, ours: ours.ms });
      memory = ours;
    }
    const ratio = median(times.map((time) => time.ours / time.bare));
    return [
      {
        what: "worker, a job of two steps",
        figure: `${(median(times.map((time) => time.ours)) * 1000).toFixed(0)} µs`,
        beside: `${(median(times.map((time) => time.bare)) * 1000).toFixed(0)} µs (BullMQ, a processor that does nothing)`,
        ratio: ratio.toFixed(2),
        goal: "at most 3.00",
      },
      { what: "Redis, a waiting job", figure: `${memory.waiting} bytes`, beside: "", ratio: "", goal: "" },
      { what: "Redis, a completed job", figure: `${memory.completed} bytes`, beside: "", ratio: "", goal: "" },
    ];
  } finally {
    redis.disconnect();
    await server.stop();
  }
}

/** Milliseconds a job. */
async function timeBare(redis: Redis): Promise<number> {
  await redis.flushall();
  const queue = new Queue("bare", { connection: redis });
  await queue.addBulk(Array.from({ length: JOBS }, (_, n) => ({ name: "bare", data: { n } })));
  const worker = new Worker("bare", async () => ({}), { connection: redis, concurrency: JOBS_AT_ONCE, autorun: false });
  const ms = await untilDone(worker, () => void worker.run());
  await worker.close();
  await queue.close();
  return ms / JOBS;
}

async function timeOurs(redis: Redis): Promise<{ ms: number; waiting: number; completed: number }> {
  await redis.flushall();
  const prefix = "{bench}";
  const sealing = sealingWith([Buffer.alloc(32, 1)]);
  const ledger = openLedger({ redis, prefix, sealing, timing: timingFor(15_000) });
  const queues = await openQueues([twoSteps], redis, prefix);
  const intake = openIntake({ redis, ledger, sealing, queues: () => queues });
  const empty = await memoryOf(redis);
  for (let n = 0; n < JOBS; n += 100) {
    await Promise.all(
      Array.from({ length: 100 }, (_, at) => intake.accept(twoSteps, { n: n + at }, { door: "bench" })),
    );
  }
  const waiting = ((await memoryOf(redis)) - empty) / JOBS;
  let done = 0;
  let worker: { close(): Promise<void> } | undefined;
  const startedAt = performance.now();
  await new Promise<void>((resolve) => {
    worker = startWorker(twoSteps, {
      redis,
      prefix,
      ledger,
      sealing,
      intake,
      finding: openFinding({ redis, prefix, sealing }),
      kinds: [twoSteps],
      services: {},
      breakers: {},
      allowances: {},
      attempts: 1,
      baseMs: 1000,
      stopping: new AbortController().signal,
      log: pino({ level: "silent" }),
      onAttempt: () => {
        done += 1;
        if (done === JOBS) resolve();
      },
    });
  });
  const ms = (performance.now() - startedAt) / JOBS;
  await worker?.close();
  const completed = ((await memoryOf(redis)) - empty) / JOBS;
  for (const queue of queues.values()) await queue.close();
  return { ms, waiting: Math.round(waiting), completed: Math.round(completed) };
}

async function untilDone(worker: Worker, start: () => void): Promise<number> {
  let done = 0;
  const startedAt = performance.now();
  await new Promise<void>((resolve) => {
    worker.on("completed", () => {
      done += 1;
      if (done === JOBS) resolve();
    });
    start();
  });
  return performance.now() - startedAt;
}

async function memoryOf(redis: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1]);
}
