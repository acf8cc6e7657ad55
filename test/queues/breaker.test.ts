import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { once } from "node:events";
import { RejectedError, UnavailableError, UnknownOutcomeError } from "../../src/domain/errors.ts";
import type { Connection } from "../../src/queues/connection.ts";
import { type Breaker, breakerFor, withoutWaiting } from "../../src/queues/breaker.ts";
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

  it("is open to whoever looks while one probes, until it is time to ask again", async () => {
    await fail(5);
    await pass();
    expect(await other.openForMs()).toBe(0); // whoever asks now may probe
    await breaker.enter();
    expect(await other.openForMs()).toBe(5000);
  });

  it("counts what got no answer, and neither what one call met alone nor what nobody knows", async () => {
    for (const scope of ["vendor", "call"] as const) {
      for (let time = 0; time < 5; time++)
        await breaker.report(new UnknownOutcomeError({ ...fault, scope, mayStillLand: true }));
      expect(await breaker.openForMs().then((ms) => ms !== null), scope).toBe(scope === "vendor");
      await breaker.report(undefined);
    }
    for (let time = 0; time < 5; time++) await breaker.report(new Error("a slip of ours"));
    expect(await breaker.openForMs()).toBeNull();
    for (let time = 0; time < 5; time++) await breaker.report({ scope: "vendor" });
    expect(await breaker.openForMs()).toBeNull();
    for (let time = 0; time < 5; time++)
      await breaker.report(Object.assign(new RejectedError(fault), { scope: "vendor" }));
    expect(await breaker.openForMs()).toBeNull();
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

describe("a breaker that is not waited for", () => {
  const patient = (enter: Breaker["enter"]) => {
    const reported: unknown[] = [];
    const inner: Breaker = {
      enter,
      report: async (error) => {
        reported.push(error);
        await new Promise(() => undefined); // Redis does not answer
      },
      openForMs: async () => 77,
    };
    return { breaker: withoutWaiting(inner, 50), reported };
  };

  it("says what the breaker says, where it does so in time", async () => {
    await fail(5);
    expect(await withoutWaiting(breaker, 5_000).enter()).toBeGreaterThan(4000);
    expect(await patient(async () => 4711).breaker.openForMs()).toBe(77);
  });

  it("lets the call go ahead where Redis does not answer in time, or at all", async () => {
    expect(await patient(() => new Promise<never>(() => undefined)).breaker.enter()).toBeNull();
    expect(await patient(() => Promise.reject(new Error("away"))).breaker.enter()).toBeNull();
  });

  it("tells what came of a call, and does not wait until that is heard", async () => {
    const { breaker: quick, reported } = patient(async () => null);
    const error = away();
    await quick.report(error);
    expect(reported).toEqual([error]);
  });
});
