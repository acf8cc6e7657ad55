import { requests } from "../processors/requests.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { compare, type Difference, effectsSince } from "./effects.ts";
import type { Experiment } from "./experiment.ts";
import { ordinaryExchanges } from "./ordinary.ts";
import { startWorkers } from "./several.ts";
import { choose, sum } from "./turns.ts";
import { closeWorld, environmentOf, openWorld, take } from "./world.ts";

/** `VENDOR_TIMEOUT_MS` here: all that follows from it is 30 times as quick as by default. */
const DEADLINE_MS = 500;

/** A request that was given up may still land for so long (`timingFor`). */
const SETTLE_MS = 12 * DEADLINE_MS;

/** Below this much of it, so that a busy machine's own delay does not carry it past what a vendor may take. */
const LATEST_MS = SETTLE_MS - 500;

const TOGETHER = 12;

interface Late {
  readonly request: string;
  readonly vendor: string;
  readonly operation: string;
  readonly nth: number;
  readonly delayMs: number;
}

/** A vendor never answers, and what was asked for comes to be after we gave it up: at each call of each kind. */
export const lateWrites: Experiment = {
  name: "late-writes",
  async run(scale, random) {
    const redis = await startRedis();
    try {
      const calls = (await ordinaryExchanges(redis, 2_000)).flatMap(({ request, exchange }) =>
        exchange.with === "vendor" ? [{ request, ...exchange }] : [],
      );
      const chosen = scale === "full" ? [...calls, ...calls, ...calls] : choose(calls, TOGETHER, random);
      const all = chosen.map((call): Late => ({ ...call, delayMs: random.between(DEADLINE_MS, LATEST_MS) }));
      const came: { readonly difference: Difference; readonly ms: number }[] = [];
      for (let at = 0; at < all.length; at += TOGETHER)
        came.push(...(await lateTogether(redis, all.slice(at, at + TOGETHER))));
      return [
        {
          what: `a call that is never answered, and carried out up to ${String(LATEST_MS / DEADLINE_MS)} deadlines later, at each call of every kind`,
          times: all.length,
          lost: sum(came.map(({ difference }) => difference.lost)),
          doubled: sum(came.map(({ difference }) => difference.doubled)),
          convergedMs: Math.max(...came.map(({ ms }) => ms)),
          remark: `a deadline of ${String(DEADLINE_MS)} ms; ${String(sum(came.map(({ difference }) => difference.repeatedMails)))} mails came twice with the same Message-ID`,
        },
      ];
    } finally {
      await redis.stop();
    }
  },
};

async function lateTogether(
  redis: TestRedis,
  group: readonly Late[],
): Promise<{ readonly difference: Difference; readonly ms: number }[]> {
  const worlds = await Promise.all(
    group.map(async ({ request: name, vendor, operation, nth, delayMs }) => {
      const request = requests[name];
      if (request === undefined) throw new Error(`no request is called ${name}`);
      const world = await openWorld(redis, request, DEADLINE_MS);
      await world.line.fault({ vendor, operation, skip: nth, mode: "late", delayMs });
      return world;
    }),
  );
  try {
    const workers = await startWorkers(worlds.map(environmentOf));
    try {
      return await Promise.all(
        worlds.map(async (world, at) => {
          const from = performance.now();
          const { line, request, before } = world;
          const { state } = await line.engine.until((await take(world)).id, "completed", "failed");
          const came = await effectsSince.end(line, before);
          const difference = compare(came, request.effects, await line.state());
          if (state !== "completed" || difference.lost + difference.doubled > 0)
            process.stderr.write(`\n${JSON.stringify({ ...group[at], state, difference })}\n`);
          const lost = state === "completed" ? difference.lost : Math.max(1, difference.lost);
          return { difference: { ...difference, lost }, ms: performance.now() - from };
        }),
      );
    } finally {
      await workers.kill();
    }
  } finally {
    await Promise.all(worlds.map(closeWorld));
  }
}
