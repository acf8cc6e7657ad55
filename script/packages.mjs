import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { SetupError, run, say } from "./command.mjs";

/**
 * Brings `folder`'s node_modules to what its lock file says, unless they are so already: a stamp in them tells. Says
 * `progress` where there is something to do. `options`: further ones of npm's. Throws `SetupError` with npm's last words
 * where it fails.
 */
export async function ensurePackages(folder, progress, options = []) {
  const stamp = path.join(folder, "node_modules", ".handoff-stamp");
  const wanted = await fingerprint(folder);
  if ((await readFile(stamp, "utf8").catch(() => "")) === wanted) return;
  say(progress);
  // A stamp left behind would vouch for what an interrupted `npm ci` leaves.
  await rm(stamp, { force: true });
  const { code, output } = await npm([
    "ci",
    // The folder by name: inside `npm start`, npm's environment names another one.
    `--prefix=${folder}`,
    // NODE_ENV=production, or a user's own settings, would leave out the tests' and the platform's packages.
    "--include=dev",
    "--include=optional",
    // No package here needs its install script.
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    ...options,
  ]);
  if (code !== 0)
    throw new SetupError(`npm ci failed in ${folder}:\n\n${output.trim().split("\n").slice(-25).join("\n")}`);
  await writeFile(stamp, wanted);
}

/** npm as it started this program; else the one on the PATH. */
function npm(args) {
  const own = process.env.npm_execpath ?? "";
  return /npm-cli\.c?js$/.test(own) ? run(process.execPath, [own, ...args]) : run("npm", args);
}

/** Changes whenever an install would differ: with the lock file, and with the machine or Node that it was made for. */
async function fingerprint(folder) {
  const lock = await readFile(path.join(folder, "package-lock.json"));
  const madeFor = `${process.platform} ${process.arch} ${process.versions.modules}`;
  return createHash("sha256").update(lock).update(madeFor).digest("hex");
}
