import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import * as z from "zod";
import { RejectedError, UnavailableError } from "../../src/domain/errors.ts";
import type { VendorCall } from "../../src/domain/vendor-call.ts";
import { openMetrics } from "../../src/metrics.ts";
import { type Call, callsIn } from "../../src/queues/calls.ts";
import { defineJobKind } from "../../src/queues/job-kind.ts";
import { readStory } from "../../src/queues/story.ts";
import { vendorCall } from "../../src/services.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Engine, openEngine } from "./engine.ts";

/** What the post office answers to the calls of one kind, one after the other; `taken` from then on. */
let answers: ("refused" | "dropped")[];
let meanwhile: (to: string) => Promise<void>;

interface Services {
  readonly call: VendorCall;
}

const parcel = defineJobKind<{ to: string; letters: number }, Services>({
  name: "parcel",
  purpose: "A parcel goes out",
  payload: z.strictObject({ to: z.string(), letters: z.number() }),
  key: ({ to }) => to,
  routes: [],
  async run({ to, letters }, step, { call }) {
    await step("weigh", "repeat", () => call(`weigh${to}`, async () => 7));
    await step("send", { find: () => call("look", async () => undefined) }, async () => {
      for (let letter = 0; letter < letters; letter++) await call(`letter${String(letter)}`, async () => true);
      return await call(`send${to}`, async () => {
        await meanwhile(to);
        const answer = answers.shift();
        const fault = { code: "no-stamp", title: "No.", detail: "Ask for Mrs Sato.", vendor: "whmcs" as const };
        if (answer === "refused") throw new RejectedError(fault);
        if (answer === "dropped") throw new UnavailableError({ ...fault, scope: "call" });
        return true;
      });
    });
    await step("think", "repeat", async () => 42);
    return { outcome: "done", result: {} };
  },
});

let redis: TestRedis;
let engine: Engine;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  answers = [];
  meanwhile = async () => undefined;
  const told = { metrics: openMetrics(), deadlineMs: 5000, cut: new AbortController().signal };
  engine = await openEngine<Services>({
    redis,
    kinds: [parcel],
    services: (breakers) => ({ call: vendorCall({ vendor: "whmcs", breaker: breakers.whmcs, ...told }) }),
  });
  engine.work();
});
afterEach(() => engine.close());

async function send(to: string, letters = 0): Promise<string> {
  const taken = await engine.accept(parcel, { to, letters });
  if (taken.how !== "new") throw new Error("it is known");
  await engine.until(taken.job.id, "completed", "failed");
  return taken.job.id;
}
const inWords = (calls: readonly Call[]) =>
  calls.map(({ vendor, operation, came }) => [vendor, operation, came].join(" "));
async function callsOf(id: string, step: string): Promise<readonly Call[]> {
  const { calls = "" } = JSON.parse((await engine.ledger.read(id))[`step ${step}`] ?? "{}") as { calls?: string }; // the ledger's
  return callsIn(calls);
}

it("each step's calls stand beside what it gave, with what came of them and how long they took", async () => {
  meanwhile = () => new Promise((resolve) => setTimeout(resolve, 30)); // what is measured here
  const id = await send("Kyoto");
  expect(inWords(await callsOf(id, "weigh"))).toEqual(["whmcs weighKyoto done"]);
  expect(inWords(await callsOf(id, "send"))).toEqual(["whmcs sendKyoto done"]);
  expect((await callsOf(id, "send"))[0]?.ms).toBeGreaterThanOrEqual(29);
  expect(await engine.redis.hget(engine.ledger.channel(id), "step think")).not.toContain("calls");
});

it("those of an attempt that failed are told with its failure, and the next one's are its own", async () => {
  answers = ["dropped", "refused"];
  const id = await send("Kyoto", 1);
  const told = await readStory(engine.redis, engine.prefix, id);
  expect(told.map((event) => [event.what, "calls" in event ? inWords(event.calls) : []])).toEqual([
    ["retrying", ["whmcs letter0 done", "whmcs sendKyoto unavailable"]],
    ["failed", ["whmcs letter0 done", "whmcs sendKyoto rejected"]],
  ]);
  expect(JSON.stringify(told.map((event) => "calls" in event && event.calls))).not.toContain("Sato");
});

it("what is no call is none, and those around it are read", () => {
  expect(callsIn("")).toEqual([]);
  expect(callsIn("whmcs AddOrder")).toEqual([]);
  expect(callsIn("whmcs AddOrder done 213\n\nwhmcs AcceptOrder rejected 8")).toEqual([
    { vendor: "whmcs", operation: "AddOrder", came: "done", ms: 213 },
    { vendor: "whmcs", operation: "AcceptOrder", came: "rejected", ms: 8 },
  ]);
});

it("of a step that makes very many, the last ten are kept", async () => {
  const calls = inWords(await callsOf(await send("Kyoto", 25), "send"));
  expect(calls).toHaveLength(10);
  expect([calls[0], calls.at(-1)]).toEqual(["whmcs letter16 done", "whmcs sendKyoto done"]);
});

it("jobs that run at the same time do not hear each other's", async () => {
  const inside = new Set<string>();
  meanwhile = async (to) => {
    inside.add(to);
    while (inside.size < 2) await new Promise((resolve) => setImmediate(resolve));
  };
  const [kyoto, nara] = await Promise.all([send("Kyoto", 2), send("Nara", 1)]);
  expect(inWords(await callsOf(kyoto, "send"))).toEqual([
    "whmcs letter0 done",
    "whmcs letter1 done",
    "whmcs sendKyoto done",
  ]);
  expect(inWords(await callsOf(nara, "send"))).toEqual(["whmcs letter0 done", "whmcs sendNara done"]);
});
