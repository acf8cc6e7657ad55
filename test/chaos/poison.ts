import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type Environment, type Handoff } from "../e2e/process.ts";
import { ADDRESS } from "../processors/line.ts";
import type { Experiment, Random } from "./experiment.ts";
import { type Answer, deadlineFor, inPlant, load, pause, type Plant } from "./plant.ts";
import { SHORT_LOCK_MS } from "./locks.ts";
import { inTurns, sum } from "./turns.ts";

/** What a worker died inside of is looked for until 12 deadlines of the vendors are over; what died waits for 10 × `RETRY_BASE_MS`. */
const TIMES = { full: { VENDOR_TIMEOUT_MS: "2000" }, short: { ...deadlineFor("short"), RETRY_BASE_MS: "100" } };

/** A check ends one worker, and there are three checks; a program that does not start dies, too, and one that never learns dies on. */
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

/** A check takes a fifth of that: whoever was asked for so long before a crash may still be under way then. */
const BEFORE_MS = 1_000;

/** Over which the dashboards take percentiles. */
const DASHBOARD_MS = 300_000;

/** Until then a worker that has just started is slower than others. */
const WARM_MS = 15_000;

/** Some checks cannot be read, some bring down whatever worker takes them: each ends up with a person, and the others go on. */
export const poison: Experiment = {
  name: "poison",
  beside: "none",
  async run(scale, random) {
    const isFull = scale === "full";
    const unreadable = isFull ? 300 : 10;
    const crashing = isFull ? [1, 2] : [1]; // one by itself, then two at once
    const [warmMs, restMs] = isFull ? [WARM_MS, 150] : [1_000, 90];
    // A percentile says something of thousands of checks; more of them would make the whole too long.
    const [quietMs, othersMs] = isFull ? [45_000, 170_000] : [0, 0];
    const workersKept = Math.max(...crashing) + 1; // those that crash may take one each at the same moment
    return await inPlant(
      async (plant) => {
        const poisonous = (count: number) =>
          Promise.all(Array.from({ length: count }, (_, at) => plant.make("Account", { Name: `毒 ${String(at)}` })));
        const [alone = [], atOnce = []] = await Promise.all(crashing.map(poisonous));
        await plant.fault(SLOW);
        const api = await plant.startApi();
        const workers = await keepWorkers(plant, workersKept, {
          NODE_OPTIONS: `--import=${path.join(import.meta.dirname, "crash-on.ts")}`,
          CRASH_ON: [...alone, ...atOnce].join(","),
        });
        plant.keepLocksShort(workers.lastDeath); // a ward that starts on a busy machine takes seconds, and its jobs live
        /** Others ask while something happens. */
        const meanwhile = async (work: () => Promise<unknown>) => {
          const portals = load(plant, api, isFull ? {} : { restMs: 100 });
          await work();
          return await portals.stop();
        };
        let failed = 0;
        const quarantined = async (more: number) =>
          await Promise.race([untilFailed(plant, (failed += more)), workers.kept]);
        const putAmongOthers = async (): Promise<Spell> => {
          const spell = await timed(async () => {
            await putUnreadable(plant, unreadable, restMs, random);
            await quarantined(unreadable);
          });
          if (workers.deaths() > 0) throw new Error("a worker died of what it could not read");
          return spell;
        };
        const crashes: Crashes[] = [];
        const crashOn = async (accounts: readonly string[]) => {
          const deathsBefore = workers.deaths();
          const crashers: Answer[] = [];
          const spell = await timed(async () => {
            for (const account of accounts) crashers.push(await ask(api, account));
            await quarantined(accounts.length);
          });
          const deaths = workers.deaths() - deathsBefore;
          if (deaths > accounts.length)
            throw new Error(`${String(deaths)} workers died of ${String(accounts.length)} checks`);
          crashes.push({ crashers, spell, deaths });
        };

        const warm = await meanwhile(() => pause(warmMs));
        const notRead: Spell[] = [];
        const besideEach = await meanwhile(async () => {
          const longEnough = pause(othersMs);
          await pause(quietMs);
          notRead.push(await putAmongOthers());
          await pause(quietMs);
          await crashOn(alone);
          await longEnough;
        });
        const besideTwo = atOnce.length > 0 ? await meanwhile(() => crashOn(atOnce)) : [];
        await plant.rest();
        await workers.stop();

        const reasons = await reasonsOfFailed(plant, api);
        const expected = { "crashes-its-worker": alone.length + atOnce.length, "unreadable-payload": unreadable };
        if (!isDeepStrictEqual(reasons, expected))
          throw new Error(`not these and no others are quarantined, with their reasons: ${JSON.stringify(reasons)}`);

        // Once the cause is mended a person retries what crashed.
        await plant.startWorker();
        await plant.inQueue(async (queue) => {
          for (const { id } of crashes.flatMap(({ crashers }) => crashers)) {
            await (await queue.getJob(id ?? ""))?.retry("failed");
            await api.until(id ?? "", "completed");
          }
        });

        const others = await takenBy(api, [...besideEach, ...besideTwo]);
        const near = (spells: readonly Spell[]) => others.filter(({ at }) => spells.some((spell) => isNear(spell, at)));
        const nearCrashes = new Set(near(crashes.map(({ spell }) => spell)));
        const nearAny = new Set([...nearCrashes, ...near(notRead)]);
        const quiet = others.filter((one) => !nearAny.has(one));
        /**
         * A machine's own percentile moves from minute to minute: compared are the same minutes with and without a spell. In
         * the five minutes of an operator's dashboard (ops/grafana) a spell comes among more that is quiet than was waited for here.
         */
        const moved = (beside: readonly Taken[], { from, to }: Spell) => {
          if (!isFull) return "";
          const besideMs = BEFORE_MS + to - from + WARM_MS;
          const quietTimes = ((DASHBOARD_MS - besideMs) / besideMs) * (beside.length / quiet.length);
          const without = percentile99([[quiet, 1]]);
          const whole = percentile99([
            [quiet, 1],
            [beside, 1],
          ]);
          const shown = percentile99([
            [quiet, quietTimes],
            [beside, 1],
          ]);
          return `; the 99th percentile of the others' time to completion: ${without} without the ${String(beside.length)} checks asked for meanwhile and soon after, ${shown} with them in five minutes, ${whole} in the ${String(Math.round((besideMs / 1000) * (1 + quiet.length / beside.length)))} s that were looked at`;
        };
        return [
          {
            what: "payloads that no code can read, put straight into the queue among other checks",
            times: unreadable,
            ...(await plant.audit([
              ...warm,
              ...others.filter((one) => !nearCrashes.has(one)).map(({ answer }) => answer),
            ])),
            convergedMs: null,
            remark: `each quarantined with its reason at its first attempt${notRead.map((spell) => moved(near([spell]), spell)).join("")}`,
          },
          ...(await Promise.all(
            crashes.map(async ({ crashers, spell, deaths }, at) => {
              const beside = near([spell]);
              const hit = beside.filter(({ ms }) => ms > SHORT_LOCK_MS).length;
              return {
                what: `${at === 0 ? "a check that ends the process it runs in" : "two checks at once that end the processes they run in"} by SIGKILL each time, among others; ${String(workersKept)} workers`,
                times: crashers.length,
                ...(await plant.audit([...crashers, ...beside.map(({ answer }) => answer)])),
                convergedMs: spell.to - spell.from,
                remark: `quarantined with its reason after three deaths: ${deaths === 1 ? "one of a worker" : `first those of ${String(deaths)} workers`} (whose locks ended after 3 s here instead of 30), then of the process beside one in which such jobs run; then retried and done; ${String(hit)} others had to wait for a lock, too${at === 0 ? moved(beside, spell) : ""}`,
              };
            }),
          )),
        ];
      },
      {},
      TIMES[scale],
    );
  },
};

/** When something began and when it was over (ms since 1970). */
interface Spell {
  readonly from: number;
  readonly to: number;
}

interface Crashes {
  readonly crashers: readonly Answer[];
  /** From before the first was asked for until the last was quarantined. */
  readonly spell: Spell;
  readonly deaths: number;
}

async function timed(work: () => Promise<unknown>): Promise<Spell> {
  const from = Date.now();
  await work();
  return { from, to: Date.now() };
}

const isNear = ({ from, to }: Spell, at: number) => at >= from - BEFORE_MS && at <= to + WARM_MS;

/** Starts workers, each again once it has died. */
async function keepWorkers(plant: Plant, count: number, environment: Environment) {
  const running = new Set<Handoff>();
  let [deaths, lastDeath] = [0, 0];
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
        lastDeath = Date.now();
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
    /** When one last did (ms since 1970; 0: never). */
    lastDeath: () => lastDeath,
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
    const { failure, attempts } = await api.job(id);
    const reason = failure?.code ?? "";
    if (reason === "unreadable-payload" && attempts !== 1)
      throw new Error(`a payload that cannot be read took ${String(attempts)} attempts`);
    reasons[reason] = (reasons[reason] ?? 0) + 1;
  }
  return reasons;
}

/** What others asked for and got. */
interface Taken {
  readonly answer: Answer;
  /** When it was accepted (ms since 1970). */
  readonly at: number;
  /** From then to its completion. */
  readonly ms: number;
}

async function takenBy(api: Handoff, answers: readonly Answer[]): Promise<readonly Taken[]> {
  const taken: Taken[] = [];
  await inTurns(answers, 8, async (answer) => {
    const { createdAt, finishedAt } = await api.job(answer.id ?? "");
    const at = Date.parse(createdAt);
    taken.push({ answer, at, ms: Date.parse(finishedAt ?? "") - at });
  });
  return taken;
}

/** Of groups of which each check counts so many times. */
function percentile99(groups: readonly (readonly [taken: readonly Taken[], times: number])[]): string {
  const all = groups.flatMap(([taken, times]) => taken.map(({ ms }) => ({ ms, times })));
  let left = 0.01 * sum(all.map(({ times }) => times));
  const found = all.toSorted((one, other) => other.ms - one.ms).find(({ times }) => (left -= times) < 0);
  return `${String(found?.ms ?? 0)} ms`;
}
