import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { RejectedError, UnavailableError } from "../../src/domain/errors.ts";
import { closeFailed, retryFailed } from "../../src/queues/failed-job.ts";
import { openFinding } from "../../src/queues/finding.ts";
import { openIntake } from "../../src/queues/intake.ts";
import { type AnyJobKind, defineJobKind, type Outcome, rejected } from "../../src/queues/job-kind.ts";
import { readStory } from "../../src/queues/story.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Engine, openEngine, SEALING, sweepThat } from "./engine.ts";

/** How an attempt ends, and what is heard of it. */

const no = { code: "no-room", title: "It has no room.", detail: "Ask for a smaller one." };
const away = new UnavailableError({ ...no, code: "away", vendor: "whmcs", scope: "call" });

let server: TestRedis;
let engine: Engine;
let ran: boolean[];
let parcelDoes: () => Promise<Outcome> | Outcome;
let sweepDoes: () => Promise<void>;
let cheapDoes: number;

const parcel: AnyJobKind = defineJobKind({
  name: "parcel",
  purpose: "Send a parcel",
  payload: z.strictObject({ to: z.string(), from: z.string() }),
  key: ({ to }) => to,
  account: ({ from }) => from,
  routes: [],
  async run(_payload, step, _services, { resumed }) {
    ran.push(resumed);
    await step("weigh", { find: async () => true as const }, async () => true as const);
    return await parcelDoes();
  },
});
const sweep = sweepThat(async () => {
  await sweepDoes();
  return { found: 7 };
});
const cheap: AnyJobKind = defineJobKind({
  name: "cheap",
  purpose: "Waits while others need what is left",
  payload: z.strictObject({ to: z.string() }),
  key: ({ to }) => to,
  routes: [],
  yields: { vendor: "salesforce", from: 0.8 },
  async run() {
    cheapDoes += 1;
    return { outcome: "done", result: {} };
  },
});

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  [ran, parcelDoes, sweepDoes, cheapDoes] = [[], () => ({ outcome: "done", result: {} }), async () => undefined, 0];
  engine = await openEngine({ redis: server, kinds: [parcel, sweep, cheap], services: () => ({}) });
});
afterEach(() => engine.close());

async function send(to: string, from = "Sato"): Promise<string> {
  const taken = await engine.accept(parcel, { to, from });
  if (taken.how !== "new") throw new Error("it is known");
  return taken.job.id;
}
const queueOf = (kind: string) => {
  const queue = engine.queues.get(kind);
  if (queue === undefined) throw new Error("there is no queue");
  return queue;
};
const logged = (msg: string) => engine.said.filter((line) => line["msg"] === msg);
const reports = () => engine.reports.map(({ end, code }) => `${end} ${code}`);

describe("what the metrics and the log hear of an attempt", () => {
  it.each([
    ["that did its work", () => ({ outcome: "done", result: { parcelId: "P-1" } }), "completed done"],
    ["that a rule said no to", () => rejected(no, { parcelId: "P-1" }), "rejected no-room"],
  ] as const)("%s", async (_words, does, report) => {
    parcelDoes = does;
    engine.work();
    const begun = performance.now();
    const id = await send("Kyoto");
    await engine.until(id, "completed");
    await expect.poll(reports).toEqual([report]);
    const [{ kind, ms } = { kind: "", ms: -1 }] = engine.reports;
    expect(kind).toBe("parcel");
    expect(ms).toBeGreaterThanOrEqual(0);
    expect(ms).toBeLessThanOrEqual(performance.now() - begun);
    const { outcome, reason } = does() as Outcome; // as given above
    expect(logged("completed")).toMatchObject([{ kind: "parcel", job: id, outcome, parcelId: "P-1" }]);
    expect(logged("completed")[0]?.["reason"]).toBe(reason?.code);
  });

  it("that failed: why, and when it comes again", async () => {
    let troubles = 1;
    parcelDoes = () => {
      if (troubles-- > 0) throw away;
      throw new RejectedError({ ...no, vendor: null });
    };
    engine.work();
    const id = await send("Kyoto");
    await engine.until(id, "failed");
    expect(reports()).toEqual(["retrying away", "failed no-room"]);
    expect(logged("the attempt failed and is tried again")).toMatchObject([
      { job: id, err: { message: away.message }, delayMs: expect.any(Number) as number },
    ]);
    expect(logged("failed: a person must look")).toMatchObject([{ job: id, err: { type: "RejectedError" } }]);
    expect(ran).toEqual([false, true]); // the second one goes on where the first one stopped
  });

  it("that found its job ended already, or left to a person", async () => {
    parcelDoes = () => {
      throw new RejectedError({ ...no, vendor: null });
    };
    engine.work();
    const id = await send("Kyoto");
    await expect.poll(async () => await queueOf("parcel").getJobState(id)).toBe("failed");
    const place = { redis: engine.redis, prefix: engine.prefix, queue: queueOf("parcel"), id };
    expect(await closeFailed(place, no)).toBe("closed");
    await retryFailed(queueOf("parcel"), id);
    await expect.poll(reports).toEqual(["failed no-room", "rejected no-room"]);
    expect(logged("ended already")).toMatchObject([{ job: id, outcome: "rejected" }]);
    expect(ran).toHaveLength(1);
  });
});

it("a failure is whole to whoever reads the ledger a moment before it, and the queue a moment after", async () => {
  parcelDoes = () => {
    throw new RejectedError({ ...no, vendor: null });
  };
  const id = await send("Kyoto");
  let reads = 0;
  const ledger = {
    ...engine.ledger,
    async read(job: string) {
      const record = await engine.ledger.read(job);
      if ((reads += 1) === 1) {
        engine.work();
        await expect.poll(async () => await queueOf("parcel").getJobState(id)).toBe("failed");
      }
      return record;
    },
  };
  const intake = openIntake({ redis: engine.redis, ledger, sealing: SEALING, queues: () => engine.queues });
  expect(await intake.job(id)).toMatchObject({ state: "failed", failure: { code: "no-room" } });
});

describe("an attempt that merely waits", () => {
  it("for one vendor has as long for the next one that is away", async () => {
    const id = await send("Kyoto");
    const keys = engine.ledger.keys("parcel", id, "Kyoto", "Sato");
    const waitedMs = async () => {
      const beginning = await engine.ledger.begin(keys, "me", { stalls: 0, made: 0 });
      return beginning.state === "go" ? beginning.outageMs : NaN;
    };
    const wait = async (vendor: "whmcs" | "freebit", at: string) => {
      const failure = { ...no, vendor, retryable: true, at };
      await engine.ledger.pause(keys, "me", { how: "waits for vendor", delayMs: 0, failure, vendor }, []);
    };
    expect(await waitedMs()).toBe(0);
    await wait("whmcs", "2026-11-24T00:00:00.000Z");
    await engine.redis.hset(engine.ledger.channel(id), "outage", Date.now() - 80_000_000);
    await wait("whmcs", "2026-11-24T01:00:00.000Z");
    expect(await waitedMs()).toBeGreaterThanOrEqual(80_000_000);
    await wait("freebit", "2026-11-24T02:00:00.000Z");
    expect(await waitedMs()).toBeLessThan(60_000);
    const story = await readStory(engine.redis, engine.prefix, id);
    expect(story).toMatchObject([
      { what: "waits", failure: { vendor: "whmcs" } },
      { what: "waits", failure: { vendor: "freebit" } },
    ]);
  });

  it("for another job of its account comes again within a second, not all at the same moment", async () => {
    const inside = Promise.withResolvers<Outcome>();
    parcelDoes = () => inside.promise;
    engine.work();
    const one = await send("Kyoto");
    await expect.poll(() => ran.length).toBe(1);
    const others = [await send("Nara"), await send("Osaka")];
    await expect.poll(() => logged("the job waits").length).toBeGreaterThanOrEqual(2);
    const waits = logged("the job waits");
    expect(waits[0]).toMatchObject({ job: others[0], why: "another job has its account or key" });
    for (const { delayMs } of waits) {
      expect(delayMs).toBeGreaterThanOrEqual(500);
      expect(delayMs).toBeLessThanOrEqual(1000);
    }
    expect(new Set(waits.map(({ delayMs }) => delayMs)).size).toBe(waits.length);
    inside.resolve({ outcome: "done", result: {} });
    for (const id of [one, ...others]) expect(await engine.until(id, "completed")).toMatchObject({ attempts: 1 });
    expect(reports().filter((report) => report === "waiting ").length).toBe(logged("the job waits").length);
  });

  it("does not where it is a sweep: the one that is under way reads everything anew when it goes on", async () => {
    const inside = Promise.withResolvers<void>();
    sweepDoes = () => inside.promise;
    engine.work();
    await queueOf("sweep").add("sweep", {}, { jobId: "one" });
    await expect.poll(async () => await queueOf("sweep").getActiveCount()).toBe(1);
    await engine.ledger.read("one");
    await expect.poll(async () => await engine.redis.hget(`${engine.prefix}:key:sweep:sweep`, "now")).toBe("one");
    await queueOf("sweep").add("sweep", {}, { jobId: "two" });
    await expect
      .poll(async () => (await queueOf("sweep").getJob("two"))?.returnvalue as unknown)
      .toEqual({
        outcome: "done",
        result: {},
      });
    expect(await queueOf("sweep").getActiveCount()).toBe(1);
    inside.resolve();
    await expect.poll(async () => await queueOf("sweep").getCompletedCount()).toBe(2);
  });

  it("while what is left of a vendor's allowance is for others begins once there is more again", async () => {
    engine.allowances.salesforce.tell(0.9);
    await expect.poll(() => engine.allowances.salesforce.used()).toBe(0.9);
    engine.work();
    const taken = await engine.accept(cheap, { to: "Kyoto" });
    const id = taken.how === "new" ? taken.job.id : "";
    await expect.poll(() => logged("the job waits").length).toBeGreaterThanOrEqual(1);
    expect(logged("the job waits")[0]).toMatchObject({
      job: id,
      why: "what is left of its vendor's allowance is for others",
      delayMs: expect.any(Number) as number,
    });
    expect([cheapDoes, (await engine.job(id)).attempts]).toEqual([0, 0]);
    engine.allowances.salesforce.tell(0.1);
    expect(await engine.until(id, "completed")).toMatchObject({ attempts: 1 });
    expect(cheapDoes).toBe(1);
  });

  it("because its worker is stopping is handed back at once, whatever its last call met", async () => {
    const stop = engine.work();
    const stopped = Promise.withResolvers<void>();
    parcelDoes = () => {
      stopped.resolve(stop());
      throw away;
    };
    const id = await send("Kyoto");
    await stopped.promise;
    expect([...new Set(reports())]).toEqual(["waiting "]);
    expect(logged("the job waits")[0]).toMatchObject({ job: id, delayMs: 0, why: "this worker is stopping" });
    expect(await engine.job(id)).toMatchObject({ attempts: 0, failure: null });
  });
});

it("a job is found by the ids that it made, not by the rest of what it tells", async () => {
  parcelDoes = () => ({ outcome: "done", result: { parcelId: "P-1", letters: 4711 } });
  engine.work();
  const id = await send("Kyoto");
  await engine.until(id, "completed");
  const finding = openFinding({ redis: engine.redis, prefix: engine.prefix, sealing: SEALING });
  expect(await finding.find("P-1")).toEqual([id]);
  expect(await finding.find("4711")).toEqual([]);
});
