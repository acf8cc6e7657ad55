import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Queue } from "bullmq";
import * as z from "zod";
import {
  InDoubtError,
  needsPerson,
  RejectedError,
  UnavailableError,
  UnknownOutcomeError,
} from "../../src/domain/errors.ts";
import { retryFailed } from "../../src/queues/failed-job.ts";
import { defineJobKind } from "../../src/queues/job-kind.ts";
import type { Said } from "../../src/queues/ledger.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Engine, openEngine } from "./engine.ts";

/** A post office that gives a parcel a number, and tells about it only to who has that number. */
let office: { taken: string[]; trouble: "none" | "lost" | "lost, but taken"; mayLand: boolean; isClosed: boolean };
/** A second system of its own: what it shows of a ring at the door, if it can tell. */
let bell: {
  rung: number;
  shows: "yes" | "no" | "cannot tell" | "cannot be reached" | "refuses to tell" | "rings elsewhere";
};
let gave: unknown;

const noWord = { code: "no-word", title: "No word.", detail: "Look.", vendor: "mail" as const };
const fault = { code: "lost", title: "No answer came.", detail: "Look.", vendor: "mail" as const };
const parcel = defineJobKind({
  name: "parcel",
  purpose: "A parcel goes out, and the door is rung at",
  payload: z.strictObject({ to: z.string() }),
  key: ({ to }) => to,
  routes: [],
  async run({ to }, step) {
    const believe = async (parcelId: string) => {
      if (office.isClosed) {
        office.isClosed = false;
        throw new UnavailableError({ ...noWord, scope: "call" });
      }
      if (!office.taken.includes(parcelId)) throw needsPerson("unknown", "It has no such parcel.", "Look again.");
      return { parcelId };
    };
    const sent = await step("send", { told: { asks: "parcelId", believe } }, async () => {
      const parcelId = `P-${String(office.taken.length + 1)}`;
      const { trouble } = office;
      office.trouble = "none";
      if (trouble !== "lost") office.taken.push(parcelId);
      if (trouble !== "none") throw new UnknownOutcomeError({ ...fault, mayStillLand: office.mayLand, scope: "call" });
      return { parcelId };
    });
    const find = async () => {
      if (bell.shows === "cannot tell") throw new InDoubtError(fault);
      if (bell.shows === "cannot be reached") throw new UnavailableError({ ...noWord, scope: "call" });
      if (bell.shows === "refuses to tell") throw new RejectedError(noWord);
      if (bell.shows === "rings elsewhere") throw new RejectedError({ ...noWord, vendor: null });
      return bell.shows === "yes" ? ("found" as const) : undefined;
    };
    gave = await step<string>("ring", { find, told: { believe: () => "believed" } }, async () => {
      bell.rung += 1;
      if (to === "Osaka" && bell.rung === 1) throw new InDoubtError(fault);
      return "rung";
    });
    return { outcome: "done", result: sent };
  },
});

let redis: TestRedis;
let engine: Engine;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  office = { taken: [], trouble: "lost", mayLand: false, isClosed: false };
  bell = { rung: 0, shows: "cannot tell" };
  gave = undefined;
  engine = await openEngine({ redis, kinds: [parcel], services: () => ({}) });
  engine.work();
});
afterEach(() => engine.close());

function queue(): Queue {
  const found = engine.queues.get("parcel");
  if (found === undefined) throw new Error("there is no queue");
  return found;
}
const inDoubt = async (id: string, attempts: number) => {
  await expect
    .poll(async () => [await queue().getJobState(id), (await engine.job(id)).attempts], { timeout: 10_000 })
    .toEqual(["failed", attempts]);
  expect((await engine.job(id)).failure?.code).toBe("in-doubt");
};
/** A parcel whose sending is in doubt: the first attempt heard no answer, and the second one parked it. */
async function parked(to = "Kyoto", request = {}): Promise<string> {
  const taken = await engine.accept(parcel, { to }, request);
  if (taken.how !== "new") throw new Error("it is known");
  await inDoubt(taken.job.id, 2);
  return taken.job.id;
}
/** Since when the step is in doubt, as whoever looks at the job sees it. */
const seen = async (id: string, step = "send") => {
  const at = (await engine.job(id)).steps.find(({ name }) => name === step)?.at ?? 0;
  return { step, since: new Date(at) };
};
const settle = async (id: string, said: Said, step = "send") =>
  await engine.ledger.settle(queue(), id, await seen(id, step), said);
const happened = (id: string) => ({ happened: true, id }) as const;

describe("a parked step of which a person says", () => {
  it("that it happened gives what they say, and is not done again", async () => {
    office.trouble = "lost, but taken";
    const id = await parked();
    expect(await settle(id, happened("P-1"))).toBe("settled");
    expect(await engine.redis.hget(`${engine.prefix}:ledger:${id}`, "step send")).not.toContain("P-1");
    await retryFailed(queue(), id);
    expect(await engine.until(id, "completed")).toMatchObject({ result: { parcelId: "P-1" } });
    expect(office.taken).toEqual(["P-1"]);
  });

  it("that it happened is checked once the other system can be asked", async () => {
    office.trouble = "lost, but taken";
    const id = await parked();
    await settle(id, happened("P-1"));
    office.isClosed = true;
    await retryFailed(queue(), id);
    expect(await engine.until(id, "completed")).toMatchObject({ result: { parcelId: "P-1" } });
    expect(office.isClosed).toBe(false);
  });

  it("what the other system knows nothing of is in doubt as before, with that system's words, until they say otherwise", async () => {
    office.trouble = "lost, but taken";
    const id = await parked();
    await settle(id, happened("P-7"));
    await retryFailed(queue(), id);
    await inDoubt(id, 3);
    expect((await engine.job(id)).failure?.detail).toContain("It has no such parcel.");
    expect(office.taken).toEqual(["P-1"]);
    expect(await settle(id, happened("P-1"))).toBe("settled");
    await retryFailed(queue(), id);
    expect(await engine.until(id, "completed")).toMatchObject({ result: { parcelId: "P-1" } });
  });

  it.each([{ lookFirst: false }, { lookFirst: true }])(
    "that it did not happen is done, once (a job that looks first: $lookFirst)",
    async (request) => {
      if (request.lookFirst) office.trouble = "none";
      const taken = await engine.accept(parcel, { to: "Kyoto" }, request);
      const id = taken.how === "new" ? taken.job.id : "";
      await inDoubt(id, request.lookFirst ? 1 : 2);
      expect(await settle(id, { happened: false })).toBe("settled");
      await retryFailed(queue(), id);
      if (request.lookFirst) {
        await inDoubt(id, 2); // the next step is a question of its own
        await settle(id, { happened: false }, "ring");
        await retryFailed(queue(), id);
      }
      expect(await engine.until(id, "completed")).toMatchObject({ result: { parcelId: "P-1" } });
      expect([office.taken, bell.rung]).toEqual([["P-1"], 1]);
    },
  );

  it("that it did not happen, and whose answer is lost again, asks anew", async () => {
    const id = await parked();
    await settle(id, { happened: false });
    office.trouble = "lost, but taken";
    await retryFailed(queue(), id);
    await inDoubt(id, 4);
    expect(office.taken).toEqual(["P-1"]);
    expect(await settle(id, happened("P-1"))).toBe("settled");
    await retryFailed(queue(), id);
    await engine.until(id, "completed");
    expect(office.taken).toEqual(["P-1"]);
  });

  it("cannot be said not to have happened while it may still land", async () => {
    office.mayLand = true;
    const id = await parked();
    expect(await settle(id, { happened: false })).toBe("later");
    await expect.poll(() => settle(id, { happened: false }), { timeout: 10_000 }).toBe("settled");
  });

  it("is taken at the last word, until the job has gone on by it", async () => {
    const id = await parked();
    const question = await seen(id);
    expect(await settle(id, happened("P-9"))).toBe("settled");
    expect(await settle(id, { happened: false })).toBe("settled");
    expect(await settle(id, happened("P-9"), "ring")).toBe("not in doubt");
    await retryFailed(queue(), id);
    await engine.until(id, "completed");
    expect(await engine.ledger.settle(queue(), id, question, happened("P-9"))).toBe("not in doubt");
    expect(office.taken).toEqual(["P-1"]);
  });

  it("by one who saw an earlier question is not taken for an answer to the next one", async () => {
    const id = await parked();
    const question = await seen(id);
    await engine.ledger.settle(queue(), id, question, { happened: false });
    office.trouble = "lost, but taken";
    await retryFailed(queue(), id);
    await inDoubt(id, 4);
    expect(await engine.ledger.settle(queue(), id, question, { happened: false })).toBe("not in doubt");
    expect(await settle(id, happened("P-1"))).toBe("settled");
    await retryFailed(queue(), id);
    await engine.until(id, "completed");
    expect(office.taken).toEqual(["P-1"]);
  });

  it("while somebody else has it retried, is not heard", async () => {
    const id = await parked();
    const question = await seen(id);
    await queue().pause();
    await retryFailed(queue(), id);
    expect(await engine.ledger.settle(queue(), id, question, { happened: false })).toBe("not in doubt");
    await queue().resume();
    await inDoubt(id, 3);
  });

  it("keeps its work to itself until then: who asks for the same hears of this job", async () => {
    const id = await parked();
    expect(await engine.accept(parcel, { to: "Kyoto" })).toMatchObject({
      how: "under-way",
      job: { id, state: "failed" },
    });
    await settle(id, { happened: false });
    await retryFailed(queue(), id);
    await engine.until(id, "completed");
    expect(await engine.accept(parcel, { to: "Kyoto" })).toMatchObject({ how: "new" });
  });
});

describe("a step that the other system cannot tell about, of which a person says", () => {
  beforeEach(() => (office.trouble = "none"));
  const unclear = async () => {
    const taken = await engine.accept(parcel, { to: "Osaka" });
    const id = taken.how === "new" ? taken.job.id : "";
    await inDoubt(id, 1);
    return id;
  };

  it.each([
    ["that it happened", happened(""), "cannot tell", "believed", 1],
    ["that it did not", { happened: false } as const, "cannot tell", "rung", 2],
    ["that it did not, and the system can tell by now that it did", { happened: false } as const, "yes", "found", 1],
    ["that it happened, and the system can tell so by now", happened(""), "yes", "found", 1],
  ] as const)("%s", async (_words, said, shows, result, rung) => {
    const id = await unclear();
    await settle(id, said, "ring");
    bell.shows = shows;
    await retryFailed(queue(), id);
    await engine.until(id, "completed");
    expect([gave, bell.rung]).toEqual([result, rung]);
  });

  it("that it happened, and the system can tell by now that it did not, is in doubt", async () => {
    const id = await unclear();
    await settle(id, happened(""), "ring");
    bell.shows = "no";
    await retryFailed(queue(), id);
    await inDoubt(id, 2);
    expect((await engine.job(id)).failure?.title).toContain("the other system says otherwise");
    await retryFailed(queue(), id); // nobody has said anything else
    await inDoubt(id, 3);
    expect(bell.rung).toBe(1);
    await settle(id, { happened: false }, "ring");
    await retryFailed(queue(), id);
    await engine.until(id, "completed");
    expect([gave, bell.rung]).toEqual(["rung", 2]);
  });

  it.each([
    ["cannot be reached", happened(""), "believed", 1],
    ["cannot be reached", { happened: false } as const, "rung", 2],
    ["refuses to tell", happened(""), "believed", 1],
  ] as const)("while it %s: they say %j", async (shows, said, result, rung) => {
    const id = await unclear();
    bell.shows = shows;
    await retryFailed(queue(), id);
    await expect.poll(async () => (await engine.job(id)).failure?.code, { timeout: 10_000 }).toBe("no-word");
    await expect.poll(async () => await queue().getJobState(id), { timeout: 10_000 }).toBe("failed");
    expect(await settle(id, said, "ring")).toBe("settled");
    await retryFailed(queue(), id);
    await engine.until(id, "completed");
    expect([gave, bell.rung]).toEqual([result, rung]);
  });

  it.each([
    [
      "that it did not, which a refusal of the other system does not allow to be done",
      { happened: false } as const,
      "refuses to tell",
    ],
    ["that it happened, which a rule of ours says otherwise of", happened(""), "rings elsewhere"],
  ] as const)("%s", async (_words, said, shows) => {
    const id = await unclear();
    await settle(id, said, "ring");
    bell.shows = shows;
    await retryFailed(queue(), id);
    await expect.poll(async () => (await engine.job(id)).failure?.code, { timeout: 10_000 }).toBe("no-word");
    await expect.poll(async () => await queue().getJobState(id), { timeout: 10_000 }).toBe("failed");
    expect([gave, bell.rung]).toEqual([undefined, 1]);
  });
});
