import { randomUUID } from "node:crypto";
import { pino } from "pino";
import * as z from "zod";
import { RejectedError } from "../../src/domain/errors.ts";
import { findable } from "../../src/domain/findable.ts";
import { openFailureGroups } from "../../src/queues/failure-groups.ts";
import { openFinding } from "../../src/queues/finding.ts";
import { openIntake } from "../../src/queues/intake.ts";
import { defineJobKind } from "../../src/queues/job-kind.ts";
import { openLedger, timingFor } from "../../src/queues/ledger.ts";
import type { Connection } from "../../src/queues/connection.ts";
import { openQueues } from "../../src/queues/queues.ts";
import { script } from "../../src/queues/script.ts";
import { type Sealing, sealingWith } from "../../src/queues/sealing.ts";
import { startWorker } from "../../src/queues/worker.ts";
import { type Browser, FORM, olga, openBrowser, signIn } from "../dashboard/site.ts";
import { run, listening } from "../e2e/process.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { median, type Row } from "./figures.ts";

const COMPLETED = 1_000_000;
const FAILED = 100_000;
const LOOKS = 30;
const PREFIX = "{handoff}";
const LOOKED_FOR = "order-777777";
const DATA_KEY = Buffer.alloc(32, 1);

/** Stands where the real one does, so that the dashboard shows its jobs; it asks nobody. */
const provisioning = defineJobKind({
  name: "provisioning",
  purpose: "",
  payload: z.strictObject({ orderId: findable(z.string()) }),
  key: ({ orderId }) => orderId,
  routes: [],
  async run({ orderId }, step) {
    await step("read the order", "repeat", async () => ({ orderId }));
    if (orderId.startsWith("fails"))
      throw new RejectedError({ code: "no-whmcs-client", title: "No client.", detail: "Fill it in.", vendor: null });
    await step("add the order", { find: async () => undefined }, async () => ({ whmcsOrderId: 1 }));
    return { outcome: "done", result: {} };
  },
});

/** The desk's pages with a million completed and a hundred thousand failed jobs in Redis, beside Bull Board's own. */
export async function benchDesk(): Promise<Row[]> {
  const redis = await startRedis();
  try {
    const group = await fill(redis);
    const dashboard = await listening(
      run({
        ...redis.environment,
        ROLES: "dashboard",
        PORT: "0",
        DATA_KEY: DATA_KEY.toString("base64"),
        DASHBOARD_USERS: `olga:operator:${olga.hash.reveal()}`,
        SESSION_SECRET: "the secret that signs sessions here",
      }),
    );
    await dashboard.ready();
    const browser = openBrowser(dashboard);
    await signIn(browser, { name: "olga" });
    const find = () => browser.send("POST", "/desk/find", { body: `q=${LOOKED_FOR}`, headers: FORM });
    const found = await (await find()).text();
    if (!found.includes("/desk/jobs/")) throw new Error("the job that is looked for is not found");
    const list = "/admin/queues/api/queues?activeQueue=provisioning&status=failed&page=1&jobsPerPage=10";
    const bullBoard = await timesOf(() => browser.get(list));
    const row = async (what: string, ask: () => Promise<Response>, goal: string): Promise<Row> => ({
      what,
      figure: inWords(await timesOf(ask)),
      beside: `${inWords(bullBoard)} (Bull Board's list of failed jobs)`,
      ratio: "",
      goal,
    });
    const rows = [
      await row("desk, Now", () => browser.get("/desk"), "below 100 ms"),
      await row("desk, a failure group", () => browser.get(`/desk/groups/${encodeURIComponent(group)}`), ""),
      await row("desk, Find", find, "below 50 ms"),
      await retryAll(browser, group),
    ];
    dashboard.signal("SIGTERM");
    await dashboard.ended;
    return rows;
  } finally {
    await redis.stop();
  }
}

/** Asks for a retry of all, ours and then Bull Board's, and looks at another page meanwhile. */
async function retryAll(browser: Browser, group: string): Promise<Row> {
  const ours = await meanwhile(browser, () =>
    browser.send("POST", `/desk/groups/${encodeURIComponent(group)}/retry`, {
      body: "rate=100&most=&why=",
      headers: FORM,
    }),
  );
  const theirs = await meanwhile(browser, () =>
    browser.send("PUT", "/admin/queues/api/queues/provisioning/retry/failed"),
  );
  return {
    what: "desk, retry of all that failed",
    figure: ours,
    beside: `${theirs} (Bull Board)`,
    ratio: "",
    goal: "blocks no request",
  };
}

async function meanwhile(browser: Browser, ask: () => Promise<Response>): Promise<string> {
  const startedAt = performance.now();
  const over = new AbortController();
  const asked = ask().then(async (answer) => {
    const text = await answer.text();
    over.abort();
    if (answer.status >= 400) throw new Error(`${String(answer.status)} ${text.slice(0, 200)}`);
    return performance.now() - startedAt;
  });
  const others: number[] = [];
  while (!over.signal.aborted || others.length < LOOKS) others.push(await timeOf(() => browser.get("/healthz")));
  return `answered after ${(await asked).toFixed(0)} ms; another page within ${Math.max(...others).toFixed(0)} ms meanwhile`;
}

async function timesOf(ask: () => Promise<Response>): Promise<number[]> {
  const times: number[] = [];
  for (let look = 0; look <= LOOKS; look++) times.push(await timeOf(ask));
  return times.slice(1); // the first one warms up
}

async function timeOf(ask: () => Promise<Response>): Promise<number> {
  const startedAt = performance.now();
  const answer = await ask();
  await answer.text();
  if (answer.status !== 200) throw new Error(`${answer.url}: ${String(answer.status)}`);
  return performance.now() - startedAt;
}

const inWords = (times: readonly number[]) =>
  `${median(times).toFixed(0)} ms, the slowest of ${String(times.length)} ${Math.max(...times).toFixed(0)} ms`;

/**
 * Runs one job that is completed and one that fails, and copies all that these left in Redis as often as it takes. Gives the
 * failure group. Nothing is kept on disk: only reading is measured.
 */
async function fill(server: TestRedis): Promise<string> {
  await server.each((one) => one.config("SET", "appendonly", "no"));
  const redis = server.connect();
  const sealing = sealingWith([DATA_KEY]);
  const ledger = openLedger({ redis, prefix: PREFIX, sealing, timing: timingFor(15_000) });
  const queues = await openQueues([provisioning], redis, PREFIX);
  const intake = openIntake({ redis, ledger, sealing, queues: () => queues });
  const finding = openFinding({ redis, prefix: PREFIX, sealing });
  const ended = Promise.withResolvers<void>();
  let ends = 0;
  const worker = startWorker(provisioning, {
    redis,
    prefix: PREFIX,
    ledger,
    sealing,
    intake,
    finding,
    kinds: [provisioning],
    services: {},
    breakers: {},
    allowances: {},
    attempts: 1,
    baseMs: 1000,
    stopping: new AbortController().signal,
    log: pino({ level: "silent" }),
    onAttempt: () => {
      if (++ends === 2) ended.resolve();
    },
  });
  const models = [];
  for (const orderId of ["order-model", "fails-model"])
    models.push(await intake.accept(provisioning, { orderId }, { door: "bench" }));
  await ended.promise;
  await worker.close();
  const [completed = "", failed = ""] = models.map((taken) => ("job" in taken ? taken.job.id : ""));
  const [group] = await openFailureGroups({ redis, prefix: PREFIX }).list();
  if (group === undefined) throw new Error("the model did not fail");
  const key = `${PREFIX}:groups:${group.id}`;
  await copies(redis, sealing, { model: completed, list: "completed", count: COMPLETED, name: "order", group: "" });
  await copies(redis, sealing, { model: failed, list: "failed", count: FAILED, name: "fails", group: key });
  for (const queue of queues.values()) await queue.close();
  redis.disconnect();
  return group.id;
}

/** KEYS: the queue. ARGV: prefix, model's id, list, group (or empty), then for each copy: id, natural key, name to be found by. */
const copy = script(`
local prefix, model, list, group = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local ledger, job = redis.call('DUMP', prefix .. ':ledger:' .. model), redis.call('DUMP', KEYS[1] .. ':' .. model)
local now = now_ms()
for i = 5, #ARGV, 3 do
  local id, natural, tag = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  redis.call('RESTORE', prefix .. ':ledger:' .. id, 0, ledger)
  redis.call('HSET', prefix .. ':ledger:' .. id, 'natural', natural)
  redis.call('RESTORE', KEYS[1] .. ':' .. id, 0, job)
  redis.call('HSET', natural, 'last', id)
  redis.call('ZADD', KEYS[1] .. ':' .. list, now, id)
  redis.call('ZADD', prefix .. ':find:' .. tag, now, id)
  if group ~= '' then
    redis.call('HSET', prefix .. ':ledger:' .. id, 'whose', natural)
    redis.call('ZADD', group, now, id)
    redis.call('HINCRBY', group .. ':whose', natural, 1)
  end
end
return 0
`);

const AT_ONCE = 1000;

async function copies(
  redis: Connection,
  sealing: Sealing,
  of: {
    readonly model: string;
    readonly list: string;
    readonly count: number;
    readonly name: string;
    readonly group: string;
  },
): Promise<void> {
  for (let first = 0; first < of.count; first += AT_ONCE) {
    const args = Array.from({ length: AT_ONCE }, (_, at) => {
      const name = `${of.name}-${String(first + at)}`;
      return [randomUUID(), `${PREFIX}:key:provisioning:${name}`, sealing.tags(name)[0] ?? ""];
    });
    await copy(redis, [`${PREFIX}:provisioning`], [PREFIX, of.model, of.list, of.group, ...args.flat()]);
  }
}
