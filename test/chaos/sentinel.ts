import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Redis } from "ioredis";
import { connectWorker, type RedisAddress } from "../../src/queues/connection.ts";
import { until } from "../e2e/process.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { begin, end, freePort } from "../redis-server.ts";

const MASTER = "handoff";

/** Two Redis servers, one of them the other's replica, watched by a real Sentinel. As a `TestRedis`, it is the one that is the master now. */
export interface WatchedRedis extends TestRedis {
  /** Cuts the replica off: what comes from now on does not reach it. */
  cutReplica(): Promise<void>;
  /** Kills the master; resolves once the Sentinel has made the replica the master. */
  failOver(): Promise<void>;
  /** Starts the killed one again, as the replica of what is the master now; resolves once it has caught up. */
  rejoin(): Promise<void>;
}

export async function startWatchedRedis(): Promise<WatchedRedis> {
  const alone = { cluster: false }; // a cluster knows no Sentinel
  let [master, replica] = await Promise.all([startRedis(alone), startRedis(alone)]);
  await follow(replica, master);
  const folder = await mkdtemp(path.join(tmpdir(), "handoff-sentinel-"));
  const port = await freePort();
  const file = path.join(folder, "sentinel.conf");
  const lines = [
    `port ${String(port)}`,
    "bind 127.0.0.1",
    `dir ${folder}`,
    `sentinel monitor ${MASTER} 127.0.0.1 ${String(master.port)} 1`,
    `sentinel down-after-milliseconds ${MASTER} 500`,
    `sentinel failover-timeout ${MASTER} 2000`,
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  const sentinel = await begin([file, "--sentinel"], "+monitor master");
  const watch = new Redis(port, "127.0.0.1");
  // It looks after the servers every ten seconds; before 7.0 it cannot be told to look more often.
  await watch.call("SENTINEL", "DEBUG", "INFO-PERIOD", 300).catch(() => undefined);
  const untilKnown = () =>
    until(async () => {
      const replicas = String(await watch.call("SENTINEL", "REPLICAS", MASTER));
      return (replicas.includes("master-link-status,ok") && !/[so]_down|disconnected/.test(replicas)) || undefined;
    });
  await untilKnown();

  const address: RedisAddress = {
    REDIS_SENTINELS: [{ host: "127.0.0.1", port }],
    REDIS_SENTINEL_NAME: MASTER,
  };
  return {
    ...master,
    environment: { REDIS_SENTINELS: `127.0.0.1:${String(port)}`, REDIS_SENTINEL_NAME: MASTER },
    address,
    connect: () => connectWorker(address),
    get url() {
      return master.url;
    },
    get port() {
      return master.port;
    },
    // A replica of nobody (nothing listens at port 1): the Sentinel lets that be for some seconds.
    cutReplica: async () => void (await replica.each((one) => one.replicaof("127.0.0.1", 1))),
    async failOver() {
      await master.kill();
      await until(async () => {
        const [, now] = (await watch.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)) as [string, string]; // host, port
        return Number(now) === replica.port || undefined;
      });
      [master, replica] = [replica, master];
    },
    async rejoin() {
      await replica.restart();
      await follow(replica, master);
      await untilKnown();
    },
    async stop() {
      watch.disconnect();
      await end(sentinel);
      await Promise.all([master.stop(), replica.stop(), rm(folder, { recursive: true, force: true })]);
    },
  };
}

/** Makes `replica` follow `master`; resolves once it has all of it. */
async function follow(replica: TestRedis, master: TestRedis): Promise<void> {
  await replica.each(async (one) => {
    await one.replicaof("127.0.0.1", master.port);
    await until(async () => (await one.info("replication")).includes("master_link_status:up") || undefined);
  });
}
