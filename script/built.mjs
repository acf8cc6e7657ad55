// What is deployed (npm run build), in a folder of the tests' own, which start the program from there.
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { ROOT, SetupError, packageBin, run } from "./command.mjs";

export const BUILT = path.join(ROOT, ".tools", "built");

const MADE_OF = ["src", "rolldown.config.mjs", "package.json", "package-lock.json"];

/** Builds where something changed since. Throws `SetupError` where that cannot be done. */
export async function ensureBuilt(node) {
  const [madeAt, ...changedAt] = await Promise.all([
    newestIn(path.join(BUILT, "main.js")),
    ...MADE_OF.map((name) => newestIn(path.join(ROOT, name))),
  ]);
  if (madeAt > Math.max(...changedAt)) return;
  const { code, output } = await run(node, [packageBin("rolldown/bin/cli.mjs"), "--config", "--dir", BUILT]);
  if (code !== 0) throw new SetupError(`The program could not be built:\n${output}`);
}

/** When it, or anything in it, was last changed (ms since 1970); 0 where it is missing. */
async function newestIn(file) {
  const found = await stat(file).catch(() => null);
  if (found === null) return 0;
  const inside = found.isDirectory() ? await readdir(file, { recursive: true }) : [];
  const times = await Promise.all(inside.map(async (name) => (await stat(path.join(file, name))).mtimeMs));
  return times.reduce((latest, time) => Math.max(latest, time), found.mtimeMs);
}

/** For vitest, before the first test. */
export const setup = () => ensureBuilt(process.execPath);
