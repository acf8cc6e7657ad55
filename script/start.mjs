// npm start: brings what is missing, then runs the whole system on this machine: its own Redis, the vendor sandbox and
// all roles, with defaults for a developer. For a deployment, which has none of these, see docs/deployment.md.
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { claimFolder } from "./claim.mjs";
import { startChild, watchOver } from "./children.mjs";
import { ROOT, SetupError, asProgram, say } from "./command.mjs";
import { greeting } from "./greeting.mjs";
import { readable } from "./log.mjs";
import { setUp } from "./setup.mjs";
import { onStopAsked } from "./stop-signals.mjs";
import { startSystem } from "./system.mjs";

/** All that a start keeps: the secrets it made, Redis's data, waiting documents, the log. */
const DATA = path.resolve(ROOT, process.env.DATA_DIR || ".data");

/** The youngest first: the program hands its work back while the vendors and Redis are still there. */
const STOP_ORDER = ["Handoff", "sandbox", "Redis"];
/** More than SHUTDOWN_TIMEOUT_MS leaves the program, so that it is never cut off while it hands work back. */
const GRACE_MS = { Handoff: Number(process.env.SHUTDOWN_TIMEOUT_MS || 25_000) + 5000, sandbox: 3000, Redis: 10_000 };

await asProgram(async () => {
  const children = new Map();
  const stopAsked = onStopAsked({ again: () => children.get("Handoff")?.kill() });
  const ownRedis = !["REDIS_URL", "REDIS_CLUSTER_NODES", "REDIS_SENTINELS"].some((name) => process.env[name]);
  const found = await Promise.race([setUp({ redis: ownRedis }), stopAsked]);
  if (found === undefined) process.exit(0); // ends the npm or apt that is under way, too
  const { node, redisServer, environment } = found;

  await mkdir(DATA, { recursive: true, mode: 0o700 });
  const claim = await claimFolder(DATA);
  const watcher = watchOver();
  let stopping = false;
  const start = (name, program, args, options) => {
    if (stopping) throw new SetupError("Stopped before it was ready.");
    const child = startChild(name, program, args, options);
    children.set(name, child);
    watcher.over(child);
    return child;
  };

  try {
    const running = startSystem({ node, redisServer, environment, folder: DATA, start, claim });
    const oneEnded = running.then((system) => {
      process.stdout.write(greeting(system));
      return Promise.race([...children.values()].map((child) => child.ended.then((how) => endedBy(child, how))));
    });
    await Promise.race([oneEnded, stopAsked]);
    say("\nStopping …");
    return 0;
  } finally {
    stopping = true;
    for (const name of STOP_ORDER) await children.get(name)?.stop(GRACE_MS[name]);
    watcher.dismiss();
    await claim.release();
  }
});

function endedBy({ name, lastLines }, how) {
  const lines = lastLines.map((line) => `  ${readable(line)}`);
  throw new SetupError([`${name} ended (${how}), so the rest was stopped. Its last lines:`, ...lines].join("\n"));
}
