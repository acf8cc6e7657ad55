import type { AnyJobKind } from "./job-kind.ts";
import type { JobView } from "./job-view.ts";

/** Who asks, and what tells this request from another. */
export interface Request {
  /** By which door it came, for people: `portal` (a REST client's name) or `outbound message 04l…`. */
  readonly door: string;
  /** The caller's own key for this request: the same key is the same request. Scoped to `client`. */
  readonly idempotency?: { readonly client: string; readonly key: string };
  /** For announcements, which may come again at any time: a job of the same natural key that ended `done` is the answer, not new work. */
  readonly unlessDone?: boolean;
}

export type Acceptance =
  /** Taken as new work; found by its idempotency key; found by its natural key. In each case `job` is safe in Redis. */
  | { readonly how: "new" | "replayed" | "under-way"; readonly job: JobView }
  /** The idempotency key was used before with another body: nothing was taken. */
  | { readonly how: "key-reused" };

/** Redis did not take the work: nothing may be promised to the caller, who should come again. */
export class NotAcceptedError extends Error {
  readonly retryAfterSeconds: number;
  constructor(detail: string, retryAfterSeconds: number, cause?: unknown) {
    super(detail, { cause });
    this.name = "NotAcceptedError";
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Where the doors hand work in and ask after it. Every method throws `NotAcceptedError` within two seconds while Redis is away. */
export interface Intake {
  /** Resolves once the job is safe in Redis. `payload` is what the kind's schema gave. */
  accept(kind: AnyJobKind<never>, payload: unknown, request: Request): Promise<Acceptance>;
  /** The job of that id, or null where there is none (any more). */
  job(id: string): Promise<JobView | null>;
  /** Resolves where Redis answers. `warnings`: settings of it that could lose work, in plain words. */
  check(): Promise<{ readonly warnings: readonly string[] }>;
}
