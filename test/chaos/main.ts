import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { type Experiment, type Finding, randomFrom } from "./experiment.ts";
import { experiments } from "./index.ts";

/**
 * `npm run chaos`: every experiment, or those that are named, each in a process of its own and two that work at a time, beside what
 * waits or gives way; those that time something come last, and alone. `SEED=…` makes the same choices again; `--short` breaks
 * things less often. Ends with 1 where anything was lost or doubled, or an experiment broke off.
 */
const AT_ONCE = 2;

/** `simulation` takes a quarter of an hour beside all others: whoever takes twice as much waits for what never comes. */
const LIMIT_MS = 1_800_000;

const HEAD =
  "| experiment | what was done | times | lost | doubled | longest to converge | remark |\n" +
  "| --- | --- | --- | --- | --- | --- | --- |\n";

const names = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const scale = process.argv.includes("--short") ? "short" : "full";
const unknown = names.filter((name) => !experiments.some((experiment) => experiment.name === name));
if (unknown.length > 0) {
  process.stderr.write(
    `There is no ${unknown.join(", ")}: choose of ${experiments.map(({ name }) => name).join(", ")}\n`,
  );
  process.exit(2);
}
const seed = Number(process.env["SEED"] ?? Date.now() % 2 ** 31);
const chosen = experiments.filter(({ name }) => names.length === 0 || names.includes(name));
const [only] = chosen;

if (chosen.length === 1 && only !== undefined) {
  process.stderr.write(`SEED=${String(seed)}\n`);
  const findings = await only.run(scale, randomFrom(seed));
  process.stdout.write(HEAD + findings.map((finding) => row(only.name, finding)).join(""));
  process.exit(findings.some(({ lost, doubled }) => lost > 0 || doubled > 0) ? 1 : 0);
}

process.stderr.write(`SEED=${String(seed)}\n`);
const of = (beside: Experiment["beside"]) => chosen.filter((experiment) => experiment.beside === beside);
const waiting = of(undefined);
const rows = new Map<string, string>();
let failed = false;
const runOne = async ({ name }: Experiment) => {
  const startedAt = performance.now();
  const { code, table, complaint } = await alone(name);
  rows.set(name, table.startsWith(HEAD) ? table.slice(HEAD.length) : "");
  failed ||= code !== 0;
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  process.stderr.write(
    `${rows.get(name) ?? ""}${name}: ${seconds} s${code === 0 ? "" : `, ended with ${String(code)}\n${complaint}`}\n`,
  );
};
const lane = async () => {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await runOne(next);
};
await Promise.all([...of("all").map(runOne), ...Array.from({ length: AT_ONCE }, lane)]);
for (const experiment of of("none")) await runOne(experiment);
process.stdout.write(HEAD + chosen.map(({ name }) => rows.get(name) ?? "").join(""));
process.exit(failed ? 1 : 0);

async function alone(name: string) {
  const child = spawn(process.execPath, [...process.execArgv, import.meta.filename, name, `--${scale}`], {
    env: { ...process.env, SEED: String(seed) },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
  const closed = once(child, "close") as Promise<[code: number | null]>; // as Node says of it
  const [table, complaint, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return { code, table, complaint };
}

function row(name: string, { what, times, lost, doubled, convergedMs, remark = "" }: Finding): string {
  const converged = convergedMs === null ? "" : `${(convergedMs / 1000).toFixed(1)} s`;
  return `| ${[name, what, times, lost, doubled, converged, remark].join(" | ")} |\n`;
}
