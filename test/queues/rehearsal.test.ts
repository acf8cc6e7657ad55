import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Queue } from "bullmq";
import * as z from "zod";
import { needsPerson, UnavailableError, UnknownOutcomeError } from "../../src/domain/errors.ts";
import { personal } from "../../src/domain/personal.ts";
import type { Gate } from "../../src/domain/vendor-call.ts";
import { retryFailed } from "../../src/queues/failed-job.ts";
import { type AnyJobKind, defineJobKind, type JobFacts, rejected } from "../../src/queues/job-kind.ts";
import { HIDDEN, type Plan } from "../../src/queues/plan.ts";
import { rehearsalGate, rehearse } from "../../src/queues/rehearsal.ts";
import { sealPersonal } from "../../src/queues/sealing.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Engine, openEngine, SEALING } from "./engine.ts";

type Trouble = "none" | "full" | "away" | "answer lost" | "may still arrive" | "no such street" | "bug";

/** A post office: the parcels that it has, by who gets them, and what it says to the next one. */
let office: { parcels: Map<string, number>; looks: string[]; trouble: Trouble; stamps: "in stock" | "out of stock" };
/** What a run was told of its job, and how it differs from what the kind does by itself. */
let told: JobFacts | undefined;
let detour:
  | "none"
  | "no further"
  | "the same step twice"
  | "another step"
  | "an unknown kind"
  | "a letter without a receiver";
let whileWeighing: () => void;

const fault = { code: "office", title: "The post office says no.", detail: "Ask there.", vendor: "whmcs" as const };

function postOffice(gate: Gate) {
  return {
    async look(to: string): Promise<number | undefined> {
      const outgoing = { writes: false, parts: () => [], isPlain: () => false, taken: () => undefined };
      return await gate<number | undefined>({ vendor: "whmcs", operation: "look" }, outgoing, async () => {
        office.looks.push(to);
        if (office.trouble === "away") throw new UnavailableError({ ...fault, scope: "vendor" });
        if (office.trouble === "full") throw needsPerson("full", "It is full.", "Wait.");
        return office.parcels.get(to);
      });
    },
    async send(to: string): Promise<number> {
      const outgoing = {
        writes: true,
        parts: () => [{ to: "SendParcel", fields: { to, weight: 7 } }],
        isPlain: () => false,
        taken: (anew: (what: string) => number) => anew("the new parcel's number"),
      };
      return await gate({ vendor: "whmcs", operation: "send" }, outgoing, async () => {
        const { trouble } = office;
        const mayStillLand = trouble === "may still arrive";
        if (trouble !== "none") throw new UnknownOutcomeError({ ...fault, mayStillLand, scope: "call" });
        office.parcels.set(to, 4711);
        return 4711;
      });
    },
  };
}
type Services = ReturnType<typeof postOffice>;

const letter: AnyJobKind<Services> = defineJobKind({
  name: "letter",
  purpose: "A letter tells of a parcel",
  payload: z.strictObject({ about: z.string(), to: personal(z.string()) }),
  key: ({ to }) => to,
  routes: [],
  async run({ about }) {
    if (office.trouble === "full") throw needsPerson("full", "It is full.", "Wait.");
    return { outcome: "done", result: { about } };
  },
});

const parcel: AnyJobKind<Services> = defineJobKind({
  name: "parcel",
  purpose: "A parcel goes out, with a stamp, and a letter tells of it",
  payload: z.strictObject({
    to: z.string(),
    once: z.string().optional(),
    unless: z.array(z.literal("done")).optional(),
  }),
  key: ({ to }) => to,
  attempts: 1,
  routes: [],
  async run({ to, once, unless }, step, post: Services, job) {
    told = job;
    await step("weigh", "repeat", async () => {
      await post.look("the scales");
      whileWeighing();
    });
    if (detour === "no further") throw needsPerson("closed", "It closes early today.", "Retry it tomorrow.");
    if (detour === "the same step twice") await step("weigh", "repeat", async () => undefined);
    if (detour === "another step") {
      await step("fly", "repeat", async () => undefined);
      return { outcome: "flown", result: {} };
    }
    const number = await step("send", { find: () => post.look(to) }, () => post.send(to));
    if (office.trouble === "no such street")
      return rejected({ code: "no-street", title: "No such street.", detail: "" });
    if (detour === "an unknown kind") await job.hand("telegram", {});
    const receiver = detour === "a letter without a receiver" ? {} : { to };
    const letterId = await job.hand(
      "letter",
      { about: String(number), ...receiver },
      { ...(once !== undefined && { once }), ...(unless !== undefined && { unless }) },
    );
    job.foundBy(String(number));
    job.belongsTo(to);
    await step("stamp", { told: { asks: "stampId", believe: (id) => id } }, async () => {
      if (office.stamps === "out of stock")
        throw new UnknownOutcomeError({ ...fault, mayStillLand: false, scope: "call" });
      return "a stamp";
    });
    return { outcome: "sent", result: { number, letterId, jobId: job.id } };
  },
});

let redis: TestRedis;
let engine: Engine;
let complaints: unknown[];
let nobodyWaits: AbortController;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  office = { parcels: new Map(), looks: [], trouble: "none", stamps: "in stock" };
  detour = "none";
  told = undefined;
  whileWeighing = () => undefined;
  complaints = [];
  nobodyWaits = new AbortController();
  await redis.flush();
  const really: Gate = (_call, _outgoing, send) => send();
  engine = await openEngine({
    redis,
    kinds: [letter, parcel],
    services: () => postOffice(really),
    timing: { leaseMs: 20_000, settleMs: 60_000 }, // no claim is late, however busy the machine
  });
  await engine.redis.hset(`${engine.prefix}:era`, "since", 0); // Redis was not started just now
});
afterEach(() => engine.close());

const SOON = { timeout: 10_000, interval: 10 };

/** Tries out what a queue keeps, or would keep. */
async function tryOut(id: string, data: unknown, { kind = "parcel", lookFirst = false } = {}): Promise<Plan> {
  const setting = {
    ledger: engine.ledger,
    sealing: SEALING,
    kinds: [letter, parcel],
    services: postOffice(rehearsalGate),
    complain: (error: unknown) => complaints.push(error),
  };
  return await rehearse({ kind, id, data, lookFirst }, setting, nobodyWaits.signal);
}
const tryOutAnew = async (payload: object = { to: "Kyoto" }, lookFirst = false) =>
  await tryOut(randomUUID(), payload, { lookFirst });
const tryOutAgain = async (id: string) => await tryOut(id, (await queue("parcel").getJob(id))?.data);

function queue(kind: string): Queue {
  const found = engine.queues.get(kind);
  if (found === undefined) throw new Error("there is no queue");
  return found;
}
async function accepted(payload: object = { to: "Kyoto" }): Promise<string> {
  const taken = await engine.accept(parcel, payload);
  if (taken.how !== "new") throw new Error("it is known");
  return taken.job.id;
}
/** Resolves once the job stands so with BullMQ too. */
async function ended(id: string, state: "failed" | "completed", kind = "parcel"): Promise<void> {
  await expect.poll(async () => await queue(kind).getJobState(id), SOON).toBe(state);
}
const stepsOf = ({ steps }: Plan) => steps.map(({ name, how }) => `${name}: ${how}`);
const writesOf = ({ writes }: Plan) => writes.map(({ operation, to }) => `${operation} ${to}`);

describe("work that is new", () => {
  it("is gone through to its end, and nothing is written", async () => {
    const inRedis = async () => (await redis.contents()).split("\n").toSorted();
    const before = await inRedis();
    const now = Date.now();
    const plan = await tryOutAnew();
    expect(stepsOf(plan)).toEqual(["weigh: gone-through", "send: gone-through", "stamp: gone-through"]);
    expect(plan.reads).toEqual([{ step: "weigh", system: "whmcs", operation: "look" }]);
    expect(plan.writes).toEqual([
      {
        step: "send",
        system: "whmcs",
        operation: "send",
        call: 1,
        to: "SendParcel",
        fields: { to: HIDDEN, weight: 7 },
      },
      {
        step: null,
        system: "handoff",
        operation: "hand on",
        call: 2,
        to: "letter",
        fields: { about: "<the new parcel's number>", to: HIDDEN },
      },
    ]);
    expect(plan.ending).toEqual({
      state: "completed",
      outcome: "sent",
      result: {
        number: "<the new parcel's number>",
        letterId: "<the letter job's id>",
        jobId: "<the new job's id>",
      },
      failure: null,
    });
    expect(office.parcels.size).toBe(0);
    expect(await inRedis()).toEqual(before);
    expect(told?.resumed).toBe(false);
    expect(told?.acceptedAt.getTime()).toBeGreaterThanOrEqual(now);
    expect(complaints).toEqual([]);
  });

  it("looks before each write where it may have been done by a way that no ledger knows", async () => {
    office.parcels.set("Kyoto", 42);
    const plan = await tryOutAnew({ to: "Kyoto" }, true);
    expect(stepsOf(plan)).toEqual(["weigh: gone-through", "send: found", "stamp: in-doubt"]);
    expect(plan.ending).toMatchObject({ state: "failed", failure: { code: "in-doubt" } });
    expect(stepsOf(await tryOutAnew({ to: "Nara" }, true))).toEqual([
      "weigh: gone-through",
      "send: gone-through",
      "stamp: in-doubt",
    ]);
  });

  it("looks before each write where Redis was started anew", async () => {
    await engine.redis.hset(`${engine.prefix}:era`, "run", "an earlier one", "since", 0);
    office.parcels.set("Kyoto", 42);
    expect(stepsOf(await tryOutAnew())[1]).toBe("send: found");
  });

  it("shows no write after a no", async () => {
    office.trouble = "no such street";
    const { ending, writes } = await tryOutAnew();
    expect(ending).toEqual({
      state: "completed",
      outcome: "rejected",
      result: {},
      failure: { code: "no-street", title: "No such street.", detail: "", system: null },
    });
    expect(writes).toHaveLength(1);
  });

  it.each([
    { trouble: "away", state: "retrying", code: "office", system: "whmcs" },
    { trouble: "full", state: "failed", code: "full", system: null },
  ] as const)("would be $state where the office is $trouble", async ({ trouble, state, code, system }) => {
    office.trouble = trouble;
    const plan = await tryOutAnew();
    expect(plan.ending).toMatchObject({ state, outcome: null, result: null, failure: { code, system } });
    expect(stepsOf(plan)).toEqual(["weigh: gone-through"]);
    expect(complaints).toEqual([]);
  });

  it("that nobody can read needs a person", async () => {
    const sealed = sealPersonal(SEALING, letter.payload, { about: "4711", to: "Naoko" }, "another job");
    expect((await tryOut(randomUUID(), sealed, { kind: "letter" })).ending).toMatchObject({
      state: "failed",
      failure: { code: "unreadable-payload" },
    });
    const id = randomUUID();
    const own = sealPersonal(SEALING, letter.payload, { about: "4711", to: "Naoko" }, id);
    expect((await tryOut(id, own, { kind: "letter" })).ending).toMatchObject({ state: "completed", outcome: "done" });
  });

  it("of a kind that there is not is told to who asks", async () => {
    await expect(tryOut(randomUUID(), {}, { kind: "telegram" })).rejects.toThrow("telegram");
  });
});

describe("a fault of ours in a run", () => {
  it.each(["the same step twice", "an unknown kind", "a letter without a receiver"] as const)(
    "is told to us as well as in the plan: %s",
    async (one) => {
      detour = one;
      expect((await tryOutAnew()).ending).toMatchObject({ state: "retrying", failure: { code: "unexpected-error" } });
      expect(complaints).toHaveLength(1);
    },
  );
});

describe("a job that has begun", () => {
  it("is gone through from where it is, with what its steps gave", async () => {
    office.stamps = "out of stock";
    engine.work();
    const id = await accepted();
    await ended(id, "failed");
    office.stamps = "in stock";
    const looks = office.looks.length;
    detour = "none";
    const at = (await engine.job(id)).createdAt;
    const plan = await tryOutAgain(id);
    expect(stepsOf(plan)).toEqual(["weigh: remembered", "send: remembered", "stamp: in-doubt"]);
    expect(office.looks.length).toBe(looks);
    expect(told?.resumed).toBe(true);
    expect(told?.acceptedAt.toISOString()).toBe(at);
  });

  it("goes by what a person says of a step in doubt", async () => {
    office.stamps = "out of stock";
    engine.work();
    const id = await accepted();
    await ended(id, "failed");
    await retryFailed(queue("parcel"), id);
    await expect.poll(async () => (await engine.job(id)).failure?.code, SOON).toBe("in-doubt");
    await ended(id, "failed");
    const since = new Date((await engine.job(id)).steps.find(({ name }) => name === "stamp")?.at ?? 0);
    await engine.ledger.settle(queue("parcel"), id, { step: "stamp", since }, { happened: true, id: "S-1" });
    const plan = await tryOutAgain(id);
    expect(stepsOf(plan)).toEqual(["weigh: remembered", "send: remembered", "stamp: found"]);
    expect(plan.ending).toMatchObject({ state: "completed", result: { number: 4711, jobId: id } });
  });

  it("reads anew what it read where no effect had begun", async () => {
    detour = "no further";
    engine.work();
    const id = await accepted();
    await ended(id, "failed");
    expect((await engine.job(id)).steps).toMatchObject([{ name: "weigh", state: "done" }]);
    detour = "none";
    const plan = await tryOutAgain(id);
    expect(stepsOf(plan)).toEqual(["weigh: gone-through", "send: gone-through", "stamp: gone-through"]);
    expect(told?.resumed).toBe(false);
  });

  it("waits while what it sent may still arrive, looks then, and sends again only what is not there", async () => {
    office.trouble = "may still arrive";
    engine.work();
    const id = await accepted();
    await ended(id, "failed");
    office.trouble = "none";
    const waiting = await tryOutAgain(id);
    expect(stepsOf(waiting)).toEqual(["weigh: remembered", "send: in-doubt"]);
    expect(waiting.ending).toMatchObject({ state: "retrying", failure: { code: "may-still-arrive" } });
    expect(waiting.writes).toEqual([]);

    const ledger = `${engine.prefix}:ledger:${id}`;
    const kept = JSON.parse((await engine.redis.hget(ledger, "step send")) ?? "") as object; // the ledger's scripts wrote it
    await engine.redis.hset(ledger, "step send", JSON.stringify({ ...kept, lands: Date.now() - 1 })); // as time passes
    expect(stepsOf(await tryOutAgain(id))).toEqual(["weigh: remembered", "send: gone-through", "stamp: gone-through"]);
    office.parcels.set("Kyoto", 42);
    expect(stepsOf(await tryOutAgain(id))[1]).toBe("send: found");
  });

  it("that did what this version does not know needs a person", async () => {
    office.stamps = "out of stock";
    engine.work();
    const id = await accepted();
    await ended(id, "failed");
    detour = "another step";
    const { ending } = await tryOutAgain(id);
    expect(ending).toMatchObject({ state: "failed", failure: { code: "unknown-step" } });
    for (const name of ["send", "stamp"]) expect(ending.failure?.title).toContain(`"${name}"`);
    expect(ending.failure?.title).not.toContain("weigh");
    expect((await tryOutAnew({ to: "Nara" })).ending).toMatchObject({ state: "completed", outcome: "flown" });
  });

  it("waits for another one at the same work, and ends as that one did", async () => {
    const posted = async (about: string) => {
      const taken = await engine.accept(letter, { about, to: "Naoko" });
      return taken.how === "new" ? taken.job.id : "";
    };
    const again = async () => await tryOut(first, (await queue("letter").getJob(first))?.data, { kind: "letter" });
    office.trouble = "full";
    const stop = engine.work();
    const first = await posted("the first");
    await ended(first, "failed", "letter");
    await stop();
    office.trouble = "none";
    const second = await posted("the second");
    expect((await again()).ending).toMatchObject({
      state: "retrying",
      failure: { code: "another-at-work", system: null },
    });
    engine.work();
    await ended(second, "completed", "letter");
    expect((await again()).ending).toEqual({
      state: "completed",
      outcome: "done",
      result: { about: "the second" },
      failure: null,
    });
  });
});

describe("what is handed on", () => {
  it("once, is not handed on again by the same job", async () => {
    office.stamps = "out of stock";
    engine.work();
    const id = await accepted({ to: "Kyoto", once: "the letter" });
    await ended(id, "failed");
    expect(writesOf(await tryOutAgain(id))).toEqual([]);
    const other = await tryOutAnew({ to: "Nara", once: "the letter" });
    expect(writesOf(other)).toEqual(["send SendParcel", "hand on letter"]);
  });

  it("unless it is done, is not handed on where it is", async () => {
    engine.work();
    await engine.accept(letter, { about: "the weather", to: "Kyoto" });
    await expect.poll(async () => await queue("letter").getCompletedCount(), SOON).toBe(1);
    expect(writesOf(await tryOutAnew({ to: "Kyoto", unless: ["done"] }))).toEqual(["send SendParcel"]);
    expect(writesOf(await tryOutAnew({ to: "Kyoto" }))).toEqual(["send SendParcel", "hand on letter"]);
  });
});

describe("what leaves a client of dry runs", () => {
  it("is nothing outside of one", async () => {
    await expect(postOffice(rehearsalGate).look("Kyoto")).rejects.toThrow("outside");
    expect(office.looks).toEqual([]);
  });

  it("is nothing more once nobody waits for the plan", async () => {
    whileWeighing = () => nobodyWaits.abort();
    const plan = await tryOutAnew({ to: "Kyoto" }, true);
    expect(office.looks).toEqual(["the scales"]);
    expect(plan.writes).toEqual([]);
  });

  it("is told apart by the dry run that it is of", async () => {
    const [kyoto, nara] = await Promise.all([tryOutAnew({ to: "Kyoto" }), tryOutAnew({ to: "Nara" })]);
    for (const plan of [kyoto, nara]) expect([plan.reads.length, plan.writes.length]).toEqual([1, 2]);
  });
});
