import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Redis } from "ioredis";
import { type Connection, connectWorker, type RedisAddress } from "../src/queues/connection.ts";
import { contentsOf } from "./redis-contents.ts";
import { end, launch, launchOnAFreePort } from "./redis-server.ts";
import { atServer, CLUSTERED, join, untilWhole } from "./redis-cluster.ts";

/** `TEST_REDIS=cluster` has every Redis of the tests be a cluster of three servers. */
export const onCluster = process.env["TEST_REDIS"] === "cluster";

/** A private Redis on loopback, as strict about keeping what it accepted as the deployed one. */
export interface TestRedis {
  /** Where it is, as the program's environment says so. */
  readonly environment: Readonly<Record<string, string>>;
  /** The same, as the program reads it. */
  readonly address: RedisAddress;
  /** A connection whose commands wait for a Redis that is away. */
  connect(): Connection;
  /** Of its first server, which is the only one unless it is a cluster. */
  readonly url: string;
  readonly port: number;
  /** The first server's process id; another one after `restart()`. */
  readonly pid: number;
  /** Those it is made of, which may go and come one by one. */
  readonly servers: readonly TestServer[];
  /** Asks each of its servers. */
  each<T>(ask: (server: Redis) => Promise<T>): Promise<readonly T[]>;
  /** Every key and value of it, and its append-only files as they are on disk. */
  contents(): Promise<string>;
  /** Empties it. */
  flush(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
  /** Sends `signal` (default SIGKILL: a crash) and, where that ends a server, waits until it is gone. The data stay. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Ends it if it still runs, and starts it again on the same ports and data. */
  restart(): Promise<void>;
}

interface TestServer {
  readonly port: number;
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Ends it if it still runs, and starts it again; of a cluster, the others may not know it yet. */
  restart(): Promise<void>;
}

export interface TestRedisOptions {
  /** By default as `TEST_REDIS` says. */
  readonly cluster?: boolean;
  /** Redis's `save` setting, e.g. `"900 1"`; by default no snapshots, the append-only file alone. */
  readonly save?: string;
  /** Redis's `appendfsync` setting; by default that of the deployed one, which loses nothing. */
  readonly appendfsync?: "always" | "everysec";
}

const SIGNALS_THAT_PAUSE: ReadonlySet<NodeJS.Signals> = new Set(["SIGSTOP", "SIGCONT"]);

/** Starts a Redis on free ports, with its data in a temporary folder. Resolves once it answers. */
export async function startRedis({ cluster = onCluster, ...options }: TestRedisOptions = {}): Promise<TestRedis> {
  const root = await mkdtemp(path.join(tmpdir(), "handoff-redis-"));
  const names = cluster ? ["one", "two", "three"] : ["one"];
  const settings = { ...options, ...(cluster && CLUSTERED) };
  const servers = await Promise.all(
    names.map(async (name) => {
      const folder = path.join(root, name);
      await mkdir(folder);
      return { folder, ...(await launchOnAFreePort(folder, settings)) };
    }),
  );
  const [first] = servers;
  if (first === undefined) throw new Error("a Redis has a server");
  const ports = servers.map(({ port }) => port);
  if (cluster) await join(ports);

  const nodes = ports.map((port) => ({ host: "127.0.0.1", port }));
  const url = `redis://127.0.0.1:${String(first.port)}`;
  const address: RedisAddress = cluster ? { REDIS_CLUSTER_NODES: nodes } : { REDIS_URL: { reveal: () => url } };
  const each = <T>(ask: (server: Redis) => Promise<T>) => Promise.all(ports.map((port) => atServer(port, ask)));
  const testServers = servers.map((one): TestServer => ({
    port: one.port,
    async kill(signal = "SIGKILL") {
      const { server } = one;
      server.process.kill(signal);
      if (!SIGNALS_THAT_PAUSE.has(signal)) await server.gone;
    },
    async restart() {
      await end(one.server);
      one.server = await launch(one.folder, one.port, settings);
    },
  }));

  return {
    environment: cluster
      ? { REDIS_CLUSTER_NODES: nodes.map(({ host, port }) => `${host}:${String(port)}`).join() }
      : { REDIS_URL: url },
    address,
    connect: () => connectWorker(address),
    url,
    port: first.port,
    get pid() {
      return first.server.pid;
    },
    each,
    contents: async () => (await each(contentsOf)).join("\n"),
    flush: async () => void (await each((server) => server.flushall())),
    servers: testServers,
    kill: async (signal) => void (await Promise.all(testServers.map((server) => server.kill(signal)))),
    async restart() {
      await Promise.all(testServers.map((server) => server.restart()));
      if (cluster) await untilWhole(ports);
    },
    async stop() {
      await Promise.all(servers.map(({ server }) => end(server)));
      await rm(root, { recursive: true, force: true });
    },
  };
}
