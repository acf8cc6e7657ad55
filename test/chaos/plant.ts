import { Queue } from "bullmq";
import { eligibility } from "../../src/processors/eligibility.ts";
import type { Connection } from "../../src/queues/connection.ts";
import { ORGANIZATION_ID } from "../../src/sandbox/salesforce/token.ts";
import { built } from "../built.ts";
import {
  API_KEY,
  doctor,
  listening,
  type Environment,
  type Handoff,
  type Process,
  run,
  until,
} from "../e2e/process.ts";
import { ADDRESS, ADMINISTRATOR, type Call, type Fault, type SandboxState } from "../processors/line.ts";
import { startRedis, type TestRedis, type TestRedisOptions } from "../redis.ts";
import type { Scale } from "./experiment.ts";
import { endLocks, keepLocksShort } from "./locks.ts";
import { inTurns, sum } from "./turns.ts";

const PREFIX = "{handoff}";
export const OUTBOUND_TOKEN = "the-token-of-outbound-messages";

/** Doors wait two seconds for Redis; the rest is for a busy machine. */
const REFUSED_WITHIN_MS = 10_000;

const PATH = "/api/services/internet/eligibility-request";

/** What came of a post. `id`: where it was accepted. */
export interface Answer {
  readonly account: string;
  readonly status: number;
  readonly id: string | null;
  readonly ms: number;
  readonly retryAfter: string | null;
}

export interface TimedCall extends Call {
  /** ISO 8601. */
  readonly at: string;
  /** Null where it was not answered. */
  readonly status: number | null;
  readonly summary: string;
}

export type Plant = Awaited<ReturnType<typeof openPlant>>;

/**
 * The program as it is deployed, in processes, with a sandbox of their own, and a portal that asks
 * for eligibility checks: each for an account of its own, so that each has to open one Case.
 */
export async function openPlant(redis: TestRedis, settings: Environment = {}) {
  const sandbox = await runSandbox();
  const started: Process[] = [sandbox.process];
  const atClose: (() => void)[] = [];
  const common = { PORT: "0", ...redis.environment, DATA_KEY: Buffer.alloc(32, 7).toString("base64"), ...settings };
  const ofApi = {
    ...common,
    ROLES: "api",
    API_KEYS: `portal:${API_KEY}`,
    API_RATE_PER_MINUTE: "1000000",
    SALESFORCE_ORG_ID: ORGANIZATION_ID,
    SALESFORCE_OUTBOUND_TOKEN: OUTBOUND_TOKEN,
  };
  const ofWorker = {
    ...common,
    ROLES: "worker",
    SALESFORCE_LOGIN_URL: sandbox.url,
    SALESFORCE_CLIENT_ID: "sandbox-client",
    SALESFORCE_CLIENT_SECRET: "sandbox-secret",
    WHMCS_URL: `${sandbox.url}/whmcs`,
    WHMCS_IDENTIFIER: "sandbox-identifier",
    WHMCS_SECRET: "sandbox-secret",
    FREEBIT_URL: `${sandbox.url}/freebit`,
    FREEBIT_OEM_ID: "sandbox-oem",
    FREEBIT_OEM_KEY: "sandbox-oem-key",
    SMTP_URL: sandbox.smtpUrl,
    MAIL_FROM: "portal@sonixnet.example",
    ADMIN_EMAIL: ADMINISTRATOR,
    SWEEP_INTERVAL_MS: "86400000",
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
  const start = async (environment: Environment): Promise<Handoff> => {
    const process = run(environment);
    started.push(process);
    const handoff = await listening(process);
    await handoff.ready();
    return handoff;
  };
  const state = async () => (await control("GET", "state")) as SandboxState;
  let accounts = 0;

  return {
    redis,
    state,
    sandbox,
    control,
    /** Makes a record in Salesforce; gives its id. */
    make: async (object: string, fields: Readonly<Record<string, unknown>>): Promise<string> =>
      ((await control("POST", "records", { object, fields })) as { readonly Id: string }).Id, // the sandbox answers the whole record
    /** Makes a client in WHMCS, as a person at its pages would; gives its id. */
    async addClient(number: number): Promise<number> {
      const response = await fetch(`${sandbox.url}/whmcs/includes/api.php`, {
        method: "POST",
        body: new URLSearchParams({
          identifier: "sandbox-identifier",
          secret: "sandbox-secret",
          responsetype: "json",
          action: "AddClient",
          skipvalidation: "true",
          email: `customer${String(number)}@customer.example`,
        }),
      });
      return Number(((await response.json()) as { readonly clientid: string }).clientid); // the sandbox answers so
    },
    fault: (fault: Fault) => control("POST", "faults", fault),
    clearFaults: () => control("DELETE", "faults"),
    /** The calls that vendors got. */
    calls: async () => (await control("GET", "calls")) as readonly TimedCall[],
    /** Nobody looks whether the vendors are set up: what is counted is the jobs' own. */
    async quiet(): Promise<void> {
      await this.inQueue(async (_queue, connection) => await connection.set(`${PREFIX}:org-check-turn`, "taken"));
    },
    startApi: (environment: Environment = {}) => start({ ...ofApi, ...environment }),
    startWorker: (environment: Environment = {}) => start({ ...ofWorker, ...environment }),
    /** No lock lasts longer than a few seconds from now on; `lastDeath`: as of `keepLocksShort`. */
    keepLocksShort: (lastDeath?: () => number) => void atClose.push(keepLocksShort(redis, PREFIX, lastDeath)),
    /** As though every lock there is had run out. */
    async endLocks(): Promise<void> {
      await this.inQueue(async (_queue, connection) => await endLocks(connection, PREFIX));
    },
    /** What the doctor says of the plant. */
    doctor: () => doctor(ofWorker),
    /** Asks for a check of an account that nobody asked about before. */
    async ask(api: Handoff): Promise<Answer> {
      return await this.askFor(api, await this.make("Account", { Name: `会社 ${String((accounts += 1))}` }));
    },
    /** Asks for a check of `account`. */
    async askFor(api: Handoff, account: string): Promise<Answer> {
      const askedAt = performance.now();
      const response = await api.post(PATH, { accountId: account, address: ADDRESS });
      const body = (await response.json()) as { readonly id?: string }; // the API's own tests hold it to that
      return {
        account,
        status: response.status,
        id: response.status === 202 ? (body.id ?? null) : null,
        ms: performance.now() - askedAt,
        retryAfter: response.headers.get("retry-after"),
      };
    },
    /** Asks for so many checks, eight at a time; throws where one is not accepted. */
    async askAll(api: Handoff, times: number): Promise<readonly Answer[]> {
      const answers: Answer[] = [];
      await inTurns([...Array(times).keys()], 8, async () => void answers.push(await this.ask(api)));
      if (answers.some(({ id }) => id === null)) throw new Error("a check was not accepted");
      return answers;
    },
    /** How often each account has a Case. */
    async cases(): Promise<ReadonlyMap<string, number>> {
      const byAccount = Map.groupBy((await state()).salesforce.Case, (one) => String(one["AccountId"]));
      return new Map([...byAccount].map(([account, all]) => [account, all.length]));
    },
    /** Resolves with the time (ms) until no job of the kind waits or is under way any more, but for the next of a schedule. */
    async rest(kind = eligibility.name): Promise<number> {
      const from = performance.now();
      await this.inQueue(async (queue) => {
        await until(
          async () =>
            (await queue.getJobCountByTypes("waiting", "active", "delayed")) <= (await queue.getJobSchedulersCount()) ||
            undefined,
        );
      }, kind);
      return performance.now() - from;
    },
    async inQueue<T>(look: (queue: Queue, connection: Connection) => Promise<T>, kind = eligibility.name): Promise<T> {
      const connection = redis.connect();
      const queue = new Queue(kind, { connection, prefix: PREFIX });
      queue.on("error", () => undefined); // whoever waits here hears of it; an experiment that broke off took its Redis along
      try {
        return await look(queue, connection);
      } finally {
        await queue.close();
        connection.disconnect();
      }
    },
    /** What was accepted and has no Case or is not known any more, and what has several. */
    async audit(answers: readonly Answer[]): Promise<{ lost: number; doubled: number; accepted: number }> {
      const accepted = answers.filter(({ id }) => id !== null);
      const cases = await this.cases();
      const known = await this.inQueue(async (_queue, connection) => {
        const found = new Set<string>();
        for (const { id } of accepted)
          if (id !== null && (await connection.exists(`${PREFIX}:ledger:${id}`)) === 1) found.add(id);
        return found;
      });
      const isLost = ({ account, id }: Answer) => id === null || !known.has(id) || !cases.has(account);
      return {
        accepted: accepted.length,
        lost: accepted.filter(isLost).length,
        doubled: answers.reduce((all, { account }) => all + Math.max(0, (cases.get(account) ?? 0) - 1), 0),
      };
    },
    async close() {
      for (const end of atClose) end();
      for (const process of started) process.signal("SIGKILL");
      await Promise.all(started.map(({ ended }) => ended));
      await redis.stop();
    },
  };
}

/** The vendors, in a process of their own: their answers wait for nothing that an experiment does, such as starting a process. */
async function runSandbox() {
  const process = run({ SANDBOX_PORT: "0", SANDBOX_SMTP_PORT: "0" }, built("sandbox/main"));
  const line = await until(() => /^\{"sandbox":.*\}$/m.exec(process.stdout())?.[0], process);
  const { sandbox } = JSON.parse(line) as { readonly sandbox: { readonly url: string; readonly smtpUrl: string } }; // so it says
  return { ...sandbox, process };
}

/** Portals that ask one check after the other until `stop`, with a rest after each; gives all the answers. */
export function load(
  plant: Plant,
  api: Handoff,
  {
    portals = 2,
    restMs = 40,
    refusedRestMs = restMs,
  }: { portals?: number; restMs?: number; refusedRestMs?: number } = {},
) {
  const answers: Answer[] = [];
  const over = new AbortController();
  const portal = async () => {
    while (!over.signal.aborted) {
      const answer = await plant.ask(api);
      answers.push(answer);
      await pause(answer.id === null ? refusedRestMs : restMs);
    }
  };
  const all = Promise.all(Array.from({ length: portals }, portal));
  all.catch(() => undefined); // where the experiment breaks off, nobody waits for them
  return {
    answers,
    async stop(): Promise<readonly Answer[]> {
      over.abort();
      await all;
      return answers;
    },
  };
}

/** Those who were told to come again; throws where that was not said at once and properly, or something else was said. */
export function refusedOf(answers: readonly Answer[]): readonly Answer[] {
  const refused = answers.filter(({ status }) => status === 503);
  const others = answers.filter(({ status }) => status !== 202 && status !== 503).length;
  const silent = refused.filter(({ retryAfter }) => retryAfter === null).length;
  const late = refused.filter(({ ms }) => ms > REFUSED_WITHIN_MS).length;
  if (others + silent + late > 0)
    throw new Error(
      `${String(others)} posts got neither 202 nor 503, ${String(silent)} a 503 without Retry-After, ${String(late)} one too late`,
    );
  return refused;
}

/** How many of the jobs did not end well, and how many attempts were spent beside those that ended them. */
export async function ends(
  api: Handoff,
  jobs: readonly { readonly id: string | null }[],
): Promise<{ readonly failed: number; readonly spent: number }> {
  const views = await Promise.all(jobs.flatMap(({ id }) => (id === null ? [] : [api.job(id)])));
  return {
    failed: views.filter(({ state }) => state !== "completed").length,
    spent: sum(views.map(({ attempts }) => attempts - 1)),
  };
}

/** The vendors' deadline in a short run: what a worker was inside of is let alone for twice that. */
export const deadlineFor = (scale: Scale): Environment => (scale === "full" ? {} : { VENDOR_TIMEOUT_MS: "1000" });

/** How long something is let alone; what is waited for is waited for with `until`. */
export async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** Opens a plant for `work`, with a Redis of its own or the one given, and ends all of it afterwards. */
export async function inPlant<T>(
  work: (plant: Plant) => Promise<T>,
  options: TestRedisOptions | TestRedis = {},
  settings?: Environment,
): Promise<T> {
  const redis = "url" in options ? options : await startRedis(options);
  const plant = await openPlant(redis, settings).catch(async (error: unknown) => {
    await redis.stop();
    throw error;
  });
  try {
    return await work(plant);
  } finally {
    await plant.close();
  }
}
