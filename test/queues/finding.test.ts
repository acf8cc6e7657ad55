import { Cluster } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import * as z from "zod";
import { findable } from "../../src/domain/findable.ts";
import type { Connection } from "../../src/queues/connection.ts";
import { findableIn, openFinding } from "../../src/queues/finding.ts";
import { sealingWith } from "../../src/queues/sealing.ts";
import { startRedis, type TestRedis } from "../redis.ts";

const [newKey, oldKey] = [Buffer.alloc(32, 2), Buffer.alloc(32, 1)];
const SIM = "08012345678";

let server: TestRedis;
let redis: Connection;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(() => {
  redis = server.connect();
});
afterEach(async () => {
  redis.disconnect();
  await server.flush();
});

const under = (...keys: Buffer[]) => openFinding({ redis, prefix: "{test}", sealing: sealingWith(keys) });
const minute = (at: number) => new Date(Date.UTC(2026, 0, 1, 0, at));

it("a job is found by what an older key named, once there is a newer one, and is named by the newer one alone", async () => {
  await under(oldKey).remember("one", minute(1), [SIM]);
  const during = under(newKey, oldKey);
  await during.remember("two", minute(2), [SIM]);
  expect((await during.find(SIM)).toSorted()).toEqual(["one", "two"]);
  expect(await under(newKey).find(SIM)).toEqual(["two"]);
  expect(await under(oldKey).find(SIM)).toEqual(["one"]);
});

it("of very many jobs the hundred newest are found, the newest first", async () => {
  for (let at = 0; at < 105; at++) await under(newKey).remember(`job ${String(at)}`, minute(at), [SIM]);
  const found = await under(newKey).find(SIM);
  expect(found).toHaveLength(100);
  expect([found[0], found.at(-1)]).toEqual(["job 104", "job 5"]);
});

it("what it is found by stands nowhere readable, and goes once no job can be left", async () => {
  await under(newKey).remember("one", minute(1), [SIM]);
  const servers = redis instanceof Cluster ? redis.nodes("master") : [redis];
  const keys = (await Promise.all(servers.map((each) => each.keys("*")))).flat();
  expect(keys).toHaveLength(1);
  expect(keys.join()).not.toContain(SIM);
  expect(await redis.pttl(keys[0] ?? "")).toBeGreaterThan(0);
});

it("of a payload those values are found that its schema says, and no others", () => {
  const schema = z.strictObject({ order: findable(z.string()), note: z.string(), sims: z.array(findable(z.string())) });
  expect(findableIn(schema, { order: "801", note: "by hand", sims: [SIM, "090"] })).toEqual(["801", SIM, "090"]);
  expect(findableIn(schema, { note: "by hand", sims: [] })).toEqual([]);
});
