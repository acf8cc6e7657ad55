import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { openDocuments } from "../../src/integrations/documents/documents.ts";
import { openMetrics } from "../../src/metrics.ts";
import { kinds as everyKind, type Services } from "../../src/processors/index.ts";
import type { AnyJobKind, Hand, Outcome, Step } from "../../src/queues/job-kind.ts";
import type { JobView } from "../../src/queues/job-view.ts";
import type { Ledger } from "../../src/queues/ledger.ts";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { openServices } from "../../src/services.ts";
import { readSettings } from "../../src/settings.ts";
import { answerDryRuns, openDryRuns } from "../../src/queues/dry-run.ts";
import type { Plan } from "../../src/queues/plan.ts";
import { type RehearsalSetting, rehearsalGate, rehearse, type Rehearsed } from "../../src/queues/rehearsal.ts";
import { openEngine, SEALING } from "../queues/engine.ts";
import type { TestRedis } from "../redis.ts";
import { nextLook } from "../looks.ts";

/** The vendors' deadline here, and what follows from it: short enough to wait for, long enough for a busy machine. */
const DEADLINE_MS = 500;
const TIMING = { leaseMs: 2 * DEADLINE_MS, settleMs: 1200 };

export interface Call {
  readonly vendor: string;
  readonly operation: string;
  /** The fault that hit it. */
  readonly fault?: string;
}

export interface Fault extends Pick<Call, "vendor" | "operation"> {
  readonly mode: string;
  readonly [setting: string]: string | number | object;
}

/** What there is of each thing that a job could make twice. */
export interface Effects {
  readonly opportunities: number;
  readonly cases: number;
  readonly orders: number;
  /** Files in Salesforce. */
  readonly documents: number;
  /** Services that were ended in WHMCS. */
  readonly terminated: number;
  readonly whmcsOrders: number;
  readonly whmcsServices: number;
  /** Cancellations that Freebit took, however often for one line. */
  readonly lineEnds: number;
  /** Mails by recipient. A mail that came again with the same Message-ID is one. */
  readonly mails: Readonly<Record<string, number>>;
}

export const NO_EFFECTS: Effects = {
  opportunities: 0,
  cases: 0,
  orders: 0,
  documents: 0,
  terminated: 0,
  whmcsOrders: 0,
  whmcsServices: 0,
  lineEnds: 0,
  mails: {},
};

export const ADMINISTRATOR = "operations@sonixnet.example";

/** Calls by which a vendor gets to know us, or that lead up to the one that counts. */
const PREAMBLES: ReadonlySet<string> = new Set(["token", "authOem", "connect", "mail", "rcpt"]);

/** Whether a call is one of those that a job is about. */
export const isProper = ({ operation }: Call): boolean => !PREAMBLES.has(operation);

export interface LineOptions {
  readonly redis: TestRedis;
  /** All of them, where a test names none. */
  readonly kinds?: readonly AnyJobKind<Services>[];
  readonly attempts?: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** Where the vendors are spoken to over HTTP, given where the sandbox is. */
  readonly through?: (sandboxUrl: string) => Promise<string>;
  /** Stands between the processors and their clients. */
  readonly around?: (services: Services) => Services;
  readonly ledgerOfWorkers?: (ledger: Ledger) => Ledger;
}

/** The whole line from a request to the vendors: the real kinds and clients, a Redis, and a sandbox of its own. */
export async function openLine({
  redis,
  kinds = everyKind,
  attempts = 6,
  environment = {},
  through = async (url) => url,
  around = (services) => services,
  ledgerOfWorkers,
}: LineOptions) {
  const sandbox = await startSandbox();
  const dataDir = await mkdtemp(path.join(tmpdir(), "handoff-line-"));
  const vendors = await through(sandbox.url);
  const given = {
    ROLES: "worker",
    ...redis.environment,
    SALESFORCE_LOGIN_URL: vendors,
    SALESFORCE_CLIENT_ID: "sandbox-client",
    SALESFORCE_CLIENT_SECRET: "sandbox-secret",
    WHMCS_URL: `${vendors}/whmcs`,
    WHMCS_IDENTIFIER: "sandbox-identifier",
    WHMCS_SECRET: "sandbox-secret",
    SMTP_URL: sandbox.smtpUrl,
    MAIL_FROM: "portal@sonixnet.example",
    ADMIN_EMAIL: ADMINISTRATOR,
    FREEBIT_URL: `${vendors}/freebit`,
    FREEBIT_OEM_ID: "sandbox-oem",
    FREEBIT_OEM_KEY: "sandbox-oem-key",
    DATA_KEY: Buffer.alloc(32, 7).toString("base64"),
    DATA_DIR: dataDir,
    PORTAL_PRICEBOOK_ID: "01s5g0000000001AAA",
    VENDOR_TIMEOUT_MS: String(DEADLINE_MS),
    ...environment,
  };
  const settings = readSettings(given);
  const cut = new AbortController();
  let services: Services | undefined;
  const engine = await openEngine<Services>({
    redis,
    kinds,
    services: (breakers, allowances) => {
      services = around(openServices(settings, breakers, allowances, openMetrics(), cut.signal));
      return services;
    },
    ...(ledgerOfWorkers !== undefined && { ledgerOfWorkers }),
    timing: TIMING,
    attempts,
    baseMs: 5,
  });

  const stopping = new AbortController();
  let answering: Promise<void> | undefined;

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
    /** By which a process of its own works at this line. */
    environment: { ...given, QUEUE_PREFIX: engine.prefix } as Readonly<Record<string, string>>,
    /** Tries work out, as a worker does that is asked to by way of Redis. */
    async dryRun(asked: Rehearsed): Promise<Plan> {
      const { redis: connection, prefix, ledger, breakers, allowances } = engine;
      const rehearsal: RehearsalSetting<Services> = {
        ledger,
        sealing: SEALING,
        kinds,
        services: openServices(settings, breakers, allowances, openMetrics(), stopping.signal, null, rehearsalGate),
        complain: (error) => {
          throw error;
        },
      };
      answering ??= answerDryRuns(
        { redis: connection, prefix, listening: redis.connect() },
        (question, nobodyWaits) => rehearse(question, rehearsal, nobodyWaits),
        (error) => {
          throw error;
        },
        stopping.signal,
      );
      const plan = await openDryRuns({ redis: connection, prefix }).ask(asked);
      if (plan === null) throw new Error("nobody answered");
      return plan;
    },
    /** Where documents wait for upload. */
    documents: openDocuments({ settings }),
    state: async () => (await control("GET", "state")) as SandboxState,
    calls: async () => (await control("GET", "calls")) as readonly Call[],
    /** Publishes the platform event by which an org says that an Order was approved. */
    async publish(orderId: string): Promise<{ readonly replayId: number }> {
      const event = (await control("POST", "events", { orderId })) as { data: { event: { replayId: number } } };
      return event.data.event;
    },
    /** Has so many of Salesforce's 5,000 daily calls used. */
    use: (calls: number) => control("PUT", "limits", { dailyMax: 5000, used: calls }),
    expireSessions: () => control("POST", "expire-sessions"),
    forgetCalls: () => control("DELETE", "calls"),
    fault: (fault: Fault) => control("POST", "faults", fault),
    edit: (object: string, id: string, fields: Readonly<Record<string, unknown>>) =>
      control("PATCH", `records/${object}/${id}`, fields),
    make: async (object: string, fields: Readonly<Record<string, unknown>>) =>
      (await control("POST", "records", { object, fields })) as { readonly Id: string },
    /** Calls a WHMCS action, as a person at its pages would; the answer is WHMCS's own. */
    async whmcs(action: string, parameters: Readonly<Record<string, string>>): Promise<Fields> {
      const credentials = { identifier: "sandbox-identifier", secret: "sandbox-secret", responsetype: "json" };
      const response = await fetch(`${sandbox.url}/whmcs/includes/api.php`, {
        method: "POST",
        body: new URLSearchParams({ ...credentials, action, ...parameters }),
      });
      const answer = (await response.json()) as Fields; // the sandbox answers an object
      if (answer["result"] !== "success") throw new Error(`${action}: ${JSON.stringify(answer)}`);
      return answer;
    },
    /**
     * Runs a kind once without the engine, as though the request had been accepted at `acceptedAt`. `looksFirst`: as where
     * Redis lost what the job has done.
     */
    async runAt(
      kind: AnyJobKind<Services>,
      payload: unknown,
      acceptedAt: Date,
      { looksFirst = false, hand = async () => "job-2" }: { looksFirst?: boolean; hand?: Hand } = {},
    ): Promise<Outcome> {
      if (services === undefined) throw new Error("the engine has not made its services yet");
      const step: Step = async (_name, ifInDoubt, perform) => {
        const found = looksFirst && typeof ifInDoubt === "object" ? await ifInDoubt.find?.() : undefined;
        return found ?? (await perform());
      };
      return await kind.run(kind.payload.parse(payload), step, services, {
        id: "job-1",
        acceptedAt,
        resumed: false,
        hand,
        foundBy: () => {},
        belongsTo: () => {},
      });
    },
    /** Resolves once no job waits or runs any more, those that jobs handed on among them, and those that schedules put off left out. */
    async rest(): Promise<void> {
      const queues = [...engine.queues.values()];
      const counts = async () =>
        await Promise.all(
          queues.map(
            async (queue) =>
              (await queue.getJobCountByTypes("waiting", "active", "delayed")) - (await queue.getJobSchedulersCount()),
          ),
        );
      const from = performance.now();
      while ((await counts()).some((count) => count > 0)) await nextLook(from);
    },
    /** The mails that came, oldest first; one that came again with the same Message-ID is one. */
    async mails(): Promise<readonly Mail[]> {
      await this.rest();
      const { mails } = await this.state();
      return [...new Map(mails.map((mail) => [`${mail.messageId} ${mail.to.join()}`, mail])).values()];
    },
    /** What there is once every job has ended and every write that was put off has come. */
    async effects(): Promise<Effects> {
      await this.rest();
      let state = await this.state();
      while (state.stillToCome > 0) state = await this.state();
      const { salesforce, whmcs } = state;
      const cancelled = (await this.calls()).filter(
        ({ operation, fault }) => operation === "cnclAcnt" && fault !== "error" && fault?.endsWith("before") !== true,
      );
      const to = Map.groupBy(await this.mails(), (mail) => mail.to.join());
      return {
        lineEnds: cancelled.length,
        mails: Object.fromEntries([...to].map(([recipient, mails]) => [recipient, mails.length])),
        opportunities: salesforce.Opportunity.length,
        cases: salesforce.Case.length,
        orders: salesforce.Order.length,
        documents: salesforce.ContentVersion.length,
        terminated: whmcs.services.filter(({ status }) => status === "Terminated").length,
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
      const queued = await engine.queues.get(job.kind)?.getJob(job.id);
      while ((await queued?.isFailed()) === false) await new Promise((resolve) => setImmediate(resolve)); // the ledger hears first
      await queued?.retry("failed");
      while (engine.ends.length === ends) await new Promise((resolve) => setImmediate(resolve));
      return await engine.until(job.id, "completed", "failed");
    },
    async close() {
      stopping.abort();
      await answering;
      await engine.close();
      await sandbox.close();
      await rm(dataDir, { recursive: true });
    },
  };
}

export type Line = Awaited<ReturnType<typeof openLine>>;

export type Fields = Readonly<Record<string, unknown>>;

export interface Mail {
  readonly to: readonly string[];
  readonly messageId: string;
  readonly subject: string;
  /** As it came over the wire. */
  readonly raw: string;
}

/** The text of a mail as a person reads it; its HTML says the same (test/integrations/mail/letters.test.ts). */
export function textOf({ raw }: Mail): string {
  const [, text = ""] = raw.split(/\r\n--[^\r\n]+\r\n/);
  const [head = "", ...body] = text.split("\r\n\r\n");
  const content = body.join("\r\n\r\n");
  if (/base64/i.test(head)) return Buffer.from(content, "base64").toString("utf8");
  const bytes = content
    .replaceAll("=\r\n", "")
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** What `GET /control/state` tells, as far as the tests look. */
export interface SandboxState {
  readonly seed: Readonly<
    Record<"accounts" | "opportunities" | "orders" | "products" | "services" | "sims", Readonly<Record<string, string>>>
  >;
  readonly salesforce: Readonly<
    Record<
      | "Account"
      | "Contact"
      | "Opportunity"
      | "Case"
      | "Order"
      | "OrderItem"
      | "PricebookEntry"
      | "Product2"
      | "ContentVersion",
      readonly Fields[]
    >
  >;
  readonly freebit: { readonly lines: readonly { readonly account: string; readonly cancelDate: string | null }[] };
  readonly mails: readonly Mail[];
  readonly stillToCome: number;
  /** Of Salesforce's daily calls. */
  readonly apiUsage: { readonly used: number };
  readonly whmcs: {
    readonly orders: readonly { readonly id: number; readonly clientId: number; readonly status: string }[];
    readonly services: readonly {
      readonly id: number;
      readonly orderId: number;
      readonly pid: number;
      readonly qty: number;
      readonly cycle: string;
      readonly status: string;
      /** By the field's number. */
      readonly customFields: Readonly<Record<string, string>>;
    }[];
    readonly serviceAddons: readonly {
      readonly addonId: number;
      readonly serviceId: number;
      readonly status: string;
    }[];
  };
}

export const ADDRESS = { postalCode: "150-0002", prefecture: "東京都", city: "渋谷区", street: "渋谷2-21-1" };
