import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { RejectedError, UnavailableError, UnknownOutcomeError } from "../../src/domain/errors.ts";
import { type AnyJobKind, defineJobKind } from "../../src/queues/job-kind.ts";
import type { JobKeys } from "../../src/queues/ledger.ts";
import { ComeBackLater, stepRunner } from "../../src/queues/steps.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Engine, openEngine } from "./engine.ts";

/** How a step goes on that was cut off between asking and hearing: attempt after attempt of one job, on a real ledger. */

/** Half an hour, so that no test lives to see it pass. */
const TIMING = { leaseMs: 60_000, settleMs: 36 * 50_000 };

const parcel: AnyJobKind = defineJobKind({
  name: "parcel",
  purpose: "Send a parcel",
  payload: z.strictObject({ to: z.string() }),
  key: ({ to }) => to,
  routes: [],
  run: () => Promise.resolve({ outcome: "done", result: {} }),
});

let server: TestRedis;
let engine: Engine;
let keys: JobKeys;
let attempts = 0;
let jobs = 0;

beforeAll(async () => {
  server = await startRedis();
  engine = await openEngine({ redis: server, kinds: [parcel], services: () => ({}), timing: TIMING });
});
afterAll(async () => {
  await engine.close();
  await server.stop();
});
beforeEach(async () => {
  const to = `customer ${String((jobs += 1))}`;
  const taken = await engine.accept(parcel, { to });
  if (taken.how !== "new") throw new Error(`taken as ${taken.how}`);
  keys = engine.ledger.keys("parcel", taken.job.id, to, undefined);
});

const fault = { code: "x", title: "T", detail: "D", vendor: null } as const;
const unheard = (mayStillLand: boolean) => new UnknownOutcomeError({ ...fault, mayStillLand, scope: "call" });
const away = new UnavailableError({ ...fault, scope: "call" });

/** What the vendor shows when somebody looks. */
type Look = () => Promise<string | undefined>;
const nothingThere: Look = () => Promise.resolve(undefined);

/** One attempt of the job; gives what its step gave or threw. */
async function attempt(perform: () => Promise<string>, find: Look = nothingThere): Promise<unknown> {
  const by = `attempt ${String((attempts += 1))}`;
  const begun = await engine.ledger.begin(keys, by, { stalls: 0, made: 0 });
  if (begun.state !== "go") throw new Error(`it is ${begun.state}`);
  const { remembered } = begun;
  const stopping = new AbortController().signal;
  const { step } = stepRunner({ job: keys, ledger: engine.ledger, by, suspect: false, remembered, stopping });
  return await step("send", { find }, perform).catch((error: unknown) => error);
}

const refuse = (fault: Error) => () => Promise.reject(fault);
const sentOnce = () => Promise.resolve("sent");
const notAgain = () => Promise.reject(new Error("it was sent again"));
const waits = (delayMs: number) => new ComeBackLater('"send" may still arrive', delayMs);

describe("what may still land", () => {
  it("is looked for at growing intervals, and is not sent again meanwhile", async () => {
    expect(await attempt(refuse(unheard(true)))).toMatchObject({ code: "x" });
    expect(await attempt(notAgain)).toEqual(waits(50_000));
    expect(await attempt(notAgain)).toEqual(waits(300_000));
    expect(await attempt(notAgain)).toEqual(waits(1_200_000));
    expect(await attempt(notAgain)).toEqual(waits(1_200_000));
  });

  it("is looked for no later than it can last land", async () => {
    await attempt(refuse(unheard(true)));
    await landsWithin(20_000);
    const { delayMs } = (await attempt(notAgain)) as ComeBackLater;
    expect(delayMs).toBeGreaterThan(10_000);
    expect(delayMs).toBeLessThanOrEqual(20_001);
  });

  it("is taken for done once it is found", async () => {
    await attempt(refuse(unheard(true)));
    expect(await attempt(notAgain, () => Promise.resolve("found"))).toBe("found");
  });

  it("stays in doubt where the look fails, which counts as none", async () => {
    await attempt(refuse(unheard(true)));
    expect(await attempt(notAgain, refuse(away))).toBe(away);
    expect(await attempt(notAgain)).toEqual(waits(50_000));
  });
});

describe("what can land no more", () => {
  it("is sent again after one look", async () => {
    await attempt(refuse(unheard(false)));
    expect(await attempt(sentOnce)).toBe("sent");
  });

  it("and is found all the same is not sent again", async () => {
    await attempt(refuse(unheard(false)));
    expect(await attempt(notAgain, () => Promise.resolve("found"))).toBe("found");
  });
});

it("what was refused, or never got there, is sent again without a look", async () => {
  const nobodyLooks = refuse(new Error("somebody looked"));
  await attempt(refuse(new RejectedError(fault)));
  await attempt(refuse(away), nobodyLooks);
  expect(await attempt(sentOnce, nobodyLooks)).toBe("sent");
});

/** As though it had been sent some time ago. */
async function landsWithin(ms: number): Promise<void> {
  const ledger = engine.ledger.channel(keys.id);
  const step = JSON.parse((await engine.redis.hget(ledger, "step send")) ?? "{}") as object;
  await engine.redis.hset(ledger, "step send", JSON.stringify({ ...step, lands: Date.now() + ms }));
}
