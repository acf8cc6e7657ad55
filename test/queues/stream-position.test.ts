import { once } from "node:events";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Connection } from "../../src/queues/connection.ts";
import { type StreamPosition, streamPosition } from "../../src/queues/stream-position.ts";
import { startRedis, type TestRedis } from "../redis.ts";

const LEASE = "{test}:stream:approvals:listener";

let server: TestRedis;
let redis: Connection;
/** As two processes have it. */
let one: StreamPosition;
let other: StreamPosition;

beforeAll(async () => {
  server = await startRedis();
  redis = server.connect();
  await once(redis, "ready");
});
beforeEach(async () => {
  await server.flush();
  [one, other] = [streamPosition(redis, "{test}", "approvals"), streamPosition(redis, "{test}", "approvals")];
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

describe("the listener's place at a stream", () => {
  it("is for one process, which keeps it, until it leaves", async () => {
    expect([await one.take(), await other.take(), await one.take()]).toEqual([true, false, true]);
    await one.leave();
    expect([await other.take(), await one.take()]).toEqual([true, false]);
  });

  it("is not given up by whoever has not got it", async () => {
    await one.take();
    await other.leave();
    expect([await other.take(), await one.take()]).toEqual([false, true]);
  });

  it("falls to another process once its own has not been heard of for the lease, which begins anew each time", async () => {
    await one.take();
    await redis.pexpire(LEASE, 1000);
    await one.take();
    const left = await redis.pttl(LEASE);
    expect(left).toBeGreaterThan(1000);
    expect(left).toBeLessThanOrEqual(one.leaseMs);
    await redis.pexpire(LEASE, 0); // so long was it silent
    expect([await other.take(), await one.take()]).toEqual([true, false]);
  });

  it("is another one at each stream", async () => {
    await one.take();
    expect(await streamPosition(redis, "{test}", "cancellations").take()).toBe(true);
  });
});

describe("how far a stream was heard", () => {
  it("is not known of one that was never heard", async () => {
    expect(await one.read()).toBeNull();
  });

  it("is the place that was written last, for every process, and for each stream its own", async () => {
    await one.write(41);
    await one.write(7);
    expect(await other.read()).toBe(7);
    expect(await streamPosition(redis, "{test}", "cancellations").read()).toBeNull();
  });
});
