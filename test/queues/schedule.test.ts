import type { Queue } from "bullmq";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";
import { type AnyJobKind, defineJobKind, type Schedule } from "../../src/queues/job-kind.ts";
import { keepSchedule } from "../../src/queues/schedule.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Engine, openEngine } from "./engine.ts";

const HOUR_MS = 3_600_000;
const AT_NINE: Schedule = { dailyAtHour: 9, timeZone: "Asia/Tokyo" };

let server: TestRedis;
let engine: Engine;
let queue: Queue;

const sweep: AnyJobKind = defineJobKind({
  name: "sweep",
  purpose: "Look around",
  payload: z.strictObject({}),
  key: () => "sweep",
  routes: [],
  run: async () => ({ outcome: "done", result: {} }),
});

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  engine = await openEngine({ redis: server, kinds: [sweep], services: () => ({}) });
  const opened = engine.queues.get("sweep");
  if (opened === undefined) throw new Error("no queue");
  queue = opened;
  vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2026-11-24T03:00:00Z") });
});
afterEach(async () => {
  vi.useRealTimers();
  await engine.close();
});

/** As a worker does when it starts, at `time` where that is given. */
const start = async (schedule: Schedule, { time = "", sweepEveryMs = HOUR_MS } = {}) => {
  if (time !== "") vi.setSystemTime(Date.parse(time));
  await keepSchedule(queue, schedule, sweepEveryMs);
};

const coming = () => queue.getJobs(["waiting", "delayed"]);
const comesAt = async () => (await coming()).map(({ timestamp, delay }) => new Date(timestamp + delay).toISOString());

describe("a scheduled job", () => {
  it("comes daily at its hour, by the clock of its own time zone", async () => {
    await start(AT_NINE);
    expect(await comesAt()).toEqual(["2026-11-25T00:00:00.000Z"]);
  });

  it("comes with the first start, where it comes with every sweep", async () => {
    await start("every sweep");
    expect(await comesAt()).toEqual(["2026-11-24T03:00:00.000Z"]);
  });

  it.each([AT_NINE, "every sweep"] as const)(
    "is still there when a worker starts after it was due (%j)",
    async (schedule) => {
      await start(schedule);
      const planned = await comesAt();
      await start(schedule, { time: "2026-11-26T05:00:00Z" });
      expect(await comesAt()).toEqual(planned);
    },
  );

  it.each([
    ["hour", { dailyAtHour: 10, timeZone: "Asia/Tokyo" }, "2026-11-25T01:00:00.000Z"],
    ["time zone", { dailyAtHour: 9, timeZone: "Europe/Berlin" }, "2026-11-24T08:00:00.000Z"],
    ["rule", "every sweep", "2026-11-24T03:00:00.000Z"],
  ] as const)(
    "comes by its new %s once that has changed, and no more by the old one",
    async (_what, schedule, time) => {
      await start(AT_NINE);
      await start(schedule);
      expect(await comesAt()).toEqual([time]);
    },
  );

  it("comes as often as the settings say now", async () => {
    await start("every sweep");
    await start("every sweep", { sweepEveryMs: 2 * HOUR_MS });
    expect(await queue.getJobScheduler("sweep")).toMatchObject({ every: 2 * HOUR_MS });
    expect(await coming()).toHaveLength(1);
  });

  it.each([
    ["before", "2026-11-24T04:00:00Z", "2026-11-25T00:00:00.000Z"],
    ["after", "2026-11-26T05:00:00Z", "2026-11-27T00:00:00.000Z"],
  ])("that was lost comes again from a start on, %s it would have been due", async (_when, time, next) => {
    await start(AT_NINE);
    const [lost] = await coming();
    await engine.redis.zrem(queue.toKey("delayed"), lost?.id ?? "");
    await engine.redis.del(queue.toKey(lost?.id ?? ""));
    await start(AT_NINE, { time });
    expect(await comesAt()).toEqual([next]);
  });

  it("leaves the last ones to be looked at, and no more", async () => {
    await start(AT_NINE);
    expect(await coming()).toMatchObject([{ opts: { removeOnComplete: { count: 50 }, removeOnFail: { count: 10 } } }]);
  });
});
