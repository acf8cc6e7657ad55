import { boundaries } from "./boundaries.ts";
import { callers } from "./callers.ts";
import { deploys } from "./deploys.ts";
import type { Experiment } from "./experiment.ts";
import { failover } from "./failover.ts";
import { hostile } from "./hostile.ts";
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

/** Every experiment. `npm run chaos` runs them all, the suite a short run of those that are over in seconds. */
export const experiments: readonly Experiment[] = [
  redisAway, // the longest of all, and it mostly waits
  boundaries,
  redisKills,
  zombies,
  lateWrites,
  deploys,
  poison,
  redisFull,
  failover,
  time,
  callers,
  messages,
  simulation,
  vendorOutage,
  vendorLimit,
  vendorSlow,
  vendorAnswers,
  hostile,
];
