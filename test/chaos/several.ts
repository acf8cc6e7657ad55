import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { ofNode } from "../e2e/process.ts";

const HOST = path.join(import.meta.dirname, "several-workers.ts");

/** Starts one process in which each environment has a worker of its own; resolves once each of them takes work. */
export async function startWorkers(environments: readonly Readonly<Record<string, string>>[]) {
  const child = spawn(process.execPath, [HOST], {
    env: ofNode,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const dieWithUs = () => child.kill("SIGKILL");
  process.once("exit", dieWithUs);
  const gone = once(child, "close");
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (words: string) => (said += words));
  child.stdin.end(JSON.stringify(environments));
  await new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (words: string) => {
      said += words;
      if (words.includes("all of them work")) resolve();
    });
    void gone.then(() => reject(new Error(`the workers ended:\n${said}`)));
  });
  return {
    async kill() {
      child.kill("SIGKILL");
      await gone;
      process.off("exit", dieWithUs);
    },
  };
}
