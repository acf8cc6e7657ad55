import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import * as z from "zod";
import { RejectedError } from "../../src/domain/errors.ts";
import { findable } from "../../src/domain/findable.ts";
import type { Queue } from "bullmq";
import { forgetFailed } from "../../src/queues/failed-job.ts";
import { type FailureGroups, groupKey, openFailureGroups } from "../../src/queues/failure-groups.ts";
import { type Finding, openFinding } from "../../src/queues/finding.ts";
import { defineJobKind } from "../../src/queues/job-kind.ts";
import { sealingWith } from "../../src/queues/sealing.ts";
import { readStory } from "../../src/queues/story.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Engine, openEngine } from "./engine.ts";

let redis: TestRedis;
let engine: Engine;
let groups: FailureGroups;
let finding: Finding;
/** Where the post office refuses parcels at the moment, by step. */
let refused: Map<string, string>;

const parcel = defineJobKind({
  name: "parcel",
  purpose: "A parcel goes out",
  payload: z.strictObject({ to: findable(z.string()), sender: z.string() }),
  key: ({ to }) => to,
  account: ({ sender }) => sender,
  routes: [],
  async run({ to }, step, _services: object, job) {
    for (const name of ["weigh", "send"]) {
      await step(name, "repeat", async () => {
        const code = refused.get(name);
        if (code !== undefined) throw new RejectedError({ code, title: "No.", detail: "Ask them.", vendor: null });
        return true;
      });
    }
    job.foundBy(`street of ${to}`);
    return { outcome: "done", result: { parcelId: `p-${to}` } };
  },
});

/** Whose it is stands on the letter itself, which the job must fetch first. */
const letter = defineJobKind({
  name: "letter",
  purpose: "A letter goes out",
  payload: z.strictObject({ box: z.string(), from: z.string() }),
  key: ({ box }) => box,
  routes: [],
  async run({ from }, step, _services: object, job) {
    const sender = await step("fetch", "repeat", async () => {
      if (from === "illegible") throw new RejectedError({ code: "no-stamp", title: "No.", detail: "", vendor: null });
      return from;
    });
    job.belongsTo(sender);
    throw new RejectedError({ code: "no-stamp", title: "No.", detail: "Ask them.", vendor: null });
  },
});

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

beforeEach(async () => {
  refused = new Map();
  engine = await openEngine({ redis, kinds: [parcel, letter], services: () => ({}) });
  groups = openFailureGroups(engine);
  finding = openFinding({ ...engine, sealing: sealingWith([Buffer.alloc(32, 7)]) });
  engine.work();
});
afterEach(() => engine.close());

const failed = async (to: string, sender = "Sato") => {
  const taken = await engine.accept(parcel, { to, sender });
  if (taken.how !== "new") throw new Error("it is known");
  await engine.until(taken.job.id, "failed");
  return taken.job.id;
};
function queueOf(kind: string): Queue {
  const queue = engine.queues.get(kind);
  if (queue === undefined) throw new Error("there is no queue");
  return queue;
}
const retried = async (id: string) => await (await engine.queues.get("parcel")?.getJob(id))?.retry("failed");

it("jobs that fail for the same cause are one group, with those whose they are", async () => {
  refused.set("send", "no-stamp");
  const ids = [await failed("Kyoto"), await failed("Nara"), await failed("Kobe", "Suzuki")];
  expect(await groups.list()).toMatchObject([
    { kind: "parcel", step: "send", code: "no-stamp", jobs: 3, customers: 2, failure: { title: "No." } },
  ]);
  const [group] = await groups.list();
  expect(await groups.jobs(group?.id ?? "", 0, 10)).toEqual(ids);
  expect(await groups.jobs(group?.id ?? "", 1, 1)).toEqual(ids.slice(1, 2));
});

it("whose a job is that learns it only when it reads counts, too; one that could not read is one of its own", async () => {
  const posted = async (box: string, from: string) => {
    const taken = await engine.accept(letter, { box, from });
    await engine.until(taken.how === "new" ? taken.job.id : "", "failed");
    return taken.how === "new" ? taken.job.id : "";
  };
  const ids = [await posted("1", "Sato"), await posted("2", "Sato"), await posted("3", "Suzuki")];
  for (const box of ["4", "5"]) await posted(box, "illegible");
  const [unread, read] = await groups.list();
  expect([unread, read]).toMatchObject([
    { step: "fetch", jobs: 2, customers: 2 },
    { step: null, jobs: 3, customers: 2 },
  ]);
  expect((await finding.find("Sato")).toSorted()).toEqual(ids.slice(0, 2).toSorted());

  await (await engine.queues.get("letter")?.getJob(ids[2] ?? ""))?.remove();
  await forgetFailed({ ...engine, queue: queueOf("letter"), id: ids[2] ?? "" }, read?.id ?? "");
  expect((await groups.list())[1]).toMatchObject({ jobs: 2, customers: 1 });
});

it("another step or another code is another group, and the one that grew last comes first", async () => {
  refused.set("send", "no-stamp");
  await failed("Kyoto");
  refused.set("send", "too-heavy");
  await failed("Nara");
  refused.set("weigh", "no-stamp");
  await failed("Kobe");
  expect((await groups.list()).map(({ step, code }) => `${step}: ${code}`)).toEqual([
    "weigh: no-stamp",
    "send: too-heavy",
    "send: no-stamp",
  ]);
});

it("a job leaves its group when it is retried, and the last one takes the group along", async () => {
  refused.set("send", "no-stamp");
  const [one, other] = [await failed("Kyoto"), await failed("Nara", "Suzuki")];
  refused.clear();
  await retried(one);
  await engine.until(one, "completed");
  expect(await groups.list()).toMatchObject([{ jobs: 1, customers: 1 }]);
  await retried(other);
  await engine.until(other, "completed");
  expect(await groups.list()).toEqual([]);
});

it("a job that fails otherwise after its retry is in the group of that cause alone", async () => {
  refused.set("send", "no-stamp");
  const id = await failed("Kyoto");
  refused.set("send", "too-heavy");
  await retried(id);
  await expect
    .poll(async () => (await groups.list()).map(({ code, jobs }) => [code, jobs]))
    .toEqual([["too-heavy", 1]]);
  expect((await readStory(engine.redis, engine.prefix, id)).map((event) => event.what)).toEqual(["failed", "failed"]);
});

it("a group of which the last job is gone, with its ledger, begins anew at the next failure", async () => {
  refused.set("send", "no-stamp");
  const id = await failed("Kyoto");
  const [before] = await groups.list();
  // BullMQ hears of a failure a moment after the ledger.
  await expect.poll(() => queueOf("parcel").remove(id), { timeout: 10_000 }).toBe(1);
  await engine.redis.del(`${engine.prefix}:ledger:${id}`); // as at the end of its time
  await forgetFailed({ ...engine, queue: queueOf("parcel"), id }, before?.id ?? "");
  expect(await groups.list()).toEqual([]);
  await failed("Nara", "Suzuki");
  const [after] = await groups.list();
  expect(after).toMatchObject({ id: before?.id, jobs: 1, customers: 1, firstAt: after?.lastAt });
});

it("a group that was kept for as long as failed jobs are is gone from the list", async () => {
  refused.set("send", "no-stamp");
  await failed("Kyoto");
  refused.set("weigh", "no-stamp");
  await failed("Nara");
  const key = groupKey(engine.prefix, { kind: "parcel", step: "send", code: "no-stamp" });
  await engine.redis.del(key, `${key}:about`, `${key}:whose`); // as at the end of their time
  expect(await groups.list()).toMatchObject([{ step: "weigh" }]);
});

it("an address that is no group's finds none", async () => {
  refused.set("send", "no-stamp");
  await failed("Kyoto");
  const [group] = await groups.list();
  expect(await groups.read(group?.id ?? "")).toEqual(group);
  const others = ["", "parcel", "parcel~send~too-heavy", `${group?.id}~`, `${group?.id}:about`, "parcel~send~%FF"];
  for (const id of others) expect(await groups.read(id), id).toBeNull();
});

it("a job is found by what it was asked, by what it learned and by what it made, and by nothing less", async () => {
  const taken = await engine.accept(parcel, { to: "Kyoto", sender: "Sato" });
  if (taken.how !== "new") throw new Error("it is known");
  await engine.until(taken.job.id, "completed");
  for (const value of ["Kyoto", "street of Kyoto", "p-Kyoto"])
    expect(await finding.find(value), value).toEqual([taken.job.id]);
  for (const value of ["Kyot", "kyoto", "Sato", ""]) expect(await finding.find(value), value).toEqual([]);
});

it("a job that failed is found by what it was asked", async () => {
  refused.set("weigh", "no-stamp");
  const id = await failed("Kyoto");
  expect(await finding.find("Kyoto")).toEqual([id]);
});
