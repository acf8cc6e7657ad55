import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { pino } from "pino";
import * as z from "zod";
import type { Vendor } from "../../src/domain/errors.ts";
import { type Allowance, allowanceOf } from "../../src/queues/allowance.ts";
import { type Breaker, breakerFor } from "../../src/queues/breaker.ts";
import { openFinding } from "../../src/queues/finding.ts";
import { openIntake } from "../../src/queues/intake.ts";
import { type AnyJobKind, defineJobKind, type Result } from "../../src/queues/job-kind.ts";
import type { JobState, JobView } from "../../src/queues/job-view.ts";
import { type Ledger, openLedger, type Timing } from "../../src/queues/ledger.ts";
import { openQueues } from "../../src/queues/queues.ts";
import { sealingWith } from "../../src/queues/sealing.ts";
import { type Apart, startWorker } from "../../src/queues/worker.ts";
import type { TestRedis } from "../redis.ts";
import { nextLook } from "../looks.ts";

export const SEALING = sealingWith([Buffer.alloc(32, 7)]);

const CLOSES_WITHIN_MS = 5000;

export type Breakers = Readonly<Record<Vendor, Breaker>>;

/** A kind whose jobs come by themselves; they look around, and tell what they found. */
export const sweepThat = (looks: () => Result | Promise<Result>): AnyJobKind =>
  defineJobKind({
    name: "sweep",
    purpose: "Look around",
    payload: z.strictObject({}),
    key: () => "sweep",
    routes: [],
    schedule: "every sweep",
    run: async () => ({ outcome: "done", result: await looks() }),
  });

interface Allowances {
  readonly salesforce: Allowance;
}

export interface EngineOptions<Services> {
  readonly redis: TestRedis;
  readonly kinds: readonly AnyJobKind<Services>[];
  readonly services: (breakers: Breakers, allowances: Allowances) => Services;
  /** What the workers get in the ledger's place. */
  readonly ledgerOfWorkers?: (ledger: Ledger) => Ledger;
  readonly timing?: Timing;
  readonly attempts?: number;
  readonly baseMs?: number;
  readonly onEnd?: (job: string) => Promise<void>;
  readonly apart?: Apart;
}

/** The engine around kinds: an intake, and workers that start when the test says so. Each has a prefix of its own. */
export async function openEngine<Services>({
  redis: server,
  kinds,
  services,
  ledgerOfWorkers = (ledger) => ledger,
  timing = { leaseMs: 400, settleMs: 600 },
  attempts = 4,
  baseMs = 1,
  onEnd,
  apart,
}: EngineOptions<Services>) {
  const redis = server.connect();
  await once(redis, "ready");
  const prefix = `{test-${randomUUID()}}`;
  const ledger = openLedger({ redis, prefix, sealing: SEALING, timing });
  const queues = await openQueues(kinds, redis, prefix);
  const intake = openIntake({ redis, ledger, sealing: SEALING, queues: () => queues });
  const breaker = (vendor: Vendor): Breaker =>
    breakerFor(vendor, {
      redis,
      prefix,
      baseMs,
      probeMs: 1000,
      complain: (error) => {
        throw error;
      },
    });
  const breakers: Breakers = {
    salesforce: breaker("salesforce"),
    whmcs: breaker("whmcs"),
    freebit: breaker("freebit"),
    mail: breaker("mail"),
  };
  const allowances = {
    salesforce: allowanceOf("salesforce", {
      redis,
      prefix,
      baseMs,
      lookMs: 1000,
      complain: (error) => {
        throw error;
      },
    }),
  };
  const called = services(breakers, allowances);
  const ends: string[] = [];
  const reports: { kind: string; end: string; ms: number; code: string }[] = [];
  const taken: { kind: string; waitedMs: number }[] = [];
  const said: Record<string, unknown>[] = [];
  const log = pino({ level: "debug", base: null }, { write: (line) => void said.push(JSON.parse(line)) });
  const open: { close(): Promise<void> }[] = [];

  return {
    redis,
    prefix,
    ledger,
    queues,
    breakers,
    allowances,
    intake,
    /** How attempts ended, in order. */
    ends,
    /** The same, as the metrics hear of it. */
    reports,
    /** The jobs that the workers took for the first time. */
    taken,
    /** What the workers have logged. */
    said,
    accept: async (
      kind: AnyJobKind<Services>,
      payload: unknown,
      request: Partial<Parameters<typeof intake.accept>[2]> = {},
    ) => await intake.accept(kind, kind.payload.parse(payload), { door: "test", ...request }),
    job: async (id: string) => {
      const view = await intake.job(id);
      if (view === null) throw new Error(`no job ${id}`);
      return view;
    },
    /** Starts a worker for each kind; `stopping` aborts as a process does that is asked to stop. */
    work(stopping = new AbortController()) {
      const workers = kinds.map((kind) =>
        startWorker(kind, {
          redis,
          prefix,
          ledger: ledgerOfWorkers(ledger),
          sealing: SEALING,
          intake,
          finding: openFinding({ redis, prefix, sealing: SEALING }),
          kinds,
          ...(onEnd !== undefined && { onEnd }),
          ...(apart !== undefined && { apart }),
          services: called,
          breakers,
          allowances,
          attempts,
          baseMs,
          stopping: stopping.signal,
          log,
          onTaken: (kind, waitedMs) => taken.push({ kind, waitedMs }),
          onAttempt(kind, end, ms, code) {
            ends.push(end);
            reports.push({ kind, end, ms, code });
          },
        }),
      );
      open.push(...workers);
      return async () => {
        stopping.abort();
        await Promise.all(workers.map((worker) => worker.close()));
      };
    },
    /** Resolves when the job is in one of `states`. */
    async until(id: string, ...states: JobState[]): Promise<JobView> {
      const from = performance.now();
      for (;;) {
        const view = await this.job(id);
        if (states.includes(view.state)) return view;
        await nextLook(from);
      }
    },
    async close() {
      const closed = Promise.all(open.map((worker) => worker.close())).then(() =>
        Promise.all([...queues.values()].map((queue) => queue.close())),
      );
      // A worker whose Redis was killed under it may wait for an answer that never comes; the program gives it a limit, too.
      const limit = new Promise((resolve) => setTimeout(resolve, CLOSES_WITHIN_MS).unref());
      await Promise.race([closed.catch(() => undefined), limit]);
      redis.disconnect();
    },
  };
}

export type Engine = Awaited<ReturnType<typeof openEngine>>;
