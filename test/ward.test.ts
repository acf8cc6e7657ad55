import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { DelayedError } from "bullmq";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from "vitest";
import type { QueuedJob } from "../src/queues/attempt.ts";
import { AttemptFailed } from "../src/queues/attempt-failed.ts";
import { DiedApart } from "../src/queues/worker.ts";
import { type EndedApart, openWard, type Ward } from "../src/ward.ts";

/** What a worker makes of what its ward does. The ward's process is a real one, of a few lines. */

let stopping: AbortController;
let told: unknown[];
let said: { readonly level: number; readonly msg: string; readonly jobs: readonly string[] }[];
/** The processes that were started. */
let started: ChildProcess[];

beforeEach(() => {
  [stopping, told, said, started] = [new AbortController(), [], [], []];
});
afterEach(async () => {
  vi.useRealTimers();
  const running = started.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  await Promise.all(running.map((child) => (child.kill("SIGKILL"), once(child, "exit"))));
});

/** A ward whose process runs `code`. */
async function wardThat(code: string): Promise<Ward> {
  const folder = await mkdtemp(path.join(tmpdir(), "ward-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = path.join(folder, "ward.mjs");
  await writeFile(file, `const tell = (word) => process.send(word);\n${code}`);
  return wardStartedBy(() => {
    const child = fork(file, { execArgv: [], stdio: "ignore" });
    started.push(child);
    return child;
  });
}

const wardStartedBy = (start: () => ChildProcess): Ward =>
  openWard({
    start,
    redis: { status: "ready" },
    metrics: { vendorCall: (...call) => void told.push(call) },
    onAttempt: (...attempt) => void told.push(attempt),
    carried: undefined,
    stopping: stopping.signal,
    cut: new AbortController().signal,
    log: pino({ base: null }, { write: (line) => void said.push(JSON.parse(line)) }),
  });

/** A ward in which every attempt ends like that. */
const wardWhereAllEnd = (how: EndedApart["how"], more: Partial<EndedApart> = {}) => {
  const ended: EndedApart = { report: null, data: null, how, ...more };
  return wardThat(
    `process.on("message", ({ attempt }) => tell({ attempt, ended: ${JSON.stringify(ended)} })); tell("ready");`,
  );
};

const job = (): QueuedJob & { readonly done: unknown[] } => {
  const done: unknown[] = [];
  return {
    id: "the job",
    data: { to: "Naoko" },
    timestamp: 1,
    attemptsStarted: 2,
    attemptsMade: 0,
    stalledCounter: 1,
    moveToDelayed: (...how) => Promise.resolve(void done.push(how)),
    updateData: (data) => Promise.resolve(void done.push(data)),
    done,
  };
};

it("an attempt that ends well gives its outcome, and the worker's metrics hear of it", async () => {
  const outcome = { outcome: "done", result: { orderId: 7 } };
  const ward = await wardWhereAllEnd({ outcome }, { report: ["parcel", "completed", 12, "done"] });
  expect(await ward.apart("parcel", job(), "token")).toEqual(outcome);
  expect(told).toEqual([["parcel", "completed", 12, "done"]]);
});

it("an attempt that is put off is put off in the worker's queue, whose lock it has", async () => {
  const ward = await wardWhereAllEnd({ until: 1234 }, { data: "not JSON" });
  const queued = job();
  await expect(ward.apart("parcel", queued, "token")).rejects.toBeInstanceOf(DelayedError);
  expect(queued.done).toEqual(["not JSON", [1234, "token"]]);
});

it("an attempt that failed fails with its words, its place in the code and its delay", async () => {
  const stack = "RejectedError: No.\n    at step (parcel.ts:1:2)";
  const ward = await wardWhereAllEnd({ name: "RejectedError", message: "No.", stack, delayMs: null });
  const error = await ward.apart("parcel", job(), "token").catch((error: unknown) => error);
  expect(error).toBeInstanceOf(AttemptFailed);
  expect(error).toMatchObject({ name: "RejectedError", message: "No.", stack, delayMs: null });
});

it("what nobody foresaw is no failure that the retry rule has decided on", async () => {
  const ward = await wardWhereAllEnd({ name: "TypeError", message: "x is undefined", stack: "TypeError" });
  const error = await ward.apart("parcel", job(), "token").catch((error: unknown) => error);
  expect(error).not.toBeInstanceOf(AttemptFailed);
  expect(error).toMatchObject({ name: "TypeError", message: "x is undefined" });
});

it("jobs that were in it when it died learn so, and the next one gets another process", async () => {
  const ended: EndedApart = { report: null, data: null, how: { outcome: { outcome: "done", result: {} } } };
  const ward = await wardThat(`
    process.on("message", ({ attempt, kind }) => {
      if (kind === "bomb") process.kill(process.pid, "SIGKILL");
      if (kind === "parcel") tell({ attempt, ended: ${JSON.stringify(ended)} });
    });
    tell("ready");
  `);
  const both = [ward.apart("slow", job(), "token"), ward.apart("bomb", { ...job(), id: "the bomb" }, "token")];
  expect(await Promise.all(both.map((one) => one.catch((error: unknown) => error)))).toEqual([
    expect.any(DiedApart),
    expect.any(DiedApart),
  ]);
  expect(said).toMatchObject([{ level: 50, signal: "SIGKILL", jobs: ["the job", "the bomb"] }]);

  expect(await ward.apart("parcel", job(), "token")).toMatchObject({ outcome: "done" });
  expect(started.length).toBe(2);
});

it("where its process does not come up, that is said, and the worker is told to do it itself", async () => {
  const ward = await wardThat("process.exit(3);");
  expect(await ward.apart("parcel", job(), "token")).toBeNull();
  expect(said).toMatchObject([{ level: 50, code: 3 }]);
});

it("where the machine has no process for it, that is said, too", async () => {
  const ward = wardStartedBy(() => {
    throw new Error("spawn ENOMEM");
  });
  expect(await ward.apart("parcel", job(), "token")).toBeNull();
  expect(said).toMatchObject([{ level: 50, err: { message: "spawn ENOMEM" } }]);
});

it("a process that hangs is ended, as one that died", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  const ward = await wardThat(`process.on("message", () => { tell("alive"); for (;;); }); tell("ready");`);
  const hanging = ward.apart("parcel", job(), "token").catch((error: unknown) => error);
  const [child] = started;
  if (child === undefined) throw new Error("none was started");
  await once(child, "message"); // it is ready
  await once(child, "message"); // it lives
  vi.advanceTimersByTime(29_999);
  expect(child.killed).toBe(false);
  vi.advanceTimersByTime(1);
  expect(await hanging).toBeInstanceOf(DiedApart);
  expect(said[0]?.msg).toBe("the ward hangs, and is ended");
});

it("a process that lives and never gets ready is ended, and the worker is told to do it itself", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  const ward = await wardThat(`setInterval(() => tell("alive"), 5);`);
  const attempt = ward.apart("parcel", job(), "token");
  const [child] = started;
  if (child === undefined) throw new Error("none was started");
  await once(child, "message"); // it lives
  vi.advanceTimersByTime(59_999);
  expect(child.killed).toBe(false);
  vi.advanceTimersByTime(1);
  expect(await attempt).toBeNull();
});

it("the process goes once there was no such job for a minute, and comes again for the next", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  const ended: EndedApart = { report: null, data: null, how: { outcome: { outcome: "done", result: {} } } };
  const ward = await wardThat(`
    process.on("message", ({ attempt }) => tell({ attempt, ended: ${JSON.stringify(ended)} }));
    setInterval(() => tell("alive"), 5);
    tell("ready");
  `);
  const pass = async (ms: number) => {
    await once(started[0] ?? process, "message"); // it lives
    vi.advanceTimersByTime(ms);
  };
  for (let jobs = 0; jobs < 2; jobs++) {
    await ward.apart("parcel", job(), "token");
    for (const ms of [20_000, 20_000, 19_999]) await pass(ms);
    expect(started[0]?.connected).toBe(true);
  }
  const over = once(started[0] ?? process, "exit");
  vi.advanceTimersByTime(1);
  expect(started[0]?.connected).toBe(false);
  await ward.apart("parcel", job(), "token");
  await over;
  await ward.apart("parcel", job(), "token");
  expect(started.length).toBe(2);
  expect(said).toEqual([]); // that is nothing to worry about
});

it("the process hears that its worker stops, which takes nothing to it any more", async () => {
  const ward = await wardThat(`process.on("message", (word) => tell({ vendorCall: [word] })); tell("ready");`);
  ward.apart("parcel", job(), "token").catch(() => undefined); // it never ends
  await vi.waitUntil(() => told.length === 1);
  stopping.abort();
  await vi.waitUntil(() => told.length === 2);
  expect(told).toMatchObject([[{ kind: "parcel" }], ["stop"]]);
  expect(await ward.apart("parcel", job(), "token")).toBeNull();
});

it("a worker that stops does not wait for a process that is still starting", async () => {
  const ward = await wardThat(`setInterval(() => tell("alive"), 5);`);
  const attempt = ward.apart("parcel", job(), "token");
  await vi.waitUntil(() => started.length === 1);
  stopping.abort();
  expect(await attempt).toBeNull();
  await ward.close();
  expect(said).toEqual([]);
});
