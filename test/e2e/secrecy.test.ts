import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Redis } from "ioredis";
import { expect, it } from "vitest";
import { kinds } from "../../src/processors/index.ts";
import { type Browser, openBrowser, signIn } from "../dashboard/site.ts";
import { PLANTED, plantEverything, vendorsOf } from "./planted.ts";
import type { Handoff } from "./process.ts";
import { appendedBy, everythingBelow, valuesIn } from "../redis-contents.ts";
import { formsOf, foundIn } from "./search.ts";
import { API_KEY, inSystem, OUTBOUND_TOKEN, type System } from "./system.ts";

/** What nobody but this run has ever seen: part of a photograph's and of a scan's content. */
const IN_JPEG = randomBytes(48);
const IN_PDF = randomBytes(48);
const around = (beginning: Buffer, pattern: Buffer) =>
  Buffer.concat([beginning, Buffer.alloc(5000, 0x5a), pattern, Buffer.alloc(5000, 0x5a), pattern]);
const DOCUMENTS = {
  jpeg: around(Buffer.from("ffd8ffe000104a46494600010100000100010000", "hex"), IN_JPEG),
  pdf: around(Buffer.from("%PDF-1.7\n%"), IN_PDF),
};
const KEYS = {
  apiKey: API_KEY,
  token: OUTBOUND_TOKEN,
  vendorKey: "sandbox-secret",
  freebitKey: "sandbox-oem-key",
  sessionSecret: "signs sessions",
};
const SECRETS = { ...PLANTED, inJpeg: IN_JPEG, inPdf: IN_PDF };

it("keeps what customers wrote, their documents and every key out of Redis, logs, pages and refusals, and calls nobody whom a text names", () =>
  inSystem(async (system) => {
    const folder = await mkdtemp(path.join(tmpdir(), "handoff-secrecy-"));
    const decoy = createServer((_request, response) => void response.end()).listen(0, "127.0.0.1");
    let visitors = 0;
    decoy.on("connection", () => (visitors += 1));
    await once(decoy, "listening");
    const link = `http://127.0.0.1:${String((decoy.address() as AddressInfo).port)}/gift`; // it listens on TCP
    try {
      const common = { LOG_LEVEL: "trace", RETRY_ATTEMPTS: "2", DATA_DIR: folder, ...vendorsOf(system) };
      const [api, worker, dashboard] = await Promise.all([
        system.start({ ...common, ROLES: "api" }),
        system.start({ ...common, ROLES: "worker" }),
        system.start({ ...common, ROLES: "dashboard" }),
      ]);
      const { jobs, plans } = await plantEverything(system, api, link, DOCUMENTS);
      await everyPlantedDetailArrived(system);
      const refusals = await refusedRequests(api);
      const shown = await Promise.all(jobs.map(async (id) => await (await api.get(`/api/jobs/${id}`)).text()));
      const processes = [api, worker, dashboard];
      const places: Record<string, string | Buffer> = {
        refusals,
        "what dry runs said": plans.join("\n"),
        "the jobs, as callers see them": shown.join("\n"),
        "the board": await board(dashboard),
        metrics: (await Promise.all(processes.map((one) => one.text("/metrics")))).join("\n"),
        readiness: (await Promise.all(processes.map((one) => one.text("/readyz")))).join("\n"),
        "documents that wait": await everythingBelow(folder),
        Redis: Buffer.concat(await system.redis.each(valuesIn)),
        "Redis's files": Buffer.concat(await system.redis.each(appendedBy)),
      };
      for (const [at, one] of processes.entries()) {
        one.signal("SIGTERM");
        expect(await one.ended).toEqual({ code: 0, signal: null });
        places[`the log of process ${String(at)}`] = one.stdout() + one.stderr();
      }
      for (const id of jobs)
        for (const place of ["Redis", "the board"]) expect(String(places[place]).includes(id), place).toBe(true);
      for (const [place, content] of Object.entries(places)) {
        expect(foundIn(content, SECRETS), `in ${place}`).toEqual([]);
        expect(foundIn(content, KEYS), `in ${place}`).toEqual([]);
      }
      expect(visitors, "connections to whom a text named").toBe(0);
      await fetch(link);
      expect(visitors, "that it would have been noticed").toBe(1);
    } finally {
      decoy.closeAllConnections();
      decoy.close();
      await rm(folder, { recursive: true });
    }
  }));

/** Else nothing would be shown by its absence elsewhere. */
async function everyPlantedDetailArrived(system: System): Promise<void> {
  const { saidBySalesforce, saidByWhmcs, saidByFreebit, saidByMail, misplaced, fileName, orderNote, ...written } =
    PLANTED;
  const { salesforce, mails } = await system.state();
  const outside = JSON.stringify([salesforce, mails.map(({ to, raw }) => [to, raw])]);
  const missing = Object.entries(written).filter(([, detail]) => !outside.includes(detail));
  expect(missing).toEqual([]);
  for (const said of [saidBySalesforce, saidByWhmcs, saidByFreebit, saidByMail, misplaced, fileName, orderNote])
    expect(said).not.toBe("");
}

/** Whatever is refused at the door, with details in each place where none should be. All the answers, headers too. */
async function refusedRequests(api: Handoff): Promise<string> {
  const { misplaced, street, contactEmail } = PLANTED;
  const CHECK = "/api/services/internet/eligibility-request";
  const account = { accountId: "0015g0000000001AAA" };
  const form = new FormData();
  form.set(misplaced, contactEmail);
  form.set("accountId", misplaced);
  form.set("file", new Blob([street]), misplaced);
  const inHeader = Buffer.from(misplaced).toString("latin1");
  const key = { authorization: `Bearer ${API_KEY}` };
  const json = { ...key, "content-type": "application/json" };
  const send = async (at: string, init: RequestInit) =>
    await fetch(api.url + at, { method: "POST", headers: json, ...init });
  const answers = await Promise.all([
    api.post(CHECK, { ...account, address: {}, [misplaced]: street }),
    api.post(CHECK, { ...account, address: street }),
    api.post(CHECK, { accountId: misplaced, address: { city: [street], [contactEmail]: 1 } }),
    api.post(CHECK, misplaced),
    api.post(`${CHECK}?q=${encodeURIComponent(street)}`, {}),
    api.post(CHECK, {}, { "idempotency-key": inHeader, "x-request-id": inHeader }),
    api.post("/api/services/vpn/cancellation", { ...account, serviceId: contactEmail, alternativeEmail: misplaced }),
    send(CHECK, { body: `{"street":"${street}"` }),
    send(CHECK, { body: `"${street.repeat(5000)}"` }),
    send(CHECK, { body: street, headers: { ...key, "content-type": "text/plain" } }),
    send(CHECK, { body: "{}", headers: { ...json, authorization: `Basic ${inHeader}` } }),
    send("/api/verification/residence-card", { body: form, headers: key }),
    send(`/api/${encodeURIComponent(misplaced)}`, { body: "{}" }),
    send(`/${encodeURIComponent(misplaced)}`, { body: "{}" }),
    api.get(`/api/jobs/${encodeURIComponent(contactEmail)}`),
    api.get(`/api/accounts/${encodeURIComponent(contactEmail)}/status`),
    api.get(`/api/accounts/0015g0000000012AAA/status`),
    send(`/salesforce/outbound-messages/${encodeURIComponent(misplaced)}`, { body: misplaced }),
    send(`/salesforce/outbound-messages/${OUTBOUND_TOKEN}`, { body: `<a>${street}</a>`, headers: {} }),
    send(`/salesforce/outbound-messages/${OUTBOUND_TOKEN}`, { body: `<a b="${misplaced}"`, headers: {} }),
  ]);
  expect(answers.map(({ status }) => status).filter((status) => status < 400 || status === 500)).toEqual([]);
  const said = answers.map(async (one) => `${JSON.stringify([...one.headers])}\n${await one.text()}`);
  return (await Promise.all(said)).join("\n");
}

/** All that an operator can see: the lists of each queue, and each job with its log. */
async function board(dashboard: Handoff): Promise<string> {
  const browser: Browser = openBrowser(dashboard);
  await signIn(browser, { name: "olga" });
  const seen: string[] = [];
  const read = async (at: string) => {
    const answer = await browser.get(`/admin/queues/api${at}`);
    expect(answer.status, at).toBe(200);
    const text = await answer.text();
    seen.push(text);
    return text;
  };
  for (const { name } of kinds) {
    const list = await read(`/queues?activeQueue=${name}&page=1&jobsPerPage=100`);
    const { queues } = JSON.parse(list) as { queues: { name: string; jobs: { id: string }[] }[] }; // Bull Board's own form
    for (const { id } of queues.find((queue) => queue.name === name)?.jobs ?? []) {
      await read(`/queues/${name}/${encodeURIComponent(id)}`);
      await read(`/queues/${name}/${encodeURIComponent(id)}/logs`);
    }
  }
  seen.push(await (await browser.get("/admin/queues")).text());
  return seen.join("\n");
}

it("would find them, in whatever form they stood", () =>
  inSystem(async (system) => {
    const redis = system.redis.connect();
    try {
      for (const [name, secret] of Object.entries(SECRETS)) {
        for (const form of formsOf(secret))
          expect(foundIn(Buffer.from(`...${form}...`, "latin1"), SECRETS)).toContain(name);
      }
      const one = Buffer.from(`x${PLANTED.street}x`);
      const stored: readonly (() => Promise<unknown>)[] = [
        () => redis.set("text", one),
        () => redis.set(one, "a key"),
        () => redis.hset("hash", "field", one.toString("base64")),
        () => redis.hset("hash", one.toString("hex"), "a field"),
        () => redis.rpush("list", "a", one),
        () => redis.sadd("set", encodeURIComponent(PLANTED.street)),
        () => redis.zadd("sorted", 1, one),
        () => redis.xadd("stream", "*", "field", one),
      ];
      const found = async (look: (redis: Redis) => Promise<Buffer>) =>
        foundIn(Buffer.concat(await system.redis.each(look)), { street: PLANTED.street });
      expect(await found(appendedBy)).toEqual([]);
      for (const store of stored) {
        await system.redis.flush();
        expect(await found(valuesIn)).toEqual([]);
        await store();
        expect(await found(valuesIn)).toEqual(["street"]);
      }
      await system.redis.flush();
      expect(await found(appendedBy)).toEqual(["street"]);
    } finally {
      redis.disconnect();
    }
  }));
