import { type JobType, Queue } from "bullmq";
import { ORGANIZATION_ID } from "../../src/sandbox/salesforce/token.ts";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { olga } from "../dashboard/site.ts";
import type { Fault, Fields, SandboxState } from "../processors/line.ts";
import { startRedis } from "../redis.ts";
import { API_KEY, type Environment, type Handoff, listening, type Process, run } from "./process.ts";

export { API_KEY, run, until } from "./process.ts";

/** The program as it is deployed: in processes, with a Redis and a sandbox of the test's own. */

export const OUTBOUND_TOKEN = "the-token-of-outbound-messages";

/**
 * Processes take seconds to start on a busy machine, and a worker that died is noticed once its lock has run out. A story
 * ends before vitest gives it up, so that its processes are ended whatever happens.
 */
const STORY_LIMIT_MS = 100_000;

/** What each role needs beside Redis. */
const API = {
  API_KEYS: `portal:${API_KEY}`,
  SALESFORCE_ORG_ID: ORGANIZATION_ID,
  SALESFORCE_OUTBOUND_TOKEN: OUTBOUND_TOKEN,
};
const DASHBOARD = {
  DASHBOARD_USERS: `olga:operator:${olga.hash.reveal()}`,
  SESSION_SECRET: "the secret that signs sessions in tests",
};
const DATA_KEY = Buffer.alloc(32, 7).toString("base64");

type Role = "api" | "worker" | "dashboard";

/**
 * Gives `tell` a system of its own, and ends all of it afterwards. A story that waits for long shares its time with
 * others (`it.concurrent`), so none of them may share its system.
 */
export async function inSystem(tell: (system: System) => Promise<void>): Promise<void> {
  const system = await openSystem();
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("the story did not end in time")), STORY_LIMIT_MS);
  });
  try {
    await Promise.race([tell(system), limit]);
  } finally {
    clearTimeout(timer);
    await system.close();
  }
}

export type System = Awaited<ReturnType<typeof openSystem>>;

/** A Redis and a sandbox, and as many processes as the test starts. */
export async function openSystem() {
  const redis = await startRedis();
  const sandbox = await startSandbox({ redeliveryMs: Array.from({ length: 50 }, () => 100) });
  const started: Process[] = [];
  const everything: Environment = {
    ...API,
    ...DASHBOARD,
    DATA_KEY,
    PORT: "0",
    ...redis.environment,
    SALESFORCE_LOGIN_URL: sandbox.url,
    SALESFORCE_CLIENT_ID: "sandbox-client",
    SALESFORCE_CLIENT_SECRET: "sandbox-secret",
    WHMCS_URL: `${sandbox.url}/whmcs`,
    WHMCS_IDENTIFIER: "sandbox-identifier",
    WHMCS_SECRET: "sandbox-secret",
    VENDOR_TIMEOUT_MS: "1000",
    RETRY_BASE_MS: "20",
  };
  const ofRole: Readonly<Record<Role, Environment>> = {
    api: only(everything, "PORT", ...Object.keys(redis.environment), "DATA_KEY", ...Object.keys(API)),
    worker: only(
      everything,
      ...Object.keys(everything).filter((name) => !Object.hasOwn(API, name) && !Object.hasOwn(DASHBOARD, name)),
    ),
    dashboard: only(everything, "PORT", ...Object.keys(redis.environment), ...Object.keys(DASHBOARD)),
  };

  const control = async (method: string, at: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${sandbox.url}/control/${at}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} /control/${at}: ${String(response.status)} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
  const state = async () => (await control("GET", "state")) as SandboxState;
  const edit = (object: string, id: string, fields: Fields) => control("PATCH", `records/${object}/${id}`, fields);

  // Else the first sweep would find the approvals of the seed, in the middle of a story.
  const { orders } = (await state()).seed;
  for (const name of ["approvedApartment", "approvedVpn"])
    await edit("Order", orders[name] ?? "", { Status: "Pending Review" });

  return {
    redis,
    sandbox,
    everything,
    state,
    /** Starts a process and waits until it is ready. `role`: with that role's own settings only. */
    async start(environment: Environment = {}, role?: Role): Promise<Handoff> {
      const handoff = await this.launch(environment, role);
      await handoff.ready();
      return handoff;
    },
    /** Starts a process and waits until it listens, whether or not there is a Redis. */
    async launch(environment: Environment = {}, role?: Role): Promise<Handoff> {
      const own = role === undefined ? everything : { ...ofRole[role], ROLES: role };
      const process = run({ ...own, ...environment });
      started.push(process);
      return await listening(process);
    },
    seed: async (group: keyof SandboxState["seed"], name: string) => (await state()).seed[group][name] ?? "",
    /** A record of Salesforce as it is now. */
    record: async (object: keyof SandboxState["salesforce"], id: string): Promise<Fields | undefined> =>
      (await state()).salesforce[object].find(({ Id }) => Id === id),
    edit,
    make: async (object: string, fields: Fields) =>
      ((await control("POST", "records", { object, fields })) as { readonly Id: string }).Id, // the sandbox answers the whole record
    /** Calls a WHMCS action, as a person at its pages would; the answer is WHMCS's own. */
    async whmcs(action: string, parameters: Environment): Promise<Fields> {
      const { WHMCS_IDENTIFIER: identifier = "", WHMCS_SECRET: secret = "", WHMCS_URL: url = "" } = everything;
      const body = new URLSearchParams({ identifier, secret, responsetype: "json", action, ...parameters });
      const answer = (await (await fetch(`${url}/includes/api.php`, { method: "POST", body })).json()) as Fields; // the sandbox answers an object
      if (answer["result"] !== "success") throw new Error(`${action}: ${JSON.stringify(answer)}`);
      return answer;
    },
    /** An Order that Customer Service has just approved. */
    async approvedOrder(): Promise<string> {
      const id = await this.seed("orders", "approvedApartment");
      await edit("Order", id, { Status: "Approved" });
      return id;
    },
    /** Publishes Salesforce's event that the order is approved. */
    publish: (orderId: string) => control("POST", "events", { orderId }),
    fault: (fault: Fault) => control("POST", "faults", fault),
    clearFaults: () => control("DELETE", "faults"),
    /** Where approvals are announced from now on. */
    announceTo: ({ url }: Handoff) =>
      control("PUT", "outbound-url", { url: `${url}/salesforce/outbound-messages/${OUTBOUND_TOKEN}` }),
    /** Sends an outbound message about the order again; resolves with what came of the first try. */
    announce: (orderId: string) => control("POST", "outbound-messages", { orderIds: [orderId] }),
    /** How often a vendor was asked for `operation`. */
    asked: async (operation: string) =>
      ((await control("GET", "calls")) as { operation: string }[]).filter((call) => call.operation === operation)
        .length,
    /** How many jobs of `kind` there are in Redis, in one of `states` (BullMQ's words) or in any. */
    async jobs(kind: string, ...states: JobType[]): Promise<number> {
      const connection = redis.connect();
      const queue = new Queue(kind, { connection, prefix: "{handoff}" });
      const counts = await queue.getJobCounts(...states);
      await queue.close();
      connection.disconnect();
      return Object.values(counts).reduce((all, count) => all + count, 0);
    },
    async close() {
      for (const process of started) process.signal("SIGKILL");
      await Promise.all(started.map(({ ended }) => ended));
      await sandbox.close();
      await redis.stop();
    },
  };
}

function only(environment: Environment, ...names: readonly string[]): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => names.includes(name)));
}
