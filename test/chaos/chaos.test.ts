import { expect, it } from "vitest";
import { randomFrom } from "./experiment.ts";
import { experiments } from "./index.ts";

/** A short run of each; on a busy machine a worker's death alone takes most of a minute to be noticed. */
const LIMIT_MS = 120_000;

/** Another one in each run, and named where something is found: `SEED=… npm run chaos NAME` makes the same choices. */
const seed = Date.now() % 2 ** 31;

/** Side by side: most of their time goes by until a dead worker's lock has run out. */
it.concurrent.for(experiments)("$name loses nothing and doubles nothing", { timeout: LIMIT_MS }, async ({ run }) => {
  const findings = await run("short", randomFrom(seed));
  expect(findings.length).toBeGreaterThan(0);
  expect(
    findings.filter(({ lost, doubled }) => lost > 0 || doubled > 0),
    `SEED=${String(seed)}`,
  ).toEqual([]);
});
