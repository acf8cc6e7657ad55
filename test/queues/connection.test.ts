import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Cluster } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import {
  connectDoor,
  type Connection,
  connectWorker,
  type RedisAddress,
  redisWarnings,
  subscriberOf,
} from "../../src/queues/connection.ts";
import { begin, end, freePort } from "../redis-server.ts";
import { startRedis, type TestRedis } from "../redis.ts";

/** On one Redis, whatever the other tests run on; see cluster.test.ts for the rest. */

let server: TestRedis;
let open: Connection[];

beforeAll(async () => {
  server = await startRedis({ cluster: false });
});
afterAll(() => server.stop());
beforeEach(() => {
  open = [];
});
afterEach(() => {
  for (const connection of open) connection.disconnect();
});

function opened<C extends Connection>(connection: C): C {
  connection.on("error", () => undefined); // a Redis that a test kills is no news
  open.push(connection);
  return connection;
}

/** Resolves when it next says `event`; unlike `once` of Node, whatever it complains of before. */
const next = (connection: Connection, event: "ready" | "close" | "end") =>
  new Promise<void>((resolve) => connection.once(event, () => resolve()));

async function door(address: RedisAddress = server.address): Promise<Connection> {
  const connection = opened(connectDoor(address));
  await next(connection, "ready");
  return connection;
}

describe("a door's connection", () => {
  it("refuses a command at once while Redis is away, and takes it again once that is back", async () => {
    const connection = await door();
    const gone = next(connection, "close");
    await server.kill();
    await gone;
    await expect(connection.get("parcel")).rejects.toThrow("isn't writeable");
    const back = next(connection, "ready");
    await server.restart();
    await back;
    expect(await connection.get("parcel")).toBeNull();
  });

  it("gives a command up that a frozen Redis does not answer", async () => {
    const connection = await door();
    await server.kill("SIGSTOP");
    onTestFinished(() => server.kill("SIGCONT"));
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const asked = connection.get("parcel");
    vi.advanceTimersByTime(2000);
    await expect(asked).rejects.toThrow("timed out");
  });
});

it("a worker's command waits until Redis is back", async () => {
  const connection = opened(connectWorker(server.address));
  await connection.set("parcel", "sent");
  const gone = next(connection, "close");
  await server.kill();
  await gone;
  const asked = connection.get("parcel");
  await server.restart();
  expect(await asked).toBe("sent");
});

it.each([
  ["one Redis", { REDIS_URL: { reveal: () => "redis://127.0.0.1:1" } }],
  ["one behind Sentinels", { REDIS_SENTINELS: [{ host: "127.0.0.1", port: 1 }], REDIS_SENTINEL_NAME: "handoff" }],
  ["a cluster", { REDIS_CLUSTER_NODES: [{ host: "127.0.0.1", port: 1 }] }],
])("looks for %s that is away soon at first, then less often, and every two seconds for good", (_what, address) => {
  const connection = opened(connectDoor(address));
  const rules =
    connection instanceof Cluster
      ? [connection.options.clusterRetryStrategy]
      : [
          connection.options.retryStrategy,
          ...(connection.options.sentinels ? [connection.options.sentinelRetryStrategy] : []),
        ];
  for (const rule of rules) {
    const delays = [1, 2, 3, 4, 5, 10, 100, 10_000].map((tries) => Number(rule?.(tries)));
    expect(delays.at(0)).toBeLessThanOrEqual(100);
    expect(delays).toEqual(delays.toSorted((one, other) => one - other));
    expect(delays.slice(5)).toEqual([2000, 2000, 2000]);
  }
});

it("a connection that listens subscribes to nothing by itself after it was lost", async () => {
  const listening = subscriberOf(await door());
  const connection = opened(listening.connection);
  await next(connection, "ready");
  await connection.subscribe("news");
  const back = next(connection, "ready");
  await server.each((one) => one.call("CLIENT", "KILL", "TYPE", "PUBSUB"));
  await back;
  await connection.subscribe("weather"); // after all that it would have said by itself
  expect(await server.each((one) => one.pubsub("CHANNELS"))).toEqual([["weather"]]);
  const closed = next(connection, "end");
  listening.close();
  await closed;
});

describe("what of Redis's settings could lose work", () => {
  const set = async (settings: Readonly<Record<string, string>>) => {
    for (const [name, value] of Object.entries(settings)) await server.each((one) => one.config("SET", name, value));
  };
  const permitted = (rule: string) => server.each((one) => one.call("ACL", "SETUSER", "default", rule));
  const warnings = async () => await redisWarnings(await door());
  afterEach(async () => {
    await permitted("+config");
    await set({ appendonly: "yes", appendfsync: "always", "maxmemory-policy": "noeviction" });
  });

  it("is nothing where it is set up as it should be", async () => {
    expect(await warnings()).toEqual([]);
  });

  it.each([
    ["it keeps all in memory alone", { appendonly: "no", appendfsync: "everysec" }, ["appendonly yes"]],
    ["it writes once a second", { appendfsync: "everysec" }, ["appendfsync everysec"]],
    ["it throws away", { "maxmemory-policy": "allkeys-lru" }, ["maxmemory-policy allkeys-lru"]],
    [
      "it writes once a second and throws away",
      { appendfsync: "everysec", "maxmemory-policy": "volatile-ttl" },
      ["appendfsync everysec", "maxmemory-policy volatile-ttl"],
    ],
  ])("is told where %s", async (_what, settings, told) => {
    await set(settings);
    expect(await warnings()).toEqual(told.map((part) => expect.stringContaining(part) as unknown));
  });

  it("is to be looked at by a person where Redis does not let it be read", async () => {
    await permitted("-config");
    expect(await warnings()).toEqual([expect.stringContaining("does not let its settings be read")]);
  });

  it("is not known while Redis is away", async () => {
    const connection = await door();
    const gone = next(connection, "close");
    await server.kill();
    await gone;
    await expect(redisWarnings(connection)).rejects.toThrow("isn't writeable");
    await server.restart();
  });
});

it("finds the Redis that its Sentinels name", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "handoff-sentinel-"));
  const port = await freePort();
  const file = path.join(folder, "sentinel.conf");
  const watched = `sentinel monitor handoff 127.0.0.1 ${String(server.port)} 1`;
  await writeFile(file, `port ${String(port)}\nbind 127.0.0.1\ndir ${folder}\n${watched}\n`);
  const sentinel = await begin([file, "--sentinel"], "+monitor master");
  const connection = await door({ REDIS_SENTINELS: [{ host: "127.0.0.1", port }], REDIS_SENTINEL_NAME: "handoff" });
  expect(await connection.info("server")).toContain(`tcp_port:${String(server.port)}`);
  connection.disconnect();
  await end(sentinel);
  await rm(folder, { recursive: true, force: true });
});
