import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { RejectedError } from "../../src/domain/errors.ts";
import { personal } from "../../src/domain/personal.ts";
import type { Acceptance } from "../../src/queues/intake.ts";
import { type AnyJobKind, defineJobKind, type IfInDoubt } from "../../src/queues/job-kind.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Engine, openEngine } from "./engine.ts";

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
  payload: z.strictObject({ to: z.string(), household: z.string().optional(), note: personal(z.string()).optional() }),
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

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  [parcels, refuse, atOnce, mostAtOnce] = [[], false, 0, 0];
  engine = await openEngine({ redis: server, kinds: [parcel], services: () => ({}) });
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
    expect(next).toMatchObject({ how: "under-way", job: { id: lost.id, state: "queued" } });
    engine.work();
    await engine.until(lost.id, "completed");
    expect(parcels).toEqual(["Naoko"]);
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
    });
    engine.work();
    await engine.until(id, "completed");
    expect(await engine.intake.known(parcel, payload, asked)).toMatchObject({ how: "replayed", job: { id } });
    expect(await engine.intake.known(parcel, { to: "Ken" }, asked)).toEqual({ how: "key-reused" });
    expect(await engine.intake.known(parcel, payload, { door: "portal" })).toBeNull();
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
