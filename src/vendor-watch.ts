import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "pino";
import * as z from "zod";
import { type VendorReport, warningsOf } from "./domain/check.ts";
import type { Connection } from "./queues/connection.ts";

/** What an administrator changes in an org is seen within this time. */
const EVERY_MS = 60 * 60 * 1000;

/** While something is missing somebody is probably mending it; at five calls a look this stays below 4 % of an org's daily limit. */
const SOON_MS = 2 * 60 * 1000;

/** Where no worker looks any more, what was found is not said for ever. */
const KEPT_FOR_MS = 3 * EVERY_MS;

const keyOf = (prefix: string) => `${prefix}:org-check`;

/**
 * Looks at the vendors as soon as Redis answers, every hour, and every two minutes while something is missing or could
 * not be looked at; what was found is kept in Redis for every process. `check` writes nothing anywhere, so it does no
 * harm that each worker looks; while all of them look often, one does so for all. Ends when `stopping` aborts.
 */
export function watchVendors({
  redis,
  prefix,
  check,
  log,
  stopping,
  everyMs = EVERY_MS,
  soonMs = SOON_MS,
}: {
  redis: Connection;
  prefix: string;
  check: () => Promise<readonly VendorReport[]>;
  log: Logger;
  stopping: AbortSignal;
  everyMs?: number;
  soonMs?: number;
}): void {
  let told: string | null = null;

  /** For how long nothing has to be looked at, in milliseconds. */
  const look = async (): Promise<number> => {
    const turn = await redis.set(`${keyOf(prefix)}-turn`, "taken", "PX", Math.ceil(soonMs * 0.9), "NX");
    if (turn === null) return soonMs;
    const warnings = warningsOf(await check());
    const record = JSON.stringify(warnings);
    if (stopping.aborted) return everyMs;
    await redis.set(keyOf(prefix), record, "PX", Math.max(KEPT_FOR_MS, 3 * everyMs));
    if (record !== (told ?? "[]")) {
      if (warnings.length > 0) log.warn({ warnings }, "vendors are not set up as Handoff needs them");
      else log.info("vendors are set up as Handoff needs them");
    }
    told = record;
    return warnings.length > 0 ? soonMs : everyMs;
  };

  const run = async () => {
    while (!stopping.aborted) {
      const waitMs = await look().catch((err: unknown) => {
        if (!stopping.aborted) log.error({ err }, "the vendors' set-up could not be checked");
        return soonMs;
      });
      await pause(waitMs, undefined, { signal: stopping, ref: false }).catch(() => undefined);
    }
  };
  void run();
}

const record = z.array(z.string());

/** What the workers last found missing, in plain words; nothing where none has looked yet. */
export async function vendorWarnings(redis: Connection, prefix: string): Promise<readonly string[]> {
  const found = await redis.get(keyOf(prefix));
  return found === null ? [] : record.parse(JSON.parse(found));
}
