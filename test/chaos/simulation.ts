import { once } from "node:events";
import { constants, setPriority } from "node:os";
import path from "node:path";
import { Worker } from "node:worker_threads";
import type { Experiment } from "./experiment.ts";
import type { Lived, Share } from "./simulation-thread.ts";
import { sum } from "./turns.ts";

/** As many as the machine of docs/reliability.md has processors. */
const THREADS = 2;

/**
 * Engines in worlds of their own, where time is simulated and everything that is awaited may break: each seed is one. No clock but
 * theirs counts, so they take of the processors what the other experiments leave.
 */
export const simulation: Experiment = {
  name: "simulation",
  beside: "all",
  async run(scale, { seed }) {
    const count = scale === "full" ? 10_000 : 200;
    setPriority(constants.priority.PRIORITY_LOW); // of this thread, from which those that it makes have theirs
    const shares = Array.from({ length: THREADS }, (_, at) => ({ first: seed + at, end: seed + count, step: THREADS }));
    const worlds = (await Promise.all(shares.map(livedThrough))).flat();
    const wrong = worlds.filter(({ violations }) => violations.length > 0);
    const doubled = wrong.filter(({ violations }) => violations.some((one) => one.includes(" times"))).length;
    return [
      {
        what: "worlds in simulated time, in which workers die, stand still or lose Redis, and vendors refuse, are silent or late, at any moment",
        times: worlds.length,
        lost: wrong.length - doubled,
        doubled,
        convergedMs: Math.max(...worlds.map(({ convergedMs }) => convergedMs)),
        remark: `${String(sum(worlds.map(({ promised }) => promised)))} jobs, ${String(sum(worlds.map(({ effects }) => effects)))} effects; what broke any rule of the engine counts as lost; converged: in the time of that world`,
      },
    ];
  },
};

async function livedThrough(share: Share): Promise<readonly Lived[]> {
  const thread = new Worker(path.join(import.meta.dirname, "simulation-thread.ts"), { workerData: share });
  const worlds: Lived[] = [];
  thread.on("message", (world: Lived) => {
    worlds.push(world);
    if (world.violations.length > 0)
      process.stderr.write(`\nSEED=${String(world.seed)}: ${world.violations.join("; ")}\n`);
  });
  const [code] = (await once(thread, "exit")) as [number]; // as Node says of a thread
  if (code !== 0) throw new Error(`a thread of the simulation ended with ${String(code)}`);
  return worlds;
}
