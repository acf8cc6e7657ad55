import { describe, expect, it } from "vitest";
import { ADDRESS } from "../processors/line.ts";
import { inSystem, until } from "./system.ts";

describe("a process that is told to stop while a vendor does not answer", () => {
  const LIMIT_MS = 2000;

  it.concurrent.each(["SIGTERM", "SIGINT"] as const)(
    "ends with 0 within its limit on %s, and another one finishes the job with one effect",
    (signal) =>
      inSystem(async (system) => {
        const first = await system.start({ VENDOR_TIMEOUT_MS: "60000", SHUTDOWN_TIMEOUT_MS: String(LIMIT_MS) });
        await system.fault({ vendor: "whmcs", operation: "AddOrder", mode: "hang-after" });
        const orderId = await system.approvedOrder();
        const { id } = await first.accepted("/api/provisioning", { orderId });
        await until(async () => (await system.asked("AddOrder")) === 1 || undefined, first);

        const toldAt = performance.now();
        first.signal(signal);
        expect(await first.ended).toEqual({ code: 0, signal: null });
        expect(performance.now() - toldAt).toBeLessThan(LIMIT_MS + 1000);
        await expect(fetch(`${first.url}/healthz`)).rejects.toThrow("fetch failed");

        const second = await system.start();
        expect(await second.until(id, "completed", "failed")).toMatchObject({ state: "completed", outcome: "done" });
        expect((await system.state()).whmcs.orders).toMatchObject([{ status: "Active" }]);
        expect(await system.asked("AddOrder")).toBe(1);
      }),
  );

  it.concurrent("that is killed without a word leaves its job to another, with one effect", () =>
    inSystem(async (system) => {
      const first = await system.start({}, "worker");
      const api = await system.start({}, "api");
      await system.fault({ vendor: "whmcs", operation: "AddOrder", mode: "hang-after" });
      const orderId = await system.approvedOrder();
      const { id } = await api.accepted("/api/provisioning", { orderId });
      await until(async () => (await system.asked("AddOrder")) === 1 || undefined, first);
      first.signal("SIGKILL");
      await first.ended;

      await system.start({}, "worker");
      expect(await api.until(id, "completed", "failed")).toMatchObject({ state: "completed", outcome: "done" });
      expect((await system.state()).whmcs.orders).toMatchObject([{ status: "Active" }]);
      expect(await system.asked("AddOrder")).toBe(1);
    }));
});

it.concurrent("loses nothing where Redis is killed and started again while jobs wait", () =>
  inSystem(async (system) => {
    const handoff = await system.start();
    const PATH = "/api/services/internet/eligibility-request";
    await system.fault({ vendor: "salesforce", operation: "*", mode: "fail-before", times: 100_000 });
    const ids: string[] = [];
    for (const name of ["unasked", "introduced", "fresh", "submitted"]) {
      const request = { accountId: await system.seed("accounts", name), address: ADDRESS };
      ids.push((await handoff.accepted(PATH, request)).id);
    }
    const provisioning = await handoff.accepted("/api/provisioning", {
      orderId: await system.approvedOrder(),
    });
    await handoff.until(provisioning.id, "retrying");

    const before = await system.state();
    await system.redis.kill();
    const late = { accountId: await system.seed("accounts", "verified"), address: ADDRESS };
    expect((await handoff.post(PATH, late)).status).toBe(503);
    await system.redis.restart();
    await handoff.ready();
    await system.clearFaults();

    for (const id of [...ids, provisioning.id])
      expect(await handoff.until(id, "completed", "failed")).toMatchObject({ id, state: "completed", outcome: "done" });
    const after = await system.state();
    expect(after.salesforce.Case.length - before.salesforce.Case.length).toBe(ids.length);
    expect(after.whmcs.orders).toMatchObject([{ status: "Active" }]);
    expect(await system.jobs("eligibility")).toBe(ids.length);
    expect(handoff.stderr()).toBe(""); // a line now and then in the log is enough
  }));
