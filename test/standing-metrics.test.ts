import { Registry } from "prom-client";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import * as z from "zod";
import { UnavailableError, UnknownOutcomeError } from "../src/domain/errors.ts";
import { connectDoor } from "../src/queues/connection.ts";
import { type AnyJobKind, defineJobKind } from "../src/queues/job-kind.ts";
import { readStanding } from "../src/queues/standing.ts";
import type { Role } from "../src/settings.ts";
import { showStanding } from "../src/standing-metrics.ts";
import { type Engine, openEngine } from "./queues/engine.ts";
import { startRedis, type TestRedis } from "./redis.ts";

/** How the work stands, as a scrape of any process tells it. */

const MINUTE_MS = 60_000;

let server: TestRedis;
let engine: Engine;
let trouble: () => void;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  trouble = () => undefined;
  engine = await openEngine({ redis: server, kinds: [parcel, sweep], services: () => ({}) });
});
afterEach(() => engine.close());

const parcel: AnyJobKind = defineJobKind({
  name: "parcel",
  purpose: "Send a parcel",
  payload: z.strictObject({ to: z.string() }),
  key: ({ to }) => to,
  routes: [],
  async run({ to }, step) {
    await step("send", { told: { believe: () => to } }, async () => {
      trouble();
      return to;
    });
    return { outcome: "done", result: {} };
  },
});

const sweep: AnyJobKind = defineJobKind({
  name: "sweep",
  purpose: "Look around",
  payload: z.strictObject({}),
  key: () => "sweep",
  routes: [],
  promisedMs: 60 * MINUTE_MS,
  schedule: "every sweep",
  run: async () => ({ outcome: "done", result: {} }),
});

const fault = { code: "x", title: "Something.", detail: "Do something.", vendor: "whmcs" as const };

/** What a process says of how the work stands, by metric and labels. */
async function scraped(roles: readonly Role[] = ["api"], redis = engine.redis): Promise<Record<string, number>> {
  const registry = new Registry();
  const read = () => readStanding(redis, engine.prefix, ["parcel", "sweep"]);
  showStanding(registry, { read, kinds: [parcel, sweep], roles: new Set(roles) });
  const text = await registry.metrics();
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(
    lines.map((line) => [line.replace(/ \S+$/, ""), Number(/ (\S+)$/.exec(line)?.[1])] as const),
  );
}

async function accepted(to: string, minutesAgo = 0): Promise<string> {
  const taken = await engine.accept(parcel, { to });
  if (taken.how === "key-reused") throw new Error("no key was given");
  const at = Date.now() - minutesAgo * MINUTE_MS;
  await engine.redis.hset(engine.ledger.channel(taken.job.id), "accepted", at);
  return taken.job.id;
}

const queueOf = (kind: string) => {
  const queue = engine.queues.get(kind);
  if (queue === undefined) throw new Error(`no queue for ${kind}`);
  return queue;
};

it("tells how many jobs wait and for how long, and what was promised, the same from every process", async () => {
  await accepted("Naoko", 7);
  await accepted("Ken", 2);
  const api = await scraped(["api"]);
  expect(api).toMatchObject({
    handoff_redis_up: 1,
    'handoff_jobs{kind="parcel",state="waiting"}': 2,
    'handoff_jobs{kind="parcel",state="failed"}': 0,
    'handoff_oldest_waiting_seconds{kind="sweep"}': 0,
    'handoff_promised_seconds{kind="parcel"}': 900,
    'handoff_promised_seconds{kind="sweep"}': 3600,
    'handoff_process_role{role="api"}': 1,
  });
  expect(api['handoff_oldest_waiting_seconds{kind="parcel"}']).toBeCloseTo(7 * 60, -2);
  expect(api["handoff_redis_memory_used_bytes"]).toBeGreaterThan(100_000);
  expect(api["handoff_redis_memory_limit_bytes"]).toBeGreaterThan(api["handoff_redis_memory_used_bytes"] ?? 0);

  const own = /memory_used|process_role|oldest/;
  const shared = (all: Record<string, number>) => Object.entries(all).filter(([name]) => !own.test(name));
  expect(shared(await scraped(["worker"]))).toEqual(shared(api));
});

it("counts in a job that is put off, for it is late all the same, and not one that a schedule puts off", async () => {
  let tries = 0;
  trouble = () => {
    tries += 1;
    throw new UnavailableError({ ...fault, scope: "call", retryAfterMs: 3_600_000 });
  };
  engine.work();
  await queueOf("sweep").upsertJobScheduler("sweep", { every: 3_600_000, startDate: Date.now() + 3_600_000 });
  const late = await accepted("Naoko", 50);
  await engine.until(late, "retrying");
  while ((await queueOf("parcel").getDelayedCount()) === 0) await new Promise((resolve) => setImmediate(resolve));
  const standing = await scraped();
  expect(tries).toBe(1);
  expect(standing).toMatchObject({
    'handoff_jobs{kind="parcel",state="delayed"}': 1,
    'handoff_jobs{kind="sweep",state="delayed"}': 1,
    'handoff_oldest_waiting_seconds{kind="sweep"}': 0,
  });
  expect(standing['handoff_oldest_waiting_seconds{kind="parcel"}']).toBeCloseTo(50 * 60, -2);
});

it("counts a job in doubt until somebody has dealt with it", async () => {
  trouble = () => {
    throw new UnknownOutcomeError({ ...fault, mayStillLand: false });
  };
  engine.work();
  const doubts = async () => (await scraped())['handoff_doubts{kind="parcel"}'];
  const [first, second] = [await accepted("Naoko"), await accepted("Ken")];
  const failed = async (count: number) => {
    while ((await queueOf("parcel").getFailedCount()) !== count) await new Promise((resolve) => setImmediate(resolve));
  };
  await failed(2);
  expect(await doubts()).toBe(2);

  // A person saw that it did not happen, says so, and retries.
  await engine.redis.hdel(engine.ledger.channel(first), "step send");
  trouble = () => undefined;
  await (await queueOf("parcel").getJob(first))?.retry("failed");
  await engine.until(first, "completed");
  expect(await doubts()).toBe(1);

  await (await queueOf("parcel").getJob(second))?.remove();
  expect(await doubts()).toBe(0);
});

it("tells of a breaker until its vendor answers well again", async () => {
  const open = async () => (await scraped())['handoff_breaker_open{vendor="whmcs"}'];
  expect(await open()).toBe(0);
  const away = new UnavailableError({ ...fault, scope: "vendor" });
  for (let failure = 0; failure < 5; failure++) await engine.breakers.whmcs.report(away);
  expect(await open()).toBe(1);
  while ((await engine.breakers.whmcs.openForMs()) !== 0) await new Promise((resolve) => setImmediate(resolve));
  expect(await open()).toBe(1); // it may be probed now, and nobody has yet
  await engine.breakers.whmcs.report(undefined);
  expect(await open()).toBe(0);
});

it("tells how much of a vendor's daily calls is used, once the vendor has said so", async () => {
  const name = 'handoff_vendor_allowance_used_ratio{vendor="salesforce"}';
  expect(await scraped()).not.toHaveProperty([name]);
  engine.allowances.salesforce.tell(0.83);
  expect((await scraped())[name]).toBe(0.83);
});

it("says that Redis is away, and answers all the same", async () => {
  const own = await startRedis();
  const door = connectDoor(own.address);
  door.on("error", () => undefined); // it is about to be
  await own.kill();
  const standing = await scraped(["api"], door);
  expect(standing["handoff_redis_up"]).toBe(0);
  expect(Object.keys(standing).filter((name) => !/redis_up|promised|role/.test(name))).toEqual([]);
  door.disconnect();
  await own.stop();
});
