import { createHash, randomBytes } from "node:crypto";
import * as z from "zod";
import { endedKey } from "../ended-access.ts";
import type { Connection } from "../queues/connection.ts";
import { script } from "../queues/script.ts";
import type { Secret } from "../settings.ts";
import { mark, sameText } from "./mark.ts";
import { fromRedis } from "./redis-away.ts";
import type { User } from "./users.ts";

/**
 * Who is signed in. A session is a random token in a person's cookie; Redis knows its digest alone, in a hash that expires:
 * `name`, `role`, `by`, `since` (ms), `mark`. The mark is one that only this program can make, over all that lets the person
 * in: nobody gets in by what can be read or written in Redis, and a user who was removed, given another role or a new
 * password is signed out at once.
 */

/** Without a request for so long a session is over. An open page asks all the time: it ends with the page, a pause for a meal does not end it. */
export const IDLE_MS = 2 * 60 * 60 * 1000;

/** So long a session lasts at most, whatever happens in it: a night's watch with its hand-over. */
export const SESSION_MS = 12 * 60 * 60 * 1000;

/** That a session was used is written down no more often than this: each write waits for Redis's disk. */
const RENEWED_EVERY_MS = 60_000;

export interface Sessions {
  /** Begins a session and gives its token; null where the person's access was ended. */
  begin(user: User): Promise<string | null>;
  /** Whose session it is; undefined where it is nobody's, or over. */
  userOf(token: string | undefined): Promise<User | undefined>;
  end(token: string | undefined): Promise<void>;
}

interface SessionContext {
  readonly redis: Connection;
  readonly prefix: string;
  readonly secret: Secret;
  /** What of the settings lets `user` in: where it changes, the sessions are over. Undefined where nothing does. */
  readonly ground: (user: User) => string | undefined;
}

const sessionKey = (prefix: string, digest: string) => `${prefix}:session:${digest}`;
/** Which sessions a person has: digests, by when they end at the latest. */
const personKey = (prefix: string, name: string) => `${prefix}:sessions-of:${name}`;

const digestOf = (token: string) => createHash("sha256").update(token).digest("base64url");

/** KEYS: session, the person's sessions, ended names. ARGV: digest, idle and longest life (ms), then the session's name, role, by, mark. */
const begin = script(`
if redis.call('SISMEMBER', KEYS[3], ARGV[4]) == 1 then return 0 end
local now = now_ms()
redis.call('HSET', KEYS[1], 'name', ARGV[4], 'role', ARGV[5], 'by', ARGV[6], 'mark', ARGV[7], 'since', now)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
`);

/** KEYS: session. ARGV: idle and longest life, how often its use is written down (ms). PEXPIRE is taken by a Redis that is full, too. */
const look = script(`
local session = redis.call('HMGET', KEYS[1], 'name', 'role', 'by', 'mark', 'since')
if not session[1] then return false end
local left = session[5] + ARGV[2] - now_ms()
if left <= 0 then return false end
local life = math.min(ARGV[1], left)
if redis.call('PTTL', KEYS[1]) < life - ARGV[3] then redis.call('PEXPIRE', KEYS[1], life) end
return { session[1], session[2], session[3], session[4] }
`);

const kept = z.tuple([
  z.string(),
  z.enum(["viewer", "operator", "admin"]),
  z.enum(["password", "provider"]),
  z.string(),
]);

export function openSessions({ redis, prefix, secret, ground }: SessionContext): Sessions {
  const markOf = (digest: string, user: User) => {
    const grounds = ground(user);
    return grounds === undefined
      ? undefined
      : mark(secret, ["session", digest, user.name, user.role, user.by, grounds]);
  };
  return {
    async begin(user) {
      const token = randomBytes(32).toString("base64url");
      const digest = digestOf(token);
      const keys = [sessionKey(prefix, digest), personKey(prefix, user.name), endedKey(prefix)];
      const args = [digest, IDLE_MS, SESSION_MS, user.name, user.role, user.by, markOf(digest, user) ?? ""];
      return (await fromRedis(begin(redis, keys, args))) === 1 ? token : null;
    },
    async userOf(token) {
      if (token === undefined) return undefined;
      const digest = digestOf(token);
      const found = await fromRedis(look(redis, [sessionKey(prefix, digest)], [IDLE_MS, SESSION_MS, RENEWED_EVERY_MS]));
      const read = kept.safeParse(found);
      if (!read.success) return undefined;
      const [name, role, by, given] = read.data;
      const user: User = { name, role, by };
      const expected = markOf(digest, user);
      return expected !== undefined && sameText(given, expected) ? user : undefined;
    },
    async end(token) {
      if (token !== undefined) await fromRedis(redis.del(sessionKey(prefix, digestOf(token))));
    },
  };
}

/** Ends all sessions of a person; gives how many there were. Whoever must not begin another one is named as ended before. */
export async function endSessions(redis: Connection, prefix: string, name: string): Promise<number> {
  let ended = 0;
  for (const digest of await redis.zrange(personKey(prefix, name), "0", "-1"))
    ended += await redis.del(sessionKey(prefix, digest));
  await redis.del(personKey(prefix, name));
  return ended;
}
