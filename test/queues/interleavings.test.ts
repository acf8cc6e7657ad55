import { createServer, connect, type Socket } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { UnavailableError, UnknownOutcomeError } from "../../src/domain/errors.ts";
import { openIntake } from "../../src/queues/intake.ts";
import { type AnyJobKind, defineJobKind, type Step } from "../../src/queues/job-kind.ts";
import { openLedger } from "../../src/queues/ledger.ts";
import { openMetrics } from "../../src/metrics.ts";
import { openQueues } from "../../src/queues/queues.ts";
import { sealingWith } from "../../src/queues/sealing.ts";
import { vendorCall } from "../../src/services.ts";
import { onCluster, startRedis, type TestRedis } from "../redis.ts";
import { type Engine, openEngine } from "./engine.ts";

let server: TestRedis;
let engine: Engine;
let run: (step: Step) => Promise<void>;

const parcel: AnyJobKind = defineJobKind({
  name: "parcel",
  purpose: "Send a parcel",
  payload: z.strictObject({ to: z.string() }),
  key: ({ to }) => to,
  account: () => "Sato",
  routes: [],
  run: async (_payload, step) => {
    await run(step);
    return { outcome: "done", result: {} };
  },
});

const fault = { code: "x", title: "Something.", detail: "Do something.", vendor: "whmcs" as const };
const away = () => new UnavailableError({ ...fault, scope: "vendor" });

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  run = async () => undefined;
  engine = await openEngine({ redis: server, kinds: [parcel], services: () => ({}) });
});
afterEach(() => engine.close());

async function accepted(to = "Naoko") {
  const taken = await engine.accept(parcel, { to });
  if (taken.how !== "new") throw new Error(`taken as ${taken.how}`);
  return { id: taken.job.id, keys: engine.ledger.keys("parcel", taken.job.id, to, "Sato") };
}

// The cable is to one server.
describe.skipIf(onCluster)("a request whose answer from Redis was lost on the way", () => {
  it("is sent again by the client, and is still one job with its payload", async () => {
    const { url, loseNextAnswer, close } = await cableTo(server.port);
    const redis = new Redis(url, { maxRetriesPerRequest: 1, retryStrategy: () => 1 });
    redis.on("error", () => undefined); // the cut is what this is about
    await once(redis, "ready");
    const sealing = sealingWith([Buffer.alloc(32, 7)]);
    const ledger = openLedger({ redis, prefix: engine.prefix, sealing, timing: { leaseMs: 400, settleMs: 600 } });
    const queues = await openQueues([parcel], redis, engine.prefix);
    const intake = openIntake({ redis, ledger, sealing, queues: () => queues });
    loseNextAnswer();
    const taken = await intake.accept(
      parcel,
      { to: "Ren" },
      { door: "test", idempotency: { client: "portal", key: "1" } },
    );
    expect(taken.how).toBe("new");
    const id = taken.how === "new" ? taken.job.id : "";
    const key = engine.queues.get("parcel")?.toKey(id) ?? "";
    expect(await engine.redis.hget(key, "name")).toBe("parcel");
    expect(await engine.redis.pttl(key)).toBe(-1);
    engine.work();
    await engine.until(id, "completed");
    for (const queue of queues.values()) await queue.close();
    redis.disconnect();
    await close();
  });
});

describe("a claim", () => {
  it("that was sent twice gets the same answer twice", async () => {
    const { keys } = await accepted();
    await engine.ledger.begin(keys, "this attempt", { stalls: 0, made: 0 });
    const claim = () => engine.ledger.claim(keys, "send", "this attempt", { lookFirst: false, notes: [] });
    expect([await claim(), await claim()]).toEqual([{ state: "fresh" }, { state: "fresh" }]);
    await engine.ledger.doubt(keys, "send", "this attempt", { mayLandForMs: 0, looked: false, asks: null });
    await engine.ledger.begin(keys, "a later attempt", { stalls: 0, made: 0 });
    const later = () => engine.ledger.claim(keys, "send", "a later attempt", { lookFirst: false, notes: [] });
    expect([(await later()).state, (await later()).state]).toEqual(["cut off", "cut off"]);
  });

  it("is not granted while the account's turn is another job's", async () => {
    const { keys } = await accepted();
    await engine.redis.set(keys.turn ?? "", "another job");
    expect((await engine.ledger.claim(keys, "send", "me", { lookFirst: false, notes: [] })).state).toBe("turn lost");
  });
});

describe("a worker that was thought dead", () => {
  it("frees neither the key nor the turn while another is inside a step", async () => {
    const { id, keys } = await accepted();
    await engine.ledger.begin(keys, "the other worker", { stalls: 0, made: 0 });
    await engine.ledger.claim(keys, "send", "the other worker", { lookFirst: false, notes: [] });
    await engine.ledger.begin(keys, "me", { stalls: 1, made: 0 });
    await engine.ledger.pause(
      keys,
      "me",
      {
        how: "left to a person",
        failure: { code: "x", title: "", detail: "", vendor: null, retryable: false, at: "" },
        made: 0,
        step: null,
      },
      [],
    );
    expect(await engine.accept(parcel, { to: "Naoko" })).toMatchObject({ how: "under-way", job: { id } });
    expect(await engine.redis.get(keys.turn ?? "")).toBe(id);
  });
});

describe("a job that cannot be read", () => {
  it("gives its natural key back, so that the account can ask again", async () => {
    const { id } = await accepted();
    await engine.redis.hset(engine.queues.get("parcel")?.toKey(id) ?? "", "data", '{"to":"sealed:v1:00000000:AAAA"}');
    engine.work();
    expect((await engine.until(id, "failed")).failure?.code).toBe("unreadable-payload");
    expect((await engine.accept(parcel, { to: "Naoko" })).how).toBe("new");
  });

  it("reaches a person also where only what a step gave cannot be read", async () => {
    const { id, keys } = await accepted();
    await engine.ledger.note(keys, [{ step: "send", effect: true, result: 1, ms: 1, calls: "" }]);
    const field = await engine.redis.hget(`${engine.prefix}:ledger:${id}`, "step send");
    await engine.redis.hset(
      `${engine.prefix}:ledger:${id}`,
      "step send",
      (field ?? "").replace(/sealed:v1:\w+/, "sealed:v1:00000000"),
    );
    run = async (step) => {
      await step("send", { find: async () => undefined }, async () => 1);
    };
    engine.work();
    expect((await engine.until(id, "failed")).failure?.code).toBe("unreadable-result");
  });
});

describe("while a vendor is away", () => {
  it("a job that waits for it does not even run, and goes on when it is back", async () => {
    let runs = 0;
    run = async (step) => {
      runs += 1;
      await step("send", { find: async () => undefined }, async () => {
        if (runs === 1) {
          const error = new UnavailableError({ ...fault, scope: "vendor", retryAfterMs: 60_000 });
          await engine.breakers.whmcs.report(error);
          throw error;
        }
        return 1;
      });
    };
    const { id } = await accepted();
    engine.work();
    await engine.until(id, "retrying");
    const look = async () => {
      const ends = engine.ends.length;
      await (await engine.queues.get("parcel")?.getJob(id))?.promote();
      while (engine.ends.length === ends) await new Promise((resolve) => setImmediate(resolve));
    };
    await look();
    expect(runs).toBe(1);
    await engine.breakers.whmcs.report(undefined);
    await look();
    expect(await engine.until(id, "completed")).toMatchObject({ attempts: 1 });
  });

  it("a job that finds out whether it is back looks before it writes, which costs nothing where it is not", async () => {
    const calls: string[] = [];
    const meets = async (call: string) => {
      calls.push(call);
      const error =
        calls.length < 3 ? new UnavailableError({ ...fault, scope: "vendor", retryAfterMs: 50 }) : undefined;
      await engine.breakers.whmcs.report(error);
      if (error !== undefined) throw error;
    };
    run = async (step) => {
      await step("send", { find: () => meets("look").then(() => undefined) }, () => meets("send"));
    };
    const { id } = await accepted();
    engine.work();
    expect(await engine.until(id, "completed")).toMatchObject({ attempts: 1 });
    expect(calls).toEqual(["send", "look", "look", "send"]);
  });

  it("a job whose call was not made has spent no attempt, also where another job found the vendor back meanwhile", async () => {
    const call = vendorCall({
      vendor: "whmcs",
      breaker: engine.breakers.whmcs,
      metrics: openMetrics(),
      deadlineMs: 1000,
      cut: new AbortController().signal,
    });
    let notMade = 0;
    run = async () => {
      if (notMade === 5) return;
      await engine.breakers.whmcs.report(new UnavailableError({ ...fault, scope: "vendor", retryAfterMs: 100 }));
      try {
        await call("GetClients", async () => undefined);
      } catch (error) {
        notMade += 1;
        await engine.breakers.whmcs.report(undefined); // the other job's call went well
        throw error;
      }
    };
    const { id } = await accepted();
    engine.work();
    expect(await engine.until(id, "completed", "failed")).toMatchObject({ state: "completed", attempts: 1 });
  });

  it("a write that it never answers is not sent more often than attempts allow", async () => {
    let sent = 0;
    run = async (step) => {
      await step("send", { find: async () => undefined }, async () => {
        sent += 1;
        for (let time = 0; time < 5; time++) await engine.breakers.whmcs.report(away());
        throw new UnknownOutcomeError({ ...fault, mayStillLand: false });
      });
    };
    const { id } = await accepted();
    engine.work();
    await engine.until(id, "failed");
    expect(sent).toBe(4);
  });
});

/** A cable to Redis that can lose what Redis says next, and breaks then. */
async function cableTo(port: number) {
  let losing = false;
  const ends = new Set<Socket>();
  const cable = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const end of [near, far]) {
      ends.add(end);
      end.on("error", () => undefined);
      end.on("close", () => ends.delete(end));
    }
    near.pipe(far);
    far.on("data", (bytes) => {
      if (!losing) {
        near.write(bytes);
        return;
      }
      losing = false;
      near.destroy();
      far.destroy();
    });
  }).listen(0, "127.0.0.1");
  await once(cable, "listening");
  return {
    url: `redis://127.0.0.1:${String((cable.address() as AddressInfo).port)}`,
    loseNextAnswer: () => {
      losing = true;
    },
    close: async () => {
      for (const end of ends) end.destroy();
      await new Promise((resolve) => cable.close(resolve));
    },
  };
}
