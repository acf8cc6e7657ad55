import { simulate } from "../simulation/simulate.ts";
import type { Experiment } from "./experiment.ts";

/** Engines in worlds of their own, where time is simulated and everything that is awaited may break: each seed is one. */
export const simulation: Experiment = {
  name: "simulation",
  async run(scale, { seed: first }) {
    const worlds = scale === "full" ? 10_000 : 200;
    const wrong: string[] = [];
    let promised = 0;
    let effects = 0;
    let convergedMs = 0;
    for (let seed = first; seed < first + worlds; seed++) {
      const report = await simulate(seed);
      promised += report.promised;
      effects += report.effects;
      convergedMs = Math.max(convergedMs, report.convergedMs);
      if (report.violations.length > 0) {
        wrong.push(`SEED=${String(seed)}: ${report.violations.join("; ")}`);
        process.stderr.write(`\n${wrong.at(-1) ?? ""}\n`);
      }
    }
    const doubled = wrong.filter((one) => one.includes(" times")).length;
    return [
      {
        what: "worlds in simulated time, in which workers die, stand still or lose Redis, and vendors refuse, are silent or late, at any moment",
        times: worlds,
        lost: wrong.length - doubled,
        doubled,
        convergedMs,
        remark: `${String(promised)} jobs, ${String(effects)} effects; what broke any rule of the engine counts as lost; converged: in the time of that world`,
      },
    ];
  },
};
