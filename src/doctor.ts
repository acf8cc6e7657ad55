import { once } from "node:events";
import { parseArgs } from "node:util";
import { type Compared, compare } from "./comparison.ts";
import { doctorTable, isForSomebody } from "./doctor-table.ts";
import { publicUrlOf } from "./domain/desk-path.ts";
import { isClassified } from "./domain/errors.ts";
import { salesforceClient } from "./integrations/salesforce/client.ts";
import { whmcsClient } from "./integrations/whmcs/client.ts";
import { kinds } from "./processors/index.ts";
import { connectDoor, type Connection } from "./queues/connection.ts";
import { NotAcceptedError, openIntake } from "./queues/intake.ts";
import { openLedger, timingFor } from "./queues/ledger.ts";
import { openQueues } from "./queues/queues.ts";
import { sealingWith } from "./queues/sealing.ts";
import { readSettings, type Settings } from "./settings.ts";
import { callWithoutBreaker } from "./vendor-checks.ts";

// npm run doctor: where Salesforce, WHMCS and the ledger disagree, and what heals it. It reads the worker's settings and
// changes nothing anywhere. Exit status 0: nobody has to do anything; 1: somebody has; 69: a system did not answer; 78: the
// settings are wrong.

/** Exit statuses of sysexits.h: EX_USAGE, EX_UNAVAILABLE, EX_CONFIG. */
const BAD_USAGE = 64;
const NO_ANSWER = 69;
const BAD_SETTINGS = 78;

const DAY_MS = 86_400_000;
const REDIS_ANSWERS_WITHIN_MS = 5000;

process.exitCode = await doctor();

async function doctor(): Promise<number> {
  const days = daysAsked();
  if (days === null) return complain("npm run doctor -- --days 7: a whole number of days, from 1 to 365", BAD_USAGE);
  let settings: Settings;
  let vendors;
  try {
    settings = readSettings({ ...process.env, ROLES: "worker" });
    const call = callWithoutBreaker(settings);
    vendors = { salesforce: salesforceClient({ settings, call }), whmcs: whmcsClient({ settings, call }) };
  } catch (error) {
    // Each says which settings are at fault, and neither shows what is secret.
    return complain(error instanceof Error ? error.message : String(error), BAD_SETTINGS);
  }
  const redis = connectDoor(settings);
  try {
    await answering(redis);
    const compared = await compare(
      { ...vendors, intake: await intakeOf(settings, redis) },
      new Date(Date.now() - days * DAY_MS),
    );
    const url = publicUrlOf(settings);
    return tell(compared, url);
  } catch (error) {
    if (isClassified(error)) return complain(`${error.title} ${error.detail}`, NO_ANSWER);
    if (error instanceof NotAcceptedError) return complain("Redis does not answer.", NO_ANSWER);
    throw error;
  } finally {
    redis.disconnect();
  }
}

function tell(compared: Compared, url: string): number {
  process.stdout.write(doctorTable(compared, url));
  return compared.found.some(isForSomebody) ? 1 : 0;
}

function complain(words: string, status: number): number {
  process.stderr.write(`${words}\n`);
  return status;
}

/** Null where what was asked is no span. */
function daysAsked(): number | null {
  try {
    const { values } = parseArgs({ options: { days: { type: "string", default: "7" } } });
    return /^\d{1,3}$/.test(values.days) && Number(values.days) >= 1 && Number(values.days) <= 365
      ? Number(values.days)
      : null;
  } catch {
    return null;
  }
}

/** Resolves once Redis answers. */
async function answering(redis: Connection): Promise<void> {
  redis.on("error", () => undefined); // it is tried again by itself, within the limit
  if (redis.status === "ready") return;
  await once(redis, "ready", { signal: AbortSignal.timeout(REDIS_ANSWERS_WITHIN_MS) }).catch((cause: unknown) => {
    throw new NotAcceptedError("Redis does not answer.", 0, cause);
  });
}

async function intakeOf(settings: Settings, redis: Connection) {
  const sealing = sealingWith(settings.DATA_KEY ?? []);
  const timing = timingFor(settings.VENDOR_TIMEOUT_MS);
  const ledger = openLedger({ redis, prefix: settings.QUEUE_PREFIX, sealing, timing });
  const queues = await openQueues(kinds, redis, settings.QUEUE_PREFIX);
  return openIntake({ redis, ledger, sealing, queues: () => queues });
}
