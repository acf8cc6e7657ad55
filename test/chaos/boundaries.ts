import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import type { Redis } from "ioredis";
import * as ledgerScripts from "../../src/queues/ledger-scripts.ts";
import type { JobView } from "../../src/queues/job-view.ts";
import type { Script } from "../../src/queues/script.ts";
import { isProper, type Line, openLine } from "../processors/line.ts";
import { type Request, requests } from "../processors/requests.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { compare, effectsSince, type Difference } from "./effects.ts";
import type { Experiment, Finding, Random, Scale } from "./experiment.ts";
import { type Command, type Passage, type RedisProxy, startRedisProxy } from "./redis-proxy.ts";

/**
 * A worker talks to Redis and to vendors, one exchange after the other. It is killed at every one of them, twice: when
 * the exchange was sent and the other side has not begun, and when the other side is through and no answer was read. So
 * it dies before and after each claim, with each request sent, with each write done and not heard of, before and after
 * the ledger's mark of it, and before and after completion. The exchanges are those of an ordinary run, watched from
 * outside: a new kind, step or call is in the list by itself.
 */
interface Boundary {
  readonly request: string;
  readonly exchange: Exchange;
  readonly side: "before" | "after";
}

type Exchange =
  /** `nth` of this name in the job and those that it handed on. */
  | { readonly with: "Redis"; readonly name: string; readonly nth: number }
  | { readonly with: "vendor"; readonly vendor: string; readonly operation: string; readonly nth: number };

/** A step's lease is twice this, and a lost request is waited for 12 times: both are over when the dead worker's lock is. */
const DEADLINE_MS = 2_400;

/** How long a job may take to its boundary; those that are there at a vendor before it wait for their deadline at most. */
const REACHED_WITHIN_MS = 10_000;

/** So many workers die by one kill. More in one process would be slower than their deadlines allow. */
const TOGETHER = 14;
const KILLS_AT_ONCE = 4;

/** A boundary whose job was too slow to get there is tried again. */
const TRIES = 4;

const A_DAY_MS = 86_400_000;

export const boundaries: Experiment = {
  name: "boundaries",
  async run(scale, random) {
    const redis = await startRedis();
    try {
      const all = await boundariesOf(redis);
      const chosen = scale === "full" ? all : choose(all, TOGETHER, random);
      return [await killAtEach(redis, chosen, all.length, scale)];
    } finally {
      await redis.stop();
    }
  },
};

async function killAtEach(
  redis: TestRedis,
  chosen: readonly Boundary[],
  ofAll: number,
  scale: Scale,
): Promise<Finding> {
  const deaths: Death[] = [];
  let left = chosen;
  for (let tries = 0; left.length > 0 && tries < (scale === "full" ? TRIES : 1); tries++) {
    const groups = spread(left, TOGETHER);
    const missed: Boundary[] = [];
    const startOne = oneAtATime();
    await inTurns(groups, scale === "full" ? KILLS_AT_ONCE : 1, async (group) => {
      const died = await killTogether(redis, group, startOne);
      deaths.push(...died);
      missed.push(...died.filter(({ isHit }) => !isHit).map(({ boundary }) => boundary));
    });
    left = missed;
  }
  const reached = deaths.filter(({ isHit }) => isHit);
  if (reached.length < (scale === "full" ? chosen.length : 1))
    throw new Error(`never reached: ${left.map(named).join("; ")}`);

  const wrong = deaths.filter(({ difference: { lost, doubled }, ended }) => !ended || lost + doubled > 0);
  for (const { boundary, difference, ended } of wrong)
    process.stderr.write(`\n${named(boundary)}: ${ended ? "" : "did not complete; "}${JSON.stringify(difference)}\n`);
  const repeatedMails = sum(deaths.map(({ difference }) => difference.repeatedMails));
  const longestPickUp = Math.max(...reached.map(({ pickedUpMs }) => pickedUpMs));
  return {
    what: "SIGKILL of the worker on either side of every exchange with Redis's ledger and with a vendor, of every kind",
    times: reached.length,
    lost: sum(deaths.map(({ difference, ended }) => (ended ? difference.lost : Math.max(1, difference.lost)))),
    doubled: sum(deaths.map(({ difference }) => difference.doubled)),
    convergedMs: Math.max(...reached.map(({ convergedMs }) => convergedMs)),
    remark: `${String(reached.length)} of ${String(ofAll)} boundaries; taken up again after ${(longestPickUp / 1000).toFixed(1)} s at most; ${String(repeatedMails)} mails came twice with the same Message-ID (a server that took a mail and was not heard)`,
  };
}

interface Death {
  readonly boundary: Boundary;
  /** False where the job was elsewhere when the worker was killed: what came of it counts all the same. */
  readonly isHit: boolean;
  readonly difference: Difference;
  readonly ended: boolean;
  readonly pickedUpMs: number;
  readonly convergedMs: number;
}

/** A line, and the proxy by which a worker of its own reaches Redis. */
interface World {
  readonly request: Request;
  readonly line: Line;
  readonly proxy: RedisProxy;
  readonly payload: unknown;
  readonly before: Awaited<ReturnType<typeof effectsSince.start>>;
}

async function openWorld(redis: TestRedis, request: Request, watch: (prefix: string) => (command: Command) => Passage) {
  const line = await openLine({
    redisUrl: redis.url,
    environment: {
      VENDOR_TIMEOUT_MS: String(DEADLINE_MS),
      RETRY_ATTEMPTS: "20",
      RETRY_BASE_MS: "20",
      SWEEP_INTERVAL_MS: String(A_DAY_MS),
      PORT: "0",
    },
  });
  const proxy = await startRedisProxy(redis.port, watch(line.engine.prefix));
  await keepQuiet(line);
  const payload = (await request.prepare?.(line)) ?? request.payload;
  await line.forgetCalls();
  return { request, line, proxy, payload, before: await effectsSince.start(line) } satisfies World;
}

/** No sweep begins by itself, and nobody looks whether the vendors are set up: only the request's own work is seen. */
async function keepQuiet({ engine }: Line): Promise<void> {
  await engine.redis.set(`${engine.prefix}:org-check-turn`, "taken");
  for (const kind of ["approval-sweep", "document-sweep"])
    await engine.queues
      .get(kind)
      ?.upsertJobScheduler(kind, { every: A_DAY_MS, startDate: Date.now() + A_DAY_MS }, { name: kind, data: {} });
}

async function closeWorld({ line, proxy }: World): Promise<void> {
  await line.close();
  await proxy.close();
}

/** Every boundary there is: an ordinary run of each request is watched. */
async function boundariesOf(redis: TestRedis): Promise<readonly Boundary[]> {
  const exchanges = new Map<World, Exchange[]>();
  const worlds: World[] = [];
  for (const request of Object.values(requests)) {
    const seen: Exchange[] = [];
    const world = await openWorld(redis, request, (prefix) => {
      const nameOf = namesOfExchanges(prefix);
      return (command) => {
        const exchange = nameOf(command);
        if (exchange !== undefined) seen.push(exchange);
        return "pass";
      };
    });
    worlds.push(world);
    exchanges.set(world, seen);
  }
  const worker = await startWorkers(worlds.map(({ line, proxy }) => ({ ...line.environment, REDIS_URL: proxy.url })));
  const names = Object.keys(requests);
  const found = await Promise.all(
    worlds.map(async (world, at) => {
      const { id } = await take(world);
      const job = await world.line.engine.until(id, "completed", "failed");
      if (job.state !== "completed")
        throw new Error(`an ordinary ${names[at] ?? ""} failed: ${JSON.stringify(job.failure)}`);
      await world.line.rest();
      const calls = (await world.line.calls()).filter(isProper);
      const ofVendors = calls.map(({ vendor, operation }, call): Exchange => {
        const nth = calls.slice(0, call).filter((one) => one.vendor === vendor && one.operation === operation).length;
        return { with: "vendor", vendor, operation, nth };
      });
      return [...(exchanges.get(world) ?? []), ...ofVendors].flatMap((exchange) =>
        (["before", "after"] as const).map((side) => ({ request: names[at] ?? "", exchange, side })),
      );
    }),
  );
  await worker.kill();
  await Promise.all(worlds.map(closeWorld));
  return found.flat();
}

/** Brings a job to each boundary, kills the worker of all of them, starts another, and looks what came of it. */
async function killTogether(
  redis: TestRedis,
  group: readonly Boundary[],
  startOne: <T>(work: () => Promise<T>) => Promise<T>,
): Promise<Death[]> {
  const held = new Set<Boundary>();
  const worlds: (World & { readonly boundary: Boundary })[] = [];
  const jobs = new Map<World, string>();
  try {
    const killedAt = await startOne(async () => {
      for (const boundary of group) worlds.push({ ...(await openWorldAt(redis, boundary, held)), boundary });
      const environments = worlds.map(({ line, proxy }) => ({ ...line.environment, REDIS_URL: proxy.url }));
      const first = await startWorkers(environments);
      let killAt = performance.now() + REACHED_WITHIN_MS;
      await Promise.all(worlds.map(async (world) => jobs.set(world, (await take(world)).id)));
      while (held.size < group.length && performance.now() < killAt) {
        await Promise.all(
          worlds.map(async ({ line, boundary }) => {
            if (boundary.exchange.with !== "vendor" || held.has(boundary)) return;
            if (!(await line.calls()).some(({ fault }) => fault !== undefined)) return;
            held.add(boundary);
            killAt = Math.min(killAt, performance.now() + 0.7 * DEADLINE_MS);
          }),
        );
        await new Promise((resolve) => setTimeout(resolve, 20)); // between looks, not instead of them
      }
      await first.kill();
      return Date.now();
    });
    const second = await startOne(() => startWorkers(worlds.map(({ line }) => line.environment)));
    try {
      return await Promise.all(
        worlds.map(async (world) => {
          const { line, boundary, request, before } = world;
          const id = jobs.get(world) ?? "";
          const pickedUpMs = (await begunAfter(line, request.kind.name, id, killedAt)) - killedAt;
          const job: JobView = await line.engine.until(id, "completed", "failed");
          await line.rest();
          const convergedMs = Date.now() - killedAt;
          const difference = compare(await effectsSince.end(line, before), request.effects, await line.state());
          return {
            boundary,
            isHit: held.has(boundary),
            difference,
            ended: job.state === "completed",
            pickedUpMs,
            convergedMs,
          };
        }),
      );
    } finally {
      await second.kill();
    }
  } finally {
    await Promise.all(worlds.map(closeWorld));
  }
}

async function openWorldAt(redis: TestRedis, boundary: Boundary, held: Set<Boundary>): Promise<World> {
  const { exchange, side } = boundary;
  const request = requests[boundary.request];
  if (request === undefined) throw new Error(`no request is called ${boundary.request}`);
  const world = await openWorld(redis, request, (prefix) => {
    const nameOf = namesOfExchanges(prefix);
    return (command) => {
      const now = nameOf(command);
      if (now?.with !== exchange.with || exchange.with !== "Redis") return "pass";
      if (now.with !== "Redis" || now.name !== exchange.name || now.nth !== exchange.nth) return "pass";
      held.add(boundary);
      return `hold ${side}`;
    };
  });
  if (exchange.with === "vendor") {
    const { vendor, operation, nth } = exchange;
    await world.line.fault({ vendor, operation, mode: `hang-${side}`, skip: nth });
  }
  return world;
}

async function take({ line, request, payload }: World): Promise<JobView> {
  const taken = await line.engine.accept(request.kind, payload);
  if (taken.how === "key-reused") throw new Error("no key was given");
  return taken.job;
}

/** When a worker took the job up, or somebody else's work ended, after `moment` (ms). */
async function begunAfter({ engine }: Line, kind: string, id: string, moment: number): Promise<number> {
  for (;;) {
    const job = await engine.queues.get(kind)?.getJob(id);
    if ((job?.processedOn ?? 0) > moment) return job?.processedOn ?? 0;
    if (job?.finishedOn !== undefined && job.finishedOn <= moment) return moment; // it was through when the worker died
    await new Promise((resolve) => setTimeout(resolve, 100)); // between looks, not instead of them
  }
}

/** The digests by which the ledger's scripts are sent, with their names. */
const LEDGER_SCRIPTS: ReadonlyMap<string, string> = await digests();

async function digests(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const { accept: _whole, ...byDigest } = ledgerScripts;
  for (const [name, script] of Object.entries<Script>(byDigest)) {
    const spy = {
      evalsha: async (sha: string) => {
        found.set(sha, name);
      },
    };
    await script(spy as unknown as Redis, [], []); // all that a script asks of its connection
  }
  return found;
}

/** Names what goes by of the ledger and of a job's completion; undefined for all that concerns no job's progress. */
function namesOfExchanges(prefix: string): (command: Command) => Exchange | undefined {
  const kinds = new Map<string, string>();
  const seen = new Map<string, number>();
  const nameOf = ([name = "", script = "", count = "", ...rest]: Command): string | undefined => {
    const [keys, args] = [rest.slice(0, Number(count)), rest.slice(Number(count))];
    if (name.toLowerCase() === "eval" && keys[0] === `${prefix}:era`) return `${args[3] ?? ""}: is handed on`;
    if (name.toLowerCase() !== "evalsha") return undefined;
    if (keys.length === 14 && keys[10]?.endsWith(":completed") === true)
      return `${keys[0]?.split(":").at(-2) ?? ""}: leaves the queue`;
    const verb = LEDGER_SCRIPTS.get(script);
    const [ledger, id] = keys[0]?.split(":ledger:") ?? [];
    if (verb === undefined || ledger !== prefix || id === undefined) return undefined;
    if (verb === "begin") kinds.set(id, args[1] ?? "");
    return `${kinds.get(id) ?? ""}: ${verb}${verb === "claim" ? ` "${args[0] ?? ""}"` : ""}`;
  };
  return (command) => {
    const name = nameOf(command);
    if (name === undefined) return undefined;
    const nth = seen.get(name) ?? 0;
    seen.set(name, nth + 1);
    return { with: "Redis", name, nth };
  };
}

const HOST = path.join(import.meta.dirname, "several-workers.ts");

/** Resolves once each of them takes work. */
async function startWorkers(environments: readonly Readonly<Record<string, string>>[]) {
  const child = spawn(process.execPath, [HOST], {
    env: { PATH: process.env["PATH"] },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const dieWithUs = () => child.kill("SIGKILL");
  process.once("exit", dieWithUs);
  const gone = once(child, "close");
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (words: string) => (said += words));
  child.stdin.end(JSON.stringify(environments));
  await new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (words: string) => {
      said += words;
      if (words.includes("all of them work")) resolve();
    });
    void gone.then(() => reject(new Error(`the workers ended:\n${said}`)));
  });
  return {
    async kill() {
      child.kill("SIGKILL");
      await gone;
      process.off("exit", dieWithUs);
    },
  };
}

function named({ request, exchange, side }: Boundary): string {
  const what = exchange.with === "Redis" ? exchange.name : `${exchange.vendor} ${exchange.operation}`;
  return `${request}, ${side} "${what}" ${String(exchange.nth + 1)}`;
}

function choose<T>(all: readonly T[], count: number, random: Random): T[] {
  const left = [...all];
  return Array.from({ length: Math.min(count, left.length) }, () =>
    left.splice(random.between(0, left.length - 1), 1),
  ).flat();
}

/** Groups of at most `size`, and boundaries of one request far from each other. */
function spread<T>(all: readonly T[], size: number): T[][] {
  const count = Math.ceil(all.length / size);
  return Array.from({ length: count }, (_, group) => all.filter((_one, at) => at % count === group));
}

async function inTurns<T>(all: readonly T[], atOnce: number, work: (one: T) => Promise<void>): Promise<void> {
  const waiting = [...all];
  const go = async () => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) await work(one);
  };
  await Promise.all(Array.from({ length: atOnce }, go));
}

/** Work that must not share the machine: what is measured there has a deadline. */
function oneAtATime(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);
