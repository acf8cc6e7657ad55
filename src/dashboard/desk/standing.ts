import { type Vendor, VENDOR_NAMES } from "../../domain/errors.ts";
import type { Breaker } from "../../queues/breaker.ts";
import type { Connection } from "../../queues/connection.ts";
import { type AnyJobKind, PROMISED_MS } from "../../queues/job-kind.ts";
import { readStanding, type Standing } from "../../queues/standing.ts";
import { readHealth, type VendorHealth } from "../../queues/vendor-health.ts";

/** How the whole system stands at the moment, for people. */
export interface StandingShown {
  readonly vendors: readonly (VendorHealth & {
    readonly vendor: Vendor;
    /** For how long its breaker stays open; null where it is closed. */
    readonly openForMs: number | null;
    /** Which share of its calls of a day is used; null where it does not say. */
    readonly used: number | null;
  })[];
  readonly kinds: readonly (Standing["kinds"][string] & { readonly kind: string; readonly promisedMs: number })[];
  readonly memory: Standing["memory"];
  readonly warnings: readonly string[];
}

export interface StandingSources {
  readonly redis: Connection;
  readonly prefix: string;
  readonly kinds: readonly AnyJobKind[];
  readonly breakers: Readonly<Record<Vendor, Breaker>>;
  readonly warnings: readonly (() => Promise<readonly string[]>)[];
}

const VENDORS = Object.keys(VENDOR_NAMES) as Vendor[]; // an object literal has no other keys

export async function standingShown({ redis, prefix, ...sources }: StandingSources): Promise<StandingShown> {
  const names = sources.kinds.map(({ name }) => name);
  const [standing, health, openForMs, warnings] = await Promise.all([
    readStanding(redis, prefix, names),
    readHealth(redis, prefix, VENDORS),
    Promise.all(VENDORS.map((vendor) => sources.breakers[vendor].openForMs())),
    Promise.all(sources.warnings.map(async (read) => await read())),
  ]);
  return {
    vendors: VENDORS.map((vendor, at) => ({
      vendor,
      openForMs: openForMs[at] ?? null,
      used: standing.used[vendor] ?? null,
      ...(health.get(vendor) ?? { lastWellAt: null, calls: 0, ill: 0 }),
    })),
    kinds: sources.kinds.flatMap(({ name, promisedMs = PROMISED_MS }) => {
      const one = standing.kinds[name];
      return one === undefined ? [] : [{ kind: name, promisedMs, ...one }];
    }),
    memory: standing.memory,
    warnings: warnings.flat(),
  };
}
