import { access, chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { ROOT, SetupError, run, say } from "./command.mjs";

/**
 * Finds a Redis server program, and brings one where there is none. Nothing is ever installed system-wide, and no
 * service is touched.
 */

const TOOLS = path.join(ROOT, ".tools");
const UNPACKED = path.join(TOOLS, "redis");

/** The command that starts a Redis server. Throws `SetupError` that says what to do where none can be had. */
export async function ensureRedisServer() {
  const given = process.env.REDIS_SERVER;
  if (given) {
    if (await runs(given)) return given;
    throw new SetupError(`REDIS_SERVER is ${given}, which does not run as a Redis server.`);
  }
  for (const program of ["redis-server", "valkey-server", path.join(UNPACKED, "redis-server")]) {
    if (await runs(program)) return program;
  }
  if (process.platform === "linux" && (await exists("apt-get")) && (await exists("dpkg"))) return unpackFromApt();
  if (process.platform === "darwin" && (await exists("brew"))) return installByBrew();
  throw new SetupError(WHAT_TO_DO);
}

const WHAT_TO_DO = `No Redis server was found, and there is no way here to fetch one without root. Any one of these helps:
  - install redis-server (apt-get install redis-server, dnf install redis, apk add redis, brew install redis)
  - REDIS_SERVER=/path/to/redis-server npm start
  - REDIS_URL=redis://host:6379 npm start, for a Redis that runs already
  - docker compose up: see docs/deployment.md`;

async function runs(program) {
  return (await run(program, ["--version"])).code === 0;
}

/** `--version` is understood by every program asked for here. */
const exists = runs;

async function installByBrew() {
  say("Installing Redis by Homebrew …");
  const { code, output } = await run("brew", ["install", "redis"]);
  if (code === 0 && (await runs("redis-server"))) return "redis-server";
  throw new SetupError(`Homebrew could not install Redis:\n${lastLines(output)}\n\n${WHAT_TO_DO}`);
}

/**
 * Debian and Ubuntu, without root: apt resolves and verifies the packages as usual, but writes only below `.tools`;
 * they are unpacked there, not installed. The machine's own package lists serve where they are good; where they are
 * missing or old, fresh ones are fetched beside them.
 */
async function unpackFromApt() {
  say("Fetching Redis into .tools/redis (unpacked there, not installed) …");
  await mkdir(TOOLS, { recursive: true });
  const folder = await mkdtemp(path.join(TOOLS, "redis-unpacking-"));
  try {
    const debs = (await download(folder, [])) ?? (await download(folder, await freshLists(folder)));
    if (debs === null) throw new SetupError(`apt-get could not fetch Redis.\n\n${WHAT_TO_DO}`);
    for (const deb of debs) await mustRun("dpkg", ["-x", deb, path.join(folder, "root")]);
    await writeLauncher(folder);
    await rm(path.join(folder, "apt"), { recursive: true, force: true });
    await rm(UNPACKED, { recursive: true, force: true });
    await rename(folder, UNPACKED);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  const program = path.join(UNPACKED, "redis-server");
  const { code, output } = await run(program, ["--version"]);
  if (code !== 0)
    throw new SetupError(`The Redis that was unpacked does not run:\n${lastLines(output)}\n\n${WHAT_TO_DO}`);
  return program;
}

/** Downloads redis-server and those libraries of its that the machine lacks. Resolves to the files, or null where apt cannot. */
async function download(folder, options) {
  const debs = path.join(folder, "apt", "debs");
  await mkdir(debs, { recursive: true });
  const apt = await aptWith(folder, options);
  const plan = await run("apt-get", [
    ...apt,
    "install",
    "--print-uris",
    "--no-install-recommends",
    "-qq",
    "redis-server",
  ]);
  if (plan.code !== 0) return null;
  const missing = [...plan.stdout.matchAll(/^'[^']+' ([^_\s]+)_\S+\.deb /gm)].map(([, name]) => name);
  // redis-server is a link to a program in redis-tools, which the plan leaves out where the machine has it already.
  const packages = new Set(["redis-server", "redis-tools", ...missing]);
  const fetched = await run("apt-get", [...apt, "download", ...packages], { cwd: debs });
  if (fetched.code !== 0) return null;
  return (await readdir(debs)).filter((name) => name.endsWith(".deb")).map((name) => path.join(debs, name));
}

/** Where apt may write: nowhere but in `folder`. As root it would hand downloads to a user who cannot write there. */
async function aptWith(folder, options) {
  const cache = path.join(folder, "apt", "cache");
  await mkdir(path.join(cache, "archives", "partial"), { recursive: true });
  const settings = [`Dir::Cache=${cache}`, "Debug::NoLocking=true", "APT::Sandbox::User=root", ...options];
  return settings.flatMap((setting) => ["-o", setting]);
}

/** Fetches apt's package lists into `folder`. Resolves to the options that make apt use them. */
async function freshLists(folder) {
  const lists = path.join(folder, "apt", "lists");
  await mkdir(path.join(lists, "partial"), { recursive: true });
  const options = [`Dir::State::lists=${lists}`, "Acquire::Languages=none"];
  await mustRun("apt-get", [...(await aptWith(folder, options)), "update", "-qq"]);
  return options;
}

/** A small program beside the unpacked tree that lets Redis find the unpacked libraries, wherever the folder lies. */
async function writeLauncher(folder) {
  const libraries = [];
  for (const parent of ["usr/lib", "lib"]) {
    const entries = await readdir(path.join(folder, "root", parent)).catch(() => []);
    libraries.push(
      ...entries
        .filter((name) => name.endsWith("-linux-gnu") || name.includes("-linux-gnueabi"))
        .map((name) => `$here/root/${parent}/${name}`),
    );
  }
  const launcher = path.join(folder, "redis-server");
  await writeFile(
    launcher,
    `#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
LD_LIBRARY_PATH="${libraries.join(":")}" exec "$here/root/usr/bin/redis-server" "$@"
`,
  );
  await chmod(launcher, 0o755);
  await access(path.join(folder, "root/usr/bin/redis-server"));
}

async function mustRun(program, args) {
  const { code, output } = await run(program, args);
  if (code !== 0) throw new SetupError(`${program} failed:\n${lastLines(output)}\n\n${WHAT_TO_DO}`);
}

function lastLines(output) {
  return output.trim().split("\n").slice(-15).join("\n");
}
