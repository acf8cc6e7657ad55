import { once } from "node:events";
import { afterAll, beforeAll, expect, it } from "vitest";
import * as z from "zod";
import { redisWarnings } from "../../src/queues/connection.ts";
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

it("warns of one server that may lose what it took", async () => {
  expect(await redisWarnings(engine.redis)).toEqual([]);
  const [, second] = server.servers;
  await atServer(second?.port ?? 0, (one) => one.config("SET", "appendfsync", "everysec"));
  expect(await redisWarnings(engine.redis)).toEqual([expect.stringContaining("appendfsync everysec")]);
});
