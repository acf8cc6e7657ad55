import type { JobView } from "../../src/queues/job-view.ts";
import type { Line } from "../processors/line.ts";
import { requests } from "../processors/requests.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { nextLook } from "../looks.ts";
import { compare, type Difference, effectsSince } from "./effects.ts";
import { type Exchange, namesOfExchanges } from "./exchanges.ts";
import type { Experiment, Finding, Scale } from "./experiment.ts";
import { endLocks } from "./locks.ts";
import { ordinaryExchanges } from "./ordinary.ts";
import { startWorkers } from "./several.ts";
import { choose, inTurns, oneAtATime, spread, sum } from "./turns.ts";
import { closeWorld, environmentOf, openWorld, take, type World } from "./world.ts";

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

/**
 * A step's lease is twice this, and a lost request is waited for 12 times: both are over when the dead worker's lock is. In a
 * short run all three are over sooner.
 */
const DEADLINE_MS = { full: 2_400, short: 600 };

/** How long a job may take to its boundary; those that are there at a vendor before it wait for their deadline at most. */
const REACHED_WITHIN_MS = 10_000;

/** So many workers die by one kill. More in one process would be slower than their deadlines allow. */
const TOGETHER = 14;
const KILLS_AT_ONCE = 4;
const TOGETHER_IN_SHORT = 6;

/** A boundary whose job was too slow to get there is tried again. */
const TRIES = 4;

export const boundaries: Experiment = {
  name: "boundaries",
  async run(scale, random) {
    const redis = await startRedis({ cluster: false }); // the workers reach it by a cable to one server
    try {
      const exchanges = await ordinaryExchanges(redis, scale, random);
      const all = exchanges.flatMap((exchange) =>
        (["before", "after"] as const).map((side) => ({ ...exchange, side })),
      );
      const chosen = scale === "full" ? all : choose(all, TOGETHER_IN_SHORT, random);
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
      const died = await killTogether(redis, group, scale, startOne);
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

/** Brings a job to each boundary, kills the worker of all of them, starts another, and looks what came of it. */
async function killTogether(
  redis: TestRedis,
  group: readonly Boundary[],
  scale: Scale,
  startOne: <T>(work: () => Promise<T>) => Promise<T>,
): Promise<Death[]> {
  const held = new Set<Boundary>();
  const worlds: (World & { readonly boundary: Boundary })[] = [];
  const jobs = new Map<World, string>();
  try {
    const killedAt = await startOne(async () => {
      for (const boundary of group)
        worlds.push({ ...(await openWorldAt(redis, boundary, DEADLINE_MS[scale], held)), boundary });
      const first = await startWorkers(worlds.map(environmentOf));
      let killAt = performance.now() + REACHED_WITHIN_MS;
      await Promise.all(worlds.map(async (world) => jobs.set(world, (await take(world)).id)));
      while (held.size < group.length && performance.now() < killAt) {
        await Promise.all(
          worlds.map(async ({ line, boundary }) => {
            if (boundary.exchange.with !== "vendor" || held.has(boundary)) return;
            if (!(await line.calls()).some(({ fault }) => fault !== undefined)) return;
            held.add(boundary);
            killAt = Math.min(killAt, performance.now() + 0.7 * DEADLINE_MS[scale]);
          }),
        );
        await new Promise((resolve) => setTimeout(resolve, 20)); // between looks, not instead of them
      }
      await first.kill();
      if (scale === "short") for (const { line } of worlds) await endLocks(line.engine.redis, line.engine.prefix);
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

async function openWorldAt(
  redis: TestRedis,
  boundary: Boundary,
  deadlineMs: number,
  held: Set<Boundary>,
): Promise<World> {
  const { exchange, side } = boundary;
  const request = requests[boundary.request];
  if (request === undefined) throw new Error(`no request is called ${boundary.request}`);
  const world = await openWorld(redis, request, deadlineMs, (prefix) => {
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

/** When a worker took the job up, or somebody else's work ended, after `moment` (ms). */
async function begunAfter({ engine }: Line, kind: string, id: string, moment: number): Promise<number> {
  const from = performance.now();
  for (;;) {
    const job = await engine.queues.get(kind)?.getJob(id);
    if ((job?.processedOn ?? 0) > moment) return job?.processedOn ?? 0;
    if (job?.finishedOn !== undefined && job.finishedOn <= moment) return moment; // it was through when the worker died
    await nextLook(from);
  }
}

function named({ request, exchange, side }: Boundary): string {
  const what = exchange.with === "Redis" ? exchange.name : `${exchange.vendor} ${exchange.operation}`;
  return `${request}, ${side} "${what}" ${String(exchange.nth + 1)}`;
}
