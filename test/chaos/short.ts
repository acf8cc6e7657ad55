import { expect, it } from "vitest";
import { type Experiment, randomFrom } from "./experiment.ts";

const LIMIT_MS = 120_000;

/** Another one in each run; `SEED=… npm run chaos NAME -- --short` makes the same choices. */
const seed = Date.now() % 2 ** 31;

/** A test of each experiment's short run. */
export function tryEach(experiments: readonly Experiment[]): void {
  const name = `$name loses nothing and doubles nothing, SEED=${String(seed)}`;
  it.for(experiments)(name, { timeout: LIMIT_MS }, async ({ run }) => {
    const findings = await run("short", randomFrom(seed));
    expect(findings.length).toBeGreaterThan(0);
    expect(findings.filter(({ lost, doubled }) => lost > 0 || doubled > 0)).toEqual([]);
  });
}
