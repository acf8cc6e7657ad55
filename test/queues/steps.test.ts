import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { RejectedError, UnavailableError, UnknownOutcomeError } from "../../src/domain/errors.ts";
import { type AnyJobKind, defineJobKind, type IfInDoubt, type Step } from "../../src/queues/job-kind.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Engine, openEngine } from "./engine.ts";

let server: TestRedis;
let engine: Engine | undefined;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
afterEach(async () => {
  await engine?.close();
  engine = undefined;
});

/** A parcel service that remembers what it was asked to send: the other system of these tests. */
function parcels() {
  const sent: string[] = [];
  const plans: (() => Promise<void> | void)[] = [];
  return {
    sent,
    /** What the next call does before it answers; it may write the parcel down itself, and throw. */
    next: (plan: () => Promise<void> | void) => void plans.push(plan),
    async send(name: string): Promise<string> {
      const plan = plans.shift();
      if (plan !== undefined) await plan();
      sent.push(name);
      return name;
    },
  };
}

function kindOf(run: (step: Step) => Promise<void>): AnyJobKind {
  return defineJobKind({
    name: "parcel",
    purpose: "Send a parcel",
    payload: z.strictObject({ to: z.string() }),
    key: ({ to }) => to,
    routes: [],
    run: async (_payload, step) => {
      await run(step);
      return { outcome: "done", result: {} };
    },
  });
}

const fault = { code: "x", title: "Something.", detail: "Do something.", vendor: "whmcs" as const };
const lostAnswer = () => new UnknownOutcomeError({ ...fault, mayStillLand: true });
const refused = () => new RejectedError(fault);
const neverGotThrough = () => new UnavailableError({ ...fault, scope: "call" });

async function begin(run: (step: Step) => Promise<void>) {
  const kind = kindOf(run);
  engine = await openEngine({ redis: server, kinds: [kind], services: () => ({}) });
  const taken = await engine.accept(kind, { to: "Naoko" });
  if (taken.how !== "new") throw new Error(`taken as ${taken.how}`);
  return { id: taken.job.id, kind, engine };
}

describe("a step", () => {
  it("is performed once, however often the job is tried", async () => {
    const post = parcels();
    let tries = 0;
    const { id, engine } = await begin(async (step) => {
      await step("send", { find: async () => undefined }, () => post.send("book"));
      tries += 1;
      if (tries < 3) throw neverGotThrough();
    });
    engine.work();
    const job = await engine.until(id, "completed");
    expect(post.sent).toEqual(["book"]);
    expect(job.attempts).toBe(3);
    expect(job.steps).toMatchObject([{ name: "send", state: "done" }]);
  });

  it("that was refused, or never got through, is simply done again", async () => {
    const post = parcels();
    post.next(() => {
      throw neverGotThrough();
    });
    const { id, engine } = await begin(async (step) => {
      await step("send", { told: { believe: () => "book" } }, () => post.send("book"));
    });
    engine.work();
    await engine.until(id, "completed");
    expect(post.sent).toEqual(["book"]);
  });

  it("whose answer was lost is looked for, and what is found counts", async () => {
    const post = parcels();
    post.next(() => {
      post.sent.push("book");
      throw lostAnswer();
    });
    const { id, engine } = await begin(async (step) => {
      const found = await step("send", { find: async () => post.sent[0] }, () => post.send("book"));
      expect(found).toBe("book");
    });
    engine.work();
    await engine.until(id, "completed");
    expect(post.sent).toEqual(["book"]);
  });

  it("that may still land is not sent again before it can no longer do so", async () => {
    const post = parcels();
    let looks = 0;
    let gaveUpAt = 0;
    post.next(() => {
      gaveUpAt = performance.now();
      throw lostAnswer();
    });
    let sentAgainAfter = 0;
    const look: IfInDoubt<string> = {
      find: async () => {
        looks += 1;
        return undefined;
      },
    };
    const { id, engine } = await begin(async (step) => {
      await step("send", look, async () => {
        sentAgainAfter = performance.now() - gaveUpAt;
        return await post.send("book");
      });
    });
    engine.work();
    const job = await engine.until(id, "completed");
    expect(post.sent).toEqual(["book"]);
    expect(sentAgainAfter).toBeGreaterThanOrEqual(600);
    expect(looks).toBeGreaterThanOrEqual(3);
    expect(job.attempts).toBe(2); // waiting spent none
  });

  it("that landed late is found, and not sent twice", async () => {
    const post = parcels();
    post.next(() => {
      setTimeout(() => post.sent.push("book"), 300);
      throw lostAnswer();
    });
    const { id, engine } = await begin(async (step) => {
      await step("send", { find: async () => post.sent[0] }, () => post.send("book"));
    });
    engine.work();
    await engine.until(id, "completed");
    expect(post.sent).toEqual(["book"]);
  });

  it("that cannot be looked for stays in doubt until a look succeeds", async () => {
    const post = parcels();
    let looks = 0;
    post.next(() => {
      post.sent.push("book");
      throw lostAnswer();
    });
    const { id, engine } = await begin(async (step) => {
      await step(
        "send",
        {
          find: async () => {
            looks += 1;
            if (looks === 1) throw neverGotThrough();
            return post.sent[0];
          },
        },
        () => post.send("book"),
      );
    });
    engine.work();
    await engine.until(id, "completed");
    expect(post.sent).toEqual(["book"]);
    expect(looks).toBe(2);
  });

  it("that nothing can tell about is parked, and stays so when it is retried", async () => {
    const post = parcels();
    post.next(() => {
      throw lostAnswer();
    });
    const { id, kind, engine } = await begin(async (step) => {
      await step("send", { told: { believe: () => "book" } }, () => post.send("book"));
    });
    engine.work();
    const job = await engine.until(id, "failed");
    expect(job.failure).toMatchObject({ code: "in-doubt", retryable: false });
    expect(job.steps).toMatchObject([{ name: "send", state: "in-doubt" }]);

    await (await engine.queues.get("parcel")?.getJob(id))?.retry("failed");
    while (engine.ends.length < 2) await new Promise((resolve) => setImmediate(resolve));
    expect((await engine.until(id, "failed")).failure?.code).toBe("in-doubt");
    expect(post.sent).toEqual([]);

    const again = await engine.accept(kind, { to: "Naoko" });
    expect(again).toMatchObject({ how: "under-way", job: { id } }); // it may have happened: no second one is begun
  });

  it("that was only read is read again by the next attempt, until an effect has begun", async () => {
    const post = parcels();
    let reads = 0;
    const { id, engine } = await begin(async (step) => {
      await step("read", "repeat", async () => {
        reads += 1;
        return reads;
      });
      await step("send", { find: async () => post.sent[0] }, async () => {
        if (reads < 2) throw neverGotThrough();
        return await post.send("book");
      });
      if (reads === 2) {
        reads = 10;
        throw neverGotThrough();
      }
    });
    engine.work();
    await engine.until(id, "completed");
    expect(reads).toBe(10); // read twice; the third attempt remembered it
  });

  it("is left to the other worker while that one is inside, and performed once", async () => {
    const post = parcels();
    const { id, engine } = await begin(async (step) => {
      await step("send", { find: async () => undefined }, () => post.send("book"));
    });
    const job = engine.ledger.keys("parcel", id, "Naoko", undefined);
    expect(await engine.ledger.claim(job, "send", "the other worker", { lookFirst: false, notes: [] })).toEqual({
      state: "fresh",
    });
    engine.work();
    await engine.ledger.note(job, [{ step: "send", effect: true, result: "book", ms: 1, calls: "" }]);
    await engine.until(id, "completed");
    expect(post.sent).toEqual([]);
  });

  it("may not share its name with another of its job", async () => {
    const { id, engine } = await begin(async (step) => {
      await step("send", "repeat", async () => 1);
      await step("send", "repeat", async () => 2);
    });
    engine.work();
    expect((await engine.until(id, "failed")).failure?.code).toBe("unexpected-error");
  });

  it("that is remembered but no longer in the code fails the job loudly", async () => {
    let version = 1;
    const { id, engine } = await begin(async (step) => {
      await step(version === 1 ? "send" : "dispatch", { find: async () => undefined }, async () => 1);
      if (version === 1) {
        version = 2;
        throw neverGotThrough();
      }
    });
    engine.work();
    expect((await engine.until(id, "failed")).failure).toMatchObject({ code: "unknown-step", retryable: false });
  });

  it("is looked for before it is done where Redis has been restarted since", async () => {
    const post = parcels();
    post.sent.push("book");
    const { id, engine } = await begin(async (step) => {
      await step("send", { find: async () => post.sent[0] }, () => post.send("book"));
    });
    await engine.redis.hset(`${engine.prefix}:ledger:${id}`, "run", "an earlier run of Redis");
    engine.work();
    await engine.until(id, "completed");
    expect(post.sent).toEqual(["book"]);
  });
});

describe("an error", () => {
  it("that is a refusal ends the job at once, for a person", async () => {
    const { id, engine } = await begin(async (step) => {
      await step("send", "repeat", () => {
        throw refused();
      });
    });
    engine.work();
    const job = await engine.until(id, "failed");
    expect(job).toMatchObject({
      attempts: 1,
      failure: { code: "x", title: "Something.", vendor: "whmcs", retryable: false },
    });
    expect(job.finishedAt).not.toBeNull();
  });

  it("nobody foresaw is tried again, and its words are kept to itself", async () => {
    const { id, engine } = await begin(async (step) => {
      await step("send", "repeat", () => {
        throw new TypeError("Naoko's address is 1-2-3");
      });
    });
    engine.work();
    const job = await engine.until(id, "failed");
    expect(job.attempts).toBe(4);
    expect(job.failure?.code).toBe("unexpected-error");
    expect(await server.contents()).not.toContain("1-2-3");
  });

  it("of a vendor that is away spends no attempt, and gives back those that found it out", async () => {
    let calls = 0;
    const { id, engine } = await begin(async (step) => {
      await step("send", "repeat", async () => {
        calls += 1;
        if (calls > 8) return;
        const error = new UnavailableError({ ...fault, scope: "vendor" });
        await engine.breakers.whmcs.report(error);
        await engine.breakers.whmcs.report(error);
        throw error;
      });
    });
    engine.work();
    const job = await engine.until(id, "completed");
    expect(calls).toBe(9);
    expect(job.attempts).toBe(1); // the one that worked
  });
});

describe("a worker that is asked to stop", () => {
  it("hands its job back at the next step, and no attempt is spent", async () => {
    const post = parcels();
    const stopping = new AbortController();
    const { id, engine } = await begin(async (step) => {
      await step("first", { find: async () => undefined }, async () => {
        stopping.abort();
        return await post.send("one");
      });
      await step("second", { find: async () => undefined }, () => post.send("two"));
    });
    const stop = engine.work(stopping);
    await engine.until(id, "active", "queued", "completed");
    while (post.sent.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await stop();
    expect(post.sent).toEqual(["one"]);
    expect(await engine.job(id)).toMatchObject({ state: "queued", attempts: 0 });
    engine.work();
    expect(await engine.until(id, "completed")).toMatchObject({ attempts: 1 });
    expect(post.sent).toEqual(["one", "two"]);
  });
});
