import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { randomUUID } from "node:crypto";
import express from "express";
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { healthRoutes } from "../../src/api/health.ts";
import { endAccess, restoreAccess, watchEnded } from "../../src/ended-access.ts";
import type { Intake } from "../../src/queues/intake.ts";
import {
  ask,
  asPortal,
  type Doors,
  type Engine,
  openDoors,
  post,
  PORTAL_KEY,
  SCRIPT_KEY,
  SECOND_PORTAL_KEY,
  startEngine,
} from "./doors.ts";

let engine: Engine;
let doors: Doors;
let eligibility: string;
let provisioning: string;

beforeAll(async () => {
  engine = await startEngine();
  doors = await openDoors(engine.intake);
  eligibility = `${doors.url}/api/services/internet/eligibility-request`;
  provisioning = `${doors.url}/api/provisioning`;
});
afterAll(async () => {
  await doors.close();
  await engine.close();
});

let made = 0;
/** An id that no other test of this file uses. */
const nextId = (prefix: string) => `${prefix}5g0000${String(++made).padStart(6, "0")}`;
const nextOrder = () => ({ orderId: nextId("801") });
const nextRequest = () => ({
  accountId: nextId("001"),
  address: { postalCode: "150-0002", prefecture: "東京都", city: "渋谷区", street: "渋谷2-21-1" },
});

describe("handing work in", () => {
  it("answers 202 with the job and where to follow it, and the job can be read there", async () => {
    const answer = await post(provisioning, nextOrder());
    expect(answer.status).toBe(202);
    expect(answer.json).toMatchObject({ kind: "provisioning", state: "queued", attempts: 0, steps: [], outcome: null });
    expect(answer.headers.get("location")).toBe(`/api/jobs/${String(answer.json["id"])}`);
    expect(answer.headers.get("cache-control")).toBe("no-store");

    const read = await ask(doors.url + String(answer.headers.get("location")), { headers: asPortal });
    expect(read.status).toBe(200);
    expect(read.headers.get("cache-control")).toBe("no-store");
    expect(read.json).toEqual(answer.json);
  });

  it("lets any client read any job: they are all one company's", async () => {
    const { json } = await post(provisioning, nextOrder());
    const read = await ask(`${doors.url}/api/jobs/${String(json["id"])}`, {
      headers: { authorization: `Bearer ${SCRIPT_KEY}` },
    });
    expect(read.status).toBe(200);
  });

  it("takes 20 equal posts at once as one job", async () => {
    const before = await engine.waiting("eligibility");
    const request = nextRequest();
    const key = randomUUID();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post(eligibility, request, { "idempotency-key": key })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 202));
    expect(new Set(answers.map(({ json }) => json["id"])).size).toBe(1);
    expect(await engine.waiting("eligibility")).toBe(before + 1);
  });

  it("answers a second request for the same work without a key with the job that is under way", async () => {
    const request = nextRequest();
    const [first, second] = [await post(eligibility, request), await post(eligibility, { ...request, notes: "again" })];
    expect(second.status).toBe(202);
    expect(second.json["id"]).toBe(first.json["id"]);
  });

  it("compares bodies as JSON: order of keys and white space make no other request", async () => {
    const { accountId, address } = nextRequest();
    const key = randomUUID();
    const first = await post(eligibility, JSON.stringify({ accountId, address }), { "idempotency-key": key });
    const shuffled = JSON.stringify(
      { address: Object.fromEntries(Object.entries(address).toReversed()), accountId },
      null,
      4,
    );
    const second = await post(eligibility, shuffled, { "idempotency-key": key });
    expect(second.status).toBe(202);
    expect(second.json["id"]).toBe(first.json["id"]);
  });

  it("refuses a key that stands for another body, and takes nothing", async () => {
    const key = randomUUID();
    await post(provisioning, nextOrder(), { "idempotency-key": key });
    const before = await engine.waiting("provisioning");
    const reused = await post(provisioning, nextOrder(), { "idempotency-key": key });
    expect(reused).toMatchObject({ status: 422, json: { code: "idempotency-key-reused" } });
    expect(await engine.waiting("provisioning")).toBe(before);
  });

  it("keeps the keys of two clients apart", async () => {
    const key = randomUUID();
    const ours = await post(provisioning, nextOrder(), { "idempotency-key": key });
    const theirs = await post(provisioning, nextOrder(), {
      "idempotency-key": key,
      authorization: `Bearer ${SCRIPT_KEY}`,
    });
    expect([ours.status, theirs.status]).toEqual([202, 202]);
    expect(theirs.json["id"]).not.toBe(ours.json["id"]);
  });

  it("reads a body that begins with a byte order mark", async () => {
    const answer = await post(provisioning, `\ufeff${JSON.stringify(nextOrder())}`);
    expect(answer.status).toBe(202);
  });
});

describe("who may ask", () => {
  it("takes both keys of a client that changes its key, and the name of the scheme in any case", async () => {
    for (const authorization of [`Bearer ${PORTAL_KEY}`, `Bearer ${SECOND_PORTAL_KEY}`, `bearer ${PORTAL_KEY}`]) {
      expect((await post(provisioning, nextOrder(), { authorization })).status).toBe(202);
    }
  });

  it.each([
    ["no key", {}],
    ["another scheme", { authorization: "Basic cG9ydGFsOnNlY3JldA==" }],
    ["a key that is not set", { authorization: "Bearer not-a-key-of-anyone" }],
    ["a key with one character more", { authorization: `Bearer ${PORTAL_KEY}x` }],
    ["an empty key", { authorization: "Bearer " }],
  ])("answers 401 to %s, before it looks at anything else", async (_, headers) => {
    for (const path of ["/api/provisioning", "/api/jobs/x", "/api/no/such/call"]) {
      const answer = await ask(doors.url + path, { method: "POST", headers: { ...headers }, body: "{" });
      expect(answer).toMatchObject({ status: 401, json: { code: "unauthenticated" } });
      expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer /);
    }
  });

  it("answers 401 to a client whose access was ended, within moments, until it is given back", async () => {
    const connection = engine.redis.connect();
    const ended = watchEnded(connection, "{handoff}", 20);
    const watchful = await openDoors(engine.intake, { ended });
    const asScript = { authorization: `Bearer ${SCRIPT_KEY}` };
    const statusOf = async (headers: Record<string, string>) =>
      (await ask(`${watchful.url}/api/services/sim/cancellation-months`, { headers })).status;
    try {
      expect(await statusOf(asScript)).toBe(200);
      await endAccess(connection, "{handoff}", "script");
      await expect.poll(() => statusOf(asScript)).toBe(401);
      expect(await statusOf(asPortal)).toBe(200);
      await restoreAccess(connection, "{handoff}", "script");
      await expect.poll(() => statusOf(asScript)).toBe(200);
    } finally {
      await watchful.close();
      ended.close();
      connection.disconnect();
    }
  });

  it("answers 429 with Retry-After past a client's rate, and still serves the other client", async () => {
    const strict = await openDoors(engine.intake, { ratePerMinute: 2 });
    try {
      const url = `${strict.url}/api/provisioning`;
      const answers = [];
      for (let request = 0; request < 3; request++) answers.push(await post(url, nextOrder()));
      expect(answers.map(({ status }) => status)).toEqual([202, 202, 429]);
      expect(answers[2]?.json["code"]).toBe("too-many-requests");
      const seconds = Number(answers[2]?.headers.get("retry-after"));
      expect(seconds).toBeGreaterThan(0);
      expect(seconds).toBeLessThanOrEqual(60);
      expect((await post(url, nextOrder(), { authorization: `Bearer ${SCRIPT_KEY}` })).status).toBe(202);
    } finally {
      await strict.close();
    }
  });
});

describe("bodies that are not taken", () => {
  it("names every problem at once, by its path, and says nothing of the values", async () => {
    const answer = await post(
      eligibility,
      { accountId: "801x", address: { postalCode: "1500-002", prefecture: 13, street: "" }, colour: "a-secret-value" },
      { "idempotency-key": "has a space" },
    );
    expect(answer).toMatchObject({ status: 422, json: { code: "invalid-request" } });
    const errors = answer.json["errors"] as { path: string; message: string }[];
    expect(errors.map(({ path }) => path).toSorted()).toEqual(
      [
        "Idempotency-Key",
        "accountId",
        "address.city",
        "address.postalCode",
        "address.prefecture",
        "address.street",
        "colour",
      ].toSorted(),
    );
    expect(errors.find(({ path }) => path === "address.city")?.message).toBe("is required");
    expect(errors.find(({ path }) => path === "colour")?.message).toBe("is not known here");
    expect(answer.text).not.toContain("a-secret-value");
    expect(answer.text).not.toContain("1500-002");
  });

  it("says no name back that could be a value in the wrong place, and tells of a hundred problems at most", async () => {
    const misplaced = await post(provisioning, { ...nextOrder(), "渋谷2-21-1": true });
    expect(misplaced.json["errors"]).toEqual([{ path: "", message: "holds a field whose name is not known here" }]);
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`k${String(at)}`, 1]));
    const answer = await post(provisioning, { ...nextOrder(), ...many });
    expect(answer).toMatchObject({ status: 422, json: { detail: "5000 things are wrong. The first 100 are named." } });
    expect(answer.json["errors"]).toHaveLength(100);
  });

  it.each([["[]"], ["null"], ['"text"'], ["12"]])("answers 422 to JSON that is no object: %s", async (body) => {
    const answer = await post(provisioning, body);
    expect(answer).toMatchObject({ status: 422, json: { code: "invalid-request", errors: [{ path: "" }] } });
  });

  it("is not led astray by __proto__", async () => {
    const answer = await post(provisioning, `{"__proto__": {"orderId": "${nextOrder().orderId}"}}`);
    expect(answer.status).toBe(422);
  });

  it.each([
    ["an empty key", ""],
    ["a key of 256 characters", "k".repeat(256)],
    ["a key with a space", "one two"],
    ["a key beyond ASCII", "caf\u00e9"],
  ])("answers 422 to %s as Idempotency-Key", async (_, key) => {
    const answer = await post(provisioning, nextOrder(), { "idempotency-key": key });
    expect(answer).toMatchObject({
      status: 422,
      json: { code: "invalid-request", errors: [{ path: "Idempotency-Key" }] },
    });
  });

  it("takes an Idempotency-Key of 255 characters", async () => {
    expect((await post(provisioning, nextOrder(), { "idempotency-key": "~".repeat(255) })).status).toBe(202);
  });

  it.each([
    ["cut JSON", '{"orderId":'],
    ["nothing", ""],
    ["two values", "{}{}"],
    ["bytes that are not UTF-8", Buffer.from([0x7b, 0x22, 0xe6, 0x97, 0x22, 0x7d])],
    ["UTF-16", Buffer.from(JSON.stringify({ orderId: "8015g00000ZxCvB" }), "utf16le")],
  ])("answers 400 malformed-json to %s, without quoting it", async (_, body) => {
    const answer = await post(provisioning, body);
    expect(answer).toMatchObject({ status: 400, json: { code: "malformed-json" } });
    expect(answer.text).not.toContain("orderId");
  });

  it.each([
    ["another type", { "content-type": "text/plain" }],
    ["a form", { "content-type": "application/x-www-form-urlencoded" }],
    ["another charset", { "content-type": "application/json; charset=shift_jis" }],
    ["a compressed body", { "content-encoding": "gzip" }],
  ])("answers 415 to %s", async (_, headers) => {
    const answer = await post(provisioning, nextOrder(), headers);
    expect(answer).toMatchObject({ status: 415, json: { code: "unsupported-media-type" } });
  });

  it("takes JSON whose type says its charset", async () => {
    const answer = await post(provisioning, nextOrder(), { "content-type": 'Application/JSON; charset="UTF-8"' });
    expect(answer.status).toBe(202);
  });

  it("takes 64 KiB and answers 413 to one byte more, announced or streamed, and the connection lives on", async () => {
    const exact = ` ${JSON.stringify(nextOrder())}`.padStart(64 * 1024);
    expect((await post(provisioning, exact)).status).toBe(202);
    expect(await post(provisioning, ` ${exact}`)).toMatchObject({ status: 413, json: { code: "too-large" } });

    const streamed = await fetch(provisioning, {
      method: "POST",
      headers: { ...asPortal, "content-type": "application/json" },
      body: ReadableStream.from(Array.from({ length: 40 }, () => Buffer.alloc(4096, " "))),
      duplex: "half",
    });
    expect(streamed.status).toBe(413);
    await streamed.body?.cancel();
    expect((await post(provisioning, nextOrder())).status).toBe(202);
  });

  it("answers 408 to a body that stops arriving, and closes the connection", async () => {
    const impatient = await openDoors(engine.intake, { bodyDeadlineMs: 50 });
    try {
      const answer = await rawExchange(impatient.port, `${head(100)}{"orderId":`);
      expect(answer).toMatch(/^HTTP\/1\.1 408 /);
      expect(answer).toContain('"code":"body-timeout"');
      expect(answer.toLowerCase()).toContain("connection: close");
    } finally {
      await impatient.close();
    }
  });

  it("takes nothing from a caller that goes away in the middle of its body", async () => {
    const before = await engine.waiting("provisioning");
    const requestId = randomUUID();
    const socket = connect(doors.port, "127.0.0.1");
    socket.write(`${head(100, requestId)}{"orderId":`, () => socket.destroy());
    expect(await doors.logged(requestId)).toMatchObject({ status: 499 });
    expect(await engine.waiting("provisioning")).toBe(before);
  });
});

describe("addresses and methods", () => {
  it("answers 404 to a job that is not there and to an id that cannot be one", async () => {
    for (const id of [randomUUID(), "no%20such%20job", "x".repeat(500)]) {
      const answer = await ask(`${doors.url}/api/jobs/${id}`, { headers: asPortal });
      expect(answer).toMatchObject({ status: 404, json: { code: "unknown-job" } });
    }
  });

  it("answers 404 to an address that no call has, and to one that cannot be decoded", async () => {
    for (const path of ["/api", "/api/", "/api/orders/nope", "/api/jobs/%E0%A4%A"]) {
      expect(await ask(doors.url + path, { headers: asPortal })).toMatchObject({
        status: 404,
        json: { code: "not-found" },
      });
    }
  });

  it.each([
    ["GET", "/api/provisioning", "POST"],
    ["DELETE", "/api/jobs/x", "GET, HEAD"],
    ["POST", "/healthz", "GET, HEAD"],
    ["POST", "/api/docs", "GET, HEAD"],
  ])("answers 405 to %s %s, with Allow", async (method, path, allow) => {
    const answer = await ask(doors.url + path, { method, headers: asPortal });
    expect(answer).toMatchObject({ status: 405, json: { code: "method-not-allowed" } });
    expect(answer.headers.get("allow")).toBe(allow);
  });

  it("leaves every other address to its neighbour, untouched", async () => {
    for (const path of ["/", "/admin/queues", "/apiary", "/health", "/salesforce", "/login"]) {
      const answer = await ask(doors.url + path);
      expect(answer).toMatchObject({ status: 418, text: "the neighbour's" });
      expect(answer.headers.get("content-security-policy")).toBeNull();
    }
  });
});

describe("every answer", () => {
  it("carries the caller's request id, or one that was made where the caller's is not safe", async () => {
    const named = await post(provisioning, {}, { "x-request-id": "Root=1-67891233/abc" });
    expect(named.headers.get("x-request-id")).toBe("Root=1-67891233/abc");
    expect(named.json["instance"]).toBe("urn:handoff:request:Root=1-67891233/abc");
    for (const unsafe of ["", "two words", "<script>", "x".repeat(129)]) {
      const made = (await post(provisioning, {}, { "x-request-id": unsafe })).headers.get("x-request-id");
      expect(made).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it("that is a problem has all that RFC 9457 asks for, and a type that opens its explanation", async () => {
    const answer = await post(provisioning, "{");
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(Object.keys(answer.json).toSorted()).toEqual(["code", "detail", "instance", "status", "title", "type"]);
    const [page = "", anchor = ""] = String(answer.json["type"]).split("#");
    expect((await ask(doors.url + page)).text).toContain(`id="${anchor}"`);
  });

  it("has headers that keep a browser from doing anything with it, and none that names the software", async () => {
    const { headers } = await ask(`${doors.url}/healthz`);
    expect(headers.get("content-security-policy")).toBe("default-src 'none';frame-ancestors 'none'");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("x-powered-by")).toBeNull();
    expect(headers.get("access-control-allow-origin")).toBeNull();
  });

  it("is one line in the log: who, what and how long, by the route's pattern, without body or key", async () => {
    const requestId = randomUUID();
    const request = { ...nextRequest(), notes: "the-customer's-own-words" };
    const { json } = await post(eligibility, request, { "x-request-id": requestId });
    expect(await doors.logged(requestId)).toMatchObject({
      method: "POST",
      route: "/api/services/internet/eligibility-request",
      status: 202,
      client: "portal",
      job: json["id"],
      how: "new",
    });
    expect(doors.log.filter((line) => line["requestId"] === requestId)).toHaveLength(1);
    const text = JSON.stringify(doors.log);
    expect(text).not.toContain("the-customer's-own-words");
    expect(text).not.toContain("渋谷");
    expect(text).not.toContain(PORTAL_KEY);
  });
});

describe("our own faults", () => {
  it("answer 500 without a word of what happened, and the log has it under the request's id", async () => {
    const broken: Intake = {
      accept: () =>
        Promise.reject(
          Object.assign(new TypeError("a bug"), { headers: { authorization: "Bearer leak" }, body: "leak" }),
        ),
      known: () => Promise.reject(new Error("one more bug")),
      lastJob: () => Promise.reject(new Error("a fourth bug")),
      job: () => Promise.reject(new Error("another bug")),
      check: () => Promise.reject(new Error("a third bug")),
    };
    const unlucky = await openDoors(broken);
    try {
      const requestId = randomUUID();
      const answer = await post(`${unlucky.url}/api/provisioning`, nextOrder(), { "x-request-id": requestId });
      expect(answer).toMatchObject({
        status: 500,
        json: { code: "internal-error", instance: `urn:handoff:request:${requestId}` },
      });
      expect(answer.text).not.toContain("bug");
      const line = await unlucky.logged(requestId);
      expect(line).toMatchObject({ level: 50, status: 500, err: { name: "TypeError", message: "a bug" } });
      expect(JSON.stringify(line)).not.toContain("leak");
      expect(await ask(`${unlucky.url}/api/jobs/x`, { headers: asPortal })).toMatchObject({ status: 500 });
      expect(await ask(`${unlucky.url}/readyz`)).toMatchObject({ status: 500 });
    } finally {
      await unlucky.close();
    }
  });
});

describe("machines that watch over it", () => {
  it("hear that it lives, that it is ready, and its counts by route", async () => {
    expect(await ask(`${doors.url}/healthz`)).toMatchObject({ status: 200, json: { status: "alive" } });
    expect(await ask(`${doors.url}/readyz`)).toMatchObject({ status: 200, json: { status: "ready", warnings: [] } });
    await post(provisioning, nextOrder());
    const metrics = await ask(`${doors.url}/metrics`);
    expect(metrics.headers.get("content-type")).toMatch(/^text\/plain/);
    expect(metrics.text).toMatch(
      /handoff_http_request_duration_seconds_count\{method="POST",route="\/api\/provisioning",status="202"\} \d+/,
    );
  });

  it("hear that it is ready in spite of what has to be mended elsewhere", async () => {
    const broken = async () => Promise.reject(new Error("Redis holds something else there"));
    const sources = [async () => ["Salesforce, Order.Status: value missing: Approved."], broken];
    const routes = healthRoutes(engine.intake, new Registry(), sources);
    const server = createServer(express().use(routes)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    try {
      expect(
        await ask(`http://127.0.0.1:${String(typeof address === "object" ? address?.port : "")}/readyz`),
      ).toMatchObject({
        status: 200,
        json: {
          status: "ready",
          warnings: ["Salesforce, Order.Status: value missing: Approved.", "Not all warnings could be read."],
        },
      });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it("hear the same from a process that has no other door", async () => {
    const registry = new Registry();
    const server = createServer(express().use(healthRoutes(engine.intake, registry))).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const url = typeof address === "object" ? `http://127.0.0.1:${String(address?.port)}` : "";
    try {
      expect(await ask(`${url}/healthz`)).toMatchObject({ status: 200, json: { status: "alive" } });
      expect(await ask(`${url}/readyz`)).toMatchObject({ status: 200, json: { status: "ready" } });
      expect((await ask(`${url}/metrics`)).status).toBe(200);
      expect(await ask(`${url}/healthz`, { method: "POST" })).toMatchObject({
        status: 405,
        json: { code: "method-not-allowed" },
      });
      expect((await ask(`${url}/api/jobs/x`)).status).toBe(404);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

/** The head of a post whose body has `length` bytes. */
function head(length: number, requestId = "x"): string {
  return `POST /api/provisioning HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${PORTAL_KEY}\r\ncontent-type: application/json\r\nx-request-id: ${requestId}\r\ncontent-length: ${String(length)}\r\n\r\n`;
}

/** Writes `text` and gives what comes back until the server closes. */
async function rawExchange(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(text);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}
