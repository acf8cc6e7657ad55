import type { AccountId, CaseId, OpportunityId, OrderId } from "./salesforce-id.ts";

/**
 * Where Salesforce, WHMCS and the ledger do not say the same, and what heals it. Nothing here is personal: ids, and the
 * words of stages and statuses.
 */

/** An Order that Customer Service approved, and whose service may be missing. */
export type ApprovedOrder = {
  readonly orderId: OrderId;
  /** `Approved` or `Activated`. */
  readonly status: string;
  /** Null where it has none that we see. */
  readonly opportunity: {
    readonly opportunityId: OpportunityId;
    readonly stage: string;
    readonly whmcsServiceId: number | null;
  } | null;
};

/** An Opportunity from Post Processing on. */
export type LifecycleOpportunity = {
  readonly opportunityId: OpportunityId;
  readonly whmcsClientId: number | null;
  readonly stage: string;
  readonly commodity: string | null;
  readonly whmcsServiceId: number | null;
  readonly lineReturn: string | null;
  /** The scheduled end, ISO 8601. */
  readonly endsAt: string | null;
};

/** A Case of one of our two types that is open, or whose Opportunity is being cancelled. */
export type LifecycleCase = {
  readonly caseId: CaseId;
  readonly type: string;
  readonly accountId: AccountId | null;
  readonly isOpen: boolean;
  /** `stage`: null where the Opportunity is not visible to us. */
  readonly opportunity: { readonly opportunityId: OpportunityId; readonly stage: string | null } | null;
  /** The WHMCS service that its Description names. */
  readonly serviceId: number | null;
};

/** A service in WHMCS. */
export type ClientService = {
  readonly serviceId: number;
  readonly clientId: number;
  /** Null where it came without an order. */
  readonly orderId: number | null;
  readonly status: string;
  /** Whose mark it carries. */
  readonly opportunityId: OpportunityId | null;
};

export interface Facts {
  readonly now: Date;
  readonly orders: readonly ApprovedOrder[];
  readonly opportunities: readonly LifecycleOpportunity[];
  readonly cases: readonly LifecycleCase[];
  /** Accounts whose address is being checked, as far as they say. */
  readonly checking: readonly AccountId[];
  /** All services of the clients that the Opportunities belong to. */
  readonly services: readonly ClientService[];
}

/** What a job would be about that heals a disagreement; by it the ledger is asked. */
export type Work =
  | { readonly kind: "provisioning"; readonly payload: { readonly orderId: OrderId } }
  | { readonly kind: "termination"; readonly payload: { readonly opportunityId: OpportunityId } };

export type Heal =
  /** Our API takes the work in, from a person or from the sweep: it looks first, and is done once. Only this is safe to do unseen. */
  | { readonly by: "post"; readonly work: Work }
  /** The next daily sweep does it. */
  | { readonly by: "daily sweep"; readonly work: Work }
  /** Only a person can know what is right. */
  | { readonly by: "person"; readonly words: string }
  /** A job is at it. */
  | { readonly by: "job under way"; readonly work: Work; readonly jobId: string }
  /** A job waits for a person, and says why. */
  | { readonly by: "retry"; readonly work: Work; readonly jobId: string; readonly words: string };

export interface Disagreement {
  readonly kind: DisagreementKind;
  /** The record it is about: `Opportunity 006…`. */
  readonly where: string;
  readonly what: string;
  readonly heal: Heal;
}

/** Every disagreement that is looked for; `docs/operations.md` says of each what heals it. */
export const DISAGREEMENT_KINDS = [
  "order-without-service",
  "order-activated-by-hand",
  "service-without-link",
  "link-before-active",
  "active-without-service",
  "link-to-nothing",
  "service-of-another",
  "active-but-ended",
  "active-but-pending",
  "cancelling-without-date",
  "cancelling-without-case",
  "cancelling-without-service",
  "end-overdue",
  "over-but-running",
  "two-orders",
  "two-opportunities",
  "two-cases",
  "case-without-cancellation",
  "case-without-opportunity",
  "case-left-open",
  "checking-without-case",
] as const;
export type DisagreementKind = (typeof DISAGREEMENT_KINDS)[number];

/** One that only a person can heal. */
export function forPerson(kind: DisagreementKind, where: string, what: string, words: string): Disagreement {
  return { kind, where, what, heal: { by: "person", words } };
}

/** What the ledger knows of the job that last did a work. */
export interface KnownJob {
  readonly id: string;
  readonly state: "queued" | "active" | "retrying" | "completed" | "failed";
  /** ISO 8601. */
  readonly finishedAt: string | null;
  readonly failure: { readonly title: string; readonly detail: string } | null;
}

/**
 * A disagreement in the light of what its `work`'s job says. Null where the job ended after the vendors had been read
 * (`readAt`): what they said then is no longer so.
 */
export function afterJob(found: Disagreement, work: Work, job: KnownJob | null, readAt: Date): Disagreement | null {
  if (job === null) return found;
  const { id: jobId, state, finishedAt, failure } = job;
  switch (state) {
    case "queued":
    case "active":
    case "retrying":
      return { ...found, heal: { by: "job under way", work, jobId } };
    case "failed": {
      const words = failure === null ? "" : `${failure.title} ${failure.detail}`;
      return { ...found, heal: { by: "retry", work, jobId, words } };
    }
    case "completed":
      if (finishedAt !== null && new Date(finishedAt) >= readAt) return null;
      return { ...found, what: `${found.what}, though job ${jobId} has ended` };
  }
}
