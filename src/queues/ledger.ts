import { hash } from "node:crypto";
import type { Queue } from "bullmq";
import { RejectedError, type Vendor } from "../domain/errors.ts";
import { accept } from "./accept-script.ts";
import * as attemptScripts from "./attempt-scripts.ts";
import type { Connection } from "./connection.ts";
import type { Outcome, Unless } from "./job-kind.ts";
import type { Failure } from "./job-view.ts";
import { groupKey } from "./failure-groups.ts";
import { FAILED_KEPT_MS, MEMORY_MS } from "./retention.ts";
import * as stepScripts from "./step-scripts.ts";
import { JOB_OPTIONS } from "./queues.ts";
import type { Sealing } from "./sealing.ts";

/** Idempotency keys, at least as long as the contract's section 3 promises. */
const IDEMPOTENCY_MS = 7 * 86_400_000;

/**
 * Callers come again for up to a day (Salesforce redelivers for 24 hours). What Redis lost in a restart may so come again
 * as new work; until then every new job looks before it writes.
 */
const SUSPECT_AFTER_RESTART_MS = 24 * 3_600_000;

/** After this many deaths in a row the job itself is to blame: before the last one it ran alone among such jobs. */
export const DEATHS_OF_ITS_OWN = 3;

/** Longer than a death takes to be noticed, so that the next one begins after what came of this one is known. */
const ALONE_MS = 60_000;

const STORED_OPTIONS = JSON.stringify(JOB_OPTIONS);

/** How long things take at most out there; both follow from the deadline of a vendor call. */
export interface Timing {
  /** A claim on a step holds this long: twice a call's deadline, so that one that has run out means a worker that died or hangs. */
  readonly leaseMs: number;
  /** A request without an answer may still land this long after it was given up: the vendor's own limit on a request. */
  readonly settleMs: number;
}

export function timingFor(vendorTimeoutMs: number): Timing {
  return { leaseMs: 2 * vendorTimeoutMs, settleMs: 12 * vendorTimeoutMs };
}

/** A job's names in Redis. */
export interface JobKeys {
  readonly id: string;
  readonly kind: string;
  /** The natural key, as a Redis key. */
  readonly natural: string;
  /** The account's turn, as a Redis key; null where the kind takes none. */
  readonly turn: string | null;
}

/** A request that may be new work. */
export interface Candidate {
  /** `id` is the candidate's. */
  readonly job: JobKeys;
  /** Its payload as the queue keeps it: JSON, with what is personal sealed. */
  readonly data: string;
  /** The trace that it is asked for in, as text, for BullMQ to keep. */
  readonly trace?: string | undefined;
  readonly door: string;
  readonly unless: Unless;
  /** Whether it is suspect from the first. */
  readonly lookFirst: boolean;
  readonly idempotency: { readonly client: string; readonly key: string; readonly body: string } | null;
}

/** What a candidate may be known by. `body`: null where whoever asks does not mind what was sent under the key. */
type Asked = Pick<Candidate, "job" | "unless"> & {
  readonly idempotency: { readonly client: string; readonly key: string; readonly body: string | null } | null;
};

/** What became of a candidate; `at`: when it was accepted (ms). */
export type Taken =
  | { readonly how: "new"; readonly id: string; readonly at: number }
  | { readonly how: "replayed" | "under-way"; readonly id: string }
  | { readonly how: "key-reused" }
  /** Redis could not take this one. */
  | { readonly how: "error"; readonly detail: string };

/** A job that answers for a request which is not taken in. */
export type Known = { readonly how: "replayed" | "under-way"; readonly id: string } | { readonly how: "key-reused" };

/** What a step gave, to be written down with the next call. */
export interface Note {
  readonly step: string;
  /** Whether doing it twice would matter. */
  readonly effect: boolean;
  readonly result: unknown;
  /** How long it took. */
  readonly ms: number;
  /** The calls that it made, as `calls.ts` writes them. */
  readonly calls: string;
}

/** What is told of an attempt that failed. */
interface Failed {
  readonly failure: Failure;
  /** The calls that its last step made, as `calls.ts` writes them. */
  readonly calls?: string;
}

/** How an attempt ended that did not end its job. */
export type Pause =
  /** It merely waits for another job or worker. */
  | { readonly how: "waits"; readonly delayMs: number }
  /** It waits for a vendor that is away: this attempt does not count. */
  | (Failed & { readonly how: "waits for vendor"; readonly delayMs: number; readonly vendor: Vendor })
  /**
   * It failed and is tried again: this attempt counts, unless it may be the beginning of an outage (`isGuess`) and turns out
   * to be one.
   */
  | (Failed & { readonly how: "retries"; readonly delayMs: number; readonly isGuess: boolean })
  /**
   * It is left to a person. `made`: how many failures BullMQ knew of before, by which a retry is told from what comes late.
   * `step`: in which it failed; null where in none. `account`: whose it turned out to be, where that was learned.
   */
  | (Failed & {
      readonly how: "left to a person";
      readonly made: number;
      readonly step: string | null;
      readonly account?: string | null;
    });

export type Claim =
  /** Another attempt has begun since, or gave another result for what is noted. */
  | { readonly state: "overtaken" }
  | { readonly state: "done"; readonly sealed: string }
  /** Another attempt is inside; or else the account's turn ran out, which another job may have for so long. */
  | { readonly state: "in flight" | "turn lost"; readonly forMs: number }
  | { readonly state: "fresh" }
  | { readonly state: "cut off"; readonly mayLandForMs: number; readonly looks: number; readonly said: string };

/** What a person said about a step in doubt. `id`: empty where the step asks for none. */
export type Said = { readonly happened: false } | { readonly happened: true; readonly id: string };

/** What became of a person's word. `later`: the step may still land, so that nobody can say yet. */
export type Settled = "settled" | "later" | "not in doubt";

export type Beginning =
  | { readonly state: "ended"; readonly outcome: Outcome }
  /** It was left to a person before, and nobody has retried it. */
  | { readonly state: "failed"; readonly failure: Failure }
  /** Another job has the natural key, or it is another's turn. */
  | { readonly state: "wait" }
  /** Its workers died, so it runs alone among such jobs; another one does now. */
  | { readonly state: "not alone" }
  | {
      readonly state: "go";
      readonly acceptedAt: Date;
      readonly spent: number;
      readonly outageMs: number;
      /** The vendor that it waits for; null where it waits for none. */
      readonly waitsFor: Vendor | null;
      /** How often in a row its worker died with it. */
      readonly deaths: number;
      readonly remembered: Remembered;
    };

export type Foreseen =
  | { readonly state: "wait" }
  | { readonly state: "ended"; readonly outcome: Outcome }
  /** `looks`: before each write, whether it happened. */
  | { readonly state: "go"; readonly looks: boolean };

/** The steps of earlier attempts that count: what each gave, sealed; null while it is not done. */
export type Remembered = ReadonlyMap<string, string | null>;

/** What each job's steps have done, in Redis: one atomic call for each change (the scripts say how it is kept). */
export type Ledger = ReturnType<typeof openLedger>;

export function openLedger({
  redis,
  prefix,
  sealing,
  timing,
}: {
  redis: Connection;
  prefix: string;
  sealing: Sealing;
  timing: Timing;
}) {
  const ledgerKey = (id: string) => `${prefix}:ledger:${id}`;
  const allKeys = (job: JobKeys) => [ledgerKey(job.id), job.natural, `${prefix}:alone`, ...turnOf(job)];
  const turnKey = (account: string) => `${prefix}:turn:${account}`;
  const turnOf = (job: JobKeys) => (job.turn === null ? [] : [job.turn]);
  const about = (job: Pick<JobKeys, "id">, step: string) => `${job.id} step ${step}`;
  const aboutSaid = (id: string, step: string) => `${id} said of ${step}`;
  /** A job keeps its turn from one claim to the next, and then for as long as what it sent may land. */
  const turnMs = timing.leaseMs + timing.settleMs;
  const notesOf = (job: JobKeys, notes: readonly Note[]) =>
    notes.flatMap(({ step, effect, result, ms, calls }) => [
      step,
      effect ? 1 : 0,
      sealing.seal({ result }, about(job, step)),
      Math.round(ms),
      calls,
    ]);

  const opened = (sealed: string, about: string, step: string): unknown => {
    try {
      return sealing.open(sealed, about);
    } catch (cause) {
      throw new RejectedError({
        code: "unreadable-result",
        title: `What the step "${step}" gave cannot be read.`,
        detail: "A key was taken out of DATA_KEY too early: put it back, then retry.",
        vendor: null,
        cause,
      });
    }
  };

  const onceKey = ({ client, key }: { client: string; key: string }) => `${prefix}:once:${digest(`${client} ${key}`)}`;

  return {
    timing,

    /** The names of a job whose payload cannot be read, as far as its ledger knows them. */
    async keysOfUnreadable(kind: string, id: string): Promise<JobKeys> {
      const natural = (await this.read(id))["natural"];
      return { id, kind, natural: natural ?? `${prefix}:key:${kind}:unreadable ${id}`, turn: null };
    },

    keys(kind: string, id: string, naturalKey: string, account: string | undefined): JobKeys {
      return {
        id,
        kind,
        natural: `${prefix}:key:${kind}:${naturalKey}`,
        turn: account === undefined ? null : turnKey(account),
      };
    },

    /** Takes down what of these is new and puts it into their kind's queue, in one call: an answer for each, in their order. */
    async accept(queue: Pick<Queue, "name" | "toKey">, candidates: readonly Candidate[]): Promise<Taken[]> {
      const keys = [`${prefix}:era`, queue.toKey("wait"), queue.toKey("meta"), queue.toKey("marker")];
      const args = [IDEMPOTENCY_MS, SUSPECT_AFTER_RESTART_MS, queue.name, STORED_OPTIONS];
      for (const { job, data, trace, door, unless, lookFirst, idempotency } of candidates) {
        const once = idempotency === null ? job.natural : onceKey(idempotency);
        keys.push(job.natural, ledgerKey(job.id), queue.toKey(job.id), once);
        args.push(job.id, door, unless.join(" "), lookFirst ? 1 : 0, idempotency?.body ?? "", data, trace ?? "");
      }
      const answers = await accept(redis, keys, args);
      if (!Array.isArray(answers)) throw new Error("the ledger's accept gave no list");
      return answers.map(takenOf);
    },

    /** What would become of a candidate that is not to be taken in: the job that answers for it, or null where there is none. */
    async known({ job, idempotency, unless }: Asked): Promise<Known | null> {
      if (idempotency !== null) {
        const [body, id] = await redis.hmget(onceKey(idempotency), "body", "job");
        if (typeof body === "string" && ![null, body].includes(idempotency.body)) return { how: "key-reused" };
        if (typeof id === "string") return { how: "replayed", id };
      }
      const [underWay, last, outcome, ended] = await redis.hmget(job.natural, "now", "last", "outcome", "ended");
      if (typeof underWay === "string") return { how: "under-way", id: underWay };
      const stands = unless.some((one) => one === outcome);
      const isRecent = outcome === "failed" || Date.now() - Number(ended) < SUSPECT_AFTER_RESTART_MS;
      return stands && isRecent && typeof last === "string" ? { how: "under-way", id: last } : null;
    },

    /** The job that was accepted under a caller's key; null where there is none (any more). */
    async withKey(idempotency: { readonly client: string; readonly key: string }): Promise<string | null> {
      return await redis.hget(onceKey(idempotency), "job");
    },

    /** The job that last had the natural key, or has it. */
    async last({ natural }: Pick<JobKeys, "natural">): Promise<string | null> {
      return await redis.hget(natural, "last");
    },

    /**
     * `by` names the attempt: from now on the job is no earlier one's. By BullMQ's count: `stalls`, how often a worker died
     * with it; `made`, how often it failed.
     */
    async begin(job: JobKeys, by: string, { stalls, made }: { stalls: number; made: number }): Promise<Beginning> {
      const aloneFrom = DEATHS_OF_ITS_OWN - 1;
      const places = `${prefix}:${job.kind}:`; // as BullMQ names its jobs
      const args = [job.id, job.kind, turnMs, MEMORY_MS, stalls, aloneFrom, ALONE_MS, made, by, places];
      const [state, ...rest] = strings(await attemptScripts.begin(redis, allKeys(job), args));
      if (state === "ended") return { state, outcome: JSON.parse(rest[0] ?? "") as Outcome }; // written by `end` below
      if (state === "failed") return { state, failure: JSON.parse(rest[0] ?? "") as Failure }; // written by `pause` below
      if (state === "wait" || state === "not alone") return { state };
      const [accepted, spent, outageMs, away, deaths, ...steps] = rest;
      const remembered = new Map<string, string | null>();
      for (let at = 0; at < steps.length; at += 2) {
        const [name = "", sealed = ""] = [steps[at], steps[at + 1]];
        remembered.set(name, sealed === "" ? null : sealed);
      }
      return {
        state: "go",
        acceptedAt: new Date(Number(accepted)),
        spent: Number(spent),
        outageMs: Number(outageMs),
        waitsFor: away === "" ? null : (away as Vendor), // `pause` wrote it
        deaths: Number(deaths),
        remembered,
      };
    },

    /** How an attempt begins that has nobody before it (`isTakenFirst` in `attempt.ts`), which is told to whoever follows; `acceptedAt`: ms. */
    first(job: JobKeys, acceptedAt: number): Extract<Beginning, { state: "go" }> {
      // Where that does not get through, they look by themselves.
      redis.publish(ledgerKey(job.id), "").catch(() => {});
      return {
        state: "go",
        acceptedAt: new Date(acceptedAt),
        spent: 0,
        outageMs: 0,
        waitsFor: null,
        deaths: 0,
        remembered: new Map(),
      };
    },

    /** What `begin` would come to for a job as it stands, or for one that were taken in now; nothing is changed. */
    async foresee(job: JobKeys): Promise<Foreseen> {
      const keys = [ledgerKey(job.id), job.natural, `${prefix}:era`];
      const args = [job.id, `${prefix}:${job.kind}:`, SUSPECT_AFTER_RESTART_MS];
      const [state, rest = ""] = strings(await attemptScripts.foresee(redis, keys, args));
      if (state === "wait") return { state };
      if (state === "ended") return { state, outcome: JSON.parse(rest) as Outcome }; // written by `end` below
      return { state: "go", looks: rest === "1" };
    },

    async claim(
      job: JobKeys,
      step: string,
      by: string,
      { lookFirst, notes }: { lookFirst: boolean; notes: readonly Note[] },
    ): Promise<Claim> {
      const [state, first = "", second, said = ""] = strings(
        await stepScripts.claim(redis, allKeys(job), [
          step,
          by,
          lookFirst ? 1 : 0,
          timing.leaseMs,
          turnMs,
          job.id,
          ...notesOf(job, notes),
        ]),
      );
      if (state === "done") return { state, sealed: first };
      if (state === "in flight" || state === "turn lost") return { state, forMs: Number(first) };
      if (state === "fresh" || state === "overtaken") return { state };
      return { state: "cut off", mayLandForMs: Number(first), looks: Number(second), said };
    },

    /** Whether the claim is still `by`'s; if so, a request that is sent now is expected to land from now on. */
    async resend(job: JobKeys, step: string, by: string): Promise<boolean> {
      return (await stepScripts.resend(redis, allKeys(job), [step, by, timing.leaseMs, turnMs, job.id])) === 1;
    },

    /** What a step gave, by its seal. Throws `RejectedError` where no key opens it (any more). */
    open(job: Pick<JobKeys, "id">, step: string, sealed: string): unknown {
      return (opened(sealed, about(job, step), step) as { result?: unknown }).result; // sealed by `notesOf`, and nobody else can
    },

    /** What a person said about a step, by its seal; throws as `open` does. */
    openSaid(job: Pick<JobKeys, "id">, step: string, sealed: string): Said {
      return opened(sealed, aboutSaid(job.id, step), step) as Said; // sealed by `settle`, and nobody else can
    },

    /** Writes down what a person says about a step that is in doubt since `since`; the job goes on by it once it is retried. */
    async settle(
      queue: Queue,
      id: string,
      { step, since }: { readonly step: string; readonly since: Date },
      said: Said,
    ): Promise<Settled> {
      const keys = [ledgerKey(id), queue.toKey("failed")];
      const args = [id, step, sealing.seal(said, aboutSaid(id, step)), said.happened ? 1 : 0, since.getTime()];
      const answer = await stepScripts.settle(redis, keys, args);
      return answer === 1 ? "settled" : answer === -1 ? "later" : "not in doubt";
    },

    /** Writes notes down at once; whether no other worker was there before with other results. */
    async note(job: JobKeys, notes: readonly Note[]): Promise<boolean> {
      return (await stepScripts.note(redis, [ledgerKey(job.id)], notesOf(job, notes))) === 0;
    },

    async release(job: JobKeys, step: string, by: string): Promise<void> {
      await stepScripts.release(redis, [ledgerKey(job.id)], [step, by]);
    },

    /** `mayLandForMs`: null leaves it as it was. `looked`: in vain. `asks`: what a person is asked for (see `Told`); null where nobody is. */
    async doubt(
      job: JobKeys,
      step: string,
      by: string,
      { mayLandForMs, looked, asks }: { mayLandForMs: number | null; looked: boolean; asks: string | null },
    ): Promise<void> {
      const args = [step, by, mayLandForMs ?? -1, looked ? 1 : 0, asks === null ? 0 : 1, asks ?? ""];
      await stepScripts.doubt(redis, [ledgerKey(job.id)], args);
    },

    /** Ends an attempt, but not the job; false where another one has begun since, by which the job goes on. */
    async pause(job: JobKeys, by: string, pause: Pause, notes: readonly Note[]): Promise<boolean> {
      const failed = pause.how === "waits" ? null : pause;
      const left = pause.how === "left to a person" ? pause : null;
      const account = left?.account ?? null;
      const whose = job.turn ?? (account === null ? job.natural : turnKey(account));
      const overtaken = await attemptScripts.pause(redis, allKeys(job), [
        job.id,
        failed === null ? "" : JSON.stringify(failed.failure),
        pause.how === "left to a person" ? -1 : pause.delayMs,
        pause.how === "waits for vendor" ? pause.vendor : "",
        FAILED_KEPT_MS,
        pause.how === "retries" && pause.isGuess ? 1 : 0,
        left?.made ?? 0,
        by,
        left === null ? "" : groupKey(prefix, { kind: job.kind, step: left.step, code: left.failure.code }),
        failed?.calls ?? "",
        whose,
        ...notesOf(job, notes),
      ]);
      return overtaken === 0;
    },

    /** Ends the job well; false where another attempt has begun, or gave another result for what is noted, and nothing has ended. */
    async end(job: JobKeys, by: string, outcome: Outcome, notes: readonly Note[]): Promise<boolean> {
      const args = [job.id, JSON.stringify(outcome), outcome.outcome, MEMORY_MS, by, ...notesOf(job, notes)];
      return (await attemptScripts.end(redis, allKeys(job), args)) === 0;
    },

    /** Resolves where the server answers that keeps the ledgers, which on a cluster is one of several. */
    async ping(): Promise<void> {
      await redis.exists(`${prefix}:era`);
    },

    /** The channel on which each change of the job is told (an empty message: read it again). */
    channel: ledgerKey,

    /** The hash as it stands, for `job-view.ts`; empty where there is none. */
    async read(id: string): Promise<Readonly<Record<string, string>>> {
      return await redis.hgetall(ledgerKey(id));
    },
  };
}

function takenOf(answer: unknown): Taken {
  const [how, id = "", at] = strings(answer);
  if (how === "key-reused") return { how };
  if (how === "new") return { how, id, at: Number(at) };
  if (how === "replayed" || how === "under-way") return { how, id };
  return { how: "error", detail: id };
}

/** A caller's own words, as a name in Redis of bounded length. */
function digest(name: string): string {
  return hash("sha256", name, "base64url").slice(0, 22);
}

/** A script's answer, whose numbers come as numbers. */
function strings(answer: unknown): string[] {
  if (!Array.isArray(answer)) throw new Error("a script of the ledger gave no list");
  return answer.map(String);
}
