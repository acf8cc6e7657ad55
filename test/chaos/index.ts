import { boundaries } from "./boundaries.ts";
import { deploys } from "./deploys.ts";
import type { Experiment } from "./experiment.ts";
import { lateWrites } from "./late-writes.ts";
import { redisFull } from "./redis-full.ts";
import { redisKills } from "./redis-kills.ts";
import { zombies } from "./zombies.ts";

/** Every experiment. `npm run chaos` runs them all, the suite a short run of each. */
export const experiments: readonly Experiment[] = [boundaries, redisKills, zombies, lateWrites, deploys, redisFull];
