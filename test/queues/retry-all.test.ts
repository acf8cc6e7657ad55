import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
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
let carrying: Promise<unknown>;
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
});
afterEach(async () => {
  stopping.abort();
  await carrying;
  await engine.close();
});

/** Lets `count` processes carry runs on. */
function carryOn(count = 1): void {
  const fail = (error: unknown) => {
    throw error;
  };
  carrying = Promise.all(
    Array.from({ length: count }, () =>
      openRetryAll({ ...engine, queues: () => engine.queues }).carryOn(stopping.signal, fail),
    ),
  );
}

async function failedGroup(...names: readonly string[]): Promise<FailureGroup> {
  for (const to of names) {
    const taken = await engine.accept(parcel, { to });
    if (taken.how !== "new") throw new Error("it is known");
    await engine.until(taken.job.id, "failed");
  }
  const [group] = await openFailureGroups(engine).list();
  if (group === undefined) throw new Error("nothing failed");
  return group;
}

/** A run is looked for once a second. */
const SOON = { timeout: 10_000 };

const olga = { by: "olga", why: "stamps are there" };
const cities = (count: number) => Array.from({ length: count }, (_, at) => `city ${String(at).padStart(2, "0")}`);

it("the jobs of a group are retried in the order in which they were accepted, once each, however many processes do it", async () => {
  const group = await failedGroup(...cities(12));
  refused = () => false;
  const queue = engine.queues.get("parcel");
  await queue?.pause(); // workers would carry them out side by side
  carryOn(3);
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

it("those that fail again are listed", async () => {
  const group = await failedGroup("Kyoto", "Nara", "Kobe");
  refused = (to) => to === "Nara";
  carryOn();
  const id = (await retryAll.start(group, { ...olga, rate: 100 })) ?? "";
  await expect.poll(async () => await retryAll.read(id), SOON).toMatchObject({ state: "done", retried: 3, again: 1 });
  const [again = ""] = await retryAll.failedAgain(id, 10);
  expect(await engine.job(again)).toMatchObject({ state: "failed", attempts: 2 });
});

it("the first one can be tried alone", async () => {
  const group = await failedGroup("Kyoto", "Nara");
  refused = () => false;
  carryOn();
  const id = await retryAll.start(group, { ...olga, rate: 5, most: 1 });
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
  expect(sent).toEqual(["city 00"]);

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
  carrying = Promise.resolve();
  expect(await retryAll.start({ id: "parcel~send~no-stamp", kind: "parcel" }, { ...olga, rate: 5 })).toBe(null);
});
