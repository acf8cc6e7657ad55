import { boundaries } from "./boundaries.ts";
import { callers } from "./callers.ts";
import { deploys } from "./deploys.ts";
import type { Experiment } from "./experiment.ts";
import { lateWrites } from "./late-writes.ts";
import { messages } from "./messages.ts";
import { redisFull } from "./redis-full.ts";
import { redisKills } from "./redis-kills.ts";
import { simulation } from "./simulation.ts";
import { time } from "./time.ts";
import { zombies } from "./zombies.ts";

/** Every experiment. `npm run chaos` runs them all, the suite a short run of those that are over in seconds. */
export const experiments: readonly Experiment[] = [
  boundaries,
  redisKills,
  zombies,
  lateWrites,
  deploys,
  redisFull,
  time,
  callers,
  messages,
  simulation,
];
