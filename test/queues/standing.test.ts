import type { JobsOptions } from "bullmq";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { UnavailableError, UnknownOutcomeError } from "../../src/domain/errors.ts";
import { type AnyJobKind, defineJobKind } from "../../src/queues/job-kind.ts";
import { readStanding, type Standing } from "../../src/queues/standing.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Engine, openEngine, sweepThat } from "./engine.ts";

const MINUTE_MS = 60_000;
const fault = { code: "x", title: "Something.", detail: "Do something.", vendor: "whmcs" as const };

let server: TestRedis;
let engine: Engine;

/** A parcel of which no attempt can tell whether it went out. */
const parcel: AnyJobKind = defineJobKind({
  name: "parcel",
  purpose: "Send a parcel",
  payload: z.strictObject({ to: z.string() }),
  key: ({ to }) => to,
  attempts: 1,
  routes: [],
  async run({ to }, step) {
    await step("send", { told: { believe: () => to } }, async (): Promise<string> => {
      throw new UnknownOutcomeError({ ...fault, mayStillLand: false });
    });
    return { outcome: "done", result: {} };
  },
});

const sweep = sweepThat(() => ({}));

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  engine = await openEngine({ redis: server, kinds: [parcel, sweep], services: () => ({}) });
});
afterEach(() => engine.close());

const read = (kinds = ["parcel", "sweep"]) => readStanding(engine.redis, engine.prefix, kinds);

const queueOf = (kind: string) => {
  const queue = engine.queues.get(kind);
  if (queue === undefined) throw new Error(`no queue for ${kind}`);
  return queue;
};

/** A job that has been in its queue for so many minutes, and that the ledger does not know. */
const queued = (kind: string, minutesAgo: number, options: JobsOptions = {}) =>
  queueOf(kind).add(kind, {}, { timestamp: Date.now() - minutesAgo * MINUTE_MS, ...options });

async function accepted(to: string, minutesAgo = 0): Promise<string> {
  const taken = await engine.accept(parcel, { to });
  if (taken.how === "key-reused") throw new Error("no key was given");
  await engine.redis.hset(engine.ledger.channel(taken.job.id), "accepted", String(Date.now() - minutesAgo * MINUTE_MS));
  return taken.job.id;
}

const oldestMinutes = (standing: Standing, kind: string) => {
  const oldest = standing.kinds[kind]?.oldestMs;
  return typeof oldest === "number" ? Math.floor(oldest / MINUTE_MS) : oldest;
};

describe("how the work stands", () => {
  it("is nothing at all where nobody asked for anything, but for the memory of Redis", async () => {
    const { memory, ...rest } = await read();
    const idle = { waiting: 0, active: 0, delayed: 0, failed: 0, completed: 0, oldestMs: null, doubts: 0 };
    expect(rest).toEqual({ kinds: { parcel: idle, sweep: idle }, awayMs: {}, used: {} });
    expect(memory.used).toBeGreaterThan(100_000);
    expect(memory.limit).toBeGreaterThan(memory.used);
  });

  it("counts what a paused queue keeps as waiting, and for how long it does", async () => {
    await accepted("Naoko", 7);
    await queueOf("parcel").pause();
    await accepted("Ken", 3);
    await accepted("Ren", 2);
    const standing = await read();
    expect(standing.kinds["parcel"]).toMatchObject({ waiting: 3, delayed: 0 });
    expect(oldestMinutes(standing, "parcel")).toBe(7);
  });

  it.each([
    ["goes on first", 0],
    ["goes on last", 149],
  ])("finds the oldest of many jobs put off where it %s", async (_which, at) => {
    await Promise.all(
      Array.from({ length: 150 }, (_, place) =>
        queued("parcel", place === at ? 50 : 5, { delay: (60 + place) * MINUTE_MS }),
      ),
    );
    const standing = await read();
    expect(standing.kinds["parcel"]).toMatchObject({ delayed: 150, waiting: 0 });
    expect(oldestMinutes(standing, "parcel")).toBe(50);
  });

  it("has a scheduled job wait since it was due, not since it was planned", async () => {
    await queued("sweep", 60, { jobId: `repeat:sweep:${String(Date.now() + 10 * MINUTE_MS)}` });
    expect(oldestMinutes(await read(), "sweep")).toBeNull();
    await queued("sweep", 60, { jobId: `repeat:sweep:${String(Date.now() - 20 * MINUTE_MS)}` });
    expect(oldestMinutes(await read(), "sweep")).toBe(20);
  });

  it("counts a job in doubt with its kind, where that is asked about", async () => {
    engine.work();
    await accepted("Naoko");
    await expect.poll(async () => (await read()).kinds["parcel"]).toMatchObject({ failed: 1, doubts: 1 });
    expect((await read(["sweep"])).kinds).toEqual({ sweep: expect.objectContaining({ doubts: 0 }) });
  });

  it("tells which vendors are away and for how long, and how much of an allowance is used", async () => {
    const away = new UnavailableError({ ...fault, scope: "vendor" });
    for (let failure = 0; failure < 5; failure++) await engine.breakers.whmcs.report(away);
    await engine.redis.hset(`${engine.prefix}:breaker:whmcs`, "since", String(Date.now() - 3 * MINUTE_MS));
    engine.allowances.salesforce.tell(0.83);
    const { awayMs, used } = await read();
    expect(Object.keys(awayMs)).toEqual(["whmcs"]);
    expect(Math.floor((awayMs["whmcs"] ?? 0) / MINUTE_MS)).toBe(3);
    expect(used).toEqual({ salesforce: 0.83 });
  });

  it("has the limit that Redis was given for its memory, where it was given one", async () => {
    const limit = 200 * 1024 * 1024;
    await server.each((one) => one.config("SET", "maxmemory", String(limit)));
    expect((await read()).memory.limit).toBe(limit);
    await server.each((one) => one.config("SET", "maxmemory", "0"));
  });
});
