import { expect, it } from "vitest";
import { type Experiment, randomFrom } from "./experiment.ts";

const LIMIT_MS = 120_000;

/** Another one in each run, and named where something is found: `SEED=… npm run chaos NAME --short` makes the same choices. */
const seed = Date.now() % 2 ** 31;

/** A test of each experiment's short run. */
export function tryEach(experiments: readonly Experiment[]): void {
  // Beside all other tests a machine may be too busy for times that are hundreds of times as quick: once more, then, with the same seed.
  it.for(experiments)(
    "$name loses nothing and doubles nothing",
    { timeout: LIMIT_MS, retry: 1 },
    async ({ name, run }) => {
      const again = `SEED=${String(seed)} npm run chaos ${name} -- --short`;
      const findings = await run("short", randomFrom(seed)).catch((cause: unknown) => {
        throw new Error(again, { cause });
      });
      expect(findings.length).toBeGreaterThan(0);
      expect(
        findings.filter(({ lost, doubled }) => lost > 0 || doubled > 0),
        again,
      ).toEqual([]);
    },
  );
}
