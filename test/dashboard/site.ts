import type { Server } from "node:http";
import { Queue, Worker } from "bullmq";
import express from "express";
import { type Logger, pino } from "pino";
import { createDashboard, type DashboardOptions } from "../../src/dashboard/dashboard.ts";
import type { DeskContext } from "../../src/dashboard/desk/context.ts";
import { hashPassword } from "../../src/dashboard/password.ts";
import type { DashboardSettings } from "../../src/dashboard/session.ts";
import { type DashboardRole, Secret } from "../../src/settings.ts";
import type { TestRedis } from "../redis.ts";

/** A dashboard on a free port of this machine, and people who use it. */

export const PASSWORD = "correct horse battery";
export const SESSION_SECRET = new Secret("the secret that signs sessions in tests");

/** Of the queues here; a hash tag, as a cluster needs it. */
export const PREFIX = "{dashboard}";

/** One hash for everybody: making one takes a tenth of a second. */
const HASH = await hashPassword(PASSWORD);

export const vera = { name: "vera", role: "viewer", hash: new Secret(HASH) } as const;
export const olga = { name: "olga", role: "operator", hash: new Secret(HASH) } as const;
export const adam = { name: "adam", role: "admin", hash: new Secret(HASH) } as const;
const BY_ROLE = { viewer: vera, operator: olga, admin: adam } as const;

export interface Site {
  readonly url: string;
  readonly show: (queues: readonly Queue[]) => void;
  /** Everything that was logged, one JSON object a line. */
  readonly logged: () => string;
  close(): Promise<void>;
}

export async function startSite(
  settings: Partial<DashboardSettings> = {},
  kinds: DashboardOptions["kinds"] = [],
  warnings: DashboardOptions["warnings"] = [],
): Promise<Site> {
  const lines: string[] = [];
  const log: Logger = pino({ level: "info" }, { write: (line) => void lines.push(line) });
  const given = { DASHBOARD_USERS: [vera, olga, adam], SESSION_SECRET, PUBLIC_URL: undefined, ...settings };
  const desk = {} as DeskContext; // its pages have tests of their own, over a whole program
  const dashboard = createDashboard({ settings: given, log, kinds, warnings, desk });
  const server: Server = express().use(dashboard.router).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the test server has no port");
  return {
    url: `http://127.0.0.1:${String(address.port)}`,
    show: (queues) => dashboard.show(queues),
    logged: () => lines.join(""),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A browser as far as a server can tell: it keeps cookies, follows no redirect by itself, and says where a request comes from. */
export interface Browser {
  readonly cookies: Map<string, string>;
  get(path: string): Promise<Response>;
  /** Sends it as the dashboard's own page does, unless `headers` say otherwise; one that names an origin says nothing else. */
  send(method: string, path: string, request?: { body?: string; headers?: Record<string, string> }): Promise<Response>;
}

export function openBrowser(site: Pick<Site, "url">): Browser {
  const cookies = new Map<string, string>();
  async function ask(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("cookie", [...cookies].map(([name, value]) => `${name}=${value}`).join("; "));
    const response = await fetch(site.url + path, { ...init, headers, redirect: "manual" });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (value === "") cookies.delete(name);
      else cookies.set(name, value);
    }
    return response;
  }
  return {
    cookies,
    get: (path) => ask(path, {}),
    send: (method, path, { body = "", headers = {} } = {}) =>
      ask(path, {
        method,
        body,
        headers: "origin" in headers ? headers : { "sec-fetch-site": "same-origin", ...headers },
      }),
  };
}

export interface Entry {
  readonly name: string;
  readonly password?: string;
  readonly next?: string;
}

/** Opens the sign-in page, fills in its form and sends it. */
export async function signIn(browser: Browser, { name, password = PASSWORD, next = "" }: Entry): Promise<Response> {
  const page = await (await browser.get(`/sign-in?next=${encodeURIComponent(next)}`)).text();
  const field = (wanted: string) => new RegExp(`name="${wanted}" value="([^"]*)"`).exec(page)?.[1] ?? "";
  const body = new URLSearchParams({ name, password, token: field("token"), next: field("next") });
  return browser.send("POST", "/sign-in", { body: String(body), headers: FORM });
}

export const FORM = { "content-type": "application/x-www-form-urlencoded" };
export const JSON_BODY = { "content-type": "application/json" };

/** A browser in which somebody of that role is signed in. */
export async function signedIn(site: Site, role: DashboardRole): Promise<Browser> {
  const browser = openBrowser(site);
  const response = await signIn(browser, BY_ROLE[role]);
  if (response.status !== 303) throw new Error(`${role} could not sign in: ${String(response.status)}`);
  return browser;
}

export interface Work {
  readonly queue: Queue;
  /** Adds a job that a worker fails with `reason`, and gives its id. */
  failedJob(data: object, reason: string): Promise<string>;
  /** Adds a job that a worker completes with `result`, and gives its id. */
  completedJob(data: object, result: object): Promise<string>;
  close(): Promise<void>;
}

/** A queue of real jobs: each is run to its end by a worker that does what the test says. */
export async function startWork(redis: TestRedis, name: string): Promise<Work> {
  const connection = redis.connect();
  const queue = new Queue(name, { connection, prefix: PREFIX });
  await queue.waitUntilReady();

  async function run(data: object, processor: () => Promise<object>): Promise<string> {
    const { id = "" } = await queue.add(name, data);
    const own = redis.connect();
    const worker = new Worker(name, processor, { connection: own, prefix: PREFIX });
    try {
      await new Promise((resolve) => {
        worker.once("completed", resolve);
        worker.once("failed", resolve);
      });
    } finally {
      await worker.close();
      own.disconnect();
    }
    return id;
  }

  return {
    queue,
    failedJob: (data, reason) => run(data, () => Promise.reject(new Error(reason))),
    completedJob: (data, result) => run(data, () => Promise.resolve(result)),
    async close() {
      await queue.close();
      connection.disconnect();
    },
  };
}
