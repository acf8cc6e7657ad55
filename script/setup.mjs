import path from "node:path";
import { ROOT } from "./command.mjs";
import { ensureNode } from "./node.mjs";
import { ensurePackages } from "./packages.mjs";
import { ensureRedisServer } from "./redis.mjs";

/**
 * Brings what is missing on this machine, and nothing else: a second run finds it all and takes milliseconds.
 * Resolves to the Node that runs the project, the environment to run it in, and (where asked for) a Redis server.
 */
export async function setUp({ redis = false } = {}) {
  // Inside npm test everything is there: a test that starts the system must not install packages under the others.
  if (process.env.HANDOFF_SET_UP === "done") {
    const redisServer = redis ? await ensureRedisServer() : null;
    return { node: process.execPath, redisServer, environment: environmentFor(process.execPath) };
  }
  const fetched = await Promise.allSettled([
    ensureNode(),
    ensurePackages(ROOT, "Installing packages (npm ci) …"),
    redis ? ensureRedisServer() : null,
  ]);
  const fault = fetched.find(({ status }) => status === "rejected");
  if (fault !== undefined) throw fault.reason;
  const [node, , redisServer] = fetched.map(({ value }) => value);
  return { node, redisServer, environment: environmentFor(node) };
}

/** `node` first on the PATH, for programs that look for it there; compiled code is kept, which halves the work of every later start. */
function environmentFor(node) {
  return {
    NODE_COMPILE_CACHE: path.join(ROOT, ".tools", "compile-cache"),
    ...process.env,
    PATH: `${path.dirname(node)}${path.delimiter}${process.env.PATH ?? ""}`,
  };
}

/** What every run of a .ts file by `node` is started with: before 24.3 Node remarks that it runs them. */
export const NODE_FLAGS = ["--disable-warning=ExperimentalWarning"];
