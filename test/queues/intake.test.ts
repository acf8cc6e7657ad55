import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { RejectedError } from "../../src/domain/errors.ts";
import { personal } from "../../src/domain/personal.ts";
import { type Acceptance, openIntake } from "../../src/queues/intake.ts";
import { type AnyJobKind, defineJobKind, type IfInDoubt } from "../../src/queues/job-kind.ts";
import type { Ledger } from "../../src/queues/ledger.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Engine, openEngine, SEALING } from "./engine.ts";

let server: TestRedis;
let engine: Engine;
let parcels: string[];
let refuse: boolean;
let atOnce: number;
let mostAtOnce: number;

const find: IfInDoubt<string> = { find: async () => parcels[0] };

/** One parcel a person; the parcels of one household take turns. */
const parcel: AnyJobKind = defineJobKind({
  name: "parcel",
  purpose: "Send a parcel",
  payload: z.strictObject({
    to: z.string(),
    household: z.string().optional(),
    note: personal(z.string()).optional(),
    form: personal(z.json()).optional(),
  }),
  key: ({ to }) => to,
  account: ({ household = "Sato" }) => household,
  routes: [],
  async run({ to, note }, step) {
    atOnce += 1;
    mostAtOnce = Math.max(mostAtOnce, atOnce);
    const sent = await step("send", find, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      if (refuse)
        throw new RejectedError({ code: "no-stamps", title: "No stamps.", detail: "Buy some.", vendor: null });
      parcels.push(`${to}${note === undefined ? "" : `: ${note}`}`);
      return to;
    });
    atOnce -= 1;
    return { outcome: "done", result: { sent } };
  },
});

/** One letter a person, whenever it was written. */
const letter: AnyJobKind = defineJobKind({
  name: "letter",
  purpose: "Send a letter",
  payload: z.strictObject({ to: z.string(), written: z.string() }),
  key: ({ to }) => to,
  asked: ({ to }) => to,
  routes: [],
  run: async () => ({ outcome: "done", result: {} }),
});

const SOON = { timeout: 10_000, interval: 10 };

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  [parcels, refuse, atOnce, mostAtOnce] = [[], false, 0, 0];
  engine = await openEngine({ redis: server, kinds: [parcel, letter], services: () => ({}) });
});
afterEach(() => engine.close());

function jobOf(acceptance: Acceptance) {
  if (acceptance.how === "key-reused") throw new Error("the key was used before");
  return acceptance.job;
}

describe("a request", () => {
  it("for what is under way is answered with the job that is under way", async () => {
    const first = jobOf(await engine.accept(parcel, { to: "Naoko" }));
    const second = await engine.accept(parcel, { to: "Naoko" });
    expect(second).toMatchObject({ how: "under-way", job: { id: first.id, state: "queued" } });
    engine.work();
    await engine.until(first.id, "completed");
    expect(parcels).toEqual(["Naoko"]);
  });

  it("comes a thousand times at once and is one job", async () => {
    const ids = await Promise.all(
      Array.from({ length: 1000 }, async () => jobOf(await engine.accept(parcel, { to: "Naoko" })).id),
    );
    expect(new Set(ids).size).toBe(1);
    engine.work();
    await engine.until(ids[0] ?? "", "completed");
    expect(parcels).toEqual(["Naoko"]);
  });

  it("that comes with two hundred others gets its own answer, whatever becomes of theirs", async () => {
    const people = Array.from({ length: 200 }, (_, at) => `person ${at}`);
    await engine.redis.set(engine.ledger.keys("parcel", "any", "person 7", "Sato").natural, "not what belongs there");
    const answers = await Promise.allSettled(people.map((to) => engine.accept(parcel, { to })));
    expect(people.filter((_, at) => answers[at]?.status === "rejected")).toEqual(["person 7"]);
    const ids = answers.flatMap((answer) => (answer.status === "fulfilled" ? [jobOf(answer.value).id] : []));
    expect(new Set(ids).size).toBe(199);
    const payloads = await Promise.all(
      ids.map(async (id): Promise<unknown> => (await engine.queues.get("parcel")?.getJob(id))?.data),
    );
    expect(payloads).toEqual(people.filter((to) => to !== "person 7").map((to) => ({ to })));
  });

  it("that comes with many others goes to Redis with them, a hundred at a time and each kind by itself", async () => {
    const { redis, ledger, queues } = engine;
    const together: number[] = [];
    const counted: Ledger = {
      ...ledger,
      accept: (queue, candidates) => {
        together.push(candidates.length);
        return ledger.accept(queue, candidates);
      },
    };
    const intake = openIntake({ redis, ledger: counted, sealing: SEALING, queues: () => queues });
    const people = Array.from({ length: 250 }, (_, at) => `person ${at}`);
    await Promise.all([
      ...people.map((to) => intake.accept(parcel, { to }, { door: "portal" })),
      intake.accept(letter, { to: "Naoko", written: "Monday" }, { door: "portal" }),
    ]);
    expect(together).toEqual([100, 100, 50, 1]);
    await intake.accept(parcel, { to: "Naoko" }, { door: "portal" });
    expect(together).toEqual([100, 100, 50, 1, 1]);
  });

  it("for what has ended is a new job, which looks before it writes", async () => {
    engine.work();
    const first = jobOf(await engine.accept(parcel, { to: "Naoko" }));
    await engine.until(first.id, "completed");
    const second = await engine.accept(parcel, { to: "Naoko" });
    expect(second.how).toBe("new");
    await engine.until(jobOf(second).id, "completed");
    expect(jobOf(second).id).not.toBe(first.id);
    expect(parcels).toEqual(["Naoko"]);
  });

  it("that announces what is done already is answered with the job that did it", async () => {
    engine.work();
    const first = jobOf(await engine.accept(parcel, { to: "Naoko" }, { unless: ["done"] }));
    await engine.until(first.id, "completed");
    expect(await engine.accept(parcel, { to: "Naoko" }, { unless: ["done"] })).toMatchObject({
      how: "under-way",
      job: { id: first.id },
    });
  });

  it("that announces what failed is a new job", async () => {
    refuse = true;
    engine.work();
    const first = jobOf(await engine.accept(parcel, { to: "Naoko" }));
    await engine.until(first.id, "failed");
    refuse = false;
    const second = await engine.accept(parcel, { to: "Naoko" }, { unless: ["done"] });
    expect(second.how).toBe("new");
    await engine.until(jobOf(second).id, "completed");
  });

  it("stands in the queue as BullMQ itself puts a job there", async () => {
    const queue = engine.queues.get("parcel");
    if (queue === undefined) throw new Error("there is no queue");
    const { id } = jobOf(await engine.accept(parcel, { to: "Naoko" }));
    const inQueue = async () => {
      const names = (await server.each((one) => one.keys(`${queue.toKey("")}*`))).flat();
      const { opts = "", timestamp = "", ...job } = await engine.redis.hgetall(queue.toKey(id));
      return {
        names: names.filter((name) => name !== queue.toKey("events") && name !== queue.toKey("id")).toSorted(),
        job,
        options: { ...(JSON.parse(opts) as object), jobId: id },
        timestamp: timestamp.length,
        waiting: await engine.redis.lrange(queue.toKey("wait"), 0, -1),
        marker: await engine.redis.zrange(queue.toKey("marker"), "0", "-1", "WITHSCORES"),
      };
    };
    const ours = await inQueue();
    await queue.remove(id);
    await engine.redis.del(queue.toKey("marker"));
    await queue.add("parcel", { to: "Naoko" }, { jobId: id });
    expect(ours).toEqual(await inQueue());
  });

  it("wakes no worker of a paused queue, and is done once that goes on", async () => {
    const queue = engine.queues.get("parcel");
    await queue?.pause();
    const { id } = jobOf(await engine.accept(parcel, { to: "Naoko" }));
    expect(await engine.redis.exists(queue?.toKey("marker") ?? "")).toBe(0);
    engine.work();
    await queue?.resume();
    await engine.until(id, "completed");
  });

  it("of which the job was taken out of the queue is put there again by the next one", async () => {
    const lost = jobOf(await engine.accept(parcel, { to: "Naoko" }));
    await engine.queues.get("parcel")?.remove(lost.id);
    const next = await engine.accept(parcel, { to: "Naoko" });
    expect(next).toMatchObject({ how: "under-way", job: { id: lost.id, state: "queued" }, withThis: true });
    engine.work();
    await engine.until(lost.id, "completed");
    expect(parcels).toEqual(["Naoko"]);
  });

  it("of which the job is gone, ledger and all, is put into the queue again under the same id", async () => {
    const lost = jobOf(await engine.accept(parcel, { to: "Naoko" }));
    await engine.queues.get("parcel")?.remove(lost.id);
    await engine.redis.del(`${engine.prefix}:ledger:${lost.id}`);
    expect(await engine.intake.known(parcel, { to: "Naoko" }, { door: "portal" })).toBeNull();
    const next = await engine.accept(parcel, { to: "Naoko" }, { door: "portal" });
    expect(next).toMatchObject({ how: "under-way", job: { id: lost.id, state: "queued", doors: ["portal"] } });
    expect((await engine.queues.get("parcel")?.getJob(lost.id))?.data).toEqual({ to: "Naoko" });
  });

  it("of which the job waits, has failed or is done is answered with that one, and put into no queue again", async () => {
    const queue = engine.queues.get("parcel");
    const again = async () => await engine.accept(parcel, { to: "Naoko" }, { unless: ["done", "failed"] });
    const { id } = jobOf(await again());
    expect(await again()).toMatchObject({ how: "under-way", job: { id, state: "queued" }, withThis: false });

    refuse = true;
    engine.work();
    await expect.poll(async () => await queue?.getJobState(id), SOON).toBe("failed");
    refuse = false;
    await (await queue?.getJob(id))?.retry();
    await expect.poll(async () => await queue?.getJobState(id), SOON).toBe("completed");
    await queue?.remove(id);
    expect(await again()).toMatchObject({ how: "under-way", job: { id, state: "completed" }, withThis: false });
    expect(await queue?.getJob(id)).toBeUndefined();

    refuse = true;
    const failed = jobOf(await engine.accept(parcel, { to: "Ren" })).id;
    await expect.poll(async () => await queue?.getJobState(failed), SOON).toBe("failed");
    await queue?.remove(failed);
    expect(await engine.accept(parcel, { to: "Ren" }, { unless: ["failed"] })).toMatchObject({
      how: "under-way",
      job: { id: failed, state: "failed" },
      withThis: false,
    });
    expect(await queue?.getJob(failed)).toBeUndefined();
  });

  it("of which the job was taken out of the queue keeps no retried job waiting, and is answered with what that one did", async () => {
    refuse = true;
    const stop = engine.work();
    const failed = jobOf(await engine.accept(parcel, { to: "Naoko" }));
    const queue = engine.queues.get("parcel");
    while ((await queue?.getJobState(failed.id)) !== "failed") await new Promise((resolve) => setImmediate(resolve));
    await stop();
    const lost = jobOf(await engine.accept(parcel, { to: "Naoko" }));
    await queue?.remove(lost.id);
    refuse = false;
    engine.work();
    await (await queue?.getJob(failed.id))?.retry();
    await engine.until(failed.id, "completed");
    await queue?.add("parcel", { to: "Naoko" }, { jobId: lost.id }); // as the next request with its key would do
    expect(await engine.until(lost.id, "completed")).toMatchObject({ attempts: 0, result: { sent: "Naoko" } });
    expect(parcels).toEqual(["Naoko"]);
  });
});

describe("what Redis is not to take", () => {
  it("is a payload of more than 64 KiB", async () => {
    const around = Buffer.byteLength(JSON.stringify({ to: "" }));
    const largest = "語".repeat(10).padEnd(64 * 1024 - around - 20, "x"); // a sign of Japanese is three bytes
    await expect(engine.accept(parcel, { to: `${largest}x` })).rejects.toThrow("too large"); // to come again would not help
    expect(await engine.queues.get("parcel")?.count()).toBe(0);
    expect(await engine.accept(parcel, { to: largest })).toMatchObject({ how: "new", withThis: true });
  });

  it("is anything before it has answered for the first time; who asks is told when to come again", async () => {
    const { redis, ledger } = engine;
    const early = openIntake({ redis, ledger, sealing: SEALING, queues: () => undefined });
    const { id } = jobOf(await engine.accept(parcel, { to: "Naoko" }));
    const cause = expect.objectContaining({ name: "Error" }); // said, and no fault of ours that it came to
    const refused = expect.objectContaining({ name: "NotAcceptedError", retryAfterSeconds: 2, cause });
    await expect(early.accept(parcel, { to: "Ren" }, { door: "portal" })).rejects.toEqual(refused);
    await expect(early.job(id)).rejects.toEqual(refused);
    await expect(early.known(parcel, { to: "Naoko" }, { door: "portal" })).rejects.toEqual(refused);
    await expect(early.lastJob(parcel, { to: "Naoko" })).rejects.toEqual(refused);
    await expect(early.check()).rejects.toEqual(refused);
    expect(await engine.queues.get("parcel")?.count()).toBe(1);
  });

  it("is nothing while it is as it should be", async () => {
    expect(await engine.intake.check()).toEqual({ warnings: [] });
  });
});

describe("an idempotency key", () => {
  const idempotency = { client: "portal", key: "order-1" };

  it("answers with the same job for the same body, whatever the order of its keys, also when that is long done", async () => {
    engine.work();
    const first = jobOf(await engine.accept(parcel, { to: "Naoko", household: "Sato" }, { idempotency }));
    await engine.until(first.id, "completed");
    const again = await engine.accept(parcel, { household: "Sato", to: "Naoko" }, { idempotency });
    expect(again).toMatchObject({
      how: "replayed",
      job: { id: first.id, state: "completed", outcome: "done", result: { sent: "Naoko" } },
    });
    expect(parcels).toEqual(["Naoko"]);
  });

  it("that was used with another body takes nothing", async () => {
    await engine.accept(parcel, { to: "Naoko" }, { idempotency });
    expect(await engine.accept(parcel, { to: "Ren" }, { idempotency })).toEqual({ how: "key-reused" });
    expect(await engine.queues.get("parcel")?.count()).toBe(1);
  });

  it("asks for the same body down to its last part, whatever the order in which that is written", async () => {
    const body = (form: unknown) => ({ to: "Naoko", form });
    const form = { lines: [{ a: 1, b: null }, "two"], due: true };
    const first = jobOf(await engine.accept(parcel, body(form), { idempotency }));
    const reordered = { due: true, lines: [{ b: null, a: 1 }, "two"] };
    expect(await engine.accept(parcel, body(reordered), { idempotency })).toMatchObject({
      how: "replayed",
      job: { id: first.id },
    });
    for (const other of [
      { ...form, due: false },
      { ...form, lines: ["two", { a: 1, b: null }] },
      { ...form, lines: [{ a: 1, b: {} }, "two"] },
      { ...form, lines: [{ a: 1, c: null }, "two"] },
      { ...form, lines: { 0: { a: 1, b: null }, 1: "two" } },
      null,
    ])
      expect(await engine.accept(parcel, body(other), { idempotency }), JSON.stringify(other)).toEqual({
        how: "key-reused",
      });
  });

  it("asks for no more than what the kind says that two requests must agree in", async () => {
    const first = jobOf(await engine.accept(letter, { to: "Naoko", written: "Monday" }, { idempotency }));
    expect(await engine.accept(letter, { to: "Naoko", written: "Tuesday" }, { idempotency })).toMatchObject({
      how: "replayed",
      job: { id: first.id },
    });
    expect(await engine.accept(letter, { to: "Ren", written: "Monday" }, { idempotency })).toEqual({
      how: "key-reused",
    });
  });

  it("that was used for one kind of work takes nothing of another", async () => {
    await engine.accept(parcel, { to: "Naoko" }, { idempotency });
    expect(await engine.accept(letter, { to: "Naoko", written: "Monday" }, { idempotency })).toEqual({
      how: "key-reused",
    });
  });

  it("of another client is another key", async () => {
    const first = jobOf(await engine.accept(parcel, { to: "Naoko" }, { idempotency }));
    const other = jobOf(
      await engine.accept(parcel, { to: "Ren" }, { idempotency: { ...idempotency, client: "script" } }),
    );
    expect(other.id).not.toBe(first.id);
  });
});

describe("the jobs of one account", () => {
  it("take turns, and waiting spends no attempt", async () => {
    const jobs = await Promise.all(
      ["Naoko", "Ren", "Aoi"].map(async (to) => jobOf(await engine.accept(parcel, { to }))),
    );
    parcels.length = 0;
    engine.work();
    const ended = await Promise.all(jobs.map(({ id }) => engine.until(id, "completed")));
    expect(mostAtOnce).toBe(1);
    expect(ended.map(({ attempts }) => attempts)).toEqual([1, 1, 1]);
  });

  it("do not wait for those of another", async () => {
    const first = engine.ledger.keys("parcel", "held", "Naoko", "Sato");
    await engine.ledger.begin(first, "me", { stalls: 0, made: 0 });
    const waiting = jobOf(await engine.accept(parcel, { to: "Aoi" }));
    const other = jobOf(await engine.accept(parcel, { to: "Ren", household: "Suzuki" }));
    engine.work();
    await engine.until(other.id, "completed");
    expect((await engine.job(waiting.id)).state).toBe("queued");
  });
});

describe("a failed job", () => {
  it("goes on where it was when a person retries it, with attempts of its own", async () => {
    refuse = true;
    engine.work();
    const { id } = jobOf(await engine.accept(parcel, { to: "Naoko" }));
    expect((await engine.until(id, "failed")).failure?.code).toBe("no-stamps");
    refuse = false;
    await (await engine.queues.get("parcel")?.getJob(id))?.retry("failed");
    expect(await engine.until(id, "completed")).toMatchObject({ failure: null, attempts: 2, outcome: "done" });
  });
});

describe("personal data", () => {
  it("stands nowhere in Redis, and reaches the job all the same", async () => {
    const { id } = jobOf(await engine.accept(parcel, { to: "Naoko", note: "second door behind the shrine" }));
    const waiting = await server.contents();
    engine.work();
    await engine.until(id, "completed");
    expect(parcels).toEqual(["Naoko: second door behind the shrine"]);
    for (const dump of [waiting, await server.contents()]) {
      expect(dump).not.toContain("shrine");
      expect(dump).toContain(id);
    }
  });
});

describe("a request that came by several doors", () => {
  it("is one job, which names each of them once", async () => {
    const first = jobOf(await engine.accept(parcel, { to: "Naoko" }, { door: "portal" }));
    await engine.accept(parcel, { to: "Naoko" }, { door: "outbound message 1" });
    await engine.accept(parcel, { to: "Naoko" }, { door: "outbound message 1" });
    await engine.accept(parcel, { to: "Naoko" }, { door: "sweep" });
    expect((await engine.job(first.id)).doors).toEqual(["portal", "outbound message 1", "sweep"]);
  });

  it("that a sweep announces is no new work while it waits for a person", async () => {
    refuse = true;
    engine.work();
    const first = jobOf(await engine.accept(parcel, { to: "Naoko" }));
    await engine.until(first.id, "failed");
    const swept = await engine.accept(parcel, { to: "Naoko" }, { unless: ["done", "failed"] });
    expect(swept).toMatchObject({ how: "under-way", job: { id: first.id, state: "failed" } });
  });
});

describe("a request that is only asked after", () => {
  it("is known by its key and by its natural key, and takes nothing in", async () => {
    const payload = { to: "Naoko" };
    const asked = { door: "portal", idempotency: { client: "portal", key: "k" } };
    expect(await engine.intake.known(parcel, payload, asked)).toBeNull();
    const { id } = jobOf(await engine.accept(parcel, payload, asked));
    expect(await engine.intake.known(parcel, payload, { door: "portal" })).toMatchObject({
      how: "under-way",
      job: { id },
      withThis: false,
    });
    expect(await engine.intake.known(letter, { to: "Naoko", written: "Monday" }, { door: "portal" })).toBeNull();
    engine.work();
    await engine.until(id, "completed");
    expect(await engine.intake.known(parcel, payload, asked)).toMatchObject({ how: "replayed", job: { id } });
    expect(await engine.intake.known(parcel, { to: "Ken" }, asked)).toEqual({ how: "key-reused" });
    expect(await engine.intake.known(parcel, payload, { door: "portal" })).toBeNull();
  });
});

describe("the job that last did some work", () => {
  it("is known while it is under way and after that, and that of other work is not", async () => {
    const last = async (to: string) => await engine.intake.lastJob(parcel, { to });
    expect(await last("Naoko")).toBeNull();
    const { id } = jobOf(await engine.accept(parcel, { to: "Naoko" }));
    expect(await last("Naoko")).toMatchObject({ id, state: "queued" });
    engine.work();
    await engine.until(id, "completed");
    expect(await last("Naoko")).toMatchObject({ id, state: "completed" });
    expect(await last("Ren")).toBeNull();
    await engine.redis.del(`${engine.prefix}:ledger:${id}`); // as at the end of its time
    expect(await last("Naoko")).toBeNull();
    expect(await engine.intake.job(id)).toBeNull();
  });
});

describe("a trace that is under way", () => {
  it("goes on in the job, and none is made up where there is none", async () => {
    let carried: string | undefined = '{"traceparent":"00-1-2-01"}';
    const { redis, ledger, queues } = engine;
    const traced = openIntake({ redis, ledger, sealing: SEALING, queues: () => queues, carried: () => carried });
    const traceOf = async (to: string) => {
      const { id } = jobOf(await traced.accept(parcel, { to }, { door: "portal" }));
      const { opts = "{}" } = await redis.hgetall(`${engine.prefix}:parcel:${id}`);
      return (JSON.parse(opts) as { tm?: string }).tm; // as BullMQ writes it
    };
    expect(await traceOf("Naoko")).toBe(carried);
    carried = undefined;
    expect(await traceOf("Ren")).toBeUndefined();
  });
});

it("what is accepted soon after Redis was started anew looks before it writes: what it forgot may have been done", async () => {
  engine.work();
  const carried = async (to: string) => {
    const { id } = jobOf(await engine.accept(parcel, { to, household: to }));
    await engine.until(id, "completed");
  };
  parcels = ["by somebody else"];
  await carried("Naoko");
  expect(parcels).toEqual(["by somebody else", "Naoko"]); // nothing was to be looked for

  for (const one of server.servers) {
    await one.kill();
    await one.restart();
  }
  parcels = ["Aoi"];
  await carried("Aoi");
  expect(parcels).toEqual(["Aoi"]);
});
