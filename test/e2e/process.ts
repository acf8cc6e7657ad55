import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import type { JobState, JobView } from "../../src/queues/job-view.ts";
import { built } from "../built.ts";
import { nextLook } from "../looks.ts";

/** A process of the program as it is deployed, and how the portal talks to it. */

export const API_KEY = "the-portals-key-in-tests";

export type Environment = Readonly<Record<string, string>>;

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Process {
  readonly pid: number;
  /** All that it wrote so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<Ended>;
  readonly signal: (signal: NodeJS.Signals) => void;
}

/** What a process of ours gets besides its own settings: where programs are, and where compiled code is kept. */
export const ofNode = Object.fromEntries(
  ["PATH", "NODE_COMPILE_CACHE"].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  }),
);

/** Runs the program with `environment` and nothing else of ours. */
export function run(environment: Environment, program = built("main")): Process {
  const child = spawn(process.execPath, [program], {
    env: { ...ofNode, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const dieWithUs = () => child.kill("SIGKILL");
  process.once("exit", dieWithUs);
  const written = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (written.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (written.stderr += text));
  const ended = once(child, "close").then(([code, signal]: unknown[]): Ended => {
    process.off("exit", dieWithUs);
    return { code: code as Ended["code"], signal: signal as Ended["signal"] }; // what Node says of a closed child
  });
  if (child.pid === undefined) throw new Error("the program could not be started");
  return {
    pid: child.pid,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    ended,
    signal: (signal) => void child.kill(signal),
  };
}

export interface Handoff extends Process {
  readonly url: string;
  /** The status of a GET. */
  readonly status: (path: string) => Promise<number>;
  readonly text: (path: string) => Promise<string>;
  /** Gets with the portal's key. */
  readonly get: (path: string) => Promise<Response>;
  /** Resolves when it says that it is ready. */
  readonly ready: () => Promise<void>;
  /** Posts JSON with the portal's key. */
  readonly post: (path: string, body: unknown, headers?: Environment) => Promise<Response>;
  /** Posts JSON, and gives the job that was accepted. */
  readonly accepted: (path: string, body: unknown) => Promise<JobView>;
  readonly job: (id: string) => Promise<JobView>;
  /** Resolves when the job is in one of `states`. */
  readonly until: (id: string, ...states: JobState[]) => Promise<JobView>;
}

/** Resolves once the program listens. */
export async function listening(process: Process): Promise<Handoff> {
  const url = await until(() => /"url":"([^"]+)".*"msg":"listening"/.exec(process.stdout())?.[1], process);
  const authorization = `Bearer ${API_KEY}`;
  const post: Handoff["post"] = async (at, body, headers = {}) =>
    await fetch(url + at, {
      method: "POST",
      headers: { authorization, "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  const view = async (response: Response): Promise<JobView> => {
    if (!response.ok) throw new Error(`${response.url}: ${String(response.status)} ${await response.text()}`);
    return (await response.json()) as JobView; // the API's own tests hold it to that
  };
  const job: Handoff["job"] = async (id) =>
    await view(await fetch(`${url}/api/jobs/${id}`, { headers: { authorization } }));
  return {
    ...process,
    url,
    status: async (at) => (await fetch(url + at)).status,
    text: async (at) => await (await fetch(url + at)).text(),
    get: async (at) => await fetch(url + at, { headers: { authorization } }),
    async ready() {
      await until(async () => (await fetch(`${url}/readyz`)).ok || undefined, process);
    },
    post,
    accepted: async (at, body) => await view(await post(at, body)),
    job,
    until: async (id, ...states) =>
      await until(async () => {
        const now = await job(id);
        return states.includes(now.state) ? now : undefined;
      }, process),
  };
}

/** Looks until there is something; throws what `process` said where it ends first. */
export async function until<T>(look: () => T | undefined | Promise<T | undefined>, process?: Process): Promise<T> {
  let over: Ended | undefined;
  void process?.ended.then((ended) => (over = ended));
  const from = performance.now();
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (over !== undefined)
      throw new Error(`the process ended:\n${process?.stderr() ?? ""}\n${process?.stdout() ?? ""}`);
    await nextLook(from);
  }
}

/** What a command said, and what it ended with. */
export interface Told {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the doctor, by a worker's settings. */
export function doctor(environment: Environment, ...args: readonly string[]): Promise<Told> {
  return new Promise((resolve) => {
    const env = { ...ofNode, ...environment };
    execFile(process.execPath, [built("doctor"), ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}
