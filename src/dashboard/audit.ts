import { hash } from "node:crypto";
import * as z from "zod";
import type { Connection } from "../queues/connection.ts";
import { script } from "../queues/script.ts";

/**
 * Who did what: every change that a person makes. Entries stand in a Redis stream, `PREFIX:audit`, each with the hash of the
 * one before, so that none can be altered, left out or put in between without the rest saying so. Nothing trims it.
 */

const fact = z.union([z.string(), z.number(), z.boolean(), z.null()]);

const auditEntry = z.strictObject({
  /** ISO 8601. */
  at: z.string(),
  /** The person's name; `system` where nobody was signed in. */
  who: z.string(),
  /** What was done, in the words of a log: `job retried`, `signed in`. `job retried: refused`: the one before it was not done after all. */
  what: z.string(),
  /** To what: ids, never personal data. */
  to: z.record(z.string(), fact),
  /** In the person's own words; why it was refused, in ours. */
  why: z.string().nullable(),
  before: z.record(z.string(), fact).nullable(),
  after: z.record(z.string(), fact).nullable(),
  /** The hash of the entry before; empty in the first. */
  previous: z.string(),
});
export type AuditEntry = z.infer<typeof auditEntry>;
export type Deed = Pick<AuditEntry, "who" | "what" | "to"> & Partial<Pick<AuditEntry, "why" | "before" | "after">>;

export interface Audit {
  /** Resolves once it is written down. What cannot be written down must not be done. */
  record(deed: Deed): Promise<void>;
  /** The last `count` entries, the newest first. */
  newest(count: number): Promise<AuditEntry[]>;
}

/** KEYS: stream, and the hash of its last entry. ARGV: the hash that the entry builds on, entry, its hash. Returns 1 where it was added. */
const append = script(`
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[1] then return 0 end
redis.call('XADD', KEYS[1], '*', 'entry', ARGV[2])
redis.call('SET', KEYS[2], ARGV[3])
return 1
`);

const hashOf = (entry: string) => hash("sha256", entry, "hex");

export function openAudit({ redis, prefix }: { redis: Connection; prefix: string }): Audit {
  const [stream, head] = [`${prefix}:audit`, `${prefix}:audit:head`];
  return {
    async record({ who, what, to, why = null, before = null, after = null }) {
      for (;;) {
        const previous = (await redis.get(head)) ?? "";
        const at = new Date().toISOString();
        const entry = JSON.stringify({ at, who, what, to, why, before, after, previous } satisfies AuditEntry);
        if ((await append(redis, [stream, head], [previous, entry, hashOf(entry)])) === 1) return;
      }
    },
    async newest(count) {
      const entries = await redis.xrevrange(stream, "+", "-", "COUNT", count);
      return entries.map(([, [, entry = ""]]) => auditEntry.parse(JSON.parse(entry)));
    },
  };
}

/** How many of Redis's entries are read at once. */
const PAGE = 1000;

/** Every entry, in order, as the line that it was written as. */
export async function* auditLines({ redis, prefix }: { redis: Connection; prefix: string }): AsyncGenerator<string> {
  let after = "-";
  for (;;) {
    const entries = await redis.xrange(`${prefix}:audit`, after, "+", "COUNT", PAGE);
    for (const [, [, entry = ""]] of entries) yield entry;
    const last = entries.at(-1);
    if (last === undefined || entries.length < PAGE) return;
    after = `(${last[0]}`;
  }
}

export type Verdict =
  | { readonly whole: true; readonly entries: number; readonly head: string }
  /** `entry`: the number, from 1, of the first line that does not fit. */
  | { readonly whole: false; readonly entry: number; readonly why: string };

/** Whether each line builds on the one before it, and among them is what Redis held for the last one when the look began (`head`; null: not known). */
export async function verifyAudit(lines: AsyncIterable<string>, head: string | null): Promise<Verdict> {
  let previous = "";
  let entries = 0;
  let isHeadThere = head === null || head === "";
  for await (const line of lines) {
    entries += 1;
    const entry = readLine(line);
    if (entry === null) return { whole: false, entry: entries, why: "it is not an entry of this log" };
    if (entry.previous !== previous)
      return { whole: false, entry: entries, why: "the entry before it was changed, taken out or put in" };
    previous = hashOf(line);
    isHeadThere ||= previous === head; // others may have been added since
  }
  if (!isHeadThere) return { whole: false, entry: entries, why: "it was changed, or entries behind it were taken out" };
  return { whole: true, entries, head: previous };
}

function readLine(line: string): AuditEntry | null {
  try {
    return auditEntry.parse(JSON.parse(line));
  } catch {
    return null;
  }
}
