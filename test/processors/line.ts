import { openMetrics } from "../../src/metrics.ts";
import { kinds, type Services } from "../../src/processors/index.ts";
import type { AnyJobKind } from "../../src/queues/job-kind.ts";
import type { JobView } from "../../src/queues/job-view.ts";
import type { Ledger } from "../../src/queues/ledger.ts";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { openServices } from "../../src/services.ts";
import { readSettings } from "../../src/settings.ts";
import { openEngine } from "../queues/engine.ts";

/** The vendors' deadline here, and what follows from it: short enough to wait for, long enough for a busy machine. */
const DEADLINE_MS = 500;
const TIMING = { leaseMs: 2 * DEADLINE_MS, settleMs: 1200 };

export interface Call {
  readonly vendor: string;
  readonly operation: string;
}

export interface Fault extends Call {
  readonly mode: string;
  readonly [setting: string]: string | number;
}

/** What there is of each thing that a job could make twice. */
export interface Effects {
  readonly opportunities: number;
  readonly cases: number;
  readonly whmcsOrders: number;
  readonly whmcsServices: number;
}

export interface LineOptions {
  readonly redisUrl: string;
  readonly attempts?: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** Stands between the processors and their clients. */
  readonly around?: (services: Services) => Services;
  readonly ledgerOfWorkers?: (ledger: Ledger) => Ledger;
}

/** The whole line from a request to the vendors: the real kinds and clients, a Redis, and a sandbox of its own. */
export async function openLine({
  redisUrl,
  attempts = 6,
  environment = {},
  around = (services) => services,
  ledgerOfWorkers,
}: LineOptions) {
  const sandbox = await startSandbox();
  const settings = readSettings({
    ROLES: "worker",
    REDIS_URL: redisUrl,
    SALESFORCE_LOGIN_URL: sandbox.url,
    SALESFORCE_CLIENT_ID: "sandbox-client",
    SALESFORCE_CLIENT_SECRET: "sandbox-secret",
    WHMCS_URL: `${sandbox.url}/whmcs`,
    WHMCS_IDENTIFIER: "sandbox-identifier",
    WHMCS_SECRET: "sandbox-secret",
    SMTP_URL: sandbox.smtpUrl,
    MAIL_FROM: "portal@sonixnet.example",
    DATA_KEY: Buffer.alloc(32, 7).toString("base64"),
    VENDOR_TIMEOUT_MS: String(DEADLINE_MS),
    ...environment,
  });
  const cut = new AbortController();
  const engine = await openEngine<Services>({
    redisUrl,
    kinds,
    services: (breakers) => around(openServices(settings, breakers, openMetrics(), cut.signal)),
    ...(ledgerOfWorkers !== undefined && { ledgerOfWorkers }),
    timing: TIMING,
    attempts,
    baseMs: 5,
  });

  const control = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${sandbox.url}/control/${path}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} /control/${path}: ${String(response.status)} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };

  return {
    engine,
    state: async () => (await control("GET", "state")) as SandboxState,
    calls: async () => (await control("GET", "calls")) as readonly Call[],
    forgetCalls: () => control("DELETE", "calls"),
    fault: (fault: Fault) => control("POST", "faults", fault),
    edit: (object: string, id: string, fields: Readonly<Record<string, unknown>>) =>
      control("PATCH", `records/${object}/${id}`, fields),
    make: async (object: string, fields: Readonly<Record<string, unknown>>) =>
      (await control("POST", "records", { object, fields })) as { readonly Id: string },
    /** What there is once every write that was put off has come. */
    async effects(): Promise<Effects> {
      let state = await this.state();
      while (state.stillToCome > 0) state = await this.state();
      const { salesforce, whmcs } = state;
      return {
        opportunities: salesforce.Opportunity.length,
        cases: salesforce.Case.length,
        whmcsOrders: whmcs.orders.filter(({ status }) => status !== "Cancelled").length,
        whmcsServices: whmcs.services.filter(({ status }) => status !== "Cancelled").length,
      };
    },
    /** Takes a request in and waits for how it ends. */
    async carry(kind: AnyJobKind<Services>, payload: unknown): Promise<JobView> {
      const taken = await engine.accept(kind, payload);
      if (taken.how === "key-reused") throw new Error("no key was given");
      return await engine.until(taken.job.id, "completed", "failed");
    },
    async retry(job: JobView): Promise<JobView> {
      const ends = engine.ends.length;
      await (await engine.queues.get(job.kind)?.getJob(job.id))?.retry("failed");
      while (engine.ends.length === ends) await new Promise((resolve) => setImmediate(resolve));
      return await engine.until(job.id, "completed", "failed");
    },
    async close() {
      await engine.close();
      await sandbox.close();
    },
  };
}

export type Line = Awaited<ReturnType<typeof openLine>>;

type Fields = Readonly<Record<string, unknown>>;

/** What `GET /control/state` tells, as far as the tests look. */
export interface SandboxState {
  readonly seed: Readonly<
    Record<"accounts" | "opportunities" | "orders" | "products", Readonly<Record<string, string>>>
  >;
  readonly salesforce: Readonly<Record<"Account" | "Opportunity" | "Case" | "Order", readonly Fields[]>>;
  readonly stillToCome: number;
  readonly whmcs: {
    readonly orders: readonly { readonly id: number; readonly status: string }[];
    readonly services: readonly { readonly id: number; readonly orderid: number; readonly status: string }[];
  };
}

export const ADDRESS = { postalCode: "150-0002", prefecture: "東京都", city: "渋谷区", street: "渋谷2-21-1" };
