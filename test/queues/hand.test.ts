import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import * as z from "zod";
import { RejectedError } from "../../src/domain/errors.ts";
import { type AnyJobKind, defineJobKind, type Handing } from "../../src/queues/job-kind.ts";
import { keepSchedule } from "../../src/queues/schedule.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Engine, openEngine, sweepThat } from "./engine.ts";

let server: TestRedis;
let engine: Engine;
let posted: string[];
let ended: string[];
let swept: number;
let trouble: () => void;
let how: Handing;
let wrong: "no such kind" | "another letter" | null;
let wrongs: string[];

const letter: AnyJobKind = defineJobKind({
  name: "letter",
  purpose: "Post a letter",
  payload: z.strictObject({ to: z.string() }),
  key: ({ to }) => to,
  routes: [],
  async run({ to }) {
    posted.push(to);
    return { outcome: "done", result: {} };
  },
});

const parcel: AnyJobKind = defineJobKind({
  name: "parcel",
  purpose: "Send a parcel and write about it",
  payload: z.strictObject({ to: z.string() }),
  key: ({ to }) => to,
  routes: [],
  async run({ to }, step, _services, job) {
    await step("send", { find: async () => undefined }, async () => to);
    const hand = async (kind: string, to: string) => {
      await job.hand(kind, { to }, how).catch((error: unknown) => {
        wrongs.push((error as Error).message); // ours
        throw error;
      });
    };
    await step("write", "repeat", () => hand("letter", to));
    if (wrong === "no such kind") await step("wire", "repeat", () => hand("telegram", to));
    if (wrong === "another letter") await step("write more", "repeat", () => hand("letter", `${to} and ${to}`));
    trouble();
    return { outcome: "done", result: {} };
  },
});

const sweep = sweepThat(() => {
  swept += 1;
  trouble();
  return {};
});

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  [posted, ended, swept, trouble] = [[], [], 0, () => undefined];
  [how, wrong, wrongs] = [{ once: "letter" }, null, []];
  engine = await openEngine({
    redis: server,
    kinds: [letter, parcel, sweep],
    services: () => ({}),
    onEnd: async (id) => void ended.push(id),
  });
});
afterEach(() => engine.close());

async function accepted(to: string): Promise<string> {
  const taken = await engine.accept(parcel, { to });
  if (taken.how === "key-reused") throw new Error("no key was given");
  return taken.job.id;
}

it("hands further work on as a job of its own, once however often it runs", async () => {
  let troubles = 2;
  trouble = () => {
    if (troubles-- > 0) throw new Error("a bad moment");
  };
  engine.work();
  const id = await accepted("Naoko");
  expect(await engine.until(id, "completed")).toMatchObject({ attempts: 3 });
  const letters = engine.queues.get("letter");
  while ((await letters?.getCompletedCount()) === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(posted).toEqual(["Naoko"]);
  expect(await letters?.getJobCountByTypes()).toBe(1);
});

it("hands on by the words of who does: once, unless it was done before, and with a look first", async () => {
  how = { unless: ["done"], lookFirst: true };
  engine.work();
  await engine.until(await accepted("Naoko"), "completed");
  const [first] = (await engine.queues.get("letter")?.getJobs()) ?? [];
  await engine.until(first?.id ?? "", "completed");
  const record = await engine.ledger.read(first?.id ?? "");
  expect(record).toMatchObject({ door: "parcel", suspect: "1" });
  await engine.until(await accepted("Naoko"), "completed"); // the letter was done within the day
  expect(posted).toEqual(["Naoko"]);
  how = {};
  await engine.until(await accepted("Naoko"), "completed"); // and is wanted all the same
  await expect.poll(() => posted).toEqual(["Naoko", "Naoko"]);
});

it("says so where nothing is of that name, or something else was handed on by it", async () => {
  engine.work();
  wrong = "no such kind";
  await expect.poll(async () => (await engine.job(await accepted("Naoko"))).failure?.code).toBe("unexpected-error");
  expect(wrongs).toContain('no kind is called "telegram"');
  wrong = "another letter";
  await engine.until(await accepted("Ken"), "retrying", "failed");
  expect(wrongs).toContain('this job handed on something else as "letter" before');
});

it("says once that a job has ended, well or not", async () => {
  engine.work();
  const well = await accepted("Naoko");
  await engine.until(well, "completed");
  trouble = () => {
    throw new RejectedError({ code: "no", title: "No.", detail: "No.", vendor: null });
  };
  const badly = await accepted("Ken");
  await engine.until(badly, "failed");
  const parcels = engine.queues.get("parcel");
  while ((await parcels?.getFailedCount()) === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(ended.filter((id) => id === well || id === badly)).toEqual([well, badly]);
});

it("runs a sweep by itself, and one that came due while no worker ran as soon as one is back", async () => {
  const queue = engine.queues.get("sweep");
  if (queue === undefined) throw new Error("no queue");
  await keepSchedule(queue, { dailyAtHour: 9, timeZone: "Asia/Tokyo" }, 1000);
  const planned = await queue.getDelayed();
  expect(planned.map(({ timestamp, delay }) => new Date(timestamp + delay).getUTCHours())).toEqual([0]);
  await keepSchedule(queue, "every sweep", 3_600_000);
  const [due] = await queue.getWaiting();
  await keepSchedule(queue, "every sweep", 3_600_000); // another worker, or the next start
  expect((await queue.getWaiting()).map(({ id }) => id)).toEqual([due?.id]);
  engine.work();
  while ((await queue.getCompletedCount()) === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(swept).toBe(1);
  expect(await queue.getDelayedCount()).toBe(1);
});

it("tries a sweep again that met a bad moment", async () => {
  let troubles = 2;
  trouble = () => {
    if (troubles-- > 0) throw new Error("a bad moment");
  };
  const queue = engine.queues.get("sweep");
  if (queue === undefined) throw new Error("no queue");
  await keepSchedule(queue, "every sweep", 3_600_000);
  engine.work();
  while ((await queue.getCompletedCount()) === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(swept).toBe(3);
  expect(await queue.getFailedCount()).toBe(0);
});
