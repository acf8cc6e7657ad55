import type * as z from "zod";
import { findableFields } from "../domain/findable.ts";
import type { Connection } from "./connection.ts";
import { FAILED_KEPT_MS } from "./retention.ts";
import { mapMarked, type Sealing } from "./sealing.ts";

/**
 * By which ids a job is found. Each value that a kind's schema marks as findable, and each that a job made, is a sorted set
 * in Redis, `PREFIX:find:NAME`, whose members are the jobs by when they were accepted. Its name is a keyed hash of the
 * value, for a SIM's number is personal. Nothing is found any more once no job could be left.
 */
export type Finding = ReturnType<typeof openFinding>;

/** Nobody reads a longer list. */
const MOST_FOUND = 100;

export function openFinding({ redis, prefix, sealing }: { redis: Connection; prefix: string; sealing: Sealing }) {
  const keyOf = (tag: string) => `${prefix}:find:${tag}`;

  return {
    /** From now on the job is found by each of `values`. */
    async remember(id: string, acceptedAt: Date, values: readonly string[]): Promise<void> {
      const keys = values.flatMap((value) => sealing.tags(value).slice(0, 1).map(keyOf));
      await Promise.all(
        keys.flatMap((key) => [redis.zadd(key, acceptedAt.getTime(), id), redis.pexpire(key, FAILED_KEPT_MS)]),
      );
    },

    /** The ids of the jobs that are found by exactly `value`, the newest first. */
    async find(value: string): Promise<string[]> {
      const found = await Promise.all(
        sealing.tags(value).map((tag) => redis.zrevrange(keyOf(tag), "0", String(MOST_FOUND - 1))),
      );
      return [...new Set(found.flat())];
    },
  };
}

/** The values of a payload that its schema marks as findable. */
export function findableIn(schema: z.ZodType, payload: unknown): string[] {
  const values: string[] = [];
  mapMarked(findableFields, schema, payload, "", (value) => {
    values.push(String(value));
    return value;
  });
  return values;
}
