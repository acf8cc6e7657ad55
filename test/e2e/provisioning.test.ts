import { describe, expect, it } from "vitest";
import { openBrowser, signIn } from "../dashboard/site.ts";
import { ADDRESS } from "../processors/line.ts";
import { inSystem, type System, until } from "./system.ts";

/** Waits until the order's Opportunity is Active. */
async function active(system: System, opportunity: string) {
  const id = await system.seed("opportunities", opportunity);
  return await until(async () => {
    const record = await system.record("Opportunity", id);
    return record?.["StageName"] === "Active" ? record : undefined;
  });
}

describe("an order that Customer Service approves", () => {
  it("is announced, becomes one job and an active service; announced again, before or after, it makes no second one", () =>
    inSystem(async (system) => {
      const api = await system.start({}, "api");
      await system.announceTo(api);
      const orderId = await system.seed("orders", "pendingHome");
      await system.edit("Order", orderId, { Status: "Approved" });
      await until(async () => (await system.jobs("provisioning")) === 1 || undefined, api);
      expect(await system.announce(orderId)).toMatchObject({ state: "acknowledged", status: 200, tries: 1 });
      expect(await system.jobs("provisioning")).toBe(1);

      const worker = await system.start({}, "worker");
      const opportunity = await active(system, "pendingHome");
      await until(async () => (await system.jobs("provisioning", "completed")) === 1 || undefined, worker);
      expect(await system.announce(orderId)).toMatchObject({ state: "acknowledged", status: 200, tries: 1 });
      expect(await system.jobs("provisioning")).toBe(1);

      const { whmcs } = await system.state();
      expect(whmcs.orders).toMatchObject([{ status: "Active" }]);
      expect(opportunity["WHMCS_Service_ID__c"]).toBe(
        whmcs.services.find(({ pid, orderId }) => pid === 11 && orderId !== 0)?.id,
      );
      expect(await system.asked("AddOrder")).toBe(1);
    }));

  it("is announced until Handoff has it: what cannot be taken is not acknowledged", () =>
    inSystem(async (system) => {
      const handoff = await system.start();
      await system.announceTo(handoff);
      await system.redis.kill();
      const orderId = await system.approvedOrder();
      expect(await system.announce(orderId)).toMatchObject({ state: "waiting", status: 500 });
      await system.redis.restart();
      await active(system, "approvedApartment");
      expect(await system.jobs("provisioning")).toBe(1);
    }));
});

it("has one WHMCS order where AddOrder lands but never answers, and the metrics tell what happened", () =>
  inSystem(async (system) => {
    const handoff = await system.start();
    await system.fault({ vendor: "whmcs", operation: "AddOrder", mode: "hang-after" });
    const orderId = await system.approvedOrder();
    const { id } = await handoff.accepted("/api/provisioning", { orderId });
    const job = await handoff.until(id, "completed", "failed");
    const { whmcs } = await system.state();
    expect(job).toMatchObject({ state: "completed", outcome: "done", attempts: 2 });
    expect(whmcs.orders).toMatchObject([{ id: job.result?.["whmcsOrderId"], status: "Active" }]);
    expect(await system.asked("AddOrder")).toBe(1);

    const metrics = await handoff.text("/metrics");
    for (const [operation, sort, result, times] of [
      ["AddOrder", "unknown-outcome", "whmcs-timeout", "1"],
      ["GetClientsProducts", "done", "done", "2"], // before, for what is posted may be there already, and after
      ["AcceptOrder", "done", "done", "1"],
    ])
      expect(metrics).toMatch(
        new RegExp(
          `^handoff_vendor_calls_total\\{vendor="whmcs",operation="${operation}",class="${sort}",result="${result}"\\} ${times}$`,
          "m",
        ),
      );
    expect(metrics).toMatch(
      /^handoff_vendor_calls_total\{vendor="salesforce",operation="activate",class="done",result="done"\} 1$/m,
    );
  }));

it("works with each role in a process of its own, which has only that role's settings", () =>
  inSystem(async (system) => {
    const [api, worker, dashboard] = await Promise.all([
      system.start({}, "api"),
      system.start({}, "worker"),
      system.start({}, "dashboard"),
    ]);
    for (const process of [api, worker, dashboard]) {
      for (const path of ["/healthz", "/readyz", "/metrics"]) expect(await process.status(path)).toBe(200);
    }
    const request = { accountId: await system.seed("accounts", "unasked"), address: ADDRESS };
    for (const process of [worker, dashboard])
      expect((await process.post("/api/services/internet/eligibility-request", request)).status).toBe(404);

    const { id } = await api.accepted("/api/services/internet/eligibility-request", request);
    expect(await api.until(id, "completed", "failed")).toMatchObject({ state: "completed", outcome: "done" });
    const browser = openBrowser(dashboard);
    expect((await signIn(browser, { name: "olga" })).status).toBe(303);
    const shown: unknown = await (await browser.get(`/admin/queues/api/queues/eligibility/${id}`)).json();
    expect(shown).toMatchObject({ status: "completed", job: { returnValue: { outcome: "done" } } });
  }));

it("shows an operator in plain words what to mend, and completes the job that the operator retries", () =>
  inSystem(async (system) => {
    const handoff = await system.start();
    const orderId = await system.seed("orders", "pendingWithoutClient");
    await system.edit("Order", orderId, { Status: "Approved" });
    const { id } = await handoff.accepted("/api/provisioning", { orderId });
    const failed = await handoff.until(id, "completed", "failed");
    expect(failed).toMatchObject({ state: "failed", failure: { code: "no-whmcs-client" } });

    const browser = openBrowser(handoff);
    expect((await browser.get(`/admin/queues/api/queues/provisioning/${id}`)).status).toBe(401);
    await signIn(browser, { name: "olga" });
    const shown: unknown = await (await browser.get(`/admin/queues/api/queues/provisioning/${id}`)).json();
    expect(shown).toMatchObject({
      status: "failed",
      job: { failedReason: `${failed.failure?.title} ${failed.failure?.detail}` },
    });
    expect(failed.failure?.detail).toContain("Fill in WH_Account__c on the order's account in Salesforce");

    await system.edit("Account", await system.seed("accounts", "withoutClient"), { WH_Account__c: 1012 });
    const retried = await browser.send("PUT", `/admin/queues/api/queues/provisioning/${id}/retry`);
    expect(retried.status).toBe(204);
    expect(await handoff.until(id, "completed")).toMatchObject({ outcome: "done", failure: null });
    expect((await system.state()).whmcs.orders).toMatchObject([{ clientId: 1012, status: "Active" }]);
  }));
