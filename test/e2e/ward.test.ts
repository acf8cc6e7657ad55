import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { endLocks } from "../chaos/locks.ts";
import { CONSUMER, openCollector } from "./collector.ts";
import type { Environment, Handoff, Process } from "./process.ts";
import { inSystem, type System, until } from "./system.ts";

/** A job whose worker died runs in a process of its own beside the worker that took it up. */

/** The processes that `parent` has started, and nobody ended. */
const childrenOf = ({ pid }: Pick<Process, "pid">): number[] =>
  readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, "utf8")
    .trim()
    .split(" ")
    .filter(Boolean)
    .map(Number);

function runs(pid: number): boolean {
  try {
    // One that ended and that nobody has asked about yet stands there all the same.
    return !/^State:\tZ/m.test(readFileSync(`/proc/${String(pid)}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Ends the locks of what died; else that takes 30 s. */
async function foundDead(system: System): Promise<void> {
  const redis = system.redis.connect();
  await endLocks(redis, "{handoff}");
  redis.disconnect();
}

/** How often the job's process died, by BullMQ's count. */
async function deathsOf(system: System, id: string): Promise<number> {
  const redis = system.redis.connect();
  const count = await redis.hget(`{handoff}:provisioning:${id}`, "stc");
  redis.disconnect();
  return Number(count);
}

/** A job whose worker died inside of WHMCS's AddOrder is in the ward of another worker, where WHMCS does not answer it either. */
async function jobInWard(system: System, environment: Environment = {}) {
  const api = await system.start({}, "api");
  const first = await system.start({}, "worker");
  await system.fault({ vendor: "whmcs", operation: "AddOrder", mode: "hang-after" });
  const { id } = await api.accepted("/api/provisioning", { orderId: await system.approvedOrder() });
  await until(async () => (await system.asked("AddOrder")) === 1 || undefined, first);
  first.signal("SIGKILL");
  await first.ended;

  await system.fault({ vendor: "whmcs", operation: "GetOrders", mode: "hang-before" });
  await foundDead(system);
  const worker = await system.start({ VENDOR_TIMEOUT_MS: "3000", ...environment }, "worker");
  const looks = await system.asked("GetOrders");
  await until(async () => (await system.asked("GetOrders")) > looks || undefined, worker);
  const [ward = 0, ...others] = childrenOf(worker);
  expect(ward).toBeGreaterThan(0);
  expect(others).toEqual([]);
  return { api, worker, id, ward };
}

async function expectOneEffect(system: System, api: Handoff, id: string): Promise<void> {
  expect(await api.until(id, "completed", "failed")).toMatchObject({ state: "completed", outcome: "done" });
  expect((await system.state()).whmcs.orders).toMatchObject([{ status: "Active" }]);
  expect(await system.asked("AddOrder")).toBe(1);
}

it.concurrent("dies there without its worker, is taken up again, and ends with one effect", ({ onTestFinished }) =>
  inSystem(async (system) => {
    const collector = await openCollector(onTestFinished);
    const { api, worker, id, ward } = await jobInWard(system, collector.environment);
    process.kill(ward, "SIGKILL");
    await expectOneEffect(system, api, id);

    const deaths = worker
      .stdout()
      .split("\n")
      .filter((line) => line.includes("the ward has died"));
    expect(deaths.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { level: "error", signal: "SIGKILL", jobs: [id] },
    ]);
    // What the other process did is told by the worker, for nobody asks that one.
    const done = /^handoff_attempts_total\{kind="provisioning",end="completed",code="done"\} 1$/m;
    const metrics = await until(async () => {
      const text = await worker.text("/metrics");
      return done.test(text) ? text : undefined;
    }, worker);
    expect(metrics).toMatch(/^handoff_vendor_calls_total\{vendor="whmcs",operation="AcceptOrder",class="done".*\} 1$/m);
    expect(worker.stderr()).toBe("");

    worker.signal("SIGTERM"); // what is left of its spans is sent then, and of the ward's before
    await worker.ended;
    const call = collector.spans().find(({ name }) => name === "whmcs AcceptOrder");
    const attempts = collector.spans().filter(({ kind }) => kind === CONSUMER);
    expect(attempts.find(({ spanId }) => spanId === call?.parentSpanId)).toMatchObject({
      traceId: call?.traceId,
      name: "process provisioning",
      attributes: { "handoff.attempt.end": "completed" },
    });
  }));

it.concurrent.each(["SIGTERM", "SIGKILL"] as const)(
  "leaves nothing behind where its worker ends on %s, and another one ends it with one effect",
  (signal) =>
    inSystem(async (system) => {
      const { api, worker, id, ward } = await jobInWard(system, { SHUTDOWN_TIMEOUT_MS: "2000" });
      worker.signal(signal);
      expect(await worker.ended).toEqual(
        signal === "SIGTERM" ? { code: 0, signal: null } : { code: null, signal: "SIGKILL" },
      );
      await until(() => !runs(ward) || undefined);
      await foundDead(system);
      await system.start({}, "worker");
      await expectOneEffect(system, api, id);
      // What is handed back was nobody's death.
      expect(await deathsOf(system, id)).toBe(signal === "SIGTERM" ? 1 : 2);
    }),
);
