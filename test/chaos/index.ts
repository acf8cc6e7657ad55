import { boundaries } from "./boundaries.ts";
import { callers } from "./callers.ts";
import { deploys } from "./deploys.ts";
import type { Experiment } from "./experiment.ts";
import { failover } from "./failover.ts";
import { lateWrites } from "./late-writes.ts";
import { messages } from "./messages.ts";
import { poison } from "./poison.ts";
import { redisFull } from "./redis-full.ts";
import { redisAway, redisKills } from "./redis-kills.ts";
import { simulation } from "./simulation.ts";
import { time } from "./time.ts";
import { vendorAnswers } from "./vendor-answers.ts";
import { vendorLimit } from "./vendor-limit.ts";
import { vendorOutage } from "./vendor-outage.ts";
import { vendorSlow } from "./vendor-slow.ts";
import { zombies } from "./zombies.ts";

/** Loaded where it runs: what makes its inputs takes a second to load, which every other experiment's process would spend, too. */
const hostile: Experiment = {
  name: "hostile",
  run: async (scale, random) => await (await import("./hostile.ts")).hostile.run(scale, random),
};

/** What befalls Redis, and those who wait for it. */
export const ofRedis: readonly Experiment[] = [redisAway, redisKills, redisFull, failover, callers, messages];

/** What befalls workers. */
export const ofWorkers: readonly Experiment[] = [boundaries, zombies, lateWrites, deploys, poison];

/** What vendors, calendars and strangers do. */
export const ofOthers: readonly Experiment[] = [time, vendorOutage, vendorLimit, vendorSlow, vendorAnswers, hostile];

/**
 * Every experiment, first those that one would wait for at the end. `npm run chaos` runs them all, the suite a short run of
 * each: three files of them at the same time, and that of `simulation` in test/simulation, always of the same worlds.
 */
export const experiments: readonly Experiment[] = [
  ...new Set([simulation, hostile, ...ofRedis, ...ofWorkers, ...ofOthers]),
];
