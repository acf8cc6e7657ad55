import { once } from "node:events";
import { constants, setPriority } from "node:os";
import path from "node:path";
import { Worker } from "node:worker_threads";
import type { Experiment } from "./experiment.ts";
import type { Lived, Share } from "./simulation-thread.ts";
import { sum } from "./turns.ts";

/** One for each processor that an experiment may count on. */
const THREADS = 2;

/**
 * Engines in worlds of their own, where time is simulated and everything that is awaited may break: each seed is one. No clock but
 * theirs counts, so they take of the processors what the other experiments leave.
 */
export const simulation: Experiment = {
  name: "simulation",
  beside: "all",
  async run(scale, { seed }) {
    const worlds = scale === "full" ? 10_000 : 200;
    setPriority(constants.priority.PRIORITY_LOW);
    const shares = await Promise.all(
      Array.from({ length: THREADS }, (_, at) => lived({ first: seed + at, end: seed + worlds, step: THREADS })),
    );
    const wrong = shares.flatMap((share) => share.wrong);
    const doubled = wrong.filter((one) => one.includes(" times")).length;
    return [
      {
        what: "worlds in simulated time, in which workers die, stand still or lose Redis, and vendors refuse, are silent or late, at any moment",
        times: worlds,
        lost: wrong.length - doubled,
        doubled,
        convergedMs: Math.max(...shares.map(({ convergedMs }) => convergedMs)),
        remark: `${String(sum(shares.map(({ promised }) => promised)))} jobs, ${String(sum(shares.map(({ effects }) => effects)))} effects; what broke any rule of the engine counts as lost; converged: in the time of that world`,
      },
    ];
  },
};

async function lived(share: Share): Promise<Lived> {
  const thread = new Worker(path.join(import.meta.dirname, "simulation-thread.ts"), { workerData: share });
  const [said] = (await once(thread, "message")) as [Lived]; // all that it ever says
  return said;
}
