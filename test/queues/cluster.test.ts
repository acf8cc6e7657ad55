import { once } from "node:events";
import type { Cluster } from "ioredis";
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from "vitest";
import * as z from "zod";
import { connectDoor, redisWarnings, subscriberOf } from "../../src/queues/connection.ts";
import { type AnyJobKind, defineJobKind } from "../../src/queues/job-kind.ts";
import { readStanding } from "../../src/queues/standing.ts";
import { atServer } from "../redis-cluster.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Engine, openEngine } from "./engine.ts";

/** On a Redis Cluster, whatever the other tests run on. */

let server: TestRedis;
let engine: Engine;
/** What happens to each parcel. */
let send: () => Promise<void>;

const parcel: AnyJobKind = defineJobKind({
  name: "parcel",
  purpose: "Send a parcel",
  payload: z.strictObject({ to: z.string() }),
  key: ({ to }) => to,
  routes: [],
  async run(_payload, step) {
    await step("send", "repeat", () => send());
    return { outcome: "done", result: {} };
  },
});

beforeAll(async () => {
  server = await startRedis({ cluster: true });
  engine = await openEngine({ redis: server, kinds: [parcel], services: () => ({}) });
});
afterAll(async () => {
  await engine.close();
  await server.stop();
});

async function accepted(to: string): Promise<string> {
  const taken = await engine.accept(parcel, { to });
  if (taken.how !== "new") throw new Error(`taken as ${taken.how}`);
  return taken.job.id;
}

it("goes on where it was once the cluster is whole again, which takes longer than its servers do to answer", async () => {
  const [isSending, isSent] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  send = async () => {
    isSending.resolve();
    await isSent.promise;
  };
  engine.work();
  const underWay = await accepted("Naoko");
  await isSending.promise;
  await server.kill();
  isSent.resolve();

  const [first, ...others] = server.servers;
  await first?.restart();
  // BullMQ waits for a connection of its worker without end: it must come even where the cluster does not take commands yet.
  const another = server.connect();
  await once(another, "ready");
  another.disconnect();
  await Promise.all(others.map((one) => one.restart()));

  await engine.until(underWay, "completed", "failed");
  await engine.until(await accepted("Ren"), "completed", "failed");
  expect(engine.ends).toEqual(["completed", "completed"]); // at the first attempt
});

it("tells how the work stands by the one server that has it", async () => {
  const read = () => readStanding(engine.redis, engine.prefix, ["parcel"]);
  const standings = await Promise.all(Array.from({ length: 10 }, read));
  expect(standings.map(({ kinds }) => kinds["parcel"]?.failed)).toEqual(standings.map(() => 0));
});

it("has no subscriptions left of what nobody listens to any more", async () => {
  const listening = subscriberOf(engine.redis);
  expect(listening.connection).toBe(engine.redis); // its client keeps one for what it subscribes to
  const subscribed = async () => {
    const counts = await server.each((one) => one.pubsub("NUMSUB", "news"));
    return counts.reduce((all, answer) => all + Number(answer[1]), 0);
  };
  await listening.connection.subscribe("news");
  expect(await subscribed()).toBe(1);
  listening.close();
  await expect.poll(subscribed).toBe(0);
  await engine.redis.ping(); // the rest of it stays
});

it("answers a door at once where it is not there, and in time where it is frozen", async () => {
  const door = connectDoor(server.address);
  onTestFinished(() => door.disconnect());
  door.on("error", () => undefined);
  await expect(door.get("parcel")).rejects.toThrow("enableOfflineQueue"); // nobody waits until it is connected
  await once(door, "ready");
  await door.get("parcel");
  await server.kill("SIGSTOP");
  onTestFinished(() => server.kill("SIGCONT"));
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const asked = door.get("parcel");
  vi.advanceTimersByTime(2000);
  await expect(asked).rejects.toThrow("timed out");
});

it("warns of one server that may lose what it took", async () => {
  expect(await redisWarnings(engine.redis)).toEqual([]);
  const [, second] = server.servers;
  await atServer(second?.port ?? 0, (one) => one.config("SET", "appendfsync", "everysec"));
  expect(await redisWarnings(engine.redis)).toEqual([expect.stringContaining("appendfsync everysec")]);

  const [first] = server.servers;
  await atServer(first?.port ?? 0, (one) => one.config("SET", "appendfsync", "everysec"));
  expect(await redisWarnings(engine.redis)).toHaveLength(1); // of both the same
  const door = connectDoor(server.address) as Cluster; // as its address is a cluster's
  onTestFinished(() => door.disconnect());
  await once(door, "ready");
  door.nodes()[0]?.disconnect();
  expect(await redisWarnings(door)).toHaveLength(1); // of those that answer
});
