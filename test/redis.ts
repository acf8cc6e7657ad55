import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

/** A private Redis server on loopback, as strict about keeping what it accepted as the deployed one. */
export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** The server's process id; another one after `restart()`. */
  readonly pid: number;
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
  /** Sends `signal` (default SIGKILL: a crash) and, where that ends the server, waits until it is gone. Its folder stays. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Ends the server if it still runs, and starts it again on the same port and folder. */
  restart(): Promise<void>;
}

export interface TestRedisOptions {
  /** Redis's `save` setting, e.g. `"900 1"`; by default no snapshots, the append-only file alone. */
  readonly save?: string;
  /** Redis's `appendfsync` setting; by default that of the deployed one, which loses nothing. */
  readonly appendfsync?: "always" | "everysec";
}

const SIGNALS_THAT_PAUSE: ReadonlySet<NodeJS.Signals> = new Set(["SIGSTOP", "SIGCONT"]);

/** Starts a Redis server on a free port, with its data in a temporary folder. Resolves once it answers. */
export async function startRedis({ save = "", appendfsync = "always" }: TestRedisOptions = {}): Promise<TestRedis> {
  const folder = await mkdtemp(path.join(tmpdir(), "handoff-redis-"));
  const started = await onAFreePort(folder, { save, appendfsync });
  const { port } = started;
  let { server } = started;

  const redis: TestRedis = {
    url: `redis://127.0.0.1:${String(port)}`,
    port,
    get pid() {
      return server.pid;
    },
    async kill(signal = "SIGKILL") {
      server.process.kill(signal);
      if (!SIGNALS_THAT_PAUSE.has(signal)) await server.gone;
    },
    async restart() {
      await end(server);
      server = await launch(folder, port, { save, appendfsync });
    },
    async stop() {
      await end(server);
      await rm(folder, { recursive: true, force: true });
    },
  };
  return redis;
}

interface Server {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Resolves when the process has ended. */
  readonly gone: Promise<void>;
}

/** Between finding a free port and listening on it, another process may take it: then the next one is tried. */
async function onAFreePort(
  folder: string,
  options: Required<TestRedisOptions>,
  triesLeft = 5,
): Promise<{ server: Server; port: number }> {
  const port = await freePort();
  try {
    return { server: await launch(folder, port, options), port };
  } catch (error) {
    if (triesLeft > 1 && String(error).includes("Address already in use"))
      return onAFreePort(folder, options, triesLeft - 1);
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function launch(folder: string, port: number, options: Required<TestRedisOptions>): Promise<Server> {
  const settings = {
    port: String(port),
    bind: "127.0.0.1",
    dir: folder,
    ...options,
    daemonize: "no",
    appendonly: "yes",
    "maxmemory-policy": "noeviction",
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(redisServer(), args, { stdio: ["ignore", "pipe", "pipe"] });
  const dieWithUs = () => child.kill("SIGKILL");
  process.once("exit", dieWithUs);
  const gone = new Promise<void>((resolve) => {
    child.once("close", () => {
      process.off("exit", dieWithUs);
      resolve();
    });
  });

  const said: string[] = [];
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    void gone.then(() => reject(new Error(`redis-server ended before it was ready:\n${said.slice(-10).join("\n")}`)));
    for (const output of [child.stdout, child.stderr]) {
      createInterface({ input: output }).on("line", (line) => {
        if (said.push(line) > 100) said.shift();
        if (line.includes("Ready to accept connections")) resolve();
      });
    }
  });
  if (child.pid === undefined) throw new Error("redis-server is ready but has no process id");
  return { process: child, pid: child.pid, gone };
}

/** SIGCONT first: a paused server acts on no other signal but SIGKILL. */
async function end(server: Server): Promise<void> {
  server.process.kill("SIGCONT");
  server.process.kill("SIGTERM");
  await server.gone;
}

/** The program `npm test` found or unpacked; else what an earlier start unpacked, else the one on the PATH. */
function redisServer(): string {
  const given = process.env["REDIS_SERVER"];
  if (given !== undefined && given !== "") return given;
  const unpacked = path.join(import.meta.dirname, "../.tools/redis/redis-server");
  return existsSync(unpacked) ? unpacked : "redis-server";
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", resolve);
  });
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port is free");
  return address.port;
}
