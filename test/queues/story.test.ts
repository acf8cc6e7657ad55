import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Connection } from "../../src/queues/connection.ts";
import { FAILED_KEPT_MS } from "../../src/queues/retention.ts";
import { readStory, tellDeed } from "../../src/queues/story.ts";
import { startRedis, type TestRedis } from "../redis.ts";

let server: TestRedis;
let redis: Connection;
const prefix = "{story}";

beforeAll(async () => {
  server = await startRedis();
  redis = server.connect();
  await once(redis, "ready");
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const tell = (id: string, what: Parameters<typeof tellDeed>[3]["what"], why: string) =>
  tellDeed(redis, prefix, id, { what, by: "yuki", why });

describe("a job's story", () => {
  it("is empty where nothing was out of the ordinary", async () => {
    expect(await readStory(redis, prefix, "ordinary")).toEqual([]);
  });

  it("tells what people did, when, and in their own words, the first deed first", async () => {
    const before = Date.now();
    await tell("job", "edited", "a digit was missing");
    await tell("job", "retried", "the address is right now");
    await tell("job", "settled", "the parcel is there");
    const story = await readStory(redis, prefix, "job");
    const by = "yuki";
    expect(story).toMatchObject([
      { what: "edited", by, why: "a digit was missing" },
      { what: "retried", by, why: "the address is right now" },
      { what: "settled", by, why: "the parcel is there" },
    ]);
    const times = story.map(({ at }) => at.getTime());
    expect(Math.min(...times)).toBeGreaterThanOrEqual(before);
    expect(Math.max(...times)).toBeLessThanOrEqual(Date.now());
  });

  it("is kept as long as a failed job", async () => {
    await tell("kept", "revealed", "who is it for?");
    const left = await redis.pttl(`${prefix}:ledger:kept:story`);
    expect(left).toBeGreaterThan(FAILED_KEPT_MS - 60_000);
    expect(left).toBeLessThanOrEqual(FAILED_KEPT_MS);
  });

  it("is told as far as this version can read it", async () => {
    await tell("newer", "retried", "try 1");
    await redis.rpush(`${prefix}:ledger:newer:story`, JSON.stringify({ at: Date.now(), what: "something new" }));
    await tell("newer", "retried", "try 2");
    expect(await readStory(redis, prefix, "newer")).toMatchObject([{ why: "try 1" }, { why: "try 2" }]);
  });

  it("loses its beginning where it grows too long to be read", async () => {
    await Promise.all(Array.from({ length: 203 }, (_, deed) => tell("long", "retried", `try ${String(deed + 1)}`)));
    const story = await readStory(redis, prefix, "long");
    expect(story).toHaveLength(200);
    expect([story.at(0), story.at(-1)]).toMatchObject([{ why: "try 4" }, { why: "try 203" }]);
  });
});
