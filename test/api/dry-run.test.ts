import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dryRunSchema } from "../../src/api/dry-run.ts";
import { monthInJapan, monthsAfter } from "../../src/domain/japan-calendar.ts";
import { openDocuments } from "../../src/integrations/documents/documents.ts";
import { verification } from "../../src/processors/verification.ts";
import type { Connection } from "../../src/queues/connection.ts";
import { openDryRuns } from "../../src/queues/dry-run.ts";
import type { Plan } from "../../src/queues/plan.ts";
import type { Rehearsed } from "../../src/queues/rehearsal.ts";
import { ADDRESS } from "../processors/line.ts";
import { ask, asPortal, documentSettings, type Doors, type Engine, openDoors, post, startEngine } from "./doors.ts";

/** `?dryRun=true` at the door: the same rules as without, no job, and a word where no worker answers. */

const PREFIX = "{handoff}";
const PLAN: Plan = {
  steps: [{ name: "read the order", how: "gone-through" }],
  reads: [{ step: "read the order", system: "salesforce", operation: "orderForProvisioning" }],
  writes: [],
  ending: { state: "completed", outcome: "done", result: {}, failure: null },
};

let engine: Engine;
let connection: Connection;
/** Where no worker runs. */
let alone: Doors;
/** Where one answers at once. */
let doors: Doors;
const asked: Rehearsed[] = [];

beforeAll(async () => {
  engine = await startEngine();
  connection = engine.redis.connect();
  await once(connection, "ready");
  alone = await openDoors(engine.intake, {
    dryRuns: openDryRuns({ redis: connection, prefix: PREFIX, waitMs: 150 }),
  });
  doors = await openDoors(engine.intake, {
    dryRuns: {
      async ask(rehearsed) {
        asked.push(rehearsed);
        return PLAN;
      },
    },
    ratePerMinute: 30,
  });
});
afterAll(async () => {
  await Promise.all([alone.close(), doors.close()]);
  connection.disconnect();
  await engine.close();
});

let made = 0;
const nextId = (prefix: string) => `${prefix}5g0000${String(++made).padStart(6, "0")}AAA`;
const PROVISIONING = "/api/provisioning";
const ELIGIBILITY = "/api/services/internet/eligibility-request";

describe("a dry run", () => {
  it("answers 200 with the plan, and takes nothing in", async () => {
    const before = await engine.waiting("provisioning");
    const answer = await post(`${doors.url}${PROVISIONING}?dryRun=true`, { orderId: nextId("801") });
    expect(answer.status).toBe(200);
    expect(dryRunSchema.parse(answer.json)).toEqual({
      dryRun: true,
      kind: "provisioning",
      wouldBe: "new",
      job: null,
      plan: PLAN,
    });
    expect(asked.at(-1)).toMatchObject({ kind: "provisioning", lookFirst: true });
    expect(await engine.waiting("provisioning")).toBe(before);
  });

  it("names the job that would be given instead of a new one, by its work or by the caller's key", async () => {
    const [order, key] = [{ orderId: nextId("801") }, { "idempotency-key": "a-key-of-this-test" }];
    const { json } = await post(doors.url + PROVISIONING, order, key);
    const count = asked.length;
    const tried = `${doors.url}${PROVISIONING}?dryRun=true`;
    expect((await post(tried, order)).json).toMatchObject({ wouldBe: "under-way", job: json["id"], plan: null });
    expect((await post(tried, order, key)).json).toMatchObject({ wouldBe: "replayed", job: json["id"], plan: null });
    expect(await post(tried, { orderId: nextId("801") }, key)).toMatchObject({
      status: 422,
      json: { code: "idempotency-key-reused" },
    });
    expect(asked.length).toBe(count);
  });

  it("refuses what would be refused, by the same words", async () => {
    const closed = {
      accountId: nextId("001"),
      serviceId: 1,
      month: monthsAfter(monthInJapan(new Date()), 24),
    };
    for (const [path, body] of [
      [PROVISIONING, { orderId: "none" }],
      [PROVISIONING, "{"],
      ["/api/services/internet/cancellation", closed],
    ] as const) {
      const [plain, dry] = [await post(doors.url + path, body), await post(`${doors.url}${path}?dryRun=true`, body)];
      expect(dry.status).toBe(plain.status);
      expect({ ...dry.json, instance: "" }).toEqual({ ...plain.json, instance: "" });
    }
    expect((await ask(`${doors.url}${PROVISIONING}?dryRun=true`, { method: "POST" })).status).toBe(401);
  });

  it.each(["yes", "1", "", "TRUE", "true&dryRun=false"])("is not asked for by %j", async (value) => {
    const before = await engine.waiting("provisioning");
    const answer = await post(`${doors.url}${PROVISIONING}?dryRun=${value}`, { orderId: nextId("801") });
    expect(answer).toMatchObject({
      status: 422,
      json: { code: "invalid-request", errors: [{ path: "dryRun", message: "must be true or false" }] },
    });
    expect(await engine.waiting("provisioning")).toBe(before);
  });

  it.each(["dryrun", "dry_run", "dry-run", "DryRun", "dryRun[]"])(
    "misspelt as %s is not taken for the work",
    async (name) => {
      const before = await engine.waiting("provisioning");
      const orderId = nextId("801");
      expect(await post(`${doors.url}${PROVISIONING}?${name}=true`, { orderId })).toMatchObject({
        status: 422,
        json: { errors: [{ path: name, message: 'is written "dryRun"' }] },
      });
      expect(await engine.waiting("provisioning")).toBe(before);
    },
  );

  it.each(["?dryRun=false", "?other=1", "?dryRunner=true"])("is none with %s: the work is taken in", async (query) => {
    expect((await post(doors.url + PROVISIONING + query, { orderId: nextId("801") })).status).toBe(202);
  });

  it("of an upload may open its document, of which nothing stays", async () => {
    const form = new FormData();
    form.set("accountId", nextId("001"));
    form.set("file", new Blob(["%PDF-1.7\nTARO YAMADA"]), "card.pdf");
    const dataDir = await mkdtemp(path.join(tmpdir(), "handoff-dry-"));
    const documents = openDocuments({ settings: { ...documentSettings(), DATA_DIR: dataDir } });
    let plan: Plan | null = PLAN;
    const opened: string[] = [];
    const desk = await openDoors(engine.intake, {
      dataDir,
      dryRuns: {
        async ask({ data }) {
          const { document } = verification.payload.parse(data);
          opened.push(Buffer.concat(await documents.open(document.id)).toString());
          return plan;
        },
      },
    });
    const tryOut = async (query: string) =>
      await ask(`${desk.url}/api/verification/residence-card${query}`, {
        method: "POST",
        headers: asPortal,
        body: form,
      });
    try {
      expect(await tryOut("?dryRun=true")).toMatchObject({ status: 200, json: { kind: "verification", plan: PLAN } });
      plan = null;
      expect(await tryOut("?dryRun=true")).toMatchObject({ status: 503, json: { code: "unavailable" } });
      expect(await tryOut("?dryRun=perhaps")).toMatchObject({ status: 422, json: { errors: [{ path: "dryRun" }] } });
      expect(opened).toEqual(["%PDF-1.7\nTARO YAMADA", "%PDF-1.7\nTARO YAMADA"]);
      await expect.poll(() => documents.leftovers(-60_000, Date.now())).toEqual([]); // erased once all is answered
      expect(await engine.waiting("verification")).toBe(0);
    } finally {
      await desk.close();
      await rm(dataDir, { recursive: true });
    }
  });

  it("counts as a request", async () => {
    const limited = await openDoors(engine.intake, { ratePerMinute: 1, dryRuns: { ask: async () => PLAN } });
    try {
      const tried = `${limited.url}${PROVISIONING}?dryRun=true`;
      expect((await post(tried, { orderId: nextId("801") })).status).toBe(200);
      expect((await post(tried, { orderId: nextId("801") })).status).toBe(429);
    } finally {
      await limited.close();
    }
  });

  it("says that nothing was changed where no worker answers, and leaves nothing readable", async () => {
    const secret = "a customer of Ogasawara";
    const body = { accountId: nextId("001"), address: ADDRESS, notes: secret };
    expect(await post(`${alone.url}${ELIGIBILITY}?dryRun=true`, body)).toMatchObject({
      status: 503,
      json: { code: "unavailable", detail: expect.stringContaining("Nothing was changed.") },
    });
    const held = await engine.redis.contents();
    expect(held).toContain(`${PREFIX}:dry-run:`); // its files remember that it was asked
    expect(held).not.toContain(secret);
    expect(held).not.toContain(ADDRESS.street);
    expect(await connection.exists(`${PREFIX}:turn:${body.accountId}`)).toBe(0);
    expect(await engine.waiting("eligibility")).toBe(0);
  });
});
