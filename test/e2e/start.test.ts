import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { ADDRESS } from "../processors/line.ts";
import { inSystem, run, until } from "./system.ts";

describe("a process with bad settings", () => {
  it("lists every problem and ends with 78 before it opens a port, and shows no secret", () =>
    inSystem(async (system) => {
      // Were it to listen before it looked, it would meet this server and end otherwise.
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as AddressInfo; // it listens on TCP
      const { WHMCS_URL: _, ...others } = system.everything;
      const process = run({
        ...others,
        PORT: String(port),
        API_KEYS: "portal:Pa55word",
        DATA_KEY: "Pa55word",
        SESSION_SECRET: "Pa55word",
        RETRY_ATTEMPTS: "many",
      });
      expect(await process.ended).toEqual({ code: 78, signal: null });
      expect(process.stderr().split("\n").toSorted()).toEqual(
        [
          "Some settings are missing or wrong:",
          "  API_KEYS  must be client:key,client:key, with keys of at least 16 characters",
          "  DATA_KEY  must be 32 bytes in base64 (openssl rand -base64 32), or new,old",
          "  RETRY_ATTEMPTS  must be a whole number from 1 to 1000",
          "  SESSION_SECRET  must be at least 32 characters",
          "  WHMCS_URL  is missing (the worker role needs it)",
          "",
        ].toSorted(),
      );
      expect(process.stderr() + process.stdout()).not.toContain("Pa55word");
      expect(process.stdout()).toBe("");
      server.close();
    }));

  it("ends with 78 where a client cannot be made of them, too", () =>
    inSystem(async (system) => {
      const process = run({ ...system.everything, SALESFORCE_FIELDS: '{"Case.Opportunity": "Opportunity__c"}' });
      expect(await process.ended).toEqual({ code: 78, signal: null });
      expect(process.stderr()).toContain("SALESFORCE_FIELDS names Case.Opportunity");
      expect(process.stdout()).not.toContain("listening");
    }));

  it("with a port that is taken ends with 1 and says so", () =>
    inSystem(async (system) => {
      const first = await system.start({}, "dashboard");
      const process = run({ ...system.everything, PORT: new URL(first.url).port });
      expect(await process.ended).toEqual({ code: 1, signal: null });
      expect(process.stderr()).toContain("EADDRINUSE");
    }));
});

it("started without Redis, answers 503 and takes nothing; all is well once Redis comes", () =>
  inSystem(async (system) => {
    await system.redis.kill();
    const handoff = await system.launch();
    const accountId = await system.seed("accounts", "unasked");
    const request = { accountId, address: ADDRESS };
    expect(await handoff.status("/healthz")).toBe(200);
    expect(await handoff.status("/readyz")).toBe(503);
    const refused = await handoff.post("/api/services/internet/eligibility-request", request);
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);

    await system.redis.restart();
    await handoff.ready();
    const job = await handoff.accepted("/api/services/internet/eligibility-request", request);
    expect(await handoff.until(job.id, "completed", "failed")).toMatchObject({ state: "completed", outcome: "done" });
    expect(await system.jobs("eligibility")).toBe(1);
  }));

it("started while Redis is full, begins its sweeps once there is room", () =>
  inSystem(async (system) => {
    await system.redis.each((server) => server.config("SET", "maxmemory", "1"));
    const worker = await system.launch({}, "worker");
    await until(() => worker.stdout().includes("not everything could be begun") || undefined, worker);
    expect(await system.jobs("daily-sweep")).toBe(0);
    await system.redis.each((server) => server.config("SET", "maxmemory", "0"));
    await until(async () => (await system.jobs("daily-sweep")) > 0 || undefined, worker);
  }));

it("a schedule that cannot be kept keeps no job waiting, and is kept once it can be", () =>
  inSystem(async (system) => {
    const redis = system.redis.connect();
    const schedules = "{handoff}:approval-sweep:repeat";
    await redis.set(schedules, "not BullMQ's");
    const handoff = await system.start();
    const accountId = await system.seed("accounts", "unasked");
    const request = { accountId, address: ADDRESS };
    const { id } = await handoff.accepted("/api/services/internet/eligibility-request", request);
    await handoff.until(id, "completed");
    expect(handoff.stdout()).toContain("not everything could be begun");
    await redis.del(schedules);
    await until(async () => (await system.jobs("approval-sweep")) > 0 || undefined, handoff);
    redis.disconnect();
  }));

it("an api process needs nothing of Salesforce to take work in, and says what it cannot tell without", () =>
  inSystem(async (system) => {
    const handoff = await system.start({}, "api");
    expect(JSON.parse(await handoff.text("/readyz"))).toMatchObject({
      status: "ready",
      warnings: expect.arrayContaining([expect.stringContaining("SALESFORCE_LOGIN_URL")]),
    });
    const accountId = await system.seed("accounts", "unasked");
    await handoff.accepted("/api/services/internet/eligibility-request", { accountId, address: ADDRESS });
    const path = `/api/accounts/${accountId}/status`;
    expect((await handoff.get(path)).status).toBe(503);

    const { SALESFORCE_LOGIN_URL = "", SALESFORCE_CLIENT_ID = "", SALESFORCE_CLIENT_SECRET = "" } = system.everything;
    const reader = await system.start({ SALESFORCE_LOGIN_URL, SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET }, "api");
    expect((await reader.get(path)).status).toBe(200);
    expect(await reader.text("/readyz")).not.toContain("SALESFORCE");
  }));
