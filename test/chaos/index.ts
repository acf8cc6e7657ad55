import { boundaries } from "./boundaries.ts";
import type { Experiment } from "./experiment.ts";
import { redisKills } from "./redis-kills.ts";

/** Every experiment. `npm run chaos` runs them all, the suite a short run of each. */
export const experiments: readonly Experiment[] = [boundaries, redisKills];
