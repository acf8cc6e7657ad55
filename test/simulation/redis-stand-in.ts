import { createHash } from "node:crypto";
import type { Connection } from "../../src/queues/connection.ts";
import { type Reply, RedisError, runScript } from "./lua.ts";

/**
 * A Redis in memory: our own scripts run in it, over the few commands that they use. `nowMs` is its clock; `pushed` hears of
 * what is put into a list.
 */
export type RedisStandIn = ReturnType<typeof redisStandIn>;

type Hash = Map<string, string>;
/** Members and their scores. */
class SortedSet extends Map<string, number> {}
type List = string[];

interface Entry {
  readonly value: string | Hash | SortedSet | List;
  /** By Redis's clock; null where it stays. */
  expiresAt: number | null;
}

const OK = { status: "OK" };

export function redisStandIn({
  nowMs,
  pushed = () => undefined,
}: {
  nowMs: () => number;
  pushed?: (list: string, items: readonly string[]) => void;
}) {
  const entries = new Map<string, Entry>();
  const scripts = new Map<string, string>();
  let restarts = 0;

  const entryOf = (key: string): Entry | undefined => {
    const entry = entries.get(key);
    if (entry === undefined || entry.expiresAt === null || entry.expiresAt > nowMs()) return entry;
    entries.delete(key);
    return undefined;
  };
  const hashOf = (key: string): Hash | undefined => {
    const value = entryOf(key)?.value;
    if (value === undefined || typeOf(value) === "hash") return value as Hash | undefined; // what TYPE says
    throw wrongType();
  };
  const sortedSetOf = (key: string): SortedSet | undefined => {
    const value = entryOf(key)?.value;
    if (value === undefined || value instanceof SortedSet) return value;
    throw wrongType();
  };
  const listOf = (key: string): List | undefined => {
    const value = entryOf(key)?.value;
    if (value === undefined || Array.isArray(value)) return value;
    throw wrongType();
  };
  const added = <Value extends Entry["value"]>(key: string, value: Value): Value => {
    entries.set(key, { value, expiresAt: null });
    return value;
  };
  const hashFor = (key: string): Hash => hashOf(key) ?? added(key, new Map<string, string>());

  const commands: Readonly<Record<string, (args: readonly string[]) => Reply>> = {
    DEL: (keys) => keys.filter((key) => entryOf(key) !== undefined && entries.delete(key)).length,
    EXISTS: (keys) => keys.filter((key) => entryOf(key) !== undefined).length,
    GET([key = ""]) {
      const value = entryOf(key)?.value ?? null;
      if (value !== null && typeof value !== "string") throw wrongType();
      return value;
    },
    SET([key = "", value = "", unit, ms]) {
      if (unit !== undefined && unit.toUpperCase() !== "PX") throw new RedisError("ERR syntax error");
      entries.set(key, { value, expiresAt: unit === undefined ? null : nowMs() + whole(ms) });
      return OK;
    },
    HGET: ([key = "", field = ""]) => hashOf(key)?.get(field) ?? null,
    HEXISTS: ([key = "", field = ""]) => (hashOf(key)?.has(field) === true ? 1 : 0),
    HMGET([key = "", ...fields]) {
      const hash = hashOf(key);
      return fields.map((field) => hash?.get(field) ?? null);
    },
    HGETALL: ([key = ""]) => [...(hashOf(key) ?? [])].flat(),
    HSET([key = "", ...pairs]) {
      if (pairs.length === 0 || pairs.length % 2 === 1)
        throw new RedisError("ERR wrong number of arguments for 'hset' command");
      const hash = hashFor(key);
      const before = hash.size;
      for (let at = 0; at < pairs.length; at += 2) hash.set(pairs[at] ?? "", pairs[at + 1] ?? "");
      return hash.size - before;
    },
    HSETNX([key = "", field = "", value = ""]) {
      const hash = hashFor(key);
      if (hash.has(field)) return 0;
      hash.set(field, value);
      return 1;
    },
    HDEL([key = "", ...fields]) {
      const hash = hashOf(key);
      const gone = fields.filter((field) => hash?.delete(field)).length;
      if (hash?.size === 0) entries.delete(key);
      return gone;
    },
    HINCRBY([key = "", field = "", by]) {
      const more = whole(by);
      const before = hashOf(key)?.get(field) ?? "0";
      if (!/^-?\d+$/.test(before)) throw new RedisError("ERR hash value is not an integer");
      const after = Number(before) + more;
      hashFor(key).set(field, String(after));
      return after;
    },
    ZADD([key = "", score, member = ""]) {
      const at = whole(score);
      const set = sortedSetOf(key) ?? added(key, new SortedSet());
      const before = set.size;
      set.set(member, at);
      return set.size - before;
    },
    ZREM([key = "", member = ""]) {
      const set = sortedSetOf(key);
      const gone = set?.delete(member) === true ? 1 : 0;
      if (set?.size === 0) entries.delete(key);
      return gone;
    },
    ZREMRANGEBYSCORE([key = "", least = "", most]) {
      const limit = Number(most);
      if (least !== "-inf" || Number.isNaN(limit)) throw new RedisError("ERR min or max is not a float");
      const set = sortedSetOf(key);
      const gone = [...(set ?? [])].filter(([member, score]) => score <= limit && set?.delete(member) === true);
      if (set?.size === 0) entries.delete(key);
      return gone.length;
    },
    /** The whole of it, with scores. */
    ZRANGE: ([key = ""]) =>
      [...(sortedSetOf(key) ?? [])]
        .toSorted(([one, at], [other, then]) => at - then || (one < other ? -1 : 1))
        .flatMap(([member, at]) => [member, String(at)]),
    RPUSH: ([key = "", value = ""]) => (listOf(key) ?? added(key, [])).push(value),
    LTRIM([key = "", first, last]) {
      const list = listOf(key);
      if (list === undefined) return OK;
      const kept = list.slice(whole(first), whole(last) === -1 ? undefined : whole(last) + 1);
      list.splice(0, list.length, ...kept);
      if (list.length === 0) entries.delete(key);
      return OK;
    },
    LRANGE: ([key = "", from, to]) => listOf(key)?.slice(whole(from), whole(to) + 1 || undefined) ?? [],
    PEXPIRE([key = "", ms]) {
      const entry = entryOf(key);
      const length = whole(ms);
      if (entry === undefined) return 0;
      if (length <= 0) entries.delete(key);
      else entry.expiresAt = nowMs() + length;
      return 1;
    },
    PERSIST([key = ""]) {
      const entry = entryOf(key);
      if (entry === undefined || entry.expiresAt === null) return 0;
      entry.expiresAt = null;
      return 1;
    },
    PTTL([key = ""]) {
      const entry = entryOf(key);
      if (entry === undefined) return -2;
      return entry.expiresAt === null ? -1 : entry.expiresAt - nowMs();
    },
    TYPE([key = ""]) {
      const value = entryOf(key)?.value;
      return { status: value === undefined ? "none" : typeOf(value) };
    },
    LPUSH([key = "", ...items]) {
      if (items.length === 0) throw new RedisError("ERR wrong number of arguments for 'lpush' command");
      const value = [...items.toReversed(), ...(listOf(key) ?? [])];
      entries.set(key, { value, expiresAt: entryOf(key)?.expiresAt ?? null });
      pushed(key, items);
      return value.length;
    },
    PUBLISH: () => 0,
    TIME() {
      const ms = Math.floor(nowMs());
      return [String(Math.floor(ms / 1000)), String((ms % 1000) * 1000)];
    },
    INFO: () => `# Server\r\nrun_id:${restarts.toString(16).padStart(40, "0")}\r\n`,
  };

  const call = (command: string, args: readonly string[]): Reply => {
    const run = commands[command];
    if (run === undefined) throw new Error(`the stand-in does not know ${command}: teach it, and its contract test`);
    return run(args);
  };

  return {
    call,
    eval(source: string, keys: readonly string[], args: readonly string[]): Reply {
      scripts.set(createHash("sha1").update(source).digest("hex"), source);
      return runScript(source, keys, args, call);
    },
    evalsha(sha: string, keys: readonly string[], args: readonly string[]): Reply {
      const source = scripts.get(sha);
      if (source === undefined) throw new RedisError("NOSCRIPT No matching script. Please use EVAL.");
      return runScript(source, keys, args, call);
    },
    /** It comes back with all that it was told, another run id, and no script. */
    restart() {
      restarts += 1;
      scripts.clear();
    },
    /** What it keeps. */
    keys: (): string[] => [...entries.keys()].filter((key) => entryOf(key) !== undefined),
  };
}

/** The commands of a client that are one word and plain arguments. */
const PLAIN = [
  "del",
  "get",
  "hget",
  "hmget",
  "hset",
  "lrange",
  "pexpire",
  "pttl",
  "rpush",
  "type",
  "zadd",
  "zrange",
] as const;

/** A connection to the stand-in, each of whose calls goes `through` something. */
export function connectionTo(
  redis: RedisStandIn,
  through: (what: string, perform: () => unknown) => Promise<unknown>,
): Connection {
  const told = (reply: Reply): unknown =>
    typeof reply === "object" && reply !== null && "status" in reply ? reply.status : reply;
  const ask =
    (command: string) =>
    async (...args: (string | number)[]) =>
      await through(command, () => told(redis.call(command, args.map(String))));
  const scripted =
    (run: RedisStandIn["eval"]) =>
    async (source: string, count: number, ...rest: (string | number)[]) => {
      const texts = rest.map(String);
      return await through("script", () => told(run(source, texts.slice(0, count), texts.slice(count))));
    };
  return {
    ...Object.fromEntries(PLAIN.map((name) => [name, ask(name.toUpperCase())])),
    eval: scripted((source, keys, args) => redis.eval(source, keys, args)),
    evalsha: scripted((sha, keys, args) => redis.evalsha(sha, keys, args)),
    hgetall: async (key: string) => recordOf(await ask("HGETALL")(key)),
  } as unknown as Connection; // what else a connection can do, nobody asks of this one
}

/** Pairs, as HGETALL gives them. */
export function recordOf(pairs: unknown): Record<string, string> {
  const flat = Array.isArray(pairs) ? pairs.map(String) : [];
  return Object.fromEntries(
    Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at] ?? "", flat[2 * at + 1] ?? ""]),
  );
}

function typeOf(value: Entry["value"]): string {
  if (typeof value === "string") return "string";
  if (value instanceof SortedSet) return "zset";
  return Array.isArray(value) ? "list" : "hash";
}

function wrongType(): RedisError {
  return new RedisError("WRONGTYPE Operation against a key holding the wrong kind of value");
}

function whole(text: string | undefined): number {
  if (text === undefined || !/^-?\d+$/.test(text)) throw new RedisError("ERR value is not an integer or out of range");
  return Number(text);
}
