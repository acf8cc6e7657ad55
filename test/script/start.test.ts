import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";

/** `npm start` as a developer sees it: what it says, what runs then, and what is left when it ends. */

let folder: string;
const started: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "handoff-start-"));
});
afterEach(async () => {
  for (const child of started.splice(0)) {
    child.kill("SIGTERM");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  await rm(folder, { recursive: true, force: true });
});

describe("npm start", { timeout: 120_000 }, () => {
  it("runs the whole system: the line that it suggests is accepted, and carried through", async () => {
    const system = await start();
    const job = await post(system);
    expect(job.kind).toBe("eligibility");
    await expect
      .poll(() => jobOf(system, job.id), { timeout: 20_000 })
      .toMatchObject({ state: "completed", outcome: "done" });

    expect((await fetch(system.place("API docs"))).status).toBe(200);
    expect((await fetch(system.place("Sandbox"))).status).toBe(200);
    expect(await (await fetch(system.place("Dashboard"))).text()).toContain("sign-in");
  });

  it("ends with 0 on Ctrl-C and leaves nothing running; the next start knows what was accepted", async () => {
    const first = await start();
    const job = await post(first);
    const redis = await redisConnection();
    first.child.kill("SIGINT");
    expect(await once(first.child, "close")).toEqual([0, null]);
    await redis.closed;
    for (const name of ["Portal API", "Sandbox"])
      await expect(fetch(first.place(name))).rejects.toThrow("fetch failed");

    const second = await start();
    expect(await jobOf(second, job.id)).toMatchObject({ id: job.id, kind: "eligibility" });
  });

  it("takes everything with it when it is killed without a word", async () => {
    const system = await start();
    const redis = await redisConnection();
    system.child.kill("SIGKILL");
    await redis.closed; // it is the last to go
    for (const name of ["Portal API", "Sandbox"])
      await expect(fetch(system.place(name))).rejects.toThrow("fetch failed");
  });

  it("stops the rest and ends with 1 when one of them dies", async () => {
    const system = await start({ SHUTDOWN_TIMEOUT_MS: "500" });
    const { redisPid } = await claim();
    process.kill(redisPid, "SIGKILL");
    expect(await once(system.child, "close")).toEqual([1, null]);
    expect(system.said()).toContain("Redis ended (SIGKILL), so the rest was stopped.");
    await expect(fetch(system.place("Sandbox"))).rejects.toThrow("fetch failed");
  });

  it("refuses to run twice in one folder, where two Redis servers would share their data", async () => {
    const first = await start();
    const second = launch();
    expect(await once(second.child, "close")).toEqual([1, null]);
    expect(second.said()).toContain(`Handoff runs already in this folder (process ${first.child.pid})`);
  });

  it("keeps the secrets that it makes to their owner, and shows none that it was given", async () => {
    const system = await start({ API_KEYS: "portal:given-by-the-environment" });
    expect((await stat(path.join(folder, "settings.json"))).mode & 0o777).toBe(0o600);
    expect(system.said()).not.toContain("given-by-the-environment");
    const answer = await fetch(`${system.place("Portal API")}/jobs/none`, {
      headers: { authorization: "Bearer given-by-the-environment" },
    });
    expect(answer.status).not.toBe(401);
  });

  it("says which settings are wrong, and starts nothing", async () => {
    const { child, said } = launch({ RETRY_ATTEMPTS: "many" });
    expect(await once(child, "close")).toEqual([78, null]);
    expect(said()).toContain("RETRY_ATTEMPTS  must be a whole number");
  });
});

interface Launched {
  readonly child: ChildProcess;
  /** All that it printed so far. */
  readonly said: () => string;
}

function launch(environment: Record<string, string> = {}): Launched & { readonly ready: Promise<void> } {
  const script = path.join(import.meta.dirname, "../../script/start.mjs");
  const env = { ...process.env, ...environment, DATA_DIR: folder, HANDOFF_SET_UP: "done", NODE_ENV: "" };
  const child = spawn(process.execPath, [script], { env, stdio: ["ignore", "pipe", "pipe"] });
  started.push(child);
  const lines: string[] = [];
  const ready = new Promise<void>((resolve) => {
    for (const output of [child.stdout, child.stderr]) {
      createInterface({ input: output }).on("line", (line) => {
        lines.push(line);
        if (line.startsWith("Ctrl-C stops")) resolve();
      });
    }
  });
  return { child, ready, said: () => lines.join("\n") };
}

interface System extends Launched {
  /** The address that the greeting gives for `name`. */
  readonly place: (name: string) => string;
}

async function start(environment: Record<string, string> = {}): Promise<System> {
  const { child, ready, said } = launch(environment);
  await Promise.race([
    ready,
    once(child, "close").then(() => {
      throw new Error(`npm start ended:\n${said()}`);
    }),
  ]);
  const place = (name: string) => {
    const address = new RegExp(`^  ${name} +(http\\S+)`, "m").exec(said())?.[1];
    if (address === undefined) throw new Error(`no address of ${name} in:\n${said()}`);
    return address;
  };
  return { child, said, place };
}

const job = z.looseObject({
  id: z.string(),
  kind: z.string(),
  state: z.string(),
  links: z.object({ events: z.string() }),
});

/** Sends the request that the greeting suggests. */
async function post(system: System) {
  const [, url, key, body] = /curl -i '(\S+)'[^]*Bearer (\S+)'[^]*-d '(.+)'/.exec(system.said()) ?? [];
  const answer = await fetch(url ?? "", {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body }),
  });
  expect(answer.status).toBe(202);
  return job.parse(await answer.json());
}

function authorized(system: System) {
  const [, key] = /Bearer (\S+)'/.exec(system.said()) ?? [];
  return { headers: { authorization: `Bearer ${key}` } };
}

async function jobOf(system: System, id: string) {
  return job.parse(await (await fetch(`${system.place("Portal API")}/jobs/${id}`, authorized(system))).json());
}

async function claim() {
  const text = await readFile(path.join(folder, "running.json"), "utf8");
  return z.object({ pid: z.number(), redisPid: z.number() }).parse(JSON.parse(text));
}

/** A connection to the system's own Redis, which closes when that server is gone. */
async function redisConnection() {
  const port = /redis:\/\/127\.0\.0\.1:(\d+)/.exec(await readFile(path.join(folder, "running.json"), "utf8"))?.[1];
  const socket = connect(Number(port), "127.0.0.1");
  await once(socket, "connect");
  return { closed: once(socket.resume(), "close") };
}
