import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Connection } from "../../src/queues/connection.ts";
import { answerDryRuns, openDryRuns } from "../../src/queues/dry-run.ts";
import type { Plan } from "../../src/queues/plan.ts";
import type { Rehearsed } from "../../src/queues/rehearsal.ts";
import { startRedis, type TestRedis } from "../redis.ts";

let server: TestRedis;
let redis: Connection;
let prefix: string;
let stopping: AbortController;
let answering: Promise<void> | undefined;
let complaints: string[];
/** What workers were asked, and how they come to a plan. */
let asked: Rehearsed[];
let rehearse: (asked: Rehearsed, cut: AbortSignal) => Promise<Plan>;

beforeAll(async () => {
  server = await startRedis();
  redis = server.connect();
  await once(redis, "ready");
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(() => {
  prefix = `{test-${randomUUID()}}`;
  stopping = new AbortController();
  answering = undefined;
  complaints = [];
  asked = [];
  rehearse = async ({ id }) => planOf(id);
});
afterEach(async () => {
  stopping.abort();
  await answering;
});

/** A plan that tells of which job it is. */
const planOf = (outcome: string): Plan => ({
  steps: [{ name: "send", how: "gone-through" }],
  reads: [],
  writes: [],
  ending: { state: "completed", outcome, result: { parcelId: 7 }, failure: null },
});
const parcel = (id: string): Rehearsed => ({ kind: "parcel", id, data: { to: "sealed:v1:x" }, lookFirst: true });
const ask = async (id: string, waitMs = 5000) => await openDryRuns({ redis, prefix, waitMs }).ask(parcel(id));

/** A worker answers from now on. */
function answer(): void {
  answering = answerDryRuns(
    { redis, prefix, listening: server.connect() },
    (question, cut) => {
      asked.push(question);
      return rehearse(question, cut);
    },
    (error) => complaints.push(String(error)),
    stopping.signal,
  );
}
const keys = async () => (await server.each((one) => one.keys(`${prefix}*`))).flat();
const questions = ":dry-runs";
const SOON = { timeout: 10_000, interval: 10 };

/** A plan that is not ready before the test says so. */
function held() {
  const { promise, resolve } = Promise.withResolvers<Plan>();
  return { promise, ready: (id: string) => resolve(planOf(id)) };
}

describe("a dry run that is asked for", () => {
  it("is answered by a worker as it was asked, and nothing of it stays", async () => {
    let wasCut: boolean | undefined;
    rehearse = async ({ id }, cut) => {
      wasCut = cut.aborted;
      return planOf(id);
    };
    answer();
    expect(await ask("one")).toEqual(planOf("one"));
    expect(await ask("two")).toEqual(planOf("two"));
    expect(asked).toEqual([parcel("one"), parcel("two")]);
    expect(wasCut).toBe(false);
    expect(await keys()).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it("waits for a worker that comes a little later", async () => {
    const waiting = ask("one");
    await expect.poll(async () => await redis.llen(prefix + questions), SOON).toBe(1);
    answer();
    expect(await waiting).toEqual(planOf("one"));
  });

  it("has no answer where no worker comes in time, and is not gone through by one that comes later", async () => {
    expect(await ask("one", 60)).toBeNull();
    expect((await keys()).filter((key) => key.includes(":dry-run:"))).toEqual([]);
    await redis.rpush(prefix + questions, "one that nobody waits for any more");
    answer();
    expect(await ask("two")).toEqual(planOf("two"));
    expect(asked).toEqual([parcel("two")]);
    expect(complaints).toEqual([]);
  });

  it("is broken off where nobody waits any more, however late it was begun", async () => {
    const cut = Promise.withResolvers<void>();
    rehearse = async ({ id }, nobodyWaits) => {
      nobodyWaits.addEventListener("abort", () => cut.resolve());
      await cut.promise;
      return planOf(id);
    };
    answer();
    expect(await ask("one", 300)).toBeNull();
    await cut.promise;
  });

  it("has no answer where a worker of another version gives one that we do not know", async () => {
    rehearse = async () => ({ ...planOf("one"), steps: "all" }) as unknown as Plan; // as another version has it
    answer();
    expect(await ask("one")).toBeNull();
  });

  it("that meets what nobody foresaw is told to us, and keeps no other one from its answer", async () => {
    rehearse = async ({ id }) => {
      if (id === "one") throw new Error("no kind is called so");
      return planOf(id);
    };
    answer();
    await redis.set(`${prefix}:dry-run:one`, JSON.stringify(parcel("one")), "PX", 25_000);
    await redis.rpush(prefix + questions, "one");
    expect(await ask("two")).toEqual(planOf("two"));
    await expect.poll(() => complaints, SOON).toEqual(["Error: no kind is called so"]);
  });
});

describe("a worker that answers dry runs", () => {
  it("goes through four at a time; the next one begins once one of them is over", async () => {
    answer();
    await Promise.all(["a", "b", "c", "d"].map((id) => ask(id))); // which are over, and count no more
    const plans = new Map(["1", "2", "3", "4", "5"].map((id) => [id, held()]));
    rehearse = async ({ id }) => (await plans.get(id)?.promise) ?? planOf(id);
    asked = [];
    const answers = [...plans.keys()].map((id) => ask(id));
    await expect.poll(() => asked.length, SOON).toBe(4);
    await expect.poll(async () => await redis.llen(prefix + questions), SOON).toBe(1);
    const [first] = asked;
    plans.get(first?.id ?? "")?.ready(first?.id ?? "");
    await expect.poll(() => asked.length, SOON).toBe(5);
    for (const [id, plan] of plans) plan.ready(id);
    expect(await Promise.all(answers)).toEqual([...plans.keys()].map(planOf));
  });

  it("goes on listening where nothing is asked for long", async () => {
    answer();
    const listeners = async () =>
      (
        await server.each(async (one) => {
          const ids = [...String(await one.client("LIST")).matchAll(/^id=(\d+) .* cmd=blpop /gm)].map(
            ([, id]) => id ?? "",
          );
          return await Promise.all(ids.map((id) => one.client("UNBLOCK", Number(id), "TIMEOUT"))); // as its time passes
        })
      ).flat();
    await expect.poll(listeners, SOON).toEqual([1]);
    expect(await ask("one")).toEqual(planOf("one"));
    expect(complaints).toEqual([]);
  });

  it("that is asked to stop gives the answer that it is at, and no more", async () => {
    const plan = held();
    rehearse = async () => await plan.promise;
    answer();
    const [one] = [ask("one")];
    await expect.poll(() => asked.length, SOON).toBe(1);
    stopping.abort();
    let over = false;
    void answering?.then(() => (over = true));
    expect(await ask("two", 60)).toBeNull();
    expect(over).toBe(false);
    plan.ready("one");
    expect(await one).toEqual(planOf("one"));
    await answering;
    expect(asked).toEqual([parcel("one")]);
    expect(complaints).toEqual([]);
  });

  it("that Redis gives trouble says so, and goes on when that is over", async () => {
    await redis.set(prefix + questions, "not what belongs there");
    answer();
    await expect.poll(() => complaints.length, SOON).toBe(1);
    expect(complaints[0]).toContain("WRONGTYPE");
    await redis.del(prefix + questions);
    expect(await ask("one")).toEqual(planOf("one"));
    expect(complaints).toHaveLength(1);
  });

  it("that is asked to stop amid trouble does not wait for its end", async () => {
    await redis.set(prefix + questions, "not what belongs there");
    answer();
    await expect.poll(() => complaints.length, SOON).toBe(1);
    stopping.abort();
    let over = false;
    void answering?.then(() => (over = true));
    await expect.poll(() => over, { timeout: 700, interval: 10 }).toBe(true); // it would try again after a second
  });
});
