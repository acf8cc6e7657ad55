import { parentPort, workerData } from "node:worker_threads";
import { type Report, simulate } from "../simulation/simulate.ts";

/** Every `step`th seed from `first`, below `end`. */
export interface Share {
  readonly first: number;
  readonly end: number;
  readonly step: number;
}

/** What is told of a world. */
export type Lived = Pick<Report, "seed" | "violations" | "promised" | "effects" | "convergedMs">;

/** Lives through the worlds of its share, and tells of each. */
const { first, end, step } = workerData as Share; // simulation.ts gives it
for (let at = first; at < end; at += step) {
  const { seed, violations, promised, effects, convergedMs } = await simulate(at);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
  parentPort?.postMessage({ seed, violations, promised, effects, convergedMs } satisfies Lived);
}
