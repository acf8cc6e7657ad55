// What is deployed (npm run build), for the tests and experiments, which start the program from it.
import { hash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { ROOT, SetupError, packageBin, run } from "./command.mjs";

const FOLDER = path.join(ROOT, ".tools", "built");

/** The last is npm's own list of what is installed: a build holds the packages' code, too. */
const MADE_OF = ["src", "rolldown.config.mjs", "package.json", path.join("node_modules", ".package-lock.json")];

const KEPT_MS = 24 * 60 * 60 * 1000;

/**
 * Resolves to the environment in which test/built.ts finds the programs, built where that was not done yet. Each state of
 * the sources has a folder of its own: an edit never changes what an experiment is starting again and again.
 * Throws `SetupError` where they cannot be built.
 */
export async function ensureBuilt(node) {
  const folder = path.join(FOLDER, await stateOf(MADE_OF));
  const found = await stat(folder).catch(() => null);
  if (found === null) {
    await forgetOld();
    const begun = `${folder}-${process.pid}`;
    const { code, output } = await run(node, [packageBin("rolldown/bin/cli.mjs"), "--config", "--dir", begun]);
    if (code !== 0) throw new SetupError(`The program could not be built:\n${output}`);
    // Whoever built the same meanwhile was first: theirs is as good.
    await rename(begun, folder).catch(() => rm(begun, { recursive: true }));
  }
  return { HANDOFF_BUILT: folder };
}

/** What all that is in them comes to. */
async function stateOf(names) {
  const files = await Promise.all(
    names.map(async (name) => {
      const file = path.join(ROOT, name);
      if (!(await stat(file)).isDirectory()) return [file];
      const inside = await readdir(file, { recursive: true, withFileTypes: true });
      return inside
        .filter((entry) => entry.isFile())
        .map((entry) => path.join(entry.parentPath, entry.name))
        .toSorted();
    }),
  );
  const contents = await Promise.all(
    files.flat().map(async (file) => `${path.relative(ROOT, file)}\n${await readFile(file, "utf8")}`),
  );
  return hash("sha256", contents.join("\0")).slice(0, 16);
}

async function forgetOld() {
  await mkdir(FOLDER, { recursive: true });
  for (const name of await readdir(FOLDER)) {
    const folder = path.join(FOLDER, name);
    if ((await stat(folder)).mtimeMs < Date.now() - KEPT_MS) await rm(folder, { recursive: true });
  }
}

/** For vitest, before the first test: its workers get this process's environment. */
export async function setup() {
  Object.assign(process.env, await ensureBuilt(process.execPath));
}
