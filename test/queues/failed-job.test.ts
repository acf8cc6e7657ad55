import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Queue } from "bullmq";
import * as z from "zod";
import { RejectedError, UnknownOutcomeError } from "../../src/domain/errors.ts";
import { openFailureGroups } from "../../src/queues/failure-groups.ts";
import { closeFailed, forgetFailed, retryFailed, rewriteFailed } from "../../src/queues/failed-job.ts";
import { defineJobKind } from "../../src/queues/job-kind.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Engine, openEngine } from "./engine.ts";

let redis: TestRedis;
let engine: Engine;
/** What the post office says to a parcel at the moment. */
let answer: "taken" | "refused" | "lost";
/** Who got a parcel. */
let sent: string[];
/** What happens to a job after the ledger has heard that it failed, and before BullMQ does. */
let meanwhile: (id: string) => Promise<void>;

const parcel = defineJobKind({
  name: "parcel",
  purpose: "A parcel goes out",
  payload: z.strictObject({ to: z.string(), sender: z.string(), weighed: z.boolean() }),
  key: ({ to }) => to,
  account: ({ sender }) => sender,
  attempts: 1,
  routes: [],
  async run({ to, weighed }, step) {
    if (weighed) await step("weigh", { find: async () => undefined }, async () => true);
    await step("send", { find: async () => undefined }, async () => {
      const fault = { code: answer, title: "No.", detail: "Ask.", vendor: null };
      if (answer === "refused") throw new RejectedError(fault);
      if (answer === "lost") throw new UnknownOutcomeError({ ...fault, mayStillLand: true, scope: "call" });
      sent.push(to);
      return true;
    });
    return { outcome: "done", result: {} };
  },
});

const REASON = { code: "closed-by-operator", title: "Closed.", detail: "Ask anew." };

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  sent = [];
  answer = "refused";
  meanwhile = async () => undefined;
  engine = await openEngine({
    redis,
    kinds: [parcel],
    services: () => ({}),
    ledgerOfWorkers: (ledger) => ({
      ...ledger,
      async pause(keys, ...rest) {
        const paused = await ledger.pause(keys, ...rest);
        await meanwhile(keys.id);
        return paused;
      },
    }),
    timing: { leaseMs: 20_000, settleMs: 60_000 }, // no claim is late, however busy the machine
  });
  engine.work();
});
afterEach(() => engine.close());

function queue(): Queue {
  const found = engine.queues.get("parcel");
  if (found === undefined) throw new Error("there is no queue");
  return found;
}
const place = (id: string) => ({ redis: engine.redis, prefix: engine.prefix, queue: queue(), id });
async function failed(to: string, weighed = false): Promise<string> {
  const taken = await engine.accept(parcel, { to, sender: "Sato", weighed });
  if (taken.how !== "new") throw new Error("it is known");
  await untilFailed(taken.job.id, 1);
  return taken.job.id;
}
/** BullMQ hears of a failure a moment after the ledger. */
async function untilFailed(id: string, attempts: number): Promise<void> {
  await expect
    .poll(async () => [await queue().getJobState(id), (await engine.job(id)).attempts], { timeout: 10_000 })
    .toEqual(["failed", attempts]);
}

describe("a failed job that is closed", () => {
  it.each([
    { what: "at its first attempt", retries: 0 },
    { what: "after others", retries: 2 },
  ])("$what is not done, and its end is told with the reason", async ({ retries }) => {
    const id = await failed("Kyoto");
    for (let retry = 0; retry < retries; retry++) {
      await retryFailed(queue(), id);
      await untilFailed(id, retry + 2);
    }
    answer = "taken";
    expect(await closeFailed(place(id), REASON)).toBe("closed");
    await retryFailed(queue(), id);
    expect(await engine.until(id, "completed")).toMatchObject({ outcome: "rejected", failure: { code: REASON.code } });
    await expect.poll(async () => await queue().getJobState(id), { timeout: 10_000 }).toBe("completed");
    expect(sent).toEqual([]);
    expect(await openFailureGroups(engine).list()).toEqual([]);
  });

  it("is not taken in again by a sweep, and is by whoever asks for it", async () => {
    const id = await failed("Kyoto");
    await closeFailed(place(id), REASON);
    const asked = { to: "Kyoto", sender: "Sato", weighed: false };
    expect(await engine.accept(parcel, asked, { unless: ["done", "failed"] })).toMatchObject({
      how: "under-way",
      job: { id },
    });
    expect(await engine.accept(parcel, asked)).toMatchObject({ how: "new" });
  });

  it("is let be where somebody has retried it meanwhile", async () => {
    const id = await failed("Kyoto");
    answer = "taken";
    await retryFailed(queue(), id);
    expect(await closeFailed(place(id), REASON)).toBe("not failed");
    await engine.until(id, "completed");
    expect(await closeFailed(place(id), REASON)).toBe("not failed");
    expect(sent).toEqual(["Kyoto"]);
  });

  it("waits until nothing of it can land any more", async () => {
    answer = "lost";
    const id = await failed("Kyoto");
    expect(await closeFailed(place(id), REASON)).toBe("later");
    expect(await engine.job(id)).toMatchObject({ state: "failed" });
  });
});

describe("a failed job that is retried", () => {
  it("is let be where it was taken out of its queue", async () => {
    const id = await failed("Kyoto");
    await queue().remove(id);
    expect(await retryFailed(queue(), id)).toBe(false);
  });

  it("is not passed over where Redis takes no writes: whoever asked hears of that, and asks again", async () => {
    const id = await failed("Kyoto");
    answer = "taken";
    await redis.each((server) => server.config("SET", "min-replicas-to-write", "1"));
    try {
      await expect(retryFailed(queue(), id)).rejects.toThrow("NOREPLICAS");
    } finally {
      await redis.each((server) => server.config("SET", "min-replicas-to-write", "0"));
    }
    expect(await retryFailed(queue(), id)).toBe(true);
    await engine.until(id, "completed");
  });
});

describe("what a failed job was asked", () => {
  const other = { to: "Kyoto", sender: "Sato", weighed: true };

  it("can be changed while nothing was written", async () => {
    const id = await failed("Kyoto");
    expect(await rewriteFailed(place(id), other)).toBe(true);
    expect((await queue().getJob(id))?.data).toEqual(other);
  });

  it("stays as it was once an effect has begun, or the job has been retried", async () => {
    const id = await failed("Nara", true);
    expect(await rewriteFailed(place(id), other)).toBe(false);
    const retried = await failed("Kobe");
    answer = "taken";
    await retryFailed(queue(), retried);
    expect(await rewriteFailed(place(retried), other)).toBe(false);
    expect((await queue().getJob(retried))?.data).toMatchObject({ to: "Kobe" });
  });
});

it("a job of whose failure BullMQ has not heard yet stays in its failure group", async () => {
  meanwhile = async (id) => {
    const [group] = await openFailureGroups(engine).list();
    await forgetFailed(place(id), group?.id ?? "");
  };
  const id = await failed("Kyoto");
  const [group] = await openFailureGroups(engine).list();
  expect(await openFailureGroups(engine).jobs(group?.id ?? "", 0, 10)).toEqual([id]);
});

it("a job that was taken out of its queue by hand leaves its failure group, and one that stands there by right stays", async () => {
  const [gone, stays] = [await failed("Kyoto"), await failed("Nara")];
  const [group] = await openFailureGroups(engine).list();
  await (await queue().getJob(gone))?.remove();
  for (const id of [gone, stays]) await forgetFailed(place(id), group?.id ?? "");
  expect(await openFailureGroups(engine).jobs(group?.id ?? "", 0, 10)).toEqual([stays]);
});
