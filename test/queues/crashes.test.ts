import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { UnavailableError } from "../../src/domain/errors.ts";
import { personal } from "../../src/domain/personal.ts";
import { type AnyJobKind, defineJobKind, type Step } from "../../src/queues/job-kind.ts";
import { DEATHS_OF_ITS_OWN } from "../../src/queues/ledger.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Apart, DiedApart } from "../../src/queues/worker.ts";
import { type Engine, openEngine, sweepThat } from "./engine.ts";

let server: TestRedis;
let engine: Engine;
/** Who is inside a job just now, of the workers that did not die. */
let inside: Set<string>;
let sent: string[];
/** What happens to each parcel while it is packed. */
let packing: (to: string, step: Step) => Promise<void>;
let over: PromiseWithResolvers<void>;

const parcel: AnyJobKind = defineJobKind({
  name: "parcel",
  purpose: "Send a parcel",
  payload: z.strictObject({ to: personal(z.string()) }),
  key: ({ to }) => to,
  routes: [],
  async run({ to }, step) {
    inside.add(to);
    await packing(to, step);
    inside.delete(to);
    sent.push(to);
    return { outcome: "done", result: {} };
  },
});

const sweep = sweepThat(() => {
  sent.push("sweep");
  return {};
});

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  [inside, sent, packing, over] = [new Set(), [], async () => undefined, Promise.withResolvers()];
  engine = await openEngine({ redis: server, kinds: [parcel, sweep], services: () => ({}) });
});
afterEach(async () => {
  over.resolve(); // those that died would hold their worker open
  await engine.close();
});

async function accepted(to: string): Promise<string> {
  const taken = await engine.accept(parcel, { to });
  if (taken.how !== "new") throw new Error(`taken as ${taken.how}`);
  return taken.job.id;
}

const parcels = () => {
  const queue = engine.queues.get("parcel");
  if (queue === undefined) throw new Error("no queue");
  return queue;
};

/** A packer who is never heard of again. */
const neverHeardOf = () => over.promise;

async function until(look: () => boolean): Promise<void> {
  while (!look()) await new Promise((resolve) => setImmediate(resolve));
}

/** What BullMQ does once the lock of a worker that died has run out. */
async function foundDead(...ids: string[]): Promise<void> {
  const queue = parcels();
  inside.clear();
  for (const id of ids)
    await engine.redis
      .multi()
      .del(`${queue.toKey(id)}:lock`)
      .hincrby(queue.toKey(id), "stc", 1)
      .lrem(queue.toKey("active"), 1, id)
      .rpush(queue.toKey("wait"), id)
      .zadd(queue.toKey("marker"), 0, "0")
      .exec();
}

describe("a job whose worker dies each time", () => {
  it("is left to a person after the third death, with its reason, while others go on", async () => {
    let packed = 0;
    packing = async (to) => {
      if (to !== "Naoko") return;
      packed += 1;
      await neverHeardOf();
    };
    engine.work();
    const id = await accepted("Naoko");
    for (let death = 1; death <= DEATHS_OF_ITS_OWN; death++) {
      await until(() => inside.has("Naoko"));
      expect(packed).toBe(death);
      await foundDead(id);
      await engine.until(await accepted(`Ken ${String(death)}`), "completed");
    }
    expect(await engine.until(id, "failed")).toMatchObject({
      attempts: 1,
      failure: { code: "crashes-its-worker", retryable: false },
    });
    expect(packed).toBe(3);
    expect(sent).toEqual(["Ken 1", "Ken 2", "Ken 3"]);
  });

  it("counts anew once a person has mended the cause and retries it, and looks for what was cut off", async () => {
    await engine.close();
    const timing = { leaseMs: 200, settleMs: 50 };
    engine = await openEngine({ redis: server, kinds: [parcel], services: () => ({}), timing });
    let sendings = 0;
    packing = async (_to, step) => {
      await step("send", { find: async () => sent[0] }, async () => {
        sendings += 1;
        await neverHeardOf();
        return "";
      });
    };
    engine.work();
    const id = await accepted("Naoko");
    for (let death = 1; death <= DEATHS_OF_ITS_OWN; death++) {
      await until(() => sendings === death);
      const leaseEndsAt = Date.now() + timing.leaseMs; // long before a dead worker's lock does
      await until(() => Date.now() > leaseEndsAt);
      await foundDead(id);
    }
    expect(await engine.until(id, "failed")).toMatchObject({
      failure: { code: "crashes-its-worker" },
      steps: [{ name: "send", state: "in-doubt" }],
    });

    sent.push("what the third worker had sent");
    await until(() => engine.ends.includes("failed"));
    await (await parcels().getJob(id))?.retry("failed");
    expect(await engine.until(id, "completed")).toMatchObject({ steps: [{ name: "send", state: "done" }] });
    expect(sendings).toBe(3);
  });
});

describe("a job that was there when its worker died of another", () => {
  it("runs alone with the other after the second death, and completes", async () => {
    let deaths = 0;
    let together = 0;
    packing = async (to) => {
      if (to === "the bomb" || deaths < 2) await neverHeardOf();
      together = Math.max(together, inside.size);
    };
    engine.work();
    const ids = [await accepted("the bomb"), await accepted("Naoko"), await accepted("Ken")];
    while (deaths < 2) {
      await until(() => inside.size === 3);
      deaths += 1;
      await foundDead(...ids);
    }
    const [bomb = "", ...others] = ids;
    await until(() => inside.has("the bomb"));
    await foundDead(bomb);
    expect((await engine.until(bomb, "failed")).failure?.code).toBe("crashes-its-worker");
    for (const id of others) expect(await engine.until(id, "completed")).toMatchObject({ attempts: 1 });
    expect(together).toBe(1);
    expect(sent.toSorted()).toEqual(["Ken", "Naoko"]);
  });

  it("is forgiven by an attempt that ends in an ordinary way", async () => {
    let tries = 0;
    packing = async () => {
      tries += 1;
      if (tries === 3)
        throw new UnavailableError({ code: "x", title: "X.", detail: "X.", vendor: "whmcs", scope: "call" });
      if (tries < 6) await neverHeardOf();
    };
    engine.work();
    const id = await accepted("Naoko");
    for (const death of [1, 2, 4, 5]) {
      await until(() => tries === death);
      await foundDead(id);
    }
    expect(await engine.until(id, "completed")).toMatchObject({ attempts: 2 });
    expect(tries).toBe(6);
  });

  it("is not blamed for a death while it waits for its turn, and waiting forgives nothing", async () => {
    const keys = engine.ledger.keys("parcel", await accepted("Naoko"), "Naoko", undefined);
    const other = engine.ledger.keys("parcel", await accepted("Ken"), "Ken", undefined);
    for (const job of [keys, other]) {
      await engine.ledger.begin(job, "me", { stalls: 0, made: 0 });
      expect(await engine.ledger.begin(job, "me", { stalls: 1, made: 0 })).toMatchObject({ state: "go", deaths: 1 });
    }
    expect(await engine.ledger.begin(other, "me", { stalls: 2, made: 0 })).toMatchObject({ state: "go", deaths: 2 });
    expect(await engine.ledger.begin(keys, "me", { stalls: 2, made: 0 })).toEqual({ state: "not alone" });
    await engine.ledger.pause(keys, "me", { how: "waits", delayMs: 1 }, []);
    expect(await engine.ledger.begin(keys, "me", { stalls: 3, made: 0 })).toEqual({ state: "not alone" });
    await engine.ledger.pause(other, "me", { how: "waits", delayMs: 1 }, []); // handed back: its worker was told to stop
    expect(await engine.ledger.begin(keys, "me", { stalls: 3, made: 0 })).toMatchObject({ state: "go", deaths: 2 });
    expect(await engine.ledger.begin(keys, "me", { stalls: 4, made: 0 })).toMatchObject({ state: "go", deaths: 3 });
    await engine.ledger.pause(keys, "me", { how: "waits", delayMs: 1 }, []);
    expect(await engine.ledger.begin(other, "me", { stalls: 2, made: 0 })).toMatchObject({ state: "go", deaths: 2 });
  });

  it("waits for its turn also where it is a sweep, which would otherwise be over without having looked", async () => {
    const queue = engine.queues.get("sweep");
    const { id = "" } = (await queue?.add("sweep", {})) ?? {};
    const keys = engine.ledger.keys("sweep", id, "sweep", undefined);
    for (const stalls of [0, 1]) await engine.ledger.begin(keys, "me", { stalls, made: 0 });
    await queue?.add("sweep", {}); // the next one comes due, and leaves the work to the first
    await engine.redis.set(`${engine.prefix}:alone`, "another job");
    await engine.redis.hset(queue?.toKey(id) ?? "", "stc", 2);
    engine.work();
    while (!engine.ends.includes("waiting")) await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toEqual([]);
    await engine.redis.del(`${engine.prefix}:alone`);
    await until(() => sent.length > 0);
    expect(sent).toEqual(["sweep"]);
  });
});

describe("a payload that no code can read", () => {
  it.for([
    ["is sealed with a key that is gone", JSON.stringify({ to: "sealed:v1:00000000:AAAA" })],
    ["is of another shape", JSON.stringify({ from: "Naoko" })],
    ["is no JSON", '{"to": "Nao'],
    ["is empty", ""],
    ["is nested without end", "[".repeat(100_000)],
  ] as const)("because it %s fails once with its reason, and others go on", async ([, data]) => {
    const id = await accepted("Naoko");
    await engine.redis.hset(parcels().toKey(id), "data", data);
    const next = await accepted("Ken");
    engine.work();
    await engine.until(next, "completed");
    expect(await engine.until(id, "failed")).toMatchObject({ attempts: 1, failure: { code: "unreadable-payload" } });
    await until(() => engine.ends.length === 2);
    while ((await parcels().getFailedCount()) === 0) await new Promise((resolve) => setImmediate(resolve));
    expect((await parcels().getFailed()).map((job) => job.id)).toEqual([id]); // whoever lists the queue can
    expect(engine.ends.toSorted()).toEqual(["completed", "failed"]);
    expect(sent).toEqual(["Ken"]);
    expect(await engine.accept(parcel, { to: "Naoko" })).toMatchObject({ how: "new" }); // nothing was done
  });

  it("fails once as well where nobody accepted it", async () => {
    await parcels().add("parcel", "put there by hand", { jobId: "unasked" });
    engine.work();
    while ((await parcels().getFailedCount()) === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(await engine.job("unasked")).toMatchObject({ state: "failed", failure: { code: "unreadable-payload" } });
    expect(engine.ends).toEqual(["failed"]);
  });
});

describe("where jobs whose worker died can run apart", () => {
  let apart: Apart;
  beforeEach(async () => {
    await engine.close();
    engine = await openEngine({
      redis: server,
      kinds: [parcel],
      services: () => ({}),
      baseMs: 1000,
      apart: (kind, queued, token) => apart(kind, queued, token),
    });
  });

  it("one does from its worker's death on, and another one never", async () => {
    const there: string[] = [];
    apart = (kind, { id = "" }) => {
      there.push(`${kind} ${id}`);
      return Promise.resolve({ outcome: "done", result: { parcels: 2 } });
    };
    packing = async (to) => {
      if (to === "Naoko") await neverHeardOf();
    };
    engine.work();
    const id = await accepted("Naoko");
    await until(() => inside.has("Naoko"));
    await foundDead(id);
    const queue = parcels();
    await expect
      .poll(async () => (await queue.getJob(id))?.returnvalue as unknown)
      .toMatchObject({ result: { parcels: 2 } });
    await engine.until(await accepted("Ken"), "completed");
    expect(there).toEqual([`parcel ${id}`]);
  });

  it("one runs beside the others where that cannot be had", async () => {
    apart = () => Promise.resolve(null);
    packing = async () => {
      packing = async () => undefined;
      await neverHeardOf();
    };
    engine.work();
    const id = await accepted("Naoko");
    await until(() => inside.has("Naoko"));
    await foundDead(id);
    await engine.until(id, "completed");
    expect(sent).toEqual(["Naoko"]);
  });

  it("a death there counts as a worker's, and is followed by a pause", async () => {
    let deaths = 0;
    apart = async () => {
      if ((deaths += 1) > 2) return null;
      throw new DiedApart();
    };
    packing = async () => {
      if (deaths === 0) await neverHeardOf();
    };
    engine.work();
    const id = await accepted("Naoko");
    await until(() => inside.has("Naoko"));
    await foundDead(id);
    for (const stalls of [2, 3]) {
      await expect.poll(async () => (await parcels().getJob(id))?.stalledCounter).toBe(stalls);
      const job = await parcels().getJob(id);
      expect(job?.delay).toBeGreaterThan(9_000);
      expect(job?.delay).toBeLessThanOrEqual(10_000);
      await job?.promote();
    }
    expect(await engine.until(id, "completed")).toMatchObject({ attempts: 1 });
  });
});
