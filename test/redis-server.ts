import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";

/** Redis's settings, by name. */
export type RedisServerSettings = Readonly<Record<string, string>>;

/** A Redis server that runs. */
export interface RedisServer {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Resolves when the process has ended. */
  readonly gone: Promise<void>;
}

/** Between finding a free port and listening on it, another process may take it: then the next one is tried. */
export async function launchOnAFreePort(
  folder: string,
  settings: RedisServerSettings,
  triesLeft = 5,
): Promise<{ server: RedisServer; port: number }> {
  const port = await freePort();
  try {
    return { server: await launch(folder, port, settings), port };
  } catch (error) {
    if (triesLeft > 1 && String(error).includes("Address already in use"))
      return await launchOnAFreePort(folder, settings, triesLeft - 1);
    throw error;
  }
}

/** Starts a server on loopback whose data is in `folder`, as strict as the deployed one where `settings` say nothing else; resolves once it answers. */
export async function launch(folder: string, port: number, settings: RedisServerSettings): Promise<RedisServer> {
  const all = {
    port: String(port),
    bind: "127.0.0.1",
    dir: folder,
    daemonize: "no",
    appendonly: "yes",
    appendfsync: "always",
    save: "",
    "maxmemory-policy": "noeviction",
    ...settings,
  };
  return await begin(
    Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]),
    "Ready to accept connections",
  );
}

/** Runs the Redis program with `args`; resolves once it says `ready`. */
export async function begin(args: readonly string[], ready: string): Promise<RedisServer> {
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
        if (line.includes(ready)) resolve();
      });
    }
  });
  if (child.pid === undefined) throw new Error("redis-server is ready but has no process id");
  return { process: child, pid: child.pid, gone };
}

/** Ends it, and waits until it is gone. SIGCONT first: a paused server acts on no other signal but SIGKILL. */
export async function end(server: RedisServer): Promise<void> {
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

/** Below those that the system itself gives out (Linux: from 32768), as is the port of a cluster's bus, 10,000 above each. */
const PORTS = { first: 10_000, count: 12_000 };

/**
 * A port where nobody listens. A server that goes for a while and comes back finds it free again, and nobody else answers
 * there meanwhile: the system never gives it to a server or a connection that asks for any.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.first + randomInt(PORTS.count);
    const probe = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => resolve(true));
    });
    await new Promise((resolve) => probe.close(resolve));
    if (isFree) return port;
  }
}
