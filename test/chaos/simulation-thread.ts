import { parentPort, workerData } from "node:worker_threads";
import { simulate } from "../simulation/simulate.ts";

/** Every `step`th seed from `first`, below `end`. */
export interface Share {
  readonly first: number;
  readonly end: number;
  readonly step: number;
}

/** What came of a share. */
export interface Lived {
  /** What broke a rule, with the seed of its world. */
  readonly wrong: readonly string[];
  readonly promised: number;
  readonly effects: number;
  /** The longest of all its worlds (ms of that world). */
  readonly convergedMs: number;
}

const { first, end, step } = workerData as Share; // simulation.ts gives it
const wrong: string[] = [];
let [promised, effects, convergedMs] = [0, 0, 0];
for (let seed = first; seed < end; seed += step) {
  const report = await simulate(seed);
  promised += report.promised;
  effects += report.effects;
  convergedMs = Math.max(convergedMs, report.convergedMs);
  if (report.violations.length > 0) {
    wrong.push(`SEED=${String(seed)}: ${report.violations.join("; ")}`);
    process.stderr.write(`\n${wrong.at(-1) ?? ""}\n`);
  }
}
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
parentPort?.postMessage({ wrong, promised, effects, convergedMs } satisfies Lived);
