import type * as z from "zod";
import type { Reason } from "../domain/errors.ts";

/**
 * What to do when an earlier attempt was cut off inside a step, between asking and hearing. There is no default.
 *
 * - `"repeat"`: the same write twice is the same as once.
 * - `{ find }`: look whether it happened; `undefined` means that it did not. A look that fails leaves the doubt.
 * - `"park"`: nothing can tell; a person decides.
 */
export type IfInDoubt<T> = "repeat" | "park" | { readonly find: () => Promise<T | undefined> };

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
}

/** The REST route by which a kind's jobs come in; request, validation and OpenAPI follow from `payload`. */
export interface Route {
  /** Below `/api`, e.g. `/provisioning`. */
  readonly path: string;
  readonly summary: string;
  /** A body that the schema accepts, shown in the OpenAPI description. */
  readonly example: Json;
}

/** One sort of work. `Services` is what its run needs of the outside world: clients arrive as an argument. */
export interface JobKind<Payload, Services> {
  /** Also the queue's name, and so a contract with the jobs already waiting. */
  readonly name: string;
  readonly payload: z.ZodType<Payload>;
  /** The natural key: two requests with the same key are the same work. */
  key(payload: Payload): string;
  /** The account whose jobs must take turns with this one; absent where nothing can race. */
  account?(payload: Payload): string;
  readonly route: Route;
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
