import { once } from "node:events";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { type Allowance, allowanceOf } from "../../src/queues/allowance.ts";
import type { Connection } from "../../src/queues/connection.ts";
import { startRedis, type TestRedis } from "../redis.ts";

const KEY = "{test}:allowance:salesforce";

let server: TestRedis;
let redis: Connection;
let allowance: Allowance;
let other: Allowance;

/** Lets the time pass that a reading is believed. */
const pass = () => redis.hset(KEY, "at", 1);

beforeAll(async () => {
  server = await startRedis();
  redis = server.connect();
  await once(redis, "ready");
});
beforeEach(async () => {
  await redis.flushall();
  const open = () =>
    allowanceOf("salesforce", {
      redis,
      prefix: "{test}",
      baseMs: 1000,
      lookMs: 30_000,
      complain: (error) => {
        throw error;
      },
    });
  [allowance, other] = [open(), open()];
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

describe("a vendor's allowance", () => {
  it("is free for all while nothing is known of it", async () => {
    expect(await allowance.enter(0)).toBeNull();
    expect(await allowance.used()).toBeNull();
  });

  it("is left to others from one's share on, by every process", async () => {
    allowance.tell(0.94);
    expect(await other.enter(0.8)).toBeGreaterThan(299_000);
    expect(await other.enter(0.95)).toBeNull();
    allowance.tell(0.95);
    expect(await other.enter(0.95)).toBeGreaterThan(299_000);
    expect(await other.used()).toBe(0.95);
    other.tell(0.3);
    expect(await allowance.enter(0.8)).toBeNull();
  });

  it("lets one job look when its reading is old, and the others wait for what that one hears", async () => {
    allowance.tell(0.97);
    await pass();
    expect(await allowance.enter(0.95)).toBeNull();
    expect(await other.enter(0.95)).toBeGreaterThan(29_000);
    allowance.tell(0.98);
    expect(await other.enter(0.95)).toBeGreaterThan(299_000);
    await pass();
    expect(await other.enter(0.95)).toBeNull();
    other.tell(0.4);
    expect(await allowance.enter(0.95)).toBeNull();
  });

  it("is written down again only where a whole percent has changed", async () => {
    allowance.tell(0.5012);
    allowance.tell(0.5099);
    expect(await allowance.used()).toBe(0.5012);
    allowance.tell(0.51);
    expect(await allowance.used()).toBe(0.51);
  });

  it("is said again where it stays the same, well before the others stop believing it", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    onTestFinished(() => void vi.useRealTimers());
    allowance.tell(0.97);
    await pass();
    vi.advanceTimersByTime(59_999);
    allowance.tell(0.97);
    expect(await redis.hget(KEY, "at")).toBe("1");
    vi.advanceTimersByTime(1);
    allowance.tell(0.97);
    expect(await other.enter(0.95)).toBeGreaterThan(299_000);
  });

  it("is forgotten where nobody hears of it for an hour", async () => {
    allowance.tell(0.97);
    expect(await allowance.used()).toBe(0.97);
    const [left, kept] = [await redis.pttl(KEY), 3_600_000];
    expect(left).toBeGreaterThan(kept - 10_000);
    expect(left).toBeLessThanOrEqual(kept);
  });
});
