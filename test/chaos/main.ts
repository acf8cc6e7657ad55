import { type Finding, randomFrom } from "./experiment.ts";
import { experiments } from "./index.ts";

/**
 * `npm run chaos`: every experiment, or those that are named. `SEED=…` makes the same choices again. Ends with 1 where
 * anything was lost or doubled.
 */
const names = process.argv.slice(2);
const unknown = names.filter((name) => !experiments.some((experiment) => experiment.name === name));
if (unknown.length > 0) {
  process.stderr.write(
    `There is no ${unknown.join(", ")}: choose of ${experiments.map(({ name }) => name).join(", ")}\n`,
  );
  process.exit(2);
}
const seed = Number(process.env["SEED"] ?? Date.now() % 2 ** 31);
process.stderr.write(`SEED=${String(seed)}\n`);

const rows: (Finding & { readonly name: string })[] = [];
for (const { name, run } of experiments) {
  if (names.length > 0 && !names.includes(name)) continue;
  const startedAt = performance.now();
  process.stderr.write(`${name} …`);
  for (const finding of await run("full", randomFrom(seed))) rows.push({ name, ...finding });
  process.stderr.write(` ${((performance.now() - startedAt) / 1000).toFixed(0)} s\n`);
}

const shown = (ms: number | null) => (ms === null ? "" : `${(ms / 1000).toFixed(1)} s`);
process.stdout.write("| experiment | what was done | times | lost | doubled | longest to converge | remark |\n");
process.stdout.write("| --- | --- | --- | --- | --- | --- | --- |\n");
for (const { name, what, times, lost, doubled, convergedMs, remark = "" } of rows) {
  process.stdout.write(
    `| ${name} | ${what} | ${String(times)} | ${String(lost)} | ${String(doubled)} | ${shown(convergedMs)} | ${remark} |\n`,
  );
}
process.exit(rows.some(({ lost, doubled }) => lost > 0 || doubled > 0) ? 1 : 0);
