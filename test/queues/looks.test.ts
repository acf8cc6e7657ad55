import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { RejectedError, UnavailableError, UnknownOutcomeError } from "../../src/domain/errors.ts";
import { tellCall } from "../../src/queues/calls.ts";
import { type AnyJobKind, defineJobKind } from "../../src/queues/job-kind.ts";
import type { JobKeys } from "../../src/queues/ledger.ts";
import { ComeBackLater, stepRunner, type StepRunner } from "../../src/queues/steps.ts";
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

/** What goes through one more attempt's steps. `stalls`: so often its worker died with the job. */
async function begin(stalls = 0): Promise<StepRunner> {
  const by = `attempt ${String((attempts += 1))}`;
  const begun = await engine.ledger.begin(keys, by, { stalls, made: 0 });
  if (begun.state !== "go") throw new Error(`it is ${begun.state}`);
  const { remembered } = begun;
  const stopping = new AbortController().signal;
  return stepRunner({ job: keys, ledger: engine.ledger, by, lookFirst: false, remembered, stopping });
}

/** One attempt of the job; gives what its step gave or threw. */
async function attempt(
  perform: () => Promise<string>,
  find: Look = nothingThere,
  told?: { readonly asks: string; readonly believe: () => string },
): Promise<unknown> {
  const { step } = await begin();
  return await step("send", { find, ...(told && { told }) }, perform).catch((error: unknown) => error);
}

/** The step as the ledger keeps it. */
const kept = async (name = "send"): Promise<unknown> =>
  JSON.parse((await engine.ledger.read(keys.id))[`step ${name}`] ?? "null");

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

it("what nobody foresaw is over, and is looked for at once", async () => {
  expect(await attempt(refuse(new Error("a slip of ours")))).toBeInstanceOf(Error);
  expect(await attempt(sentOnce)).toBe("sent");
});

describe("while another attempt is at the job", () => {
  const done = (step: string) => ({ step, effect: true, result: "sent by the other", ms: 1, calls: "" });
  const another = () => engine.ledger.begin(keys, "another attempt", { stalls: 1, made: 0 });

  it("what that one has done is done", async () => {
    const { step } = await begin();
    await engine.ledger.note(keys, [done("send")]);
    expect(await step("send", { find: nothingThere }, notAgain)).toBe("sent by the other");
  });

  it("what that one gave is believed, where only a person could tell and this one gives something else", async () => {
    const { step, notes } = await begin();
    const told = { believe: () => "told" };
    const overtaken = async () => {
      await engine.ledger.note(keys, [done("send")]);
      return "sent by this one";
    };
    await expect(step("send", { told }, overtaken)).rejects.toEqual(
      new ComeBackLater("another worker has the job", 5000),
    );
    expect(notes).toEqual([]);
    const { step: again } = await begin();
    expect(await again("send", { told }, notAgain)).toBe("sent by the other");
  });

  it("a step that it is inside of is left to it, and asked after in a while", async () => {
    await engine.ledger.claim(keys, "send", "another attempt", { lookFirst: false, notes: [] });
    const { step } = await begin();
    await expect(step("send", { find: nothingThere }, notAgain)).rejects.toEqual(
      new ComeBackLater('another worker is inside "send"', 5001),
    );
  });

  it("an attempt that it has overtaken sends nothing", async () => {
    const { step } = await begin();
    await another();
    await expect(step("send", { find: nothingThere }, notAgain)).rejects.toEqual(
      new ComeBackLater("another worker has the job", 5000),
    );
  });

  it("nor does one that it overtakes between its look and its sending", async () => {
    await attempt(refuse(unheard(false)));
    const overtaken = async () => {
      await another();
      return undefined;
    };
    expect(await attempt(notAgain, overtaken)).toEqual(new ComeBackLater('another worker took over "send"', 5000));
  });
});

describe("what is taken down of a step", () => {
  const told = { asks: "parcelId", believe: () => "told" };

  it("is written with the next call where the other system can tell, and at once where only a person can", async () => {
    const begun = performance.now();
    const runner = await begin();
    await runner.step("send", { find: nothingThere }, sentOnce);
    expect(await kept()).toMatchObject({ state: "active" });
    expect(runner.notes).toMatchObject([{ step: "send", effect: true, result: "sent" }]);
    expect(runner.notes[0]?.ms).toBeLessThanOrEqual(performance.now() - begun);
    await runner.step("ring", { told }, sentOnce);
    expect([await kept(), await kept("ring")]).toMatchObject([{ state: "done" }, { state: "done" }]);
    expect(runner.notes).toEqual([]);
    await runner.step("send again", { find: nothingThere }, sentOnce);
    await runner.step("and again", { find: nothingThere }, sentOnce);
    expect(runner.notes.map(({ step }) => step)).toEqual(["and again"]);
  });

  it("has whom to ask, and for what, once it is in doubt", async () => {
    await attempt(refuse(unheard(false)));
    expect(await kept()).not.toHaveProperty("asks");
    await attempt(notAgain, () => Promise.reject(away));
    expect(await kept()).not.toHaveProperty("asks");
    await attempt(notAgain, () => Promise.reject(away), told);
    expect(await kept()).toMatchObject({ state: "in-doubt", asks: "parcelId", looks: 0 });
  });

  it("names its step where only a person can tell", async () => {
    const once = async () => {
      const { step } = await begin();
      return await step("ring", { told }, refuse(unheard(false))).catch((error: unknown) => error);
    };
    await once();
    expect(await once()).toMatchObject({ code: "in-doubt", title: expect.stringContaining('"ring"') as string });
  });

  it("holds the calls of the step that an attempt ends in, and none where it ends between two", async () => {
    const runner = await begin();
    const called = async () => {
      tellCall({ vendor: "mail", operation: "send", came: "done", ms: 1 });
      return "sent";
    };
    await runner.step("send", "repeat", called);
    expect([runner.inside(), runner.calls()]).toEqual([null, ""]);
    await runner.step("ring", "repeat", () => called().then(notAgain)).catch(() => undefined);
    expect([runner.inside(), runner.calls()]).toEqual(["ring", "mail send done 1"]);
  });
});
