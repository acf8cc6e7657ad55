import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { RejectedError, UnavailableError } from "../../src/domain/errors.ts";
import type { Breaker } from "../../src/queues/breaker.ts";
import { type AnyJobKind, defineJobKind, type Step } from "../../src/queues/job-kind.ts";
import type { Candidate, Ledger } from "../../src/queues/ledger.ts";
import { openMetrics } from "../../src/metrics.ts";
import { vendorCall } from "../../src/services.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Engine, openEngine } from "./engine.ts";

/** What a worker or a connection says too late, or twice. The simulation met each of these in some world. */

const TIMING = { leaseMs: 400, settleMs: 600 };
const FIRST_TIME = { stalls: 0, made: 0 };
const NO_NOTES = { lookFirst: false, notes: [] };
const failure = { code: "x", title: "T", detail: "D", vendor: null, retryable: true, at: "2026-11-24T00:00:00.000Z" };

let server: TestRedis;
let engine: Engine;
let run: (step: Step) => Promise<void>;
/** What the workers get in the ledger's place. */
let seen: (ledger: Ledger) => Ledger;

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

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  run = async () => undefined;
  seen = (ledger) => ledger;
  engine = await openEngine({
    redis: server,
    kinds: [parcel],
    services: () => ({}),
    timing: TIMING,
    ledgerOfWorkers: (ledger) => seen(ledger),
  });
  const job = engine.ledger.keys("parcel", "candidate", "Naoko", "Sato");
  candidate = { job, data: '{"to":"Naoko"}', door: "test", unless: [], lookFirst: false, idempotency: null };
});
afterEach(() => engine.close());

/** A request as it reaches the ledger. */
let candidate: Candidate;

async function acceptOnTheLedger(one: Candidate) {
  const queue = engine.queues.get("parcel");
  return queue === undefined ? [] : await engine.ledger.accept(queue, [one]);
}

async function accepted(to = "Naoko") {
  const taken = await engine.accept(parcel, { to });
  if (taken.how !== "new") throw new Error(`taken as ${taken.how}`);
  return { id: taken.job.id, keys: engine.ledger.keys("parcel", taken.job.id, to, "Sato") };
}

const turnLeft = async () => await engine.redis.pttl(`${engine.prefix}:turn:Sato`);

describe("an account's turn", () => {
  it("stays with a job whose worker died inside a step for as long as what it sent may land", async () => {
    const { keys } = await accepted();
    await engine.ledger.begin(keys, "the dead worker", FIRST_TIME);
    await engine.ledger.claim(keys, "send", "the dead worker", NO_NOTES);
    expect(await turnLeft()).toBeGreaterThan(TIMING.settleMs);
    await engine.ledger.begin(keys, "me", FIRST_TIME);
    expect(await turnLeft()).toBeGreaterThan(TIMING.settleMs);
  });

  it("stays with a job that sends again, from then on", async () => {
    const { keys } = await accepted();
    await engine.ledger.begin(keys, "me", FIRST_TIME);
    await engine.ledger.claim(keys, "send", "me", NO_NOTES);
    await engine.redis.pexpire(keys.turn ?? "", 50);
    expect(await engine.ledger.resend(keys, "send", "me")).toBe(true);
    expect(await turnLeft()).toBeGreaterThan(TIMING.settleMs);
  });

  it("that ran out while a worker stood still is not gone by: neither a claim nor a second sending", async () => {
    const { keys } = await accepted();
    await engine.ledger.begin(keys, "me", FIRST_TIME);
    await engine.ledger.claim(keys, "send", "me", NO_NOTES);
    for (const holder of [null, "another job"]) {
      await engine.redis.del(keys.turn ?? "");
      if (holder !== null) await engine.redis.set(keys.turn ?? "", holder);
      expect(await engine.ledger.claim(keys, "tell", "me", NO_NOTES)).toMatchObject({ state: "turn lost" });
      expect(await engine.ledger.resend(keys, "send", "me")).toBe(false);
      expect(await engine.redis.get(keys.turn ?? "")).toBe(holder);
    }
  });
});

describe("an attempt that another one has overtaken", () => {
  it("goes no further by what it read before another job of the account came and went", async () => {
    const { keys } = await accepted();
    const other = await accepted("Ren");
    await engine.ledger.begin(keys, "me", FIRST_TIME);
    await engine.ledger.claim(keys, "send", "me", NO_NOTES);
    await engine.redis.del(keys.turn ?? ""); // its worker stands still, and the turn runs out
    await engine.ledger.begin(other.keys, "the worker next door", FIRST_TIME);
    await engine.ledger.end(other.keys, "the worker next door", { outcome: "done", result: {} }, []);
    await engine.ledger.begin(keys, "another", FIRST_TIME);
    expect(await engine.ledger.claim(keys, "tell", "me", NO_NOTES)).toEqual({ state: "overtaken" });
    expect(await engine.ledger.resend(keys, "send", "me")).toBe(false);
    expect(await engine.ledger.end(keys, "me", { outcome: "done", result: {} }, [])).toBe(false);
    expect(await engine.ledger.claim(keys, "tell", "another", NO_NOTES)).toEqual({ state: "fresh" });
  });

  it("is known as such also where the job takes no turns", async () => {
    const { id } = await accepted();
    const keys = engine.ledger.keys("parcel", id, "Naoko", undefined);
    await engine.ledger.begin(keys, "me", FIRST_TIME);
    await engine.ledger.begin(keys, "another", { stalls: 1, made: 0 });
    await engine.ledger.pause(keys, "another", { how: "left to a person", failure, made: 0, step: null }, []);
    expect(await engine.ledger.claim(keys, "send", "me", NO_NOTES)).toEqual({ state: "overtaken" });
  });

  it("frees neither the turn nor the key that the other one works under", async () => {
    const { id, keys } = await accepted();
    await engine.ledger.begin(keys, "me", FIRST_TIME);
    await engine.ledger.begin(keys, "another", FIRST_TIME);
    expect(await engine.ledger.pause(keys, "me", { how: "waits", delayMs: 1 }, [])).toBe(false);
    expect(await engine.ledger.pause(keys, "me", { how: "left to a person", failure, made: 0, step: null }, [])).toBe(
      false,
    );
    expect(await engine.redis.get(keys.turn ?? "")).toBe(id);
    expect(await engine.accept(parcel, { to: "Naoko" })).toMatchObject({ how: "under-way", job: { id } });
  });

  it("does not leave the job to a person, who would find that it has attempts left", async () => {
    let runs = 0;
    const { id, keys } = await accepted();
    run = async () => {
      runs += 1;
      if (runs > 1) return;
      await engine.ledger.begin(keys, "another", FIRST_TIME);
      throw new RejectedError({ code: "refused", title: "T", detail: "D", vendor: null });
    };
    engine.work();
    expect(await engine.until(id, "completed", "failed")).toMatchObject({ state: "completed", attempts: 1 });
    expect(engine.ends).toEqual(["waiting", "completed"]);
  });
});

describe("an answer of Redis that comes late", () => {
  it.for(["claim", "resend"] as const)(
    "to a %s sends nothing, for another worker may have looked meanwhile",
    async (late) => {
      let sent = 0;
      let isLate = true;
      let sentMeanwhile = -1;
      run = async (step) => {
        const find = async () => undefined;
        await step("send", { find }, async () => (sent += 1));
      };
      seen = (ledger) => {
        const heard = async <T>(call: typeof late, answer: Promise<T>): Promise<T> => {
          const said = await answer;
          if (call === late && isLate) {
            isLate = false;
            await new Promise((resolve) => setTimeout(resolve, TIMING.leaseMs)); // that is how late it is
            sentMeanwhile = sent;
          }
          return said;
        };
        return {
          ...ledger,
          claim: async (...args) => await heard("claim", ledger.claim(...args)),
          resend: async (...args) => await heard("resend", ledger.resend(...args)),
        };
      };
      const { id } = await accepted();
      if (late === "resend") await engine.redis.hset(`${engine.prefix}:ledger:${id}`, "suspect", 1);
      engine.work();
      while (engine.ends.length === 0) await new Promise((resolve) => setImmediate(resolve));
      await (await engine.queues.get("parcel")?.getJob(id))?.promote();
      await engine.until(id, "completed");
      expect(engine.ends[0]).toBe("waiting");
      expect(sentMeanwhile).toBe(0);
      expect(sent).toBe(1);
    },
  );

  it("to a call's breaker makes no call, also where our own timer has not rung yet", async () => {
    const deadlineMs = 20;
    const breaker: Breaker = {
      async enter() {
        const until = performance.now() + 2 * deadlineMs;
        while (performance.now() < until); // the process stands still: no timer of its own can ring
        return null;
      },
      report: async () => undefined,
      openForMs: async () => null,
    };
    let calls = 0;
    const call = vendorCall({
      vendor: "whmcs",
      breaker,
      metrics: openMetrics(),
      deadlineMs,
      cut: new AbortController().signal,
    });
    await expect(call("AddOrder", async () => (calls += 1))).rejects.toThrow(UnavailableError);
    expect(calls).toBe(0);
  });
});

describe("what is told twice, because its answer was lost on the way,", () => {
  it("counts as one attempt where it failed, and where it ended well", async () => {
    const { id, keys } = await accepted();
    const attempts = async () => (await engine.ledger.read(id))["attempts"];
    await engine.ledger.begin(keys, "me", FIRST_TIME);
    for (let time = 0; time < 2; time++)
      await engine.ledger.pause(keys, "me", { how: "retries", delayMs: 1, failure, isGuess: false }, []);
    expect(await attempts()).toBe("1");
    await engine.ledger.pause(
      keys,
      "me",
      { how: "retries", delayMs: 1, failure: { ...failure, at: "2026-11-24T00:00:01.000Z" }, isGuess: false },
      [],
    );
    expect(await attempts()).toBe("2");
    for (let time = 0; time < 2; time++)
      expect(await engine.ledger.end(keys, "me", { outcome: "done", result: {} }, [])).toBe(true);
    expect(await attempts()).toBe("3");
  });

  it("is one job, also where that has ended in between", async () => {
    for (let time = 0; time < 2; time++)
      expect(await acceptOnTheLedger(candidate)).toMatchObject([{ how: "new", id: "candidate" }]);
    await engine.ledger.begin(candidate.job, "me", FIRST_TIME);
    await engine.ledger.end(candidate.job, "me", { outcome: "done", result: {} }, []);
    expect(await acceptOnTheLedger(candidate)).toMatchObject([{ how: "new", id: "candidate" }]);
    expect(await engine.queues.get("parcel")?.getWaitingCount()).toBe(1);
  });

  it("is new work where nothing was taken the first time, and the job that answered for it has ended in between", async () => {
    const first = await accepted();
    expect(await acceptOnTheLedger(candidate)).toMatchObject([{ how: "under-way", id: first.id }]);
    await engine.ledger.begin(first.keys, "me", FIRST_TIME);
    await engine.ledger.end(first.keys, "me", { outcome: "done", result: {} }, []);
    expect(await acceptOnTheLedger(candidate)).toMatchObject([{ how: "new", id: "candidate" }]);
    expect(await engine.ledger.read("candidate")).toMatchObject({ suspect: "1" });
  });
});

describe("a job that was left to a person", () => {
  it("is not begun by a worker that took it before, but by a person's retry", async () => {
    const { keys } = await accepted();
    await engine.ledger.begin(keys, "me", FIRST_TIME);
    await engine.ledger.pause(keys, "me", { how: "left to a person", failure, made: 0, step: null }, []);
    expect(await engine.ledger.begin(keys, "me", FIRST_TIME)).toEqual({ state: "failed", failure });
    expect(await engine.ledger.begin(keys, "me", { stalls: 0, made: 1 })).toMatchObject({ state: "go" });
    expect(await engine.ledger.begin(keys, "me", FIRST_TIME)).toMatchObject({ state: "go" });
  });

  it("by a worker that died before it could say so to the queue, is failed there without another attempt", async () => {
    let runs = 0;
    run = async () => {
      runs += 1;
    };
    const { id, keys } = await accepted();
    await engine.ledger.begin(keys, "me", FIRST_TIME);
    await engine.ledger.pause(keys, "me", { how: "left to a person", failure, made: 0, step: null }, []);
    engine.work();
    expect(await engine.until(id, "failed")).toMatchObject({ attempts: 1, failure: { code: "x" } });
    while ((await engine.queues.get("parcel")?.getJobState(id)) !== "failed")
      await new Promise((resolve) => setImmediate(resolve));
    expect(runs).toBe(0);
    await (await engine.queues.get("parcel")?.getJob(id))?.retry();
    await engine.until(id, "completed");
    expect(runs).toBe(1);
  });

  it("stays so whatever a worker that was thought dead still met, and gives its key back once nothing may land", async () => {
    const { id, keys } = await accepted();
    await engine.ledger.begin(keys, "the late worker", FIRST_TIME);
    await engine.ledger.claim(keys, "send", "the late worker", NO_NOTES);
    await engine.ledger.begin(keys, "me", FIRST_TIME);
    await engine.ledger.pause(keys, "me", { how: "left to a person", failure, made: 0, step: null }, []);
    expect(await engine.accept(parcel, { to: "Naoko" })).toMatchObject({ how: "under-way" });
    await engine.ledger.release(keys, "send", "the late worker");
    await engine.ledger.pause(
      keys,
      "the late worker",
      { how: "retries", delayMs: 60_000, failure: { ...failure, code: "y" }, isGuess: false },
      [],
    );
    const ledger = await engine.ledger.read(id);
    expect(ledger).toMatchObject({ attempts: "1", failure: JSON.stringify(failure) });
    expect(ledger["next"]).toBeUndefined();
    expect(await engine.accept(parcel, { to: "Naoko" })).toMatchObject({ how: "new" });
  });

  it("and then ended by that worker, is not failed by what a third one met", async () => {
    const { id, keys } = await accepted();
    await engine.ledger.begin(keys, "me", FIRST_TIME);
    await engine.ledger.end(keys, "me", { outcome: "done", result: {} }, []);
    await engine.ledger.pause(keys, "me", { how: "left to a person", failure, made: 0, step: null }, []);
    const ledger = await engine.ledger.read(id);
    expect([ledger["failed"], ledger["failure"], ledger["attempts"]]).toEqual([undefined, undefined, "1"]);
  });
});
