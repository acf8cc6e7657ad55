import { expect, it } from "vitest";
import { type Report, simulate } from "./simulate.ts";

/** Fewer where every change of the code is tried (npm run mutation). */
const WORLDS = Number(process.env["WORLDS"] ?? 200);

/** Always the same ones: `npm run chaos simulation` goes through others. */
const first = 1;

it(
  `what is accepted happens, once, in ${String(WORLDS)} worlds that break at every turn`,
  { timeout: 120_000 },
  async () => {
    const wrong: Pick<Report, "seed" | "violations">[] = [];
    let effects = 0;
    for (let seed = first; seed < first + WORLDS; seed++) {
      const { violations, effects: happened } = await simulate(seed);
      effects += happened;
      if (violations.length > 0) wrong.push({ seed, violations });
    }
    expect(wrong, "SEED=… names the world").toEqual([]);
    expect(effects).toBeGreaterThan(WORLDS);
  },
);

it("a world that is lived through again is the same to the last word", async () => {
  const { hash, said } = await simulate(first);
  const again = await simulate(first);
  expect(again.said).toEqual(said);
  expect(again.hash).toBe(hash);
  expect((await simulate(first + 1)).hash).not.toBe(hash);
});

it("the program has its clocks, timers and chance back afterwards", async () => {
  const { now } = Date;
  const before = [Date, now, setTimeout, setImmediate, Math.random, performance.now(), AbortSignal.timeout(1)];
  await simulate(first);
  expect([Date, Date.now, setTimeout, setImmediate, Math.random]).toEqual(before.slice(0, 5));
  expect(performance.now()).toBeGreaterThan(Number(before[5]));
});
