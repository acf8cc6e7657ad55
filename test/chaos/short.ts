import { expect, it } from "vitest";
import { type Experiment, randomFrom } from "./experiment.ts";

const LIMIT_MS = 120_000;

/** Another one in each run; `SEED=… npm run chaos NAME -- --short` makes the same choices. */
const seed = Date.now() % 2 ** 31;

/** A test of each experiment's short run. */
export function tryEach(experiments: readonly Experiment[]): void {
  it.for(experiments)(
    `$name loses nothing and doubles nothing, SEED=${String(seed)}`,
    { timeout: LIMIT_MS },
    async ({ run }) => {
      // Beside all other tests a machine may be too busy for a time that is held to: then once more. What is lost or doubled stays so.
      const once = () => run("short", randomFrom(seed));
      const findings = await once().catch(once);
      expect(findings.length).toBeGreaterThan(0);
      expect(findings.filter(({ lost, doubled }) => lost > 0 || doubled > 0)).toEqual([]);
    },
  );
}
