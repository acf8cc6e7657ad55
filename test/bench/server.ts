import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { ofNode } from "../e2e/process.ts";
import { freePort } from "../redis-server.ts";

/** A program, in a process of its own. */
export interface ServerProcess {
  readonly url: string;
  /** Processor time it has used so far, in milliseconds; NaN where the system does not tell. */
  cpuMs(): number;
  stop(): Promise<void>;
}

/**
 * Starts `script` on a free port and waits until `/readyz` says yes. Its log goes nowhere: what reads a log is another
 * process, and here it would take its time from the one that makes the load.
 */
export async function startServer(script: string, environment: Record<string, string>): Promise<ServerProcess> {
  const port = String(await freePort());
  const child = spawn(process.execPath, [script], {
    env: { ...ofNode, NODE_ENV: "production", PORT: port, ...environment },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const gone = once(child, "exit");
  const url = `http://127.0.0.1:${port}`;
  while (!(await isReady(url))) {
    if (child.exitCode !== null) throw new Error(`${script} ended before it was ready (${String(child.exitCode)})`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url,
    cpuMs: () => cpuMsOf(child.pid),
    async stop() {
      child.kill();
      await gone;
    },
  };
}

/** Linux's own count, which is in hundredths of a second; NaN elsewhere. */
export function cpuMsOf(pid: number | undefined): number {
  if (process.platform !== "linux" || pid === undefined) return Number.NaN;
  const stat = readFileSync(`/proc/${String(pid)}/stat`, "utf8");
  // After the name in brackets, which may hold spaces: state is field 3, utime and stime are 14 and 15 (man 5 proc).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`)).status !== 503;
  } catch {
    return false; // it does not listen yet
  }
}
