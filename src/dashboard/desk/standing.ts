import type { Queue } from "bullmq";
import type { Vendor } from "../../domain/errors.ts";
import type { Allowance } from "../../queues/allowance.ts";
import type { Breaker } from "../../queues/breaker.ts";
import type { Connection } from "../../queues/connection.ts";

/** How the whole system stands at the moment. */
export interface Standing {
  readonly vendors: readonly {
    readonly vendor: Vendor;
    /** For how long its breaker stays open; null where it is closed. */
    readonly openForMs: number | null;
    /** Which share of its calls of a day is used; null where it does not say. */
    readonly used: number | null;
  }[];
  readonly kinds: readonly {
    readonly kind: string;
    readonly waiting: number;
    readonly active: number;
    readonly delayed: number;
    readonly failed: number;
    /** How long the first in line has waited for a worker; null where nobody waits. */
    readonly oldestMs: number | null;
  }[];
  readonly memory: { readonly used: string; readonly limit: string | null };
  readonly warnings: readonly string[];
}

export interface StandingSources {
  readonly redis: Connection;
  readonly breakers: Readonly<Record<Vendor, Breaker>>;
  readonly allowances: Readonly<Partial<Record<Vendor, Allowance>>>;
  readonly warnings: readonly (() => Promise<readonly string[]>)[];
  readonly queues: () => ReadonlyMap<string, Queue> | undefined;
}

export async function readStanding(sources: StandingSources): Promise<Standing> {
  const vendors = Object.entries(sources.breakers) as [Vendor, Breaker][]; // the record's own keys
  const [states, kinds, memory, warnings] = await Promise.all([
    Promise.all(
      vendors.map(async ([vendor, breaker]) => {
        const [openForMs, used = null] = await Promise.all([breaker.openForMs(), sources.allowances[vendor]?.used()]);
        return { vendor, openForMs, used };
      }),
    ),
    Promise.all([...(sources.queues()?.values() ?? [])].map(kindStanding)),
    memoryOf(sources.redis),
    Promise.all(sources.warnings.map(async (read) => await read())),
  ]);
  return { vendors: states, kinds, memory, warnings: warnings.flat() };
}

async function kindStanding(queue: Queue): Promise<Standing["kinds"][number]> {
  const [counts, [first]] = await Promise.all([
    queue.getJobCounts("wait", "active", "delayed", "failed"),
    queue.getJobs("wait", 0, 0, true),
  ]);
  const { wait = 0, active = 0, delayed = 0, failed = 0 } = counts;
  const oldestMs = first?.timestamp === undefined ? null : Date.now() - first.timestamp;
  return { kind: queue.name, waiting: wait, active, delayed, failed, oldestMs };
}

async function memoryOf(redis: Connection): Promise<Standing["memory"]> {
  const info = await redis.info("memory");
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1] ?? "";
  return { used: field("used_memory_human"), limit: field("maxmemory") === "0" ? null : field("maxmemory_human") };
}
