import { Gauge, type Registry } from "prom-client";
import { VENDOR_NAMES } from "./domain/errors.ts";
import type { AnyJobKind } from "./queues/job-kind.ts";
import { PROMISED_MS } from "./queues/job-kind.ts";
import type { Standing } from "./queues/standing.ts";
import type { Role } from "./settings.ts";

/**
 * Adds to `registry` how the work stands, read anew at each scrape and the same from whichever process is asked. Where Redis
 * does not answer, the scrape goes well all the same: `handoff_redis_up` is 0, and the rest is left out.
 */
export function showStanding(
  registry: Registry,
  { read, kinds, roles }: { read: () => Promise<Standing>; kinds: readonly AnyJobKind[]; roles: ReadonlySet<Role> },
): void {
  // All gauges of a scrape are collected in one turn of the event loop, and share one call.
  let reading: Promise<Standing | null> | undefined;
  const now = (): Promise<Standing | null> => {
    reading ??= read()
      .catch(() => null)
      .finally(() => (reading = undefined));
    return reading;
  };

  type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];
  const gauge = (
    name: string,
    help: string,
    labelNames: readonly string[],
    samples: (standing: Standing | null) => readonly Sample[],
  ) =>
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      async collect() {
        const found = samples(await now());
        this.reset();
        if (labelNames.length === 0) this.remove(); // else it would be 0 where nothing is known
        for (const [labels, value] of found) this.set(labels, value);
      },
    });
  const whenKnown = (samples: (standing: Standing) => readonly Sample[]) => (standing: Standing | null) =>
    standing === null ? [] : samples(standing);
  const ofKinds = (samples: (kind: string, standing: Standing["kinds"][string]) => readonly Sample[]) =>
    whenKnown(({ kinds }) => Object.entries(kinds).flatMap(([kind, one]) => samples(kind, one)));

  gauge("handoff_redis_up", "Whether Redis answered at this scrape", [], (standing) => [
    [{}, standing === null ? 0 : 1],
  ]);
  gauge(
    "handoff_redis_memory_used_bytes",
    "What Redis uses of its memory",
    [],
    whenKnown(({ memory }) => [[{}, memory.used]]),
  );
  gauge(
    "handoff_redis_memory_limit_bytes",
    "What Redis may use: its maxmemory, or else the memory of its machine",
    [],
    whenKnown(({ memory }) => [[{}, memory.limit]]),
  );
  gauge(
    "handoff_jobs",
    "Jobs by kind and state; failed ones wait for a person",
    ["kind", "state"],
    ofKinds((kind, { waiting, active, delayed, failed, completed }) =>
      Object.entries({ waiting, active, delayed, failed, completed }).map(([state, jobs]) => [{ kind, state }, jobs]),
    ),
  );
  gauge(
    "handoff_oldest_waiting_seconds",
    "For how long the oldest job that waits or is put off has been asked for; 0 where none does",
    ["kind"],
    ofKinds((kind, { oldestMs }) => [[{ kind }, (oldestMs ?? 0) / 1000]]),
  );
  gauge(
    "handoff_doubts",
    "Jobs left to a person with a step of which nobody knows whether it happened",
    ["kind"],
    ofKinds((kind, { doubts }) => [[{ kind }, doubts]]),
  );
  gauge(
    "handoff_breaker_open",
    "Whether a vendor's breaker is open: 1 until the vendor answers well again",
    ["vendor"],
    whenKnown(({ awayMs }) => Object.keys(VENDOR_NAMES).map((vendor) => [{ vendor }, vendor in awayMs ? 1 : 0])),
  );
  gauge(
    "handoff_vendor_allowance_used_ratio",
    "Which share of the calls that a vendor takes in a day is used, as it last said",
    ["vendor"],
    whenKnown(({ used }) => Object.entries(used).map(([vendor, share]) => [{ vendor }, share])),
  );
  gauge(
    "handoff_promised_seconds",
    "How soon jobs are done while all is well; who waits longer deserves a look",
    ["kind"],
    () => kinds.map((kind) => [{ kind: kind.name }, (kind.promisedMs ?? PROMISED_MS) / 1000]),
  );
  gauge("handoff_process_role", "The roles that this process takes", ["role"], () =>
    [...roles].map((role) => [{ role }, 1]),
  );
}
