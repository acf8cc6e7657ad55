import { Redis } from "ioredis";

/** What makes a Redis server one of a cluster. A server that comes back may write as soon as it knows the others again. */
export const CLUSTERED = { "cluster-enabled": "yes", "cluster-node-timeout": "2000" };

const SLOTS = 16_384;

/** Makes a cluster of the servers at `ports`, each with an equal share of the slots; resolves once it takes work. */
export async function join(ports: readonly number[]): Promise<void> {
  const share = Math.ceil(SLOTS / ports.length);
  await Promise.all(
    ports.map((port, at) =>
      atServer(port, async (redis) => {
        await redis.call("CLUSTER", "ADDSLOTSRANGE", at * share, Math.min((at + 1) * share, SLOTS) - 1);
        for (const other of ports) if (other !== port) await redis.cluster("MEET", "127.0.0.1", other);
      }),
    ),
  );
  await untilWhole(ports);
}

/** Resolves once every server sees all the slots served, by as many servers as there are. */
export async function untilWhole(ports: readonly number[]): Promise<void> {
  await Promise.all(
    ports.map((port) =>
      atServer(port, async (redis) => {
        for (;;) {
          const info = await redis.cluster("INFO");
          if (info.includes("cluster_state:ok") && info.includes(`cluster_size:${String(ports.length)}`)) return;
          await new Promise((resolve) => setTimeout(resolve, 20)); // between looks
        }
      }),
    ),
  );
}

/** Asks the one server at `port`. */
export async function atServer<T>(port: number, ask: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(port, "127.0.0.1");
  try {
    return await ask(redis);
  } finally {
    redis.disconnect();
  }
}
