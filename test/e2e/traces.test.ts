import { Queue } from "bullmq";
import { expect, it } from "vitest";
import * as z from "zod";
import { ADDRESS } from "../processors/line.ts";
import { CLIENT, CONSUMER, openCollector, SERVER } from "./collector.ts";
import { inSystem, type System, until } from "./system.ts";

/** What the portal, the queue and the vendors did about one request, as a trace backend gets to see it. */

const PORTALS_SPAN = "00f067aa0ba902b7";
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT = `00-${TRACE}-${PORTALS_SPAN}-01`;

/** Asks the queue of eligibility checks itself. */
async function inQueue<T>(system: System, ask: (queue: Queue) => Promise<T>): Promise<T> {
  const connection = system.redis.connect();
  const queue = new Queue("eligibility", { connection, prefix: "{handoff}" });
  try {
    return await ask(queue);
  } finally {
    await queue.close();
    connection.disconnect();
  }
}

/** What BullMQ was told to keep with the job. */
const optionsOf = async (system: System, id: string) =>
  await inQueue(system, async (queue) => JSON.stringify((await queue.getJob(id))?.opts));

it("one trace goes from the portal's request through the queue to each call to a vendor", () =>
  inSystem(async (system) => {
    const collector = await openCollector();
    const [api, worker] = await Promise.all([
      system.start(collector.environment, "api"),
      system.start(collector.environment, "worker"),
    ]);
    // Else the first sweep may take the order in before the portal does, and its trace is another.
    await until(async () => (await system.jobs("approval-sweep", "completed")) > 0 || undefined);
    await system.fault({ vendor: "whmcs", operation: "AddOrder", mode: "hang-after" });
    const orderId = await system.approvedOrder();
    const response = await api.post("/api/provisioning", { orderId }, { traceparent: TRACEPARENT });
    const { id } = z.object({ id: z.string() }).parse(await response.json());
    await api.until(id, "completed", "failed");
    for (const process of [api, worker]) process.signal("SIGTERM"); // what is left is sent then
    expect(await Promise.all([api.ended, worker.ended])).toMatchObject([{ code: 0 }, { code: 0 }]);

    const spans = collector.spans().filter(({ traceId }) => traceId === TRACE);
    const [door, ...others] = spans.filter(({ kind }) => kind === SERVER);
    expect(others).toEqual([]);
    expect(door).toMatchObject({
      name: "POST /api/provisioning",
      parentSpanId: PORTALS_SPAN,
      attributes: { "http.route": "/api/provisioning", "http.response.status_code": 202, "handoff.job.id": id },
    });
    const runs = spans.filter(({ kind }) => kind === CONSUMER);
    expect(runs.map(({ name, parentSpanId }) => ({ name, parentSpanId }))).toEqual(
      runs.map(() => ({ name: "process provisioning", parentSpanId: door?.spanId })),
    );
    expect(runs.map((run) => run.attributes["handoff.attempt.end"])).toEqual(["retrying", "completed"]);
    expect(runs[0]?.status.code).toBe(2); // an error

    const calls = spans.filter(({ kind }) => kind === CLIENT);
    const ofRun = (run: number) =>
      calls.filter(({ parentSpanId }) => parentSpanId === runs[run]?.spanId).map(({ name }) => name);
    expect(ofRun(0)).toEqual(expect.arrayContaining(["salesforce orderForProvisioning", "whmcs AddOrder"]));
    expect(ofRun(1)).toEqual(expect.arrayContaining(["whmcs AcceptOrder", "salesforce activate"]));
    expect(ofRun(0).length + ofRun(1).length).toBe(calls.length);
    expect(calls.filter(({ status }) => status.code === 2)).toMatchObject([
      {
        name: "whmcs AddOrder",
        attributes: { "peer.service": "whmcs", "error.type": "whmcs-timeout", "handoff.class": "unknown-outcome" },
      },
    ]);
    expect(collector.services()).toEqual(new Set(["handoff"]));

    // How BullMQ fetches jobs and keeps its locks is left out.
    expect(new Set(collector.spans().map(({ kind }) => kind))).toEqual(new Set([SERVER, CLIENT, CONSUMER]));
  }));

it("a trace tells nothing of the customer, and no token", () =>
  inSystem(async (system) => {
    const collector = await openCollector();
    const handoff = await system.start(collector.environment);
    await system.announceTo(handoff);
    const accountId = await system.seed("accounts", "unasked");
    const headers = { traceparent: TRACEPARENT, baggage: "email=hanako@example.com", tracestate: "portal=1" };
    const asked = await handoff.post(
      "/api/services/internet/eligibility-request",
      { accountId, address: ADDRESS },
      headers,
    );
    const { id } = z.object({ id: z.string() }).parse(await asked.json());
    await handoff.until(id, "completed", "failed");
    await system.announce(await system.approvedOrder());
    handoff.signal("SIGTERM");
    expect(await handoff.ended).toMatchObject({ code: 0 });

    expect(JSON.parse(await optionsOf(system, id))).toMatchObject({
      telemetry: {
        metadata: expect.stringMatching(/^\{"traceparent":"00-4bf9[^"]+","tracestate":"portal=1"\}$/) as string,
      },
    });
    expect(collector.spans().map(({ name }) => name)).toEqual(
      expect.arrayContaining(["process eligibility", "POST /salesforce/outbound-messages/:token"]),
    );
    expect(collector.spans().flatMap(({ events }) => events)).toEqual([]);
    for (const secret of [
      ...Object.values(ADDRESS),
      "hanako",
      "the-token-of-outbound-messages",
      "sandbox-secret",
      "the-portals-key",
    ])
      expect(collector.text()).not.toContain(secret);
  }));

it("each sweep has a trace of its own, and a job whose trace cannot be read runs all the same", () =>
  inSystem(async (system) => {
    const collector = await openCollector();
    const worker = await system.start({ ...collector.environment, SWEEP_INTERVAL_MS: "1000" }, "worker");
    await inQueue(system, (queue) =>
      queue.add("eligibility", {}, { jobId: "odd", telemetry: { metadata: "no JSON" } }),
    );
    await until(async () => (await system.jobs("eligibility", "failed")) === 1 || undefined); // for its payload
    await until(async () => (await system.jobs("approval-sweep", "completed")) >= 3 || undefined);
    worker.signal("SIGTERM");
    expect(await worker.ended).toMatchObject({ code: 0 });
    const sweeps = collector.spans().filter(({ name }) => name === "process approval-sweep");
    expect(sweeps.length).toBeGreaterThanOrEqual(3);
    expect(new Set(sweeps.map(({ traceId }) => traceId)).size).toBe(sweeps.length);
  }));

it("without OpenTelemetry's variables nothing is sent, and nothing is kept with a job", () =>
  inSystem(async (system) => {
    const collector = await openCollector();
    const handoff = await system.start({ ...collector.environment, OTEL_TRACES_EXPORTER: "none" }, "api");
    const accountId = await system.seed("accounts", "unasked");
    const body = { accountId, address: ADDRESS };
    const asked = await handoff.post("/api/services/internet/eligibility-request", body, { traceparent: TRACEPARENT });
    const { id } = z.object({ id: z.string() }).parse(await asked.json());
    expect(await optionsOf(system, id)).not.toContain("trace");
    handoff.signal("SIGTERM");
    expect(await handoff.ended).toMatchObject({ code: 0 });
    expect(collector.spans()).toEqual([]);
  }));

it("a collector that is away costs nobody anything, and the log says so once", () =>
  inSystem(async (system) => {
    const handoff = await system.start({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" }, "api");
    await handoff.accepted("/api/provisioning", { orderId: await system.approvedOrder() });
    handoff.signal("SIGTERM");
    expect(await handoff.ended).toMatchObject({ code: 0 });
    expect(handoff.stdout().match(/traces could not be sent/g)).toHaveLength(1);
  }));
