import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { Queue } from "bullmq";
import * as z from "zod";
import { RejectedError } from "../../src/domain/errors.ts";
import { type FailureGroup, openFailureGroups } from "../../src/queues/failure-groups.ts";
import { defineJobKind } from "../../src/queues/job-kind.ts";
import { openRetryAll, type RetryAll } from "../../src/queues/retry-all.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Engine, openEngine } from "./engine.ts";

let redis: TestRedis;
let engine: Engine;
let retryAll: RetryAll;
let stopping: AbortController;
let carrying: Promise<unknown>[];
/** Whom the post office refuses. */
let refused: (to: string) => boolean;
/** Who got a parcel, in order. */
let sent: string[];

const parcel = defineJobKind({
  name: "parcel",
  purpose: "A parcel goes out",
  payload: z.strictObject({ to: z.string() }),
  key: ({ to }) => to,
  routes: [],
  async run({ to }, step) {
    await step("send", "repeat", async () => {
      if (refused(to)) throw new RejectedError({ code: "no-stamp", title: "No.", detail: "Ask.", vendor: null });
      sent.push(to);
      return true;
    });
    return { outcome: "done", result: {} };
  },
});

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

beforeEach(async () => {
  refused = () => true;
  sent = [];
  engine = await openEngine({ redis, kinds: [parcel], services: () => ({}) });
  retryAll = openRetryAll({ ...engine, queues: () => engine.queues });
  engine.work();
  stopping = new AbortController();
  carrying = [];
});
afterEach(async () => {
  stopping.abort();
  await Promise.all(carrying);
  await engine.close();
});

const SOON = { timeout: 10_000, interval: 10 };

interface Carrying {
  readonly queues?: () => ReadonlyMap<string, Queue> | undefined;
  readonly complain?: (error: unknown) => void;
  readonly stopping?: AbortController;
  readonly lookMs?: number;
  readonly tickMs?: number;
}

const fail = (error: unknown) => {
  throw error;
};

/** A process carries runs on; it has a turn every `tickMs`. */
function carryOn(process: Carrying = {}): void {
  const { queues = () => engine.queues, complain = fail, lookMs = 20, tickMs = 30 } = process;
  const carrier = openRetryAll({ ...engine, queues, tickMs, lookMs });
  carrying.push(carrier.carryOn((process.stopping ?? stopping).signal, complain));
}

/** The runs that processes look at. */
const open = async () => await engine.redis.smembers(`${engine.prefix}:bulks:open`);

async function failedGroup(...names: readonly string[]): Promise<FailureGroup> {
  for (const to of names) {
    const taken = await engine.accept(parcel, { to });
    if (taken.how !== "new") throw new Error("it is known");
    const { id } = taken.job;
    // BullMQ hears of a failure a moment after the ledger.
    await expect.poll(async () => await engine.queues.get("parcel")?.getJobState(id), SOON).toBe("failed");
  }
  const [group] = await openFailureGroups(engine).list();
  if (group === undefined) throw new Error("nothing failed");
  return group;
}

const olga = { by: "olga", why: "stamps are there" };
const cities = (count: number) => Array.from({ length: count }, (_, at) => `city ${String(at).padStart(2, "0")}`);

it("the jobs of a group are retried in the order in which they were accepted, once each, however many processes do it", async () => {
  const group = await failedGroup(...cities(12));
  refused = () => false;
  const queue = engine.queues.get("parcel");
  await queue?.pause(); // workers would carry them out side by side
  for (let count = 0; count < 3; count++) carryOn();
  const id = await retryAll.start(group, { ...olga, rate: 100 });
  await expect
    .poll(async () => await retryAll.read(id ?? ""), SOON)
    .toMatchObject({ state: "done", total: 12, retried: 12, gone: 0, again: 0, by: "olga", why: "stamps are there" });
  const inLine = await queue?.getJobs(["wait"], 0, -1, true);
  expect(inLine?.map((job) => (job.data as { to: string }).to)).toEqual(cities(12)); // as they were asked for above
  await queue?.resume();
  await expect.poll(() => sent.toSorted(), SOON).toEqual(cities(12));
});

it("what fails after the retry was asked for is not among them", async () => {
  const group = await failedGroup("Kyoto");
  const id = await retryAll.start(group, { ...olga, rate: 100 });
  await failedGroup("Nara");
  refused = () => false;
  carryOn();
  await expect.poll(async () => (await retryAll.read(id ?? ""))?.state, SOON).toBe("done");
  await expect.poll(() => sent.toSorted(), SOON).toEqual(["Kyoto"]);
  expect(await openFailureGroups(engine).list()).toMatchObject([{ jobs: 1 }]);
});

it("those that fail again are listed, as many as are asked for", async () => {
  const group = await failedGroup("Kyoto", "Nara", "Kobe");
  refused = (to) => to !== "Kyoto";
  carryOn();
  const id = (await retryAll.start(group, { ...olga, rate: 100 })) ?? "";
  await expect.poll(async () => await retryAll.read(id), SOON).toMatchObject({ state: "done", retried: 3, again: 2 });
  expect(await retryAll.failedAgain(id, 10)).toHaveLength(2);
  const [again = "", ...more] = await retryAll.failedAgain(id, 1);
  expect(more).toEqual([]);
  expect(await engine.job(again)).toMatchObject({ state: "failed", attempts: 2 });
});

it("the first one can be tried alone", async () => {
  const group = await failedGroup("Kyoto", "Nara");
  refused = () => false;
  carryOn();
  const id = await retryAll.start(group, { ...olga, rate: 20, most: 1 });
  await expect
    .poll(async () => await retryAll.read(id ?? ""), SOON)
    .toMatchObject({ state: "done", total: 1, retried: 1 });
  await expect.poll(() => sent.toSorted(), SOON).toEqual(["Kyoto"]);
});

it("a retry can be paused, go on and be ended early", async () => {
  const group = await failedGroup(...cities(6));
  refused = () => false;
  const id = (await retryAll.start(group, { ...olga, rate: 100 })) ?? "";
  await retryAll.set(id, "paused");
  carryOn();
  const other = (await retryAll.start(await failedGroupAgain(), { ...olga, rate: 100, most: 1 })) ?? "";
  await expect.poll(async () => (await retryAll.read(other))?.state, SOON).toBe("done"); // a paused one is passed over meanwhile
  expect(await retryAll.read(id)).toMatchObject({ state: "paused", retried: 0 });
  await retryAll.set(id, "aborted");
  await retryAll.set(id, "running"); // what was ended stays so
  expect(await retryAll.read(id)).toMatchObject({ state: "aborted", retried: 0 });
  await expect.poll(() => sent, SOON).toEqual(["city 00"]);

  const last = (await retryAll.start(await failedGroupAgain(), { ...olga, rate: 100 })) ?? "";
  await retryAll.set(last, "paused");
  await retryAll.set(last, "running");
  await expect.poll(() => sent.toSorted(), SOON).toEqual(cities(6));
});

async function failedGroupAgain(): Promise<FailureGroup> {
  const [group] = await openFailureGroups(engine).list();
  if (group === undefined) throw new Error("nothing is left");
  return group;
}

it("a job that somebody else dealt with meanwhile is passed over", async () => {
  const group = await failedGroup("Kyoto", "Nara");
  const id = (await retryAll.start(group, { ...olga, rate: 100 })) ?? "";
  refused = () => false;
  const [first = ""] = await openFailureGroups(engine).jobs(group.id, 0, 1);
  await (await engine.queues.get("parcel")?.getJob(first))?.retry("failed");
  await engine.until(first, "completed");
  carryOn();
  await expect.poll(async () => await retryAll.read(id), SOON).toMatchObject({ state: "done", retried: 1, gone: 1 });
  await expect.poll(() => sent.toSorted(), SOON).toEqual(["Kyoto", "Nara"]);
});

it("a group that is empty has nothing to retry", async () => {
  expect(await retryAll.start({ id: "parcel~send~no-stamp", kind: "parcel" }, { ...olga, rate: 5 })).toBe(null);
});

it("a job that somebody else retried meanwhile, and that fails again, is none of those that failed again for this run", async () => {
  const group = await failedGroup("Kyoto");
  const id = (await retryAll.start(group, { ...olga, rate: 100 })) ?? "";
  const [job = ""] = await openFailureGroups(engine).jobs(group.id, 0, 1);
  const queue = engine.queues.get("parcel");
  await queue?.pause();
  await (await queue?.getJob(job))?.retry("failed");
  carryOn();
  await expect.poll(async () => await retryAll.read(id), SOON).toMatchObject({ state: "done", retried: 0, gone: 1 });
  expect(await openFailureGroups(engine).list()).toEqual([]);
  await queue?.resume();
  await expect.poll(async () => (await engine.job(job)).attempts, SOON).toBe(2);
  await engine.until(job, "failed");
  expect(await retryAll.read(id)).toMatchObject({ again: 0 });
});

it("of two runs over the same jobs, that one is told of a new failure which retried the job", async () => {
  const group = await failedGroup("Kyoto");
  const queue = engine.queues.get("parcel");
  await queue?.pause();
  const ids = [
    await retryAll.start(group, { ...olga, rate: 100 }),
    await retryAll.start(group, { ...olga, rate: 100 }),
  ];
  const runs = async () => await Promise.all(ids.map((id) => retryAll.read(id ?? "")));
  carryOn();
  await expect.poll(async () => (await runs()).map((run) => run?.state), SOON).toEqual(["done", "done"]);
  await queue?.resume();
  await expect.poll(async () => (await runs()).some((run) => run?.again === 1), SOON).toBe(true);
  const told = (await runs()).map((run) => ({ retried: run?.retried, again: run?.again }));
  expect(told.toSorted((one, other) => Number(one.again) - Number(other.again))).toEqual([
    { retried: 0, again: 0 },
    { retried: 1, again: 1 },
  ]);
});

it.each([
  { rate: 20, tickMs: 30, due: "less than one" },
  { rate: 100, tickMs: 10, due: "just one" },
] as const)("no more are retried at once than the rate allows: $due a turn", async ({ rate, tickMs }) => {
  const group = await failedGroup("Kyoto", "Nara", "Kobe");
  let turns = 0;
  carryOn({ queues: () => (turns++, engine.queues), tickMs });
  const id = (await retryAll.start(group, { ...olga, rate })) ?? "";
  await expect.poll(async () => await retryAll.read(id), SOON).toMatchObject({ state: "done", retried: 3 });
  expect(turns).toBe(4); // the last one found nothing left
});

it("a process of which the queues are not open yet leaves a run as it is", async () => {
  const group = await failedGroup("Kyoto");
  let turns = 0;
  carryOn({ queues: () => (++turns < 3 ? undefined : engine.queues) });
  const id = (await retryAll.start(group, { ...olga, rate: 100 })) ?? "";
  await expect.poll(async () => await retryAll.read(id), SOON).toMatchObject({ state: "done", retried: 1, gone: 0 });
  expect(turns).toBe(3);
});

it("one process at a time has a run, and another takes it over once that one does not come back to it", async () => {
  const group = await failedGroup("Kyoto", "Nara", "Kobe");
  const id = (await retryAll.start(group, { ...olga, rate: 20 })) ?? "";
  const firstStops = new AbortController();
  let [first, second] = [0, 0];
  const secondQueues = () => (second++, engine.queues);
  const firstQueues = () => {
    first += 1;
    if (first === 1) carryOn({ queues: secondQueues });
    if (first === 2) firstStops.abort();
    return engine.queues;
  };
  carryOn({ queues: firstQueues, stopping: firstStops });
  await expect.poll(() => firstStops.signal.aborted, SOON).toBe(true);
  await carrying[0];
  expect([first, second]).toEqual([2, 0]);
  await engine.redis.del(`${engine.prefix}:bulk:${id}:lease`); // as at the end of its time
  await expect.poll(async () => await retryAll.read(id), SOON).toMatchObject({ state: "done", retried: 3 });
  expect(second).toBe(2); // for the last job, and to find nothing left
});

it("a process that is asked to stop does not wait for its next look", async () => {
  carryOn({ lookMs: 3000 });
  stopping.abort();
  let stopped = false;
  void carrying[0]?.then(() => (stopped = true));
  await expect.poll(() => stopped, { timeout: 2000 }).toBe(true);
});

it("runs are listed, the last one first, for as long as they are kept", async () => {
  const group = await failedGroup("Kyoto");
  await engine.redis.zadd(`${engine.prefix}:bulks`, Date.now() - 31 * 86_400_000, "of last month");
  const first = (await retryAll.start(group, { ...olga, rate: 100 })) ?? "";
  await failedGroup("Nara");
  const second = (await retryAll.start(group, { ...olga, rate: 100 })) ?? "";
  expect((await retryAll.list()).map(({ id, total }) => [id, total])).toEqual([
    [second, 2],
    [first, 1],
  ]);
  expect(await engine.redis.zcard(`${engine.prefix}:bulks`)).toBe(2);
  await engine.redis.del(`${engine.prefix}:bulk:${second}`); // as at the end of its time
  expect((await retryAll.list()).map(({ id }) => id)).toEqual([first]);
  expect(await retryAll.read(second)).toBeNull();
});

it("what is over is not looked at any more, whether it was done, was ended or is not kept any longer", async () => {
  const group = await failedGroup("Kyoto");
  const started = async () => (await retryAll.start(group, { ...olga, rate: 100 })) ?? "";
  const [ended, forgotten, done] = [await started(), await started(), await started()];
  await retryAll.set(ended, "aborted");
  expect((await open()).toSorted()).toEqual([forgotten, done].toSorted());
  await engine.redis.del(`${engine.prefix}:bulk:${forgotten}`); // as at the end of its time
  carryOn();
  await expect.poll(open, SOON).toEqual([]);
  expect(await retryAll.read(done)).toMatchObject({ state: "done" });
  await retryAll.set(forgotten, "paused");
  expect(await engine.redis.exists(`${engine.prefix}:bulk:${forgotten}`)).toBe(0);
});

it("what was done at the very moment in which somebody let it go on is not left standing as though it ran", async () => {
  const group = await failedGroup("Kyoto");
  const id = (await retryAll.start(group, { ...olga, rate: 100 })) ?? "";
  await engine.redis.srem(`${engine.prefix}:bulks:open`, id); // as `advance` does that ends it
  await engine.redis.del(`${engine.prefix}:bulk:${id}:todo`);
  await retryAll.set(id, "running");
  carryOn();
  await expect.poll(async () => (await retryAll.read(id))?.state, SOON).toBe("done");
});

it("a run that Redis has trouble with keeps no other one waiting", async () => {
  const group = await failedGroup("Kyoto");
  const complaints: unknown[] = [];
  await engine.redis.set(`${engine.prefix}:bulks:open`, "not what belongs there");
  carryOn({ complain: (error) => complaints.push(error) });
  await expect.poll(() => complaints.length, SOON).toBeGreaterThan(0);
  expect(String(complaints[0])).toContain("WRONGTYPE");

  await engine.redis.del(`${engine.prefix}:bulks:open`);
  const troubled = (await retryAll.start(group, { ...olga, rate: 100 })) ?? "";
  await engine.redis.set(`${engine.prefix}:bulk:${troubled}:todo`, "not what belongs there");
  const heard = complaints.length;
  await expect.poll(() => complaints.length, SOON).toBeGreaterThan(heard);
  const other = (await retryAll.start(group, { ...olga, rate: 100 })) ?? "";
  await expect.poll(async () => (await retryAll.read(other))?.state, SOON).toBe("done");
  expect(await retryAll.read(troubled)).toMatchObject({ state: "running", retried: 0 });
});
