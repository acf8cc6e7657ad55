import { once } from "node:events";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { breakerFor } from "../../src/queues/breaker.ts";
import { UnavailableError } from "../../src/domain/errors.ts";
import type { Connection } from "../../src/queues/connection.ts";
import type { Unless } from "../../src/queues/job-kind.ts";
import { type JobKeys, openLedger, type Pause } from "../../src/queues/ledger.ts";
import { sealingWith } from "../../src/queues/sealing.ts";
import { type Random, randomFrom } from "../chaos/experiment.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { connectionTo, recordOf, type RedisStandIn, redisStandIn } from "./redis-stand-in.ts";

/**
 * The contract that the simulation's Redis is held to: whatever the engine asks, it answers and keeps what a real one
 * does. The same operations, by chance, go to both at the same moment. Nobody waits for a lease to run out: instead, every
 * moment that either keeps is moved into the past by a length that no limit is near to.
 */

const SEALING = sealingWith([Buffer.alloc(32, 7)]);
const TIMING = { leaseMs: 20_000, settleMs: 120_000 };

/** How far the two clocks' readings may be apart, on a busy machine. */
const NEAR_MS = 4000;

/** Between the limits that matter, which are multiples of ten seconds. */
const LEAPS_MS = [5000, 15_000, 25_000, 65_000, 145_000, 86_405_000] as const;

const seed = Date.now() % 2 ** 31;

let server: TestRedis;
let real: Redis;
let standIn: RedisStandIn;

beforeAll(async () => {
  server = await startRedis({ cluster: false }); // the simulation has one server
  real = new Redis(server.url, { maxRetriesPerRequest: null, retryStrategy: () => 5, maxLoadingRetryTime: 20 });
  real.on("error", () => undefined); // restarts are part of the contract
  await once(real, "ready");
  standIn = redisStandIn({ nowMs: () => Date.now() });
});
afterAll(async () => {
  real.disconnect();
  await server.stop();
});

it("the ledger and the breaker cannot tell the stand-in from Redis", { timeout: 120_000 }, async () => {
  const random = randomFrom(seed);
  for (let round = 0; round < 30; round++) {
    const said: string[] = [];
    const prefix = `{contract ${String(round)}}`;
    const one = engineOn(real, prefix);
    const other = engineOn(asConnection(standIn), prefix);
    for (let turn = 0; turn < 50; turn++) {
      const operation = anyOperation(random);
      said.push(operation.words);
      const [fromReal, fromStandIn] = await Promise.all([outcomeOf(operation, one), outcomeOf(operation, other)]);
      expect(alike(fromReal, fromStandIn), told(said, fromReal, fromStandIn)).toBe(true);
      if (random.next() < 0.1) {
        const ms = random.oneOf(LEAPS_MS);
        said.push(`${String(ms)} ms pass`);
        for (const redis of [real, asConnection(standIn)]) await passIn(redis, prefix, ms);
      }
    }
    const [kept, keptToo] = [await dumpOf(real, prefix), await dumpOf(asConnection(standIn), prefix)];
    expect(alike(kept, keptToo), told(said, kept, keptToo)).toBe(true);
    if (round % 10 === 9) {
      standIn.restart();
      await server.restart();
    }
  }
});

it("no command of the scripts tells them apart either", async () => {
  const random = randomFrom(seed);
  const said: string[] = [];
  const keys = ["{raw}:one", "{raw}:two"] as const;
  const word = () => random.oneOf(["a", "b", "c", "7", "-3"]);
  for (let turn = 0; turn < 1500; turn++) {
    const key = random.oneOf(keys);
    const command = random.oneOf([
      ["HGET", key, word()],
      ["HEXISTS", key, word()],
      ["HSET", key, word(), word(), word(), word()],
      ["HSET", key, word()],
      ["HSETNX", key, word(), word()],
      ["HMGET", key, word(), word()],
      ["HGETALL", key],
      ["HDEL", key, word(), word()],
      ["HINCRBY", key, word(), random.oneOf(["1", "5", "x"])],
      ["SET", key, word()],
      ["SET", key, word(), "PX", "50000"],
      ["SET", key, word(), "PX", "x"],
      ["GET", key],
      ["DEL", ...keys],
      ["EXISTS", ...keys],
      ["PEXPIRE", key, random.oneOf(["50000", "0", "-1", "x"])],
      ["PERSIST", key],
      ["PTTL", key],
      ["TYPE", key],
      ["LPUSH", key, word(), word()],
      ["LPUSH", key],
      ["PUBLISH", key, ""],
      ["ZADD", key, random.oneOf(["1", "2", "x"]), word()],
      ["ZREM", key, word()],
      ["ZREMRANGEBYSCORE", key, "-inf", random.oneOf(["1", "x"])],
      ["ZRANGE", key, "0", "-1", "WITHSCORES"],
      ["RPUSH", key, word()],
      ["LTRIM", key, "-3", "-1"],
      ["LRANGE", key, "0", "-1"],
    ]);
    said.push(command.join(" "));
    const lua = "return redis.call(unpack(ARGV))";
    const [fromReal, fromStandIn] = await Promise.all([
      settled(async () => await real.eval(lua, 2, ...keys, ...command)),
      settled(async () => await asConnection(standIn).eval(lua, 2, ...keys, ...command)),
    ]);
    expect(alike(paired(command, fromReal), paired(command, fromStandIn)), told(said, fromReal, fromStandIn)).toBe(
      true,
    );
  }
});

it("Lua gives Redis the same values as Redis's own", async () => {
  const random = randomFrom(seed);
  for (const lua of [
    "return { 1, 2.9, -2.9, 'x', true, false, 3 }",
    "return { tostring(1e12 + 3), tostring('12' * 3), tostring(7 / 2), tostring(0.1 + 0.2), #KEYS, #ARGV }",
    "redis.call('HSET', KEYS[1], 'n', 2 ^ 3 * ARGV[1], 'm', ARGV[1] / 2); return redis.call('HGETALL', KEYS[1])",
    "return { pcall(redis.call, 'HSET', KEYS[1], 'n') and 1 or 0, (select(2, pcall(redis.call, 'HINCRBY', KEYS[1], 'x', 'y'))) }",
    "return redis.call('SET', KEYS[1], 'v')",
    "return { unpack({ 1, nil, 3 }, 1, 1), math.max(0, 3 - 5), string.find('a b', 'b', 1, true) }",
    'return cjson.encode(cjson.decode(\'{"n":1,"state":"done","effect":true,"at":1790000000123}\')) == \'\' and 1 or 0',
    "return { redis.call('PUBLISH', KEYS[1], ''), redis.call('GET', KEYS[2]) or 'nothing' }",
    "error('no')",
    "return nil",
  ]) {
    const args = [2, "{lua}:one", "{lua}:none", String(random.between(1, 1000))] as const;
    const [fromReal, fromStandIn] = [
      await settled(async () => await real.eval(lua, ...args)),
      await settled(async () => await asConnection(standIn).eval(lua, ...args)),
    ];
    expect(worded(fromStandIn), lua).toEqual(worded(fromReal));
  }
});

function asConnection(standIn: RedisStandIn): Connection {
  return connectionTo(standIn, async (_what, perform) => perform());
}

function engineOn(redis: Connection, prefix: string) {
  const fail = (error: unknown) => {
    throw error;
  };
  return {
    prefix,
    redis,
    ledger: openLedger({ redis, prefix, sealing: SEALING, timing: TIMING }),
    breaker: breakerFor("whmcs", { redis, prefix, baseMs: 2000, probeMs: 20_000, complain: fail }),
  };
}

type Engine = ReturnType<typeof engineOn>;

const queueOf = ({ prefix }: Engine) => ({ name: "parcel", toKey: (name: string) => `${prefix}:parcel:${name}` });

interface Operation {
  readonly words: string;
  readonly on: (engine: Engine) => Promise<unknown>;
}

/** Something that the engine may ask, of a few jobs that share natural keys, turns, steps and callers' keys. */
function anyOperation(random: Random): Operation {
  const id = random.oneOf(["j1", "j2", "j3", "j4"]);
  const natural = `n${String(Number(id.slice(1)) % 2)}`;
  const step = random.oneOf(["send", "write", "tell"]);
  const by = random.oneOf(["first worker", "second worker"]);
  const chance = random.next();
  const notes = Array.from({ length: random.between(0, 2) }, (_, at) => ({
    step: `noted ${String(at)}`,
    effect: random.next() < 0.5,
    result: random.between(0, 1),
    ms: 1,
    calls: random.oneOf(["", "whmcs AddOrder done 7"]),
  }));
  const failure = {
    code: "x",
    title: "T",
    detail: "D",
    vendor: "whmcs" as const,
    retryable: true,
    at: "2026-11-24T00:00:00.000Z",
  };
  const delayMs = random.oneOf([0, 10_000]);
  const [stalls, made] = [random.between(0, 3), random.between(0, 2)];
  const paused = random.oneOf<Pause>([
    { how: "waits", delayMs },
    { how: "waits for vendor", delayMs, failure, vendor: "whmcs" },
    {
      how: "left to a person",
      failure,
      calls: "whmcs AddOrder rejected 7",
      made,
      step: random.oneOf([null, step]),
      account: "a1",
    },
    { how: "retries", delayMs, failure, isGuess: random.oneOf([true, false]) },
  ]);
  const unless = random.oneOf<Unless>([[], ["done"], ["done", "failed"]]);
  const lookFirst = random.oneOf([false, true]);
  const idempotency = random.oneOf([null, { client: "portal", key: `k${id}`, body: random.oneOf(["one", "other"]) }]);
  const error = random.oneOf([
    null,
    new UnavailableError({ code: "x", title: "T", detail: "D", vendor: "whmcs", scope: "vendor" }),
  ]);
  const suspect = chance < 0.3;
  const words = (name: string, ...facts: unknown[]) => `${name} ${JSON.stringify([id, step, by, ...facts])}`;
  const keys = ({ ledger }: Engine): JobKeys => ledger.keys("parcel", id, natural, "Sato");

  return random.oneOf<Operation>([
    {
      words: words("accept", unless, idempotency),
      on: async (engine) =>
        await engine.ledger.accept(queueOf(engine), [
          {
            job: keys(engine),
            data: '{"to":"Naoko"}',
            door: by,
            unless,
            lookFirst,
            idempotency,
          },
          {
            job: engine.ledger.keys("parcel", `${id}b`, "n9", "Sato"),
            data: '{"to":"Ren"}',
            door: step,
            unless: [],
            lookFirst: false,
            idempotency: null,
          },
        ]),
    },
    {
      words: words("known"),
      on: async (engine) => await engine.ledger.known({ job: keys(engine), idempotency, unless: ["failed"] }),
    },
    { words: words("foresee"), on: async (engine) => await engine.ledger.foresee(keys(engine)) },
    {
      words: words("begin", stalls, made),
      on: async (engine) => await engine.ledger.begin(keys(engine), by, { stalls, made }),
    },
    {
      words: words("claim", suspect, notes),
      on: async (engine) => await engine.ledger.claim(keys(engine), step, by, { lookFirst: suspect, notes }),
    },
    { words: words("note", notes), on: async (engine) => await engine.ledger.note(keys(engine), notes) },
    { words: words("resend"), on: async (engine) => await engine.ledger.resend(keys(engine), step, by) },
    { words: words("release"), on: async (engine) => await engine.ledger.release(keys(engine), step, by) },
    {
      words: words("doubt", chance),
      on: async (engine) =>
        await engine.ledger.doubt(keys(engine), step, by, {
          mayLandForMs: suspect ? null : 30_000,
          looked: chance < 0.7,
          asks: chance < 0.3 ? "callId" : null,
        }),
    },
    {
      words: words("pause", paused, notes),
      on: async (engine) => await engine.ledger.pause(keys(engine), by, paused, notes),
    },
    {
      words: words("end", notes),
      on: async (engine) =>
        await engine.ledger.end(keys(engine), by, { outcome: suspect ? "rejected" : "done", result: { x: 1 } }, notes),
    },
    { words: words("read"), on: async (engine) => await engine.ledger.read(id) },
    { words: words("enter"), on: async (engine) => await engine.breaker.enter() },
    { words: words("report", error?.code), on: async (engine) => await engine.breaker.report(error ?? undefined) },
    { words: words("openForMs"), on: async (engine) => await engine.breaker.openForMs() },
  ]);
}

async function outcomeOf(operation: Operation, engine: Engine): Promise<unknown> {
  return await settled(async () => await operation.on(engine));
}

async function settled(ask: () => Promise<unknown>): Promise<unknown> {
  try {
    return await ask();
  } catch (error) {
    return `refused: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function keysIn(redis: Connection, prefix: string): Promise<string[]> {
  return redis === real ? await real.keys(`${prefix}*`) : standIn.keys().filter((key) => key.startsWith(prefix));
}

/** Moves every moment that is kept under `prefix` into the past. */
async function passIn(redis: Connection, prefix: string, ms: number): Promise<void> {
  const earlier = (text: string) =>
    text.replace(/(?<![\w.-])1[0-9]{12}(?!\w)/g, (moment) => String(Number(moment) - ms));
  for (const key of await keysIn(redis, prefix)) {
    const left = await redis.pttl(key);
    if (left >= 0) await redis.pexpire(key, left - ms);
    if (left >= 0 && left <= ms) continue;
    switch (await redis.type(key)) {
      case "hash":
        for (const [field, value] of Object.entries(await redis.hgetall(key)))
          if (earlier(value) !== value) await redis.hset(key, field, earlier(value));
        break;
      case "zset":
        for (const [member, score] of Object.entries(recordOf(await redis.zrange(key, "0", "-1", "WITHSCORES"))))
          await redis.zadd(key, earlier(score), member);
        break;
      case "list": {
        const told = await redis.lrange(key, "0", "-1");
        await redis.del(key);
        for (const event of told) await redis.rpush(key, earlier(event));
        if (left >= 0) await redis.pexpire(key, left - ms);
        break;
      }
    }
  }
}

/** All that is kept under `prefix`, and for about how long. */
async function dumpOf(redis: Connection, prefix: string): Promise<unknown> {
  const all: Record<string, unknown> = {};
  for (const key of await keysIn(redis, prefix)) {
    all[key] = { left: await redis.pttl(key), kept: await keptAt(redis, key) };
  }
  return all;
}

async function keptAt(redis: Connection, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case "hash":
      return await redis.hgetall(key);
    case "zset":
      return recordOf(await redis.zrange(key, "0", "-1", "WITHSCORES"));
    case "list":
      return await redis.lrange(key, "0", "-1");
    default:
      return await redis.get(key);
  }
}

/** HGETALL gives its pairs in any order. */
function paired(command: readonly string[], reply: unknown): unknown {
  return command[0] === "HGETALL" && Array.isArray(reply) ? recordOf(reply) : reply;
}

/** The same but for moments and lengths that were read a little later, seals, and what only one run of Redis is called. */
function alike(one: unknown, other: unknown): boolean {
  if (one instanceof Map && other instanceof Map) return alike(Object.fromEntries(one), Object.fromEntries(other));
  if (one instanceof Date && other instanceof Date) return alike(one.getTime(), other.getTime());
  if (typeof one === "number" && typeof other === "number")
    return one === other || (Math.min(one, other) > 999 && nearby(one, other));
  if (typeof one === "string" && typeof other === "string") {
    if (one.startsWith("refused: ") && other.startsWith("refused: ")) return firstWord(one) === firstWord(other);
    if (/^\d+$/.test(one) && /^\d+$/.test(other)) return alike(Number(one), Number(other));
    if (one.startsWith('{"') && other.startsWith('{"')) return alike(JSON.parse(one), JSON.parse(other));
    if (one.startsWith("sealed:") && other.startsWith("sealed:")) return one.length === other.length;
    return one === other || (/^[0-9a-f]{40}$/.test(one) && /^[0-9a-f]{40}$/.test(other));
  }
  if (typeof one === "object" && typeof other === "object" && one !== null && other !== null) {
    const [mine, yours] = [Object.entries(one), new Map(Object.entries(other))];
    return (
      mine.length === yours.size &&
      mine.every(
        ([name, value]) =>
          yours.has(name) && (name.endsWith("Ms") ? nearby(value, yours.get(name)) : alike(value, yours.get(name))),
      )
    );
  }
  return one === other;
}

function nearby(one: unknown, other: unknown): boolean {
  return Math.abs(Number(one) - Number(other)) < NEAR_MS;
}

function firstWord(refusal: string): string | undefined {
  return refusal.split(" ")[1];
}

/** Of a refusal only its code: the rest is Redis's own words. */
function worded(reply: unknown): unknown {
  return typeof reply === "string" && reply.startsWith("refused: ") ? firstWord(reply) : reply;
}

function told(said: readonly string[], fromReal: unknown, fromStandIn: unknown): string {
  return `SEED=${String(seed)}\n${said.join("\n")}\nRedis: ${JSON.stringify(fromReal)}\nstand-in: ${JSON.stringify(fromStandIn)}`;
}
