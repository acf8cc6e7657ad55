import type { Vendor } from "../domain/errors.ts";
import type { Result } from "./job-kind.ts";

/** `queued` waits for its first attempt; `retrying` for its next; `failed` needs a person. */
export type JobState = "queued" | "active" | "retrying" | "completed" | "failed";

export type StepState = "active" | "done" | "in-doubt";

export interface StepView {
  readonly name: string;
  readonly state: StepState;
  /** When it reached this state, ISO 8601. */
  readonly at: string;
}

/** Why a job failed, waits for another attempt, or was rejected, in plain words without personal data. */
export interface Failure {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly vendor: Vendor | null;
  /** Whether another attempt may help without anyone changing something first. */
  readonly retryable: boolean;
  /** ISO 8601. */
  readonly at: string;
}

/** A job as everyone outside sees it (the contract's section 3). */
export interface JobView {
  readonly id: string;
  readonly kind: string;
  readonly state: JobState;
  /** ISO 8601. */
  readonly createdAt: string;
  /** ISO 8601, or null while it is under way. */
  readonly finishedAt: string | null;
  /** ISO 8601; present while `retrying`. */
  readonly nextAttemptAt?: string;
  readonly attempts: number;
  readonly steps: readonly StepView[];
  readonly outcome: string | null;
  readonly result: Result | null;
  readonly failure: Failure | null;
  readonly links: { readonly self: string; readonly events: string };
}
