import { once } from "node:events";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import * as z from "zod";
import { RejectedError } from "../../src/domain/errors.ts";
import { rewriteFailed } from "../../src/queues/failed-job.ts";
import { type AnyJobKind, defineJobKind } from "../../src/queues/job-kind.ts";
import type { JobKeys, Pause } from "../../src/queues/ledger.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Engine, openEngine } from "./engine.ts";

/** A job that is taken for the first time and takes no turns begins with the first thing that is written of it: until then it does what may be repeated, and nothing more. */

const NO_ROOM = new RejectedError({
  code: "no-room",
  title: "It has no room.",
  detail: "Ask for a smaller one.",
  vendor: null,
});

let server: TestRedis;
let engine: Engine;
/** What happened to parcels, in order. */
let done: string[];
/** Resolves once a parcel is being weighed, which waits until `weighed` says how that goes on. */
let weighing: PromiseWithResolvers<void>;
let weighed: PromiseWithResolvers<void>;
/** What else happens while one is sent. */
let acceptedAt: Date;
let sending: () => Promise<unknown>;

const parcel: AnyJobKind = defineJobKind({
  name: "parcel",
  purpose: "Send a parcel",
  payload: z.strictObject({ to: z.string() }),
  key: ({ to }) => to,
  routes: [],
  async run(_payload, step, _services, facts) {
    acceptedAt = facts.acceptedAt;
    await step("weigh", "repeat", async () => {
      done.push("weighed");
      weighing.resolve();
      await weighed.promise;
      return "2 kg";
    });
    const find = async () => {
      done.push("looked");
      return undefined;
    };
    await step("send", { find }, async () => {
      await sending();
      return done.push("sent");
    });
    await step("tell", { find }, async () => done.push("told"));
    return { outcome: "done", result: {} };
  },
});

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  [done, weighing, weighed] = [[], Promise.withResolvers(), Promise.withResolvers()];
  sending = async () => undefined;
  engine = await openEngine({ redis: server, kinds: [parcel], services: () => ({}) });
});
afterEach(() => engine.close());

async function accepted(to = "Naoko"): Promise<JobKeys> {
  const taken = await engine.accept(parcel, { to });
  if (taken.how !== "new") throw new Error("it is known");
  return engine.ledger.keys("parcel", taken.job.id, to, undefined);
}

async function completed(id: string): Promise<void> {
  await vi.waitUntil(async () => (await engine.queues.get("parcel")?.getJobState(id)) === "completed");
}

/** The job has come back for a later attempt: here that one comes at once. Resolves when it has ended. */
async function again(id: string): Promise<void> {
  const queue = engine.queues.get("parcel");
  await vi.waitUntil(async () => (await queue?.getJobState(id)) === "delayed");
  await (await queue?.getJob(id))?.promote();
  await completed(id);
}

it("weighs and sends without looking, for nobody can have been there before", async () => {
  const job = await accepted();
  engine.work();
  weighed.resolve();
  expect(await engine.until(job.id, "completed")).toMatchObject({ attempts: 1 });
  expect(done).toEqual(["weighed", "sent", "told"]);
});

it("is told to be active while it still reads", async () => {
  const job = await accepted();
  const listening = server.connect();
  await listening.subscribe(engine.ledger.channel(job.id));
  const told = once(listening, "message");
  engine.work();
  await Promise.all([weighing.promise, told]);
  expect((await engine.job(job.id)).state).toBe("active");
  weighed.resolve();
  await engine.until(job.id, "completed");
  listening.disconnect();
});

it("sends nothing where its worker stood still meanwhile, and another one has sent and ended it", async () => {
  const job = await accepted();
  engine.work();
  await weighing.promise;
  await engine.ledger.begin(job, "the other worker", { stalls: 1, made: 0 });
  await engine.ledger.claim(job, "send", "the other worker", { lookFirst: false, notes: [] });
  await engine.ledger.end(job, "the other worker", { outcome: "done", result: { parcelId: "P-1" } }, []);
  weighed.resolve();
  await again(job.id);
  expect((await engine.job(job.id)).result).toMatchObject({ parcelId: "P-1" });
  expect(done).toEqual(["weighed"]);
});

it("counts for nothing where it fails after another one has begun", async () => {
  const job = await accepted();
  engine.work();
  await weighing.promise;
  await engine.ledger.begin(job, "the other worker", { stalls: 1, made: 0 });
  const late = weighed;
  weighed = Promise.withResolvers();
  weighed.resolve();
  late.reject(NO_ROOM);
  expect(await engine.until(job.id, "completed", "failed")).toMatchObject({ state: "completed", attempts: 1 });
  expect(done).toEqual(["weighed", "weighed", "sent", "told"]);
});

it("looks first where Redis was restarted since the job was accepted", async () => {
  const job = await accepted();
  await engine.redis.hset(engine.ledger.channel(job.id), "run", "an earlier run of Redis");
  engine.work();
  weighed.resolve();
  await engine.until(job.id, "completed");
  expect(done).toEqual(["weighed", "looked", "sent", "looked", "told"]);
  expect(await engine.ledger.read(job.id)).toMatchObject({ suspect: "1" });
});

it("is not for anybody to change where it fails then, for it may have been sent", async () => {
  const job = await accepted();
  await engine.redis.hset(engine.ledger.channel(job.id), "run", "an earlier run of Redis");
  engine.work();
  await weighing.promise;
  weighed.reject(NO_ROOM);
  await engine.until(job.id, "failed");
  const queue = engine.queues.get("parcel");
  if (queue === undefined) throw new Error("there is no queue");
  await vi.waitUntil(async () => (await queue.getFailedCount()) === 1);
  const { redis, prefix } = engine;
  expect(await rewriteFailed({ redis, prefix, queue, id: job.id }, { to: "Ren" })).toBe(false);
});

it("does not look where that happens once it has begun to send", async () => {
  const job = await accepted();
  sending = async () => await engine.redis.hset(engine.ledger.channel(job.id), "run", "an earlier run of Redis");
  engine.work();
  weighed.resolve();
  await engine.until(job.id, "completed");
  expect(done).toEqual(["weighed", "sent", "told"]);
});

it.each(["failed", "next"])(
  "leaves what says of itself that it was tried before (%s) to the next attempt",
  async (field) => {
    const job = await accepted();
    await engine.redis.hset(engine.ledger.channel(job.id), field, Date.now(), "failure", "{}");
    engine.work();
    weighed.resolve();
    await again(job.id);
    expect(done).toEqual(["weighed", "weighed", "sent", "told"]);
  },
);

it("is heard the same way twice where it failed, and the answer was lost on the way", async () => {
  const failure = {
    code: "no",
    title: "No.",
    detail: "No.",
    retryable: true,
    vendor: null,
    at: new Date().toISOString(),
  };
  const pauses: readonly Pause[] = [
    { how: "retries", delayMs: 20_000, failure, isGuess: false },
    { how: "left to a person", failure, made: 0, step: null },
  ];
  for (const pause of pauses) {
    const job = await accepted(JSON.stringify(pause));
    for (let time = 0; time < 2; time++) expect(await engine.ledger.pause(job, "me", pause, [])).toBe(true);
    expect(await engine.ledger.read(job.id)).toMatchObject({ attempts: "1" });
  }
});

it.each([
  ["BullMQ numbers it", {}, ["weighed"]],
  ["under a name of their own", { jobId: "by-hand" }, ["weighed", "weighed"]],
])(
  "leaves a job that somebody put straight into the queue to an attempt that is written down: %s",
  async (_how, options, read) => {
    const { id = "" } = (await engine.queues.get("parcel")?.add("parcel", { to: "Naoko" }, options)) ?? {};
    engine.work();
    weighed.resolve();
    await (read.length > 1 ? again(id) : completed(id));
    expect(done).toEqual([...read, "looked", "sent", "looked", "told"]);
    const { natural } = engine.ledger.keys("parcel", id, "Naoko", undefined);
    expect(await engine.ledger.read(id)).toMatchObject({ kind: "parcel", natural });
  },
);

it("is not made again of a job that has ended, whoever puts it back into the queue as though it were new", async () => {
  const job = await accepted();
  engine.work();
  weighed.resolve();
  await completed(job.id);
  done.length = 0;
  await (await engine.queues.get("parcel")?.getJob(job.id))?.retry("completed", { resetAttemptsStarted: true });
  await completed(job.id);
  expect(done).toEqual([]);
});

it("goes by the moment in which the job was accepted, also where it was put into the queue anew", async () => {
  const job = await accepted();
  const yesterday = new Date(Date.now() - 86_400_000);
  await engine.redis.hset(engine.ledger.channel(job.id), "accepted", yesterday.getTime());
  await (await engine.queues.get("parcel")?.getJob(job.id))?.remove();
  await engine.accept(parcel, { to: "Naoko" });
  engine.work();
  weighed.resolve();
  await completed(job.id);
  expect(acceptedAt).toEqual(yesterday);
});
