import { once } from "node:events";
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";
import { connectDoor } from "../../src/queues/connection.ts";
import { type Follow, openFollow } from "../../src/queues/follow.ts";
import { type AnyJobKind, defineJobKind } from "../../src/queues/job-kind.ts";
import { type JobView, newJobView } from "../../src/queues/job-view.ts";
import { onCluster, startRedis, type TestRedis } from "../redis.ts";
import { type Engine, openEngine } from "./engine.ts";

let server: TestRedis;
let engine: Engine;
let door: ReturnType<typeof connectDoor>;
let follow: Follow;
let reads: string[];
let send: () => void;
let trouble: (() => void) | undefined;

/** A kind whose one step waits for the test. */
const parcel: AnyJobKind = defineJobKind({
  name: "parcel",
  purpose: "Send a parcel",
  payload: z.strictObject({ to: z.string() }),
  key: ({ to }) => to,
  routes: [],
  async run(_payload, step) {
    await step(
      "send",
      { told: { believe: () => "sent" } },
      () => new Promise<string>((resolve) => (send = () => resolve("sent"))),
    );
    trouble?.();
    return { outcome: "done", result: {} };
  },
});

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  [reads, send, trouble] = [[], () => undefined, undefined];
  engine = await openEngine({ redis: server, kinds: [parcel], services: () => ({}) });
  engine.redis.on("error", () => undefined); // a Redis that a test kills is no news
  for (const queue of engine.queues.values()) queue.on("error", () => undefined);
  door = connectDoor(server.address);
  door.on("error", () => undefined);
  await once(door, "ready");
  follow = openWith();
});
afterEach(async () => {
  follow.close();
  door.disconnect();
  await engine.close();
});

function openWith(lookAgainMs?: number): Follow {
  return openFollow({
    redis: door,
    channel: engine.ledger.channel,
    read: async (id) => {
      reads.push(id);
      return await engine.intake.job(id);
    },
    complain: () => undefined,
    ...(lookAgainMs !== undefined && { lookAgainMs }),
  });
}

async function accepted(to: string): Promise<string> {
  const taken = await engine.accept(parcel, { to });
  if (taken.how === "key-reused") throw new Error("no key was given");
  return taken.job.id;
}

/** Someone who follows a job, and can be asked to wait until it is so far. */
function listener(by: Follow, id: string) {
  const views: (JobView | null)[] = [];
  let told = () => undefined as void;
  let isOver = false;
  const leave = by.follow(id, {
    job(view) {
      views.push(view);
      told();
    },
    over() {
      isOver = true;
    },
  });
  return {
    views,
    leave,
    isOver: () => isOver,
    async until(wanted: (view: JobView) => boolean): Promise<void> {
      while (!views.some((view) => view !== null && wanted(view)))
        await new Promise<void>((resolve) => (told = resolve));
    },
  };
}

const isSending = ({ steps }: JobView) => steps.some(({ state }) => state === "active");
const isCompleted = ({ state }: JobView) => state === "completed";

/** The connections that subscribe, and to how many channels each. */
async function subscribers(): Promise<readonly number[]> {
  const list = (await server.each((one) => one.call("CLIENT", "LIST"))).join("\n");
  return [...list.matchAll(/ sub=(\d+) /g)].map(([, count]) => Number(count)).filter((count) => count > 0);
}

describe("followed jobs", () => {
  let own: Follow;
  let complaints: unknown[];
  /** Of which jobs it was asked how they are, in order. */
  let asked: string[];
  let answer: (id: string) => Promise<JobView | null>;
  /** How each job is, in the order that listeners heard it; `over` where one heard that. */
  let heard: string[];

  const view = (id: string, state: JobView["state"] = "queued"): JobView => ({
    ...newJobView(id, "parcel", "test", new Date(0)),
    state,
  });
  const follows = (id: string) =>
    own.follow(id, {
      job: (told) => heard.push(`${id} ${told?.state ?? "gone"}`),
      over: () => heard.push("over"),
    });
  /** Lets everything happen that waits for nobody. */
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  /** The time goes by after which all are looked at again. */
  const pass = async () => {
    vi.advanceTimersByTime(15_000);
    await settle();
  };
  /** Three jobs are followed, and were read as they began to be. */
  const began = async () => {
    follows("first");
    await expect.poll(() => asked.length).toBe(onCluster ? 1 : 2); // before it listened, and since
    follows("second");
    follows("third");
    await expect.poll(() => heard.slice(-2)).toEqual(["second queued", "third queued"]);
    await settle();
    [asked, heard] = [[], []];
  };

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    [complaints, asked, heard] = [[], [], []];
    answer = async (id) => view(id);
    own = openFollow({
      redis: door,
      channel: (id) => `${engine.prefix}:${id}`,
      read: async (id) => {
        asked.push(id);
        return await answer(id);
      },
      complain: (error) => complaints.push(error),
    });
  });
  afterEach(() => {
    own.close();
    vi.useRealTimers();
  });

  it("are looked at one after the other, and no more of them once one could not be read", async () => {
    await began();
    answer = async () => {
      throw new Error("Redis is away");
    };
    await pass();
    expect([asked, heard]).toEqual([["first"], []]);
    answer = async (id) => view(id, "active");
    asked = [];
    await pass();
    expect(asked).toEqual(["first", "second", "third"]);
    expect(heard).toEqual(["first active", "second active", "third active"]);
    expect(complaints).toEqual([]);
  });

  it("are looked at though one of them takes long to be read", async () => {
    await began();
    const long = Promise.withResolvers<JobView>();
    answer = async (id) => (id === "first" ? await long.promise : view(id));
    await pass();
    await pass();
    expect(asked).toEqual(["first", "second", "third"]);
    long.resolve(view("first"));
  });

  it("are read again where they may have changed while they were being read, and nobody hears the half of it", async () => {
    await began();
    const before = Promise.withResolvers<JobView>();
    answer = async (id) => (id === "first" ? await before.promise : view(id));
    await pass();
    await pass();
    answer = async (id) => view(id, "active");
    before.resolve(view("first", "retrying"));
    await settle();
    expect(heard.filter((told) => told.startsWith("first"))).toEqual(["first active"]);
  });

  it("are read for one more listener, who hears at once how they are", async () => {
    await began();
    follows("second");
    await settle();
    expect(asked).toEqual(["second"]);
    expect(heard).toEqual(["second queued", "second queued"]);
  });

  it("are read by nobody any more once it is over, and what was just read is told to nobody", async () => {
    await began();
    const last = Promise.withResolvers<JobView>();
    answer = async () => await last.promise;
    await pass();
    own.close();
    last.resolve(view("first", "active"));
    await settle();
    expect([asked, heard]).toEqual([["first"], ["over", "over", "over"]]);
    expect(vi.getTimerCount()).toBe(0);
  });

  // On a cluster it listens on the connection that it was given.
  it.skipIf(onCluster)("may be left before it has a connection, which then subscribes to none", async () => {
    const made = vi.spyOn(door, "duplicate");
    follows("first")();
    const connection = made.mock.results[0]?.value as Redis; // what `duplicate` makes
    made.mockRestore();
    await once(connection, "ready");
    connection.emit("message", `${engine.prefix}:first`, ""); // word of it that was on its way
    follows("second");
    await expect.poll(() => heard.includes("second queued")).toBe(true);
    expect(await subscribers()).toEqual([1]);
    expect(complaints).toEqual([]);
  });

  it.skipIf(onCluster)(
    "are complained about where the connection is lost on which their changes are told",
    async () => {
      await began();
      await server.kill();
      await expect.poll(() => complaints.length).toBeGreaterThan(0);
      await server.restart();
    },
  );
});

it("tells a listener how its job stands, then each change, to its end", async () => {
  const id = await accepted("Naoko");
  const one = listener(follow, id);
  await one.until(({ state }) => state === "queued");
  engine.work();
  await one.until(isSending);
  send();
  await one.until(isCompleted);
  expect(one.views.at(-1)).toEqual(await engine.job(id));
});

it("tells the others where one listener is at fault, and says so", async () => {
  const complaints: unknown[] = [];
  const id = await accepted("Naoko");
  const by = openFollow({
    redis: door,
    channel: engine.ledger.channel,
    read: async (job) => await engine.intake.job(job),
    complain: (error) => complaints.push(error),
  });
  const fault = new Error("its response is gone");
  by.follow(id, {
    job() {
      throw fault;
    },
    over: () => undefined,
  });
  const other = listener(by, id);
  engine.work();
  await other.until(isSending);
  send();
  await other.until(isCompleted);
  by.close();
  expect(new Set(complaints)).toEqual(new Set([fault]));
});

it("has one connection for all, which subscribes to no job that nobody follows any more", async () => {
  const [first, second] = [await accepted("Naoko"), await accepted("Ken")];
  expect(await subscribers()).toEqual([]);
  const listeners = [first, first, second].map((id) => listener(follow, id));
  await expect.poll(subscribers).toEqual([2]);
  listeners[0]?.leave();
  listeners[2]?.leave();
  await expect.poll(subscribers).toEqual([1]);
  listeners[1]?.leave();
  await expect.poll(subscribers).toEqual([]);
  const anew = listener(follow, first);
  await expect.poll(subscribers).toEqual([1]);
  anew.leave();
  anew.leave();
});

it("reads a job once for all who listen", async () => {
  const id = await accepted("Naoko");
  const many = Array.from({ length: 100 }, () => listener(follow, id));
  await Promise.all(many.map((one) => one.until(() => true)));
  await expect.poll(subscribers).toEqual([1]);
  const before = reads.length;
  engine.work();
  await Promise.all(many.map((one) => one.until(isSending)));
  send();
  await Promise.all(many.map((one) => one.until(isCompleted)));
  expect(before).toBeLessThan(10);
  expect(reads.length - before).toBeLessThan(10);
});

it("goes on after Redis was killed and started again, with what happened meanwhile", async () => {
  const id = await accepted("Naoko");
  const one = listener(follow, id);
  engine.work();
  await one.until(isSending);
  await server.kill();
  send();
  await server.restart();
  await one.until(isCompleted);
  expect(await subscribers()).toEqual([1]);
});

// A cluster's client moves its subscriber without a word: there the next look by itself makes up for it.
it.skipIf(onCluster)("makes up for what was told while its connection was lost", async () => {
  const netless = openWith(3_600_000);
  const id = await accepted("Naoko");
  const one = listener(netless, id);
  await expect.poll(subscribers).toEqual([1]);
  await one.until(({ state }) => state === "queued");
  await engine.redis.hset(engine.ledger.channel(id), "outcome", JSON.stringify({ outcome: "done", result: {} }));
  await engine.redis.call("CLIENT", "KILL", "TYPE", "PUBSUB");
  await one.until(isCompleted);
  await expect.poll(subscribers).toEqual([1]);
  netless.close();
});

it("begins while Redis is away, and tells once it is back", async () => {
  const id = await accepted("Naoko");
  await server.kill();
  const one = listener(follow, id);
  await server.restart();
  await one.until(({ state }) => state === "queued");
  await expect.poll(subscribers).toEqual([1]);
});

it("finds out by itself what no message told, for a message can be lost", async () => {
  const id = await accepted("Naoko");
  const watchful = openWith(50);
  const one = listener(watchful, id);
  await one.until(({ state }) => state === "queued");
  await expect.poll(subscribers).toEqual([1]);
  await engine.redis.hset(engine.ledger.channel(id), "outcome", JSON.stringify({ outcome: "done", result: {} }));
  await one.until(isCompleted);
  watchful.close();
});

it("says null of a job that is no longer kept, and over when it closes, and from then on", async () => {
  const one = listener(follow, "no-such-job");
  await expect.poll(() => one.views).toContain(null);
  follow.close();
  expect(one.isOver()).toBe(true);
  expect(listener(follow, "no-such-job").isOver()).toBe(true);
  await expect.poll(subscribers).toEqual([]);
});
