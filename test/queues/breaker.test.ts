import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { once } from "node:events";
import { RejectedError, UnavailableError } from "../../src/domain/errors.ts";
import type { Connection } from "../../src/queues/connection.ts";
import { type Breaker, breakerFor } from "../../src/queues/breaker.ts";
import { startRedis, type TestRedis } from "../redis.ts";

let server: TestRedis;
let redis: Connection;
let breaker: Breaker;
let other: Breaker;

const fault = { code: "x", title: "Something.", detail: "Do something.", vendor: "whmcs" as const };
const away = (retryAfterMs: number | null = null) => new UnavailableError({ ...fault, scope: "vendor", retryAfterMs });
const fail = async (times: number) => {
  for (let time = 0; time < times; time++) await breaker.report(away());
};
/** Lets the time pass that the breaker stays open. */
const pass = () => redis.hset("{test}:breaker:whmcs", "open", 1);

beforeAll(async () => {
  server = await startRedis();
  redis = server.connect();
  await once(redis, "ready");
  const parts = { redis, prefix: "{test}", baseMs: 1000, probeMs: 30_000, complain: () => undefined };
  breaker = breakerFor("whmcs", parts);
  other = breakerFor("whmcs", parts);
});
beforeEach(() => server.flush());
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

describe("a breaker", () => {
  it("opens after five failures in a row, for every process", async () => {
    await fail(4);
    expect(await other.enter()).toBeNull();
    await fail(1);
    expect(await other.enter()).toBeGreaterThan(4000);
    expect(await other.openForMs()).toBeGreaterThan(4000);
  });

  it("counts anew after an answer, be it a refusal", async () => {
    await fail(4);
    await breaker.report(new RejectedError(fault));
    await fail(4);
    expect(await breaker.enter()).toBeNull();
  });

  it("lets one probe through when its time is over, and the others wait for what comes of it", async () => {
    await fail(5);
    await pass();
    expect(await breaker.enter()).toBeNull();
    expect(await other.enter()).toBe(5000); // it may take 30 s, and is most often quicker
    await breaker.report(undefined);
    expect(await other.enter()).toBeNull();
    expect(await other.openForMs()).toBeNull();
  });

  it("stays open twice as long after each probe that failed, five minutes at most", async () => {
    await fail(5);
    const lengths: number[] = [];
    for (let probe = 0; probe < 8; probe++) {
      lengths.push(Math.round(((await breaker.openForMs()) ?? 0) / 1000));
      await pass();
      await breaker.enter();
      await fail(1);
    }
    expect(lengths).toEqual([5, 10, 20, 40, 80, 160, 300, 300]);
  });

  it("opens at once for as long as the vendor asks", async () => {
    await breaker.report(away(60_000));
    expect(await breaker.openForMs()).toBeGreaterThan(59_000);
  });
});
