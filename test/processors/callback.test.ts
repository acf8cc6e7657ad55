import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { callbacksOnEnd } from "../../src/callbacks.ts";
import { RejectedError } from "../../src/domain/errors.ts";
import { type Callbacks, callbackClient } from "../../src/integrations/callbacks/client.ts";
import { callback } from "../../src/processors/callback.ts";
import { type AnyJobKind, defineJobKind } from "../../src/queues/job-kind.ts";
import type { JobView } from "../../src/queues/job-view.ts";
import { readSettings } from "../../src/settings.ts";
import { callWithin } from "../integrations/vendor.ts";
import { type Engine, openEngine } from "../queues/engine.ts";
import { startRedis, type TestRedis } from "../redis.ts";

const SECRET = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;

interface Heard {
  readonly id: string;
  readonly event: { readonly type: string; readonly timestamp: string; readonly data: JobView };
}

let redis: TestRedis;
let engine: Engine;
let receiver: Server;
/** What the portal verified, and how it answers from then on. */
let heard: Heard[];
let answer: () => number;
let trouble: () => void;
/** Stands around what a worker does at a job's end. */
let atEnd: (job: string, handOn: (job: string) => Promise<void>) => Promise<void>;

const parcel: AnyJobKind = defineJobKind({
  name: "parcel",
  purpose: "Send a parcel",
  payload: z.strictObject({ to: z.string() }),
  key: ({ to }) => to,
  routes: [],
  async run({ to }, step, _services, job) {
    await step("send", { find: async () => undefined }, async () => to);
    await step("write", "repeat", () => job.hand("letter", { to }, { once: "letter" }));
    trouble();
    return { outcome: "done", result: { parcelId: 7 } };
  },
});
const letter: AnyJobKind = defineJobKind({
  name: "letter",
  purpose: "Post a letter",
  payload: z.strictObject({ to: z.string() }),
  key: ({ to }) => to,
  routes: [],
  run: async () => ({ outcome: "done", result: {} }),
});
const kinds: readonly AnyJobKind<{ callbacks: Callbacks }>[] = [parcel, letter, callback];

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  [heard, answer, trouble] = [[], () => 204, () => undefined];
  atEnd = (job, handOn) => handOn(job);
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const headers = request.headers as Record<string, string>; // those that matter are single
      const event = new Webhook(SECRET).verify(Buffer.concat(chunks).toString(), headers);
      heard.push({ id: headers["webhook-id"] ?? "", event: event as Heard["event"] }); // looked at by the tests
      response.writeHead(answer()).end();
    });
  });
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
  const { port } = receiver.address() as AddressInfo; // it listens on TCP
  const settings = readSettings({
    ROLES: "dashboard",
    ...redis.environment,
    DASHBOARD_USERS: "olga:operator:$scrypt$ln=15,r=8,p=1$c2FsdA$aGFzaA",
    SESSION_SECRET: "signs the sessions of the dashboard",
    CALLBACK_URLS: `portal=http://127.0.0.1:${String(port)}/hooks`,
    CALLBACK_SECRETS: `portal:${SECRET}`,
    CALLBACK_PRIVATE: "on",
  });
  engine = await openEngine({
    redis,
    kinds,
    services: () => ({ callbacks: callbackClient({ settings, call: callWithin(2000) }) }),
    onEnd: async (job) => await atEnd(job, callbacksOnEnd(settings, engine.intake) ?? (async () => undefined)),
  });
});
afterEach(async () => {
  await engine.close();
  receiver.close();
});

async function accepted(door: string, to = "Naoko"): Promise<string> {
  const taken = await engine.accept(parcel, { to }, { door });
  if (taken.how === "key-reused") throw new Error("no key was given");
  return taken.job.id;
}

/** Resolves once nothing is left to do in any queue. */
async function idle(): Promise<void> {
  for (const queue of engine.queues.values()) {
    while ((await queue.getJobCountByTypes("waiting", "active", "delayed")) > 0)
      await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("a client that registered a URL", () => {
  it("is told once of its job's end, with the job as everyone sees it", async () => {
    engine.work();
    const id = await accepted("portal");
    await engine.until(id, "completed");
    await idle();
    const job = await engine.job(id);
    expect(heard).toEqual([
      { id: `${id}-completed-1`, event: { type: "job.completed", timestamp: job.finishedAt, data: job } },
    ]);
  });

  it("hears nothing of others' jobs, of what its job handed on, nor of callbacks", async () => {
    engine.work();
    await engine.until(await accepted("script"), "completed");
    await engine.until(await accepted("portal", "Ken"), "completed");
    await idle();
    expect(heard.map(({ event }) => event.data.kind)).toEqual(["parcel"]);
    expect(await engine.queues.get("callback")?.getJobCountByTypes()).toBe(1);
    expect(await engine.queues.get("letter")?.getCompletedCount()).toBe(2);
  });

  it("hears of a failure, and again when the job ends after a person retried it", async () => {
    trouble = () => {
      throw new RejectedError({ code: "no-stamps", title: "No stamps.", detail: "Buy some.", vendor: null });
    };
    engine.work();
    const id = await accepted("portal");
    await engine.until(id, "failed");
    await idle();
    trouble = () => undefined;
    await (await engine.queues.get("parcel")?.getJob(id))?.retry("failed");
    await engine.until(id, "completed");
    await idle();
    expect(heard.map(({ id, event }) => [id, event.type, event.data.failure?.code])).toEqual([
      [`${id}-failed-1`, "job.failed", "no-stamps"],
      [`${id}-completed-2`, "job.completed", undefined],
    ]);
  });

  it("gets it in the end though its receiver was down, under the same webhook-id", async () => {
    let refusals = 5;
    answer = () => (refusals-- > 0 ? 503 : 200);
    engine.work();
    const id = await accepted("portal");
    await engine.until(id, "completed");
    await idle();
    expect(heard.map((one) => one.id)).toEqual(Array.from({ length: 6 }, () => `${id}-completed-1`));
    expect(await engine.queues.get("callback")?.getCompletedCount()).toBe(1);
  });

  it("that wants no more is a person's to take out", async () => {
    answer = () => 410;
    engine.work();
    await engine.until(await accepted("portal"), "completed");
    await idle();
    expect(heard).toHaveLength(1);
    const [failed] = (await engine.queues.get("callback")?.getFailed()) ?? [];
    expect((await engine.job(failed?.id ?? "")).failure).toMatchObject({ code: "callback-gone", vendor: null });
  });

  it.each(["before", "after"])("is told once though the worker died %s it handed the callback on", async (side) => {
    let deaths = 0;
    atEnd = async (job, handOn) => {
      const dies = deaths === 0 && (await engine.job(job)).kind === "parcel";
      if (dies) deaths += 1;
      if (!dies || side === "after") await handOn(job);
      if (dies) throw new Error("the worker died");
    };
    engine.work();
    const id = await accepted("portal");
    await engine.until(id, "completed");
    await idle();
    expect(deaths).toBe(1);
    expect(heard.map((one) => one.id)).toEqual([`${id}-completed-1`]);
  });
});

it("costs nothing where no client registered a URL", () => {
  expect(callbacksOnEnd({ CALLBACK_URLS: undefined }, engine.intake)).toBeUndefined();
});
