import { startRedis } from "../redis.ts";
import type { Experiment } from "./experiment.ts";
import { type Came, carryThrough, type Hit } from "./hits.ts";
import { ordinaryExchanges } from "./ordinary.ts";
import { choose, sum } from "./turns.ts";

/** `VENDOR_TIMEOUT_MS` here: all that follows from it is 30 times as quick as by default. */
const DEADLINE_MS = 500;

/** A request that was given up may still land for so long (`timingFor`). */
const SETTLE_MS = 12 * DEADLINE_MS;

/** Below this much of it, so that a busy machine's own delay does not carry it past what a vendor may take. */
const LATEST_MS = SETTLE_MS - 500;

const TOGETHER = 12;

/** A vendor never answers, and what was asked for comes to be after we gave it up: at each call of each kind. */
export const lateWrites: Experiment = {
  name: "late-writes",
  async run(scale, random) {
    const redis = await startRedis({ cluster: false }); // the workers reach it by a cable to one server
    try {
      const calls = (await ordinaryExchanges(redis, scale, random)).flatMap(({ request, exchange }) =>
        exchange.with === "vendor" ? [{ request, ...exchange }] : [],
      );
      const chosen = scale === "full" ? [...calls, ...calls, ...calls] : choose(calls, 5, random);
      const all = chosen.map(({ request, vendor, operation, nth }): Hit => ({
        request,
        fault: { vendor, operation, skip: nth, mode: "late", delayMs: random.between(DEADLINE_MS, LATEST_MS) },
      }));
      const came: Came[] = [];
      for (let at = 0; at < all.length; at += TOGETHER)
        came.push(...(await carryThrough(redis, all.slice(at, at + TOGETHER), DEADLINE_MS)));
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
