import type * as z from "zod";
import type { StoredDocument } from "../domain/document.ts";
import type { Reason, Vendor } from "../domain/errors.ts";

/**
 * What to do when an earlier attempt was cut off inside a step, between asking and hearing. There is no default.
 *
 * - `"repeat"`: the same write twice is the same as once.
 * - `{ find }`: look whether it happened; `undefined` means that it did not. A look that fails leaves the doubt. With
 *   `told` a person decides where the look itself cannot tell (it throws an `InDoubtError`).
 * - `{ told }`: the step is parked. Nothing can tell; a person decides.
 */
export type IfInDoubt<T> =
  | "repeat"
  | { readonly find: () => Promise<T | undefined>; readonly told?: Told<T> }
  | { readonly find?: undefined; readonly told: Told<T> };

/** How a person's word settles a step. That it did not happen needs no more; it is then done again. */
export interface Told<T> {
  /** The name of the id that they must give to say that it happened; absent: nothing more is asked. */
  readonly asks?: string;
  /**
   * What the step gives where they say that it happened. `id`: what they gave, to be checked with the other system where
   * that can be asked: throws a `RejectedError` where it says otherwise.
   */
  readonly believe: (id: string) => Promise<T> | T;
}

/** Values that a step can remember: whatever JSON keeps as it is. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

/**
 * Runs one named part of a job that touches one other system, at most once: a step that is done gives its remembered
 * result, as JSON keeps it, and performs nothing. `name` is unique in its job.
 */
export type Step = <T>(name: string, ifInDoubt: IfInDoubt<T>, perform: () => Promise<T>) => Promise<T>;

/** The ids of what a job made, by the names that the contract's section 3 gives them. */
export type Result = Readonly<Record<string, string | number>>;

/** How a job ended well: `reason` is set where a business rule said no, which is an answer and not a fault. */
export interface Outcome {
  readonly outcome: string;
  readonly result: Result;
  readonly reason?: Reason;
}

/** What a run may know of its job beside the payload. */
export interface JobFacts {
  readonly id: string;
  /** The moment the request was accepted: every rule about "today" uses it (`spec/rules.md`, first section). */
  readonly acceptedAt: Date;
  /**
   * Whether an earlier attempt had begun an effect, however long ago: what it read is remembered, so a write that comes only
   * now looks first whether it is still wanted.
   */
  readonly resumed: boolean;
  readonly hand: Hand;
  /** From now on people find the job by `value`, an id that its payload does not hold. */
  readonly foundBy: (value: string) => void;
  /** The job turns out to be this account's, which its payload does not name: people find it by that, too. */
  readonly belongsTo: (account: string) => void;
}

/**
 * Hands further work on as a job of its own, of the kind so named; resolves to its id once it is safe in Redis. Throws
 * where the kind's schema does not take `payload`.
 */
export type Hand = (kind: string, payload: unknown, how?: Handing) => Promise<string>;

export interface Handing {
  /** Names this piece of work within the job: however often the job runs, it is handed on once. */
  readonly once?: string;
  readonly unless?: Unless;
  /** The work may have been done by a way that no ledger knows: the job looks before each write. */
  readonly lookFirst?: boolean;
}

/**
 * How an earlier job of the same natural key may have ended so that it is the answer, and nothing new begins: `done` within
 * the last day, `failed` as long as a person has not dealt with it.
 */
export type Unless = readonly ("done" | "failed")[];

/** A REST route by which a kind's jobs come in; request, validation and OpenAPI follow from it. */
export type Route<Payload> = JsonRoute<Payload> | UploadRoute<Payload>;

interface AnyRoute<Payload> {
  /** Below `/api`, e.g. `/provisioning`. */
  readonly path: string;
  readonly summary: string;
  /** A body that the schema accepts, shown in the OpenAPI description. */
  readonly example: Json;
  /** What is asked for here may have been done by a way that no ledger knows: its jobs look before each write. */
  readonly lookFirst?: boolean;
  /** A rule that is judged at the door, by the moment the request came in. */
  readonly rule?: Rule<Payload>;
}

/** What breaks it is answered with 422 at once. `code` and `title` stand for the rule, as in a `Reason`. */
export interface Rule<Payload> {
  readonly code: string;
  readonly title: string;
  /** What a developer reads about it. */
  readonly help: string;
  /** How `payload` breaks it, in plain words; null where it does not. */
  broken(payload: Payload, now: Date): string | null;
}

export interface JsonRoute<Payload> extends AnyRoute<Payload> {
  /** What callers send; it puts out the payload. */
  readonly body: z.ZodType<Payload>;
}

/** A route that takes a document too: `multipart/form-data`, the document in the field `file`. */
export interface UploadRoute<Payload> extends AnyRoute<Payload> {
  /** The other fields of the form, which are texts. */
  readonly fields: z.ZodObject;
  /** What of a payload the fields and the document, which waits encrypted in the document store, come to. */
  payloadOf(fields: unknown, document: StoredDocument): Payload;
}

/** Why something is as it is, for people, in both of the desk's languages. */
export interface Explanation {
  readonly en: string;
  readonly ja: string;
}

/** When jobs of a kind come by themselves: at an hour of each day, or at the sweeps' interval (`SWEEP_INTERVAL_MS`). */
export type Schedule = { readonly dailyAtHour: number; readonly timeZone: string } | "every sweep";

/** How soon a job is done while all is well, where its kind does not say otherwise: nobody at the portal wonders yet. */
export const PROMISED_MS = 15 * 60_000;

/** One sort of work. `Services` is what its run needs of the outside world: clients arrive as an argument. */
export interface JobKind<Payload, Services> {
  /** Also the queue's name, and so a contract with the jobs already waiting. */
  readonly name: string;
  /** What it is for, in one line, for people at the board. */
  readonly purpose: string;
  readonly payload: z.ZodType<Payload>;
  /** The natural key: two requests with the same key are the same work. */
  key(payload: Payload): string;
  /** What two requests with the same idempotency key must agree in; absent: the whole payload. */
  asked?(payload: Payload): unknown;
  /** The account whose jobs must take turns with this one; absent where nothing can race. */
  account?(payload: Payload): string;
  readonly routes: readonly Route<Payload>[];
  /** The fields in which a person may mend a typo of a job that failed; absent: none. */
  readonly editable?: readonly string[];
  /** Why a job's dates are what they are; absent where it has none of its own. */
  explain?(payload: Payload, acceptedAt: Date): readonly Explanation[];
  /** Attempts before a person is asked, where `RETRY_ATTEMPTS` does not fit. */
  readonly attempts?: number;
  /**
   * Its jobs leave the rest of a vendor's allowance to others: before they begin they wait while this share of it, or more,
   * is used. Absent: they never do.
   */
  readonly yields?: { readonly vendor: Vendor; readonly from: number };
  /** How soon a job is done while all is well, where `PROMISED_MS` does not fit; operators hear of one that waits longer. */
  readonly promisedMs?: number;
  /** For kinds whose jobs come by themselves; their payload is `{}`. */
  readonly schedule?: Schedule;
  run(payload: Payload, step: Step, services: Services, job: JobFacts): Promise<Outcome>;
}

/** A kind of any payload, as the lists hold it. Method parameters are bivariant, so every kind fits. */
export type AnyJobKind<Services = never> = JobKind<unknown, Services>;

/** Declares a kind; its payload's type is taken from the schema. */
export function defineJobKind<Payload, Services>(kind: JobKind<Payload, Services>): JobKind<Payload, Services> {
  return kind;
}

/** A kind's outcome where a business rule says no. */
export function rejected(reason: Reason, result: Result = {}): Outcome {
  return { outcome: "rejected", result, reason };
}
