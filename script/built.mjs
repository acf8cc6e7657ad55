// What is deployed (npm run build), for the tests and experiments, which start the program from it.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import path from "node:path";
import { ROOT, SetupError, packageBin, run } from "./command.mjs";

const FOLDER = path.join(ROOT, ".tools", "built");

/** The last is npm's own list of what is installed: a build holds the packages' code, too. */
const MADE_OF = ["src", "rolldown.config.mjs", "package.json", path.join("node_modules", ".package-lock.json")];

/** Longer than any experiment takes. */
const KEPT_MS = 24 * 60 * 60 * 1000;

/**
 * Resolves to the environment in which test/built.ts finds the programs, built where that was not done yet. Each state of
 * the sources has a folder of its own: an edit of them never changes what an experiment is starting again and again.
 * Throws `SetupError` where they cannot be built.
 */
export async function ensureBuilt(node) {
  const state = await stateOf(MADE_OF);
  const folder = path.join(FOLDER, state);
  await forgetOld();
  const now = new Date();
  const isBuilt = await utimes(folder, now, now).then(
    () => true, // and, being used, it is kept
    () => false,
  );
  if (!isBuilt) await build(node, state, folder);
  return { HANDOFF_BUILT: folder, NODE_COMPILE_CACHE: `${folder}-compiled` };
}

async function build(node, state, folder) {
  const begun = `${folder}-${process.pid}`;
  const { code, output } = await run(node, [packageBin("rolldown/bin/cli.mjs"), "--config", "--dir", begun]);
  if (code !== 0) throw new SetupError(`The program could not be built:\n${output}`);
  if ((await stateOf(MADE_OF)) !== state) {
    await rm(begun, { recursive: true });
    throw new SetupError("A source was changed while it was built: start this again.");
  }
  await rename(begun, folder).catch(async (error) => {
    await rm(begun, { recursive: true });
    // Whoever built the same meanwhile was first: theirs is as good.
    if (!["ENOTEMPTY", "EEXIST"].includes(error.code)) throw error;
  });
}

/** What all that is in them comes to. */
async function stateOf(names) {
  const files = await Promise.all(names.map(filesIn));
  const state = createHash("sha256");
  for (const file of files.flat())
    state
      .update(`${file}\0`)
      .update(await readFile(path.join(ROOT, file)))
      .update("\0");
  return state.digest("hex").slice(0, 16);
}

async function filesIn(name) {
  if (!(await stat(path.join(ROOT, name))).isDirectory()) return [name];
  const inside = await readdir(path.join(ROOT, name), { withFileTypes: true });
  const files = inside
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .map((entry) => path.join(name, entry.name));
  return (await Promise.all(files.map(filesIn))).flat();
}

async function forgetOld() {
  await mkdir(FOLDER, { recursive: true });
  for (const name of await readdir(FOLDER)) {
    const folder = path.join(FOLDER, name);
    const usedAt = await stat(folder).then(
      ({ mtimeMs }) => mtimeMs,
      () => Number.NaN,
    ); // another process forgot it, too
    if (usedAt < Date.now() - KEPT_MS) await rm(folder, { recursive: true, force: true });
  }
}

/** For vitest, before the first test: its workers get this process's environment. */
export async function setup() {
  Object.assign(process.env, await ensureBuilt(process.execPath));
}
