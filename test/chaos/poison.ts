import path from "node:path";
import { type Environment, type Handoff } from "../e2e/process.ts";
import { ADDRESS } from "../processors/line.ts";
import type { Experiment, Random } from "./experiment.ts";
import { type Answer, deadlineFor, inPlant, load, pause, type Plant } from "./plant.ts";
import { SHORT_LOCK_MS } from "./locks.ts";
import { inTurns } from "./turns.ts";

/** Of the vendors: what a worker died inside of is looked for until 12 times this are over. */
const DEADLINE = { full: { VENDOR_TIMEOUT_MS: "2000" }, short: deadlineFor("short") };

/** It takes three deaths to know a check by, and there are three checks; a program that does not start dies, too, and one that never learns dies on. */
const MOST_DEATHS = 20;

/** Others are always in the middle of a check when a worker dies, and must not be taken for the cause. */
const SLOW = { vendor: "salesforce", operation: "query", mode: "slow", delayMs: 150, times: 1_000_000 };

/** Payloads as no version of Handoff wrote them, nor BullMQ the last one. */
const UNREADABLE: readonly [Unreadable, ...Unreadable[]] = [
  { data: "put there by hand" },
  { data: { account: "of another shape" } },
  { data: { accountId: "0015g0000000001AAA", address: "sealed:v1:00000000:with-a-key-that-is-gone" } },
  { data: {}, text: '{"accountId": "0015g00' },
];

interface Unreadable {
  readonly data: unknown;
  /** What stands in Redis in its place. */
  readonly text?: string;
}

/** Some checks cannot be read, some bring down whatever worker takes them: each ends up with a person, and the others go on. */
export const poison: Experiment = {
  name: "poison",
  beside: "none",
  async run(scale, random) {
    const unreadable = scale === "full" ? 300 : 10;
    const crashing = scale === "full" ? [1, 2] : [1]; // one by itself, then two at once
    // A percentile says something of thousands of checks; more of them would make the whole too long.
    const [calmMs, restMs, crashesMs] = scale === "full" ? [24_000, 150, 120_000] : [1_000, 90, 0];
    const workersKept = Math.max(...crashing) + 1; // those that crash may take one each at the same moment
    return await inPlant(
      async (plant) => {
        const poisonous = (count: number) =>
          Promise.all(Array.from({ length: count }, (_, at) => plant.make("Account", { Name: `毒 ${String(at)}` })));
        const groups = await Promise.all(crashing.map(poisonous));
        await plant.fault(SLOW);
        const api = await plant.startApi();
        const workers = await keepWorkers(plant, workersKept, {
          NODE_OPTIONS: `--import=${path.join(import.meta.dirname, "crash-on.ts")}`,
          CRASH_ON: groups.flat().join(","),
        });
        plant.keepLocksShort();
        /** Others ask while something happens. */
        const meanwhile = async (work: () => Promise<unknown>) => {
          const portals = load(plant, api, scale === "full" ? {} : { restMs: 100 });
          await work();
          return await portals.stop();
        };

        const warm = await meanwhile(() => pause(calmMs / 3)); // whoever has just started is slower
        const calm = [...(await meanwhile(() => pause(calmMs)))];
        const spoilt = await meanwhile(async () => {
          await putUnreadable(plant, unreadable, restMs, random);
          await untilFailed(plant, unreadable);
        });
        const crashes: Crashes[] = [];
        let failed = unreadable;
        for (const accounts of groups) {
          const deathsBefore = workers.deaths();
          const crashers: Answer[] = [];
          let quarantinedMs = 0;
          const askedAt = Date.now();
          const others = await meanwhile(async () => {
            const from = performance.now();
            for (const account of accounts) crashers.push(await ask(api, account));
            const quarantined = untilFailed(plant, (failed += accounts.length)).then(
              () => (quarantinedMs = performance.now() - from),
            );
            await Promise.race([Promise.all([quarantined, pause(crashes.length === 0 ? crashesMs : 0)]), workers.kept]);
          });
          crashes.push({ crashers, others, askedAt, quarantinedMs, deaths: workers.deaths() - deathsBefore });
          // The machine may have become busier by itself: what others take without is looked at afterwards, too.
          if (crashes.length === 1) calm.push(...(await meanwhile(() => pause(calmMs))));
        }
        await plant.rest();
        await workers.stop();

        const reasons = await reasonsOfFailed(plant, api);
        if (reasons["crashes-its-worker"] !== groups.flat().length || reasons["unreadable-payload"] !== unreadable)
          throw new Error(`not these and no others are quarantined, with their reasons: ${JSON.stringify(reasons)}`);

        // Once the cause is mended a person retries what crashed.
        await plant.startWorker();
        await plant.inQueue(async (queue) => {
          for (const { id } of crashes.flatMap(({ crashers }) => crashers)) {
            await (await queue.getJob(id ?? ""))?.retry("failed");
            await api.until(id ?? "", "completed");
          }
        });

        const before = mostOf(await timesOf(api, calm));
        const moved = (times: readonly number[]) =>
          `the 99th percentile of the others' time to completion: ${String(before)} ms before and after, ${String(mostOf(times))} ms meanwhile`;
        return [
          {
            what: "payloads that no code can read, put straight into the queue among other checks",
            times: unreadable,
            ...(await plant.audit([...warm, ...calm, ...spoilt])),
            convergedMs: null,
            remark: `each quarantined with its reason at its first attempt, beside ${String(spoilt.length)} others; ${moved(await timesOf(api, spoilt))}`,
          },
          ...(await Promise.all(
            crashes.map(async ({ crashers, others, askedAt, quarantinedMs, deaths }, at) => {
              const times = await timesOf(api, others);
              const dying = mostOf(await timesOf(api, others, askedAt + quarantinedMs));
              const hit = times.filter((ms) => ms > SHORT_LOCK_MS).length;
              const percentile = at === 0 ? `; ${moved(times)}` : "";
              return {
                what: `${at === 0 ? "a check that ends its worker" : "two checks at once that end their workers"}, one of ${String(workersKept)}, by SIGKILL each time, among others`,
                times: crashers.length,
                ...(await plant.audit([...others, ...crashers])),
                convergedMs: quarantinedMs,
                remark: `quarantined with its reason after ${String(deaths)} deaths of workers (whose locks ended after 3 s here instead of 30), then retried and done; beside ${String(others.length)} others, of which ${String(hit)} took longer than that${percentile}, ${String(dying)} ms of those asked for until the quarantine`,
              };
            }),
          )),
        ];
      },
      {},
      DEADLINE[scale],
    );
  },
};

interface Crashes {
  readonly crashers: readonly Answer[];
  readonly others: readonly Answer[];
  /** When the first was asked for (ms since 1970). */
  readonly askedAt: number;
  /** From then to the last quarantine. */
  readonly quarantinedMs: number;
  readonly deaths: number;
}

/** Starts workers, each again once it has died. */
async function keepWorkers(plant: Plant, count: number, environment: Environment) {
  const running = new Set<Handoff>();
  let deaths = 0;
  const over = new AbortController();
  const keep = async (started: () => void) => {
    while (!over.signal.aborted) {
      // It may take poison before it has said that it is ready.
      const worker = await plant.startWorker(environment).catch(() => undefined);
      if (worker !== undefined) {
        running.add(worker);
        started();
        if (over.signal.aborted) worker.signal("SIGTERM"); // it was still starting when the others were told
        await worker.ended;
        running.delete(worker);
      }
      if (!over.signal.aborted && (deaths += 1) > MOST_DEATHS) throw new Error(`${String(deaths)} workers died`);
    }
  };
  const starts = Array.from({ length: count }, () => Promise.withResolvers<void>());
  const kept = Promise.all(starts.map(async ({ resolve }) => await keep(resolve)));
  await Promise.race([kept, Promise.all(starts.map(({ promise }) => promise))]);
  return {
    /** Rejects once too many have died. */
    kept,
    /** How often one has died. */
    deaths: () => deaths,
    async stop(): Promise<void> {
      over.abort();
      for (const worker of running) worker.signal("SIGTERM");
      await kept;
    },
  };
}

async function ask(api: Handoff, account: string): Promise<Answer> {
  const body = { accountId: account, address: ADDRESS };
  const { id } = await api.accepted("/api/services/internet/eligibility-request", body);
  return { account, id, status: 202, ms: 0, retryAfter: null };
}

/** Puts unreadable jobs straight into the queue, one each `restMs` at most. */
async function putUnreadable(plant: Plant, count: number, restMs: number, random: Random): Promise<void> {
  await plant.inQueue(async (queue, redis) => {
    for (let at = 0; at < count; at++) {
      const { data, text } = random.oneOf(UNREADABLE);
      const delay = text === undefined ? 0 : 1000; // nobody takes it before it is changed
      const { id = "" } = await queue.add(queue.name, data, { delay });
      if (text !== undefined) await redis.hset(queue.toKey(id), "data", text);
      await pause(random.between(10, restMs));
    }
  });
}

async function untilFailed(plant: Plant, count: number): Promise<void> {
  await plant.inQueue(async (queue) => {
    while ((await queue.getFailedCount()) < count) await pause(250);
  });
}

/** The codes of what has failed, and how often each came. */
async function reasonsOfFailed(plant: Plant, api: Handoff): Promise<Readonly<Record<string, number>>> {
  const failed = await plant.inQueue(async (queue) => await queue.getFailed());
  const reasons: Record<string, number> = {};
  for (const { id = "" } of failed) {
    const { failure } = await api.job(id);
    reasons[failure?.code ?? ""] = (reasons[failure?.code ?? ""] ?? 0) + 1;
  }
  return reasons;
}

/** How long each that was accepted until then took to its completion (ms). */
async function timesOf(api: Handoff, answers: readonly Answer[], until = Infinity): Promise<readonly number[]> {
  const times: number[] = [];
  await inTurns(answers, 8, async ({ id }) => {
    if (id === null) return;
    const { createdAt, finishedAt } = await api.job(id);
    const accepted = Date.parse(createdAt);
    if (finishedAt !== null && accepted <= until) times.push(Date.parse(finishedAt) - accepted);
  });
  return times.toSorted((one, other) => one - other);
}

function mostOf(times: readonly number[]): number {
  return times[Math.floor(times.length * 0.99)] ?? 0;
}
