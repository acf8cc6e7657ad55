import type { Vendor } from "../domain/errors.ts";
import type { Connection } from "./connection.ts";

/**
 * How calls to each vendor went of late, by all processes. Counted here and written down every few seconds: a write for each
 * call would cost Redis more than the call is worth. `PREFIX:calls:MINUTE` holds one minute's counts, `VENDOR well` and
 * `VENDOR ill`, and `PREFIX:calls` when each vendor last answered well (ms).
 */

/** How far back an error rate goes. */
const MINUTES = 15;

const MINUTE_MS = 60_000;
const WRITTEN_EVERY_MS = 5_000;

export interface VendorHealth {
  /** When it last answered well; null where that is not known. */
  readonly lastWellAt: Date | null;
  readonly calls: number;
  /** Of these, those that failed for a reason of the vendor's. */
  readonly ill: number;
}

/** Counts calls until `stopping` is aborted. `well`: an answer, even a refusal. */
export function countCalls({
  redis,
  prefix,
  stopping,
  complain,
}: {
  redis: Connection;
  prefix: string;
  stopping: AbortSignal;
  complain: (error: unknown) => void;
}): (vendor: string, well: boolean) => void {
  let counts = new Map<string, number>();
  let lastWell = new Map<string, number>();

  const write = async () => {
    const [fields, last] = [[...counts], [...lastWell]];
    if (fields.length === 0) return;
    counts = new Map();
    lastWell = new Map();
    const key = `${prefix}:calls:${String(Math.floor(Date.now() / MINUTE_MS))}`;
    await Promise.all([
      ...fields.map(([field, count]) => redis.hincrby(key, field, count)),
      ...last.map(([vendor, at]) => redis.hset(`${prefix}:calls`, vendor, at)),
      redis.pexpire(key, (MINUTES + 2) * MINUTE_MS),
    ]);
  };
  const timer = setInterval(() => void write().catch(complain), WRITTEN_EVERY_MS).unref();
  stopping.addEventListener("abort", () => clearInterval(timer));

  return (vendor, well) => {
    const field = `${vendor} ${well ? "well" : "ill"}`;
    counts.set(field, (counts.get(field) ?? 0) + 1);
    if (well) lastWell.set(vendor, Date.now());
  };
}

export async function readHealth(
  redis: Connection,
  prefix: string,
  vendors: readonly Vendor[],
): Promise<ReadonlyMap<Vendor, VendorHealth>> {
  const minute = Math.floor(Date.now() / MINUTE_MS);
  const [last, ...minutes] = await Promise.all([
    redis.hgetall(`${prefix}:calls`),
    ...Array.from({ length: MINUTES }, (_, ago) => redis.hgetall(`${prefix}:calls:${String(minute - ago)}`)),
  ]);
  const sum = (field: string) => minutes.reduce((all, one) => all + Number(one[field] ?? 0), 0);
  return new Map(
    vendors.map((vendor) => {
      const [well, ill] = [sum(`${vendor} well`), sum(`${vendor} ill`)];
      const at = last[vendor];
      return [vendor, { lastWellAt: at === undefined ? null : new Date(Number(at)), calls: well + ill, ill }];
    }),
  );
}
