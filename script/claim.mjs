import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { SetupError, say } from "./command.mjs";

/**
 * Two Redis servers that append to the same file would ruin it, so one start at a time owns `folder`. A start that was
 * killed leaves its claim behind, and perhaps its Redis, still on its way out: then this waits for that one's end.
 */
export async function claimFolder(folder) {
  const file = path.join(folder, "running.json");
  const claim = { pid: process.pid, redisPid: null };
  const write = (flag) => writeFile(file, JSON.stringify(claim), { flag });
  try {
    await write("wx");
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    await outlive(JSON.parse(await readFile(file, "utf8").catch(() => "{}")));
    await write("w");
  }
  return {
    /** Tells where its Redis is: for the next start, and for whoever wants to look into it. */
    async redisIs(pid, url) {
      Object.assign(claim, { redisPid: pid, redisUrl: url });
      await write("w");
    },
    release: () => rm(file, { force: true }),
  };
}

async function outlive({ pid, redisPid }) {
  if (await runs(pid, "start.mjs")) {
    throw new SetupError(`Handoff runs already in this folder (process ${pid}). Stop it first: kill ${pid}`);
  }
  if (!(await runs(redisPid, "redis")) && !(await runs(redisPid, "valkey"))) return;
  say("Waiting for the Redis of an earlier start to end …");
  process.kill(redisPid, "SIGTERM");
  for (let waited = 0; isAlive(redisPid); waited += 100) {
    if (waited > 30_000) throw new SetupError(`The Redis of an earlier start does not end: kill ${redisPid}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Whether `pid` is alive and is still that program: process ids are given out anew. */
async function runs(pid, program) {
  if (!Number.isInteger(pid) || pid === process.pid || !isAlive(pid)) return false;
  // Without /proc (macOS) the id alone has to do.
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => program);
  return commandLine.includes(program);
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
}
