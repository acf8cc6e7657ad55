import type { Connection } from "./connection.ts";
import type { Failure } from "./job-view.ts";

/**
 * Failed jobs by their cause: kind, step and code. Written by the ledger's scripts in the same breath as the failure, so
 * that no failed job is ever missing here. `PREFIX:groups` holds the groups by when they last grew; of each,
 * `PREFIX:groups:ID` its jobs by when they were accepted, `…:about` what they share, and `…:whose` how many of them each
 * account (where it is not known: each natural key) has.
 */

/**
 * For the scripts: KEYS[1] is the job's ledger. A job that was retried with
 * others, and fails again, is told to `bulk` (see `retry-all.ts`).
 */
export const GROUPING = `
local function group_index(group)
  return string.match(group, '^(.+):')
end

local function drop_empty(group)
  if redis.call('EXISTS', group) == 1 then return end
  redis.call('DEL', group .. ':about', group .. ':whose')
  redis.call('ZREM', group_index(group), string.sub(group, #group_index(group) + 2))
end

local function leave_group(id)
  local stands = redis.call('HMGET', KEYS[1], 'group', 'whose')
  local group, whose = stands[1], stands[2]
  if not group then return end
  redis.call('HDEL', KEYS[1], 'group', 'whose')
  if redis.call('ZREM', group, id) == 0 then return end
  if redis.call('HINCRBY', group .. ':whose', whose, -1) <= 0 then redis.call('HDEL', group .. ':whose', whose) end
  drop_empty(group)
end

local function join_group(id, group, whose, now, failure, kept)
  leave_group(id)
  redis.call('HSET', KEYS[1], 'group', group, 'whose', whose)
  redis.call('ZADD', group, redis.call('HGET', KEYS[1], 'accepted') or now, id)
  redis.call('HINCRBY', group .. ':whose', whose, 1)
  local bulk = redis.call('HGET', KEYS[1], 'bulk')
  if bulk then
    redis.call('ZADD', bulk .. ':again', now, id)
    redis.call('PEXPIRE', bulk .. ':again', kept)
    redis.call('HDEL', KEYS[1], 'bulk')
  end
  redis.call('HSETNX', group .. ':about', 'first', now)
  redis.call('HSET', group .. ':about', 'last', now, 'failure', failure)
  redis.call('ZADD', group_index(group), now, string.sub(group, #group_index(group) + 2))
  redis.call('ZREMRANGEBYSCORE', group_index(group), '-inf', now - tonumber(kept))
  for _, part in ipairs({ '', ':about', ':whose' }) do redis.call('PEXPIRE', group .. part, kept) end
end
`;

/** What a failure group is told apart by. `step`: in which the attempts failed; null where in none. */
export interface Cause {
  readonly kind: string;
  readonly step: string | null;
  readonly code: string;
}

export interface FailureGroup extends Cause {
  readonly id: string;
  readonly jobs: number;
  /** Accounts; a job whose account is not known, because it failed before it could read that, counts as one of its own. */
  readonly customers: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
  /** That of the job that failed last. */
  readonly failure: Failure;
}

/** The group's name in Redis. Its id says what it is about, so that nothing else needs to be kept of it. */
export function groupKey(prefix: string, { kind, step, code }: Cause): string {
  return `${prefix}:groups:${idOf({ kind, step, code })}`;
}

const idOf = ({ kind, step, code }: Cause) => [kind, step ?? "", code].map(encodeURIComponent).join("~");

/** Null for what is no group's id: it comes from addresses, which people may change. */
function causeOf(id: string): Cause | null {
  try {
    const [kind = "", step = "", code = ""] = id.split("~").map(decodeURIComponent);
    const cause = { kind, step: step === "" ? null : step, code };
    if (idOf(cause) === id) return cause;
  } catch {
    // no text is written so
  }
  return null;
}

export type FailureGroups = ReturnType<typeof openFailureGroups>;

export function openFailureGroups({ redis, prefix }: { redis: Connection; prefix: string }) {
  const keyOf = (id: string) => `${prefix}:groups:${id}`;

  const read = async (id: string): Promise<FailureGroup | null> => {
    const cause = causeOf(id);
    if (cause === null) return null;
    const [jobs, customers, about] = await Promise.all([
      redis.zcard(keyOf(id)),
      redis.hlen(`${keyOf(id)}:whose`),
      redis.hgetall(`${keyOf(id)}:about`),
    ]);
    const { first, last, failure } = about;
    if (failure === undefined) return null;
    return {
      id,
      ...cause,
      jobs,
      customers,
      firstAt: new Date(Number(first)),
      lastAt: new Date(Number(last)),
      failure: JSON.parse(failure) as Failure, // written by the ledger's `pause`
    };
  };

  return {
    read,

    /** All of them, the one that grew last first. */
    async list(): Promise<FailureGroup[]> {
      const ids = await redis.zrevrange(`${prefix}:groups`, "0", "-1");
      const groups = await Promise.all(ids.map(read));
      return groups.filter((group) => group !== null);
    },

    /** The ids of its jobs as they were accepted, from the `from`th on. */
    async jobs(id: string, from: number, count: number): Promise<string[]> {
      return await redis.zrange(keyOf(id), String(from), String(from + count - 1));
    },
  };
}
