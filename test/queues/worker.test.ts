import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import * as z from "zod";
import { RejectedError, UnavailableError } from "../../src/domain/errors.ts";
import { type AnyJobKind, defineJobKind } from "../../src/queues/job-kind.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Engine, openEngine, sweepThat } from "./engine.ts";

/** What a worker tells those around it of the jobs that it takes from its queue. */

const fault = { code: "no", title: "No.", detail: "No.", vendor: null };

let server: TestRedis;
let engine: Engine;
let does: () => void | Promise<void>;
let told: string[];
let deaf: number;

const letter: AnyJobKind = defineJobKind({
  name: "letter",
  purpose: "Post a letter",
  payload: z.strictObject({ to: z.string() }),
  key: ({ to }) => to,
  routes: [],
  async run() {
    await does();
    return { outcome: "done", result: {} };
  },
});
const sweep = sweepThat(() => ({}));

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  [does, told, deaf] = [() => undefined, [], 0];
  engine = await openEngine({
    redis: server,
    kinds: [letter, sweep],
    services: () => ({}),
    async onEnd(job) {
      told.push(job);
      if (deaf-- > 0) throw new Error("nobody hears it");
    },
  });
});
afterEach(() => engine.close());

async function post(to: string): Promise<string> {
  const taken = await engine.accept(letter, { to });
  if (taken.how !== "new") throw new Error("it is known");
  return taken.job.id;
}
const stateOf = async (id: string) => await engine.queues.get("letter")?.getJobState(id);
const logged = (msg: string) => engine.said.filter((line) => line["msg"] === msg);

it("how long a job waited is told once, when it is first taken, and of no sweep", async () => {
  let troubles = 2;
  does = () => {
    if (troubles-- > 0) throw new UnavailableError({ ...fault, scope: "call" });
  };
  const asked = performance.now();
  const id = await post("Naoko");
  await engine.queues.get("sweep")?.add("sweep", {});
  engine.work();
  expect(await engine.until(id, "completed")).toMatchObject({ attempts: 3 });
  await expect.poll(async () => await engine.queues.get("sweep")?.getCompletedCount()).toBe(1);
  expect(engine.taken).toEqual([{ kind: "letter", waitedMs: expect.any(Number) as number }]);
  const [{ waitedMs } = { waitedMs: -1 }] = engine.taken;
  expect(waitedMs).toBeGreaterThanOrEqual(0);
  expect(waitedMs).toBeLessThanOrEqual(performance.now() - asked + 1); // two clocks
});

it("a job that is taken at once waited no time, also where the clock of whoever accepted it is ahead", async () => {
  const [ahead, long] = [await post("Naoko"), await post("Ken")];
  const queue = engine.queues.get("letter");
  if (queue === undefined) throw new Error("there is no queue");
  await engine.redis.hset(queue.toKey(ahead), "timestamp", Date.now() + 60_000);
  await engine.redis.hset(queue.toKey(long), "timestamp", Date.now() - 60_000);
  engine.work();
  await engine.until(long, "completed");
  await engine.until(ahead, "completed");
  const waited = engine.taken.map(({ waitedMs }) => waitedMs).toSorted((one, other) => one - other);
  expect(waited).toEqual([0, expect.any(Number)]);
  expect(waited[1]).toBeGreaterThanOrEqual(60_000);
});

it("nobody is told of an end while the job is tried again by itself", async () => {
  let troubles = 1;
  does = () => {
    if (troubles-- > 0) throw new UnavailableError({ ...fault, scope: "call" });
  };
  engine.work();
  const id = await post("Naoko");
  await engine.until(id, "completed");
  await expect.poll(() => stateOf(id)).toBe("completed");
  expect(told).toEqual([id]);
});

it.each([
  ["done for a week", "completed", 7],
  ["left to a person for ninety days", "failed", 90],
] as const)("a job that was %s goes from its queue, and a younger one stays", async (_how, set, days) => {
  does = () => {
    if (set === "failed") throw new RejectedError(fault);
  };
  engine.work();
  const ended = async (to: string) => {
    const id = await post(to);
    await expect.poll(() => stateOf(id)).toBe(set);
    return id;
  };
  const key = engine.queues.get("letter")?.toKey(set) ?? "";
  const [old, young] = [await ended("Naoko"), await ended("Ken")];
  const then = Date.now() - days * 86_400_000;
  await engine.redis.zadd(key, then - 2000, old, then + 60_000, young);
  await ended("Aya");
  expect([await stateOf(old), await stateOf(young)]).toEqual(["unknown", set]);
});

it("that a job has ended is told again where nobody heard it, and its work is not done again", async () => {
  let posted = 0;
  does = () => void (posted += 1);
  deaf = 1;
  engine.work();
  const id = await post("Naoko");
  await expect.poll(() => told).toEqual([id, id]);
  await expect.poll(() => stateOf(id)).toBe("completed");
  expect(posted).toBe(1);
});

it("a job that failed stays so where nobody heard it, which the log says", async () => {
  let tried = 0;
  does = () => {
    tried += 1;
    throw new RejectedError(fault);
  };
  deaf = 1;
  engine.work();
  const id = await post("Naoko");
  await expect.poll(() => stateOf(id)).toBe("failed");
  expect([tried, told]).toEqual([1, [id]]);
  expect(logged("nobody could be told that it failed")).toMatchObject([{ kind: "letter", job: id, err: {} }]);
});

it("a Redis that takes no more writes is one line in the log, not one for each", async () => {
  const inside = Promise.withResolvers<void>();
  const full = await startRedis({ cluster: false });
  const crowded = await openEngine({ redis: full, kinds: [letter], services: () => ({}) });
  try {
    let running = 0;
    does = () => {
      running += 1;
      return inside.promise;
    };
    crowded.work();
    for (const to of ["Naoko", "Ken", "Aya", "Jun", "Rie"]) await crowded.accept(letter, { to });
    await expect.poll(() => running).toBe(5);
    await full.each((one) => one.config("SET", "maxmemory", "1"));
    inside.resolve();
    const refused = async () => {
      const [errors = ""] = await full.each((one) => one.info("errorstats"));
      return Number(/errorstat_OOM:count=(\d+)/.exec(errors)?.[1] ?? 0);
    };
    await expect.poll(refused, { timeout: 10_000 }).toBeGreaterThan(10);
    const lines = crowded.said.filter(({ msg }) => msg === "the queue's worker met an error");
    expect(lines).toMatchObject([{ kind: "letter", err: {} }]);
  } finally {
    await full.each((one) => one.config("SET", "maxmemory", "0"));
    await crowded.close();
    await full.stop();
  }
});
