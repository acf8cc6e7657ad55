import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import express from "express";
import { pino } from "pino";
import { Registry } from "prom-client";
import type { Customers } from "../../src/api/account-status.ts";
import { type ApiParts, createApi } from "../../src/api/app.ts";
import { loggableError } from "../../src/domain/loggable-error.ts";
import { openDocuments } from "../../src/integrations/documents/documents.ts";
import { kinds } from "../../src/processors/index.ts";
import { provisioning } from "../../src/processors/provisioning.ts";
import { connectDoor } from "../../src/queues/connection.ts";
import type { DryRuns } from "../../src/queues/dry-run.ts";
import type { Follow } from "../../src/queues/follow.ts";
import { type Intake, openIntake } from "../../src/queues/intake.ts";
import type { AnyJobKind } from "../../src/queues/job-kind.ts";
import { openLedger, timingFor } from "../../src/queues/ledger.ts";
import { openQueues } from "../../src/queues/queues.ts";
import { sealingWith } from "../../src/queues/sealing.ts";
import { readSettings, Secret } from "../../src/settings.ts";
import { startRedis, type TestRedis } from "../redis.ts";

/** The doors on a free port of this machine, on the real engine and a Redis of their own. */

export const PORTAL_KEY = "the-portal's-own-key-1";
export const SECOND_PORTAL_KEY = "the-portal's-own-key-2";
export const SCRIPT_KEY = "the-script's-own-key-1";
export const OUTBOUND_TOKEN = "a-secret-last-path-segment";
/** 15 characters; messages carry 18. */
export const ORG = "00D5g000004AbCd";

export interface Engine {
  readonly redis: TestRedis;
  readonly intake: Intake;
  /** How many jobs of `kind` wait for a worker. */
  waiting(kind: string): Promise<number>;
  close(): Promise<void>;
}

/** The intake on a Redis that was started for it. */
export async function startEngine(): Promise<Engine> {
  const redis = await startRedis();
  const settings = readSettings({
    ROLES: "api",
    ...redis.environment,
    API_KEYS: `portal:${PORTAL_KEY}`,
    SALESFORCE_ORG_ID: ORG,
    SALESFORCE_OUTBOUND_TOKEN: OUTBOUND_TOKEN,
    DATA_KEY: Buffer.alloc(32, 7).toString("base64"),
  });
  const connection = connectDoor(settings);
  connection.on("error", () => undefined); // a Redis that a test kills is no news
  await once(connection, "ready");
  const sealing = sealingWith(settings.DATA_KEY ?? []);
  const prefix = settings.QUEUE_PREFIX;
  const queues = await openQueues(kinds, connection, prefix);
  for (const queue of queues.values()) queue.on("error", () => undefined);
  const ledger = openLedger({ redis: connection, prefix, sealing, timing: timingFor(settings.VENDOR_TIMEOUT_MS) });
  return {
    redis,
    intake: openIntake({ redis: connection, ledger, sealing, queues: () => queues }),
    async waiting(kind) {
      return (await queues.get(kind)?.getWaitingCount()) ?? 0;
    },
    async close() {
      await Promise.all([...queues.values()].map((queue) => queue.close()));
      connection.disconnect();
      await redis.stop();
    },
  };
}

export interface Doors {
  readonly url: string;
  readonly port: number;
  /** What was logged, as objects, in order. */
  readonly log: readonly Readonly<Record<string, unknown>>[];
  /** The access log's line of a request, once it is written. */
  logged(requestId: string): Promise<Readonly<Record<string, unknown>>>;
  close(): Promise<void>;
}

interface DoorOptions {
  /** The kinds; by default ours. */
  readonly list?: readonly AnyJobKind[];
  /** Absent where the test follows nothing. */
  readonly follow?: Follow;
  readonly ratePerMinute?: number;
  readonly bodyDeadlineMs?: number;
  readonly mostStreams?: number;
  /** Where uploads wait; by default a folder of its own. */
  readonly dataDir?: string;
  /** By default nobody knows any customer. */
  readonly customers?: Customers;
  /** By default no worker answers. */
  readonly dryRuns?: DryRuns;
  /** By default nobody's access was ended. */
  readonly ended?: ApiParts["ended"];
}

export const documentSettings = () =>
  readSettings({
    ROLES: "dashboard",
    REDIS_URL: "redis://127.0.0.1:1",
    DASHBOARD_USERS: "unused:viewer:$scrypt$unused",
    SESSION_SECRET: "unused-unused-unused-unused-unused-unused",
    DATA_KEY: Buffer.alloc(32, 7).toString("base64"),
  });

const nobody: Customers = { salesforce: { accountStatus: async () => null }, notEligibleValues: [] };
const FOLLOWS_NOTHING: Follow = { follow: () => () => undefined, close: () => undefined };

/** Serves the doors over `intake`, with a neighbour beside them, as the program does. */
export async function openDoors(
  intake: Intake,
  {
    ratePerMinute = 100_000,
    bodyDeadlineMs,
    mostStreams,
    follow = FOLLOWS_NOTHING,
    list = kinds,
    customers = nobody,
    ended = { has: () => false },
    dryRuns = { ask: async () => null },
    dataDir,
  }: DoorOptions = {},
): Promise<Doors> {
  const folder = await mkdtemp(path.join(tmpdir(), "handoff-doors-"));
  const log: Record<string, unknown>[] = [];
  const waitingFor = new Map<unknown, (line: Record<string, unknown>) => void>();
  const logger = pino(
    { level: "debug", serializers: { err: loggableError } },
    {
      write(text) {
        const line: Record<string, unknown> = JSON.parse(text);
        log.push(line);
        waitingFor.get(line["requestId"])?.(line);
      },
    },
  );
  const api = createApi({
    settings: {
      API_KEYS: [
        { client: "portal", key: new Secret(PORTAL_KEY) },
        { client: "portal", key: new Secret(SECOND_PORTAL_KEY) },
        { client: "script", key: new Secret(SCRIPT_KEY) },
      ],
      API_RATE_PER_MINUTE: ratePerMinute,
      SALESFORCE_ORG_ID: ORG,
      SALESFORCE_OUTBOUND_TOKEN: new Secret(OUTBOUND_TOKEN),
    },
    log: logger,
    intake,
    documents: openDocuments({ settings: { ...documentSettings(), DATA_DIR: dataDir ?? folder } }),
    follow,
    dryRun: { dryRuns, sealing: sealingWith([Buffer.alloc(32, 7)]) },
    ended,
    kinds: list,
    provisioning,
    customers,
    metrics: new Registry(),
    ...(bodyDeadlineMs === undefined ? {} : { bodyDeadlineMs }),
    ...(mostStreams === undefined ? {} : { mostStreams }),
  });
  const neighbour = express.Router().use((_request, response) => void response.status(418).send("the neighbour's"));
  // A test that keeps the machine busy for long must not find its connection closed for being idle.
  const app = express().use(api).use(neighbour);
  const server = createServer({ keepAliveTimeout: 60_000 }, app).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the test server has no port");
  return {
    url: `http://127.0.0.1:${String(address.port)}`,
    port: address.port,
    log,
    async logged(requestId) {
      const known = log.find((line) => line["requestId"] === requestId);
      return known ?? (await new Promise((resolve) => waitingFor.set(requestId, resolve)));
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true });
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; empty where it is not JSON. */
  readonly json: Readonly<Record<string, unknown>>;
}

export async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  const isJson = /json/.test(response.headers.get("content-type") ?? "");
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : {} };
}

/** Posts as the portal does; `body` goes out as it is where it is text. */
export function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return ask(url, {
    method: "POST",
    headers: { authorization: `Bearer ${PORTAL_KEY}`, "content-type": "application/json", ...headers },
    body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body),
  });
}

export const asPortal = { authorization: `Bearer ${PORTAL_KEY}` };
