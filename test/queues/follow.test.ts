import { once } from "node:events";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import * as z from "zod";
import { connectDoor } from "../../src/queues/connection.ts";
import { type Follow, openFollow } from "../../src/queues/follow.ts";
import { type AnyJobKind, defineJobKind } from "../../src/queues/job-kind.ts";
import type { JobView } from "../../src/queues/job-view.ts";
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
