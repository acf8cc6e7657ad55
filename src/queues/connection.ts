import { Cluster, Redis } from "ioredis";

/** Where Redis is, by one of three ways, in the words of the contract's section 2. */
export interface RedisAddress {
  readonly REDIS_URL?: { reveal(): string } | undefined;
  readonly REDIS_CLUSTER_NODES?: readonly { readonly host: string; readonly port: number }[] | undefined;
  readonly REDIS_SENTINELS?: readonly { readonly host: string; readonly port: number }[] | undefined;
  readonly REDIS_SENTINEL_NAME?: string | undefined;
}

interface RedisOptions {
  readonly maxRetriesPerRequest: number | null;
  readonly enableOfflineQueue?: boolean;
  readonly commandTimeout?: number;
}

/** One Redis, one behind Sentinels, or a cluster: the engine does not care which. */
export type Connection = Redis | Cluster;

/** First retry at once, then slower, never more than this apart: workers are back within seconds of Redis (BullMQ's own limit is 20 s). */
const RECONNECT_CAP_MS = 2000;

/** How often a Redis that still reads its file is asked whether it is through: its own guess, at first, is ten seconds and more. */
const LOADING_LOOK_MS = 250;

/** A door must answer its caller; a frozen Redis would otherwise hold a request open without limit. */
const DOOR_COMMAND_TIMEOUT_MS = 2000;

/**
 * A command waits as long as the cluster is down, or the server that holds its keys is away. Nothing is checked before the
 * first one: BullMQ's worker awaits ioredis's `connect()`, which never ends where that check fails.
 */
const WAITS_FOR_CLUSTER = { maxRedirections: Infinity, retryDelayOnMoved: 100, enableReadyCheck: false } as const;

const reconnect = (tries: number) => Math.min(50 * 2 ** Math.min(tries, 10), RECONNECT_CAP_MS);

/** For doors: a command fails at once while Redis is away, and after two seconds where it does not answer. */
export function connectDoor(settings: RedisAddress): Connection {
  return connect(settings, {
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    commandTimeout: DOOR_COMMAND_TIMEOUT_MS,
  });
}

/** For workers: a command waits until Redis is back, for a step that was done must be written down. */
export function connectWorker(settings: RedisAddress): Connection {
  return connect(settings, { maxRetriesPerRequest: null });
}

/**
 * A connection to the same Redis that may subscribe, which then takes no other commands. It subscribes to nothing while
 * Redis is away. A cluster's client keeps such a connection of its own.
 */
export function subscriberOf(redis: Connection): { readonly connection: Connection; close(): void } {
  if (redis instanceof Cluster) {
    // Where the cluster is away, the subscriptions are gone with its connections.
    return { connection: redis, close: () => void redis.unsubscribe().catch(() => undefined) };
  }
  // By itself it would subscribe again with nobody to hear that it failed, which ends the process.
  const connection = redis.duplicate({ autoResubscribe: false });
  return { connection, close: () => connection.disconnect() };
}

function connect(settings: RedisAddress, own: RedisOptions): Connection {
  const options = { ...own, maxLoadingRetryTime: LOADING_LOOK_MS };
  if (settings.REDIS_CLUSTER_NODES !== undefined) {
    const { enableOfflineQueue = true, ...redisOptions } = options;
    return new Cluster([...settings.REDIS_CLUSTER_NODES], {
      redisOptions,
      enableOfflineQueue,
      clusterRetryStrategy: reconnect,
      ...(options.maxRetriesPerRequest === null && WAITS_FOR_CLUSTER),
    });
  }
  if (settings.REDIS_SENTINELS !== undefined) {
    return new Redis({
      ...options,
      retryStrategy: reconnect,
      sentinels: [...settings.REDIS_SENTINELS],
      name: settings.REDIS_SENTINEL_NAME ?? "", // the settings do without it as little as the Sentinels do
      sentinelRetryStrategy: reconnect,
    });
  }
  return new Redis(settings.REDIS_URL?.reveal() ?? "", { ...options, retryStrategy: reconnect });
}

/** What of Redis's settings could lose accepted work, in plain words: of each server of a cluster, for any may come to hold it. */
export async function redisWarnings(redis: Connection): Promise<string[]> {
  if (redis instanceof Redis) return await warningsOf(redis);
  // A server that is away is asked again once it is back.
  const all = await Promise.all(redis.nodes().map((server) => warningsOf(server).catch(() => [])));
  return [...new Set(all.flat())];
}

async function warningsOf(server: Redis): Promise<string[]> {
  try {
    const [appendonly, appendfsync, policy] = [
      await configOf(server, "appendonly"),
      await configOf(server, "appendfsync"),
      await configOf(server, "maxmemory-policy"),
    ];
    const warnings: string[] = [];
    if (appendonly !== "yes") {
      warnings.push(
        "Redis keeps no append-only file: a restart loses work. Set appendonly yes and appendfsync always.",
      );
    } else if (appendfsync !== "always") {
      warnings.push(
        `A power cut can lose accepted work (appendfsync ${appendfsync}). Set appendfsync always in Redis.`,
      );
    }
    if (policy !== "noeviction") {
      warnings.push(`Redis may throw work away when it is full (maxmemory-policy ${policy}). Set noeviction.`);
    }
    return warnings;
  } catch (error) {
    if (!/NOPERM|unknown command/i.test(String(error))) throw error;
    return ["Redis does not let its settings be read: make sure of appendonly yes, appendfsync always and noeviction."];
  }
}

async function configOf(server: Redis, name: string): Promise<string> {
  const [, value] = (await server.call("CONFIG", "GET", name)) as readonly string[]; // its name, and what it is
  return value ?? "unknown";
}
