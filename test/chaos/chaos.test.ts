import { expect, it } from "vitest";
import { randomFrom } from "./experiment.ts";
import { experiments } from "./index.ts";

/** Those that are over in seconds. The others wait for the locks of workers that died: `npm run chaos` runs them all. */
const QUICK: ReadonlySet<string> = new Set(["time", "callers", "vendor-outage"]);
const LIMIT_MS = 120_000;

/** Another one in each run, and named where something is found: `SEED=… npm run chaos NAME` makes the same choices. */
const seed = Date.now() % 2 ** 31;

const quick = experiments.filter(({ name }) => QUICK.has(name));
it.for(quick)("$name loses nothing and doubles nothing", { timeout: LIMIT_MS }, async ({ run }) => {
  const findings = await run("short", randomFrom(seed));
  expect(findings.length).toBeGreaterThan(0);
  expect(
    findings.filter(({ lost, doubled }) => lost > 0 || doubled > 0),
    `SEED=${String(seed)}`,
  ).toEqual([]);
});
