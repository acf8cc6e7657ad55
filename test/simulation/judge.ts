import { ATTEMPTS, PREFIX, type Surroundings } from "./processes.ts";
import { recordOf, type RedisStandIn } from "./redis-stand-in.ts";
import type { Wanted } from "./simulate.ts";

const ledgerKey = (id: string) => `${PREFIX}:ledger:${id}`;

/** What a job's ledger says. */
function ledgerOf(redis: RedisStandIn, id: string): ReadonlyMap<string, string> {
  return new Map(Object.entries(recordOf(redis.call("HGETALL", [ledgerKey(id)]))));
}

/**
 * The jobs that have not ended, those that were promised and are in no queue among them. A retried job whose natural key
 * another one keeps, which failed in doubt, waits until a person has dealt with that one.
 */
export function openJobs({ queue, server: { redis } }: Surroundings, promised: ReadonlyMap<string, Wanted>): string[] {
  const open = [...promised.keys()].filter((id) => !queue.jobs.has(id));
  for (const { id, state } of queue.jobs.values()) {
    if (state === "completed" || state === "failed") continue;
    const natural = redis.call("HGET", [ledgerKey(id), "natural"]);
    const holder = typeof natural === "string" ? redis.call("HGET", [natural, "now"]) : null;
    if (typeof holder !== "string" || holder === id || queue.jobs.get(holder)?.state !== "failed") open.push(id);
  }
  return open;
}

/** `isMended`: whoever failed was retried while nothing broke any more. */
export function judgeWorld({
  queue,
  server,
  vendors,
  runs,
  accuse,
  isMended,
}: Surroundings & {
  readonly runs: ReadonlyMap<string, number>;
  readonly accuse: (violation: string) => void;
  readonly isMended: boolean;
}): void {
  const { redis } = server;
  const isFailedFor = new Map<string, string>();
  for (const job of queue.jobs.values()) {
    const ledger = ledgerOf(redis, job.id);
    const words = `${job.kind} ${(job.data as Wanted["payload"]).name}`; // what the kinds' schema let in
    const spent = Number(ledger.get("spent") ?? 0);
    if (Number(ledger.get("attempts") ?? 0) > (runs.get(job.id) ?? 0) + server.repeated)
      accuse(`${words} spent attempts that it never had`);
    // A worker that was thought dead may end a job well that the queue keeps as failed: the ledger's word counts.
    if (job.state !== "completed" && job.state !== "failed" && !ledger.has("outcome")) continue; // it waits for a person
    if (job.state === "completed" || ledger.has("outcome")) {
      if (!ledger.has("outcome")) accuse(`${words} is completed, and its ledger does not know it`);
      else judgeEffects(job, JSON.parse(ledger.get("outcome") ?? "").outcome, vendors.landed, isMended, accuse);
      continue;
    }
    const failure = JSON.parse(ledger.get("failure") ?? "null") as { code: string; retryable: boolean } | null; // the ledger's `pause` wrote it
    if (!ledger.has("failed") || failure === null) accuse(`${words} is failed, and its ledger does not know it`);
    else {
      isFailedFor.set(job.id, failure.code);
      if (failure.retryable && spent < ATTEMPTS) accuse(`${words} was given up after ${String(spent)} attempts`);
      if (
        failure.code === "in-doubt"
          ? job.kind !== "call"
          : !/trouble$|^refused$|^redis-slow$|^crashes-its-worker$/.test(failure.code)
      )
        accuse(`${words} failed: ${failure.code}`);
      else if (isMended && failure.code !== "in-doubt") accuse(`${words} fails for no reason: ${failure.code}`);
    }
  }
  for (const key of redis.keys()) {
    if (key.startsWith(`${PREFIX}:turn:`)) {
      const holder = redis.call("GET", [key]);
      if (typeof holder !== "string" || !isFailedFor.has(holder) || redis.call("PTTL", [key]) === -1)
        accuse(`${key} is never given back`);
    }
    if (key.startsWith(`${PREFIX}:key:`)) {
      const holder = redis.call("HGET", [key, "now"]);
      if (typeof holder === "string" && queue.jobs.has(holder) && isFailedFor.get(holder) !== "in-doubt" && isMended)
        accuse(`${key} is never given back`);
    }
  }
}

function judgeEffects(
  { kind, data }: { readonly kind: string; readonly data: unknown },
  outcome: string,
  landed: ReadonlyMap<string, number>,
  isMended: boolean,
  accuse: (violation: string) => void,
): void {
  const { name } = data as Wanted["payload"]; // what the kinds' schema let in
  const wanted: Readonly<Record<string, readonly string[]>> = {
    parcel: [`parcel ${name}`, `note of ${name}`, `bill of ${name}`, ...(isMended ? [`letter to ${name}`] : [])],
    letter: [`letter ${name}`],
    // A job that failed and is retried once a later one has made the call has that one's outcome.
    call: [[...landed.keys()].find((key) => key.startsWith(`call ${name} `)) ?? `call ${name}`, `note of call ${name}`],
    wish: outcome === "rejected" ? [] : [`wish ${name}`],
  };
  for (const key of wanted[kind] ?? []) if (!landed.has(key)) accuse(`${key} never happened`);
  if (outcome === "rejected" && landed.has(`wish ${name}`)) accuse(`wish ${name} was granted and rejected`);
}
