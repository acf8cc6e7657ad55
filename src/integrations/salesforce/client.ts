import type { ServiceType } from "../../domain/opportunity.ts";
import type { AccountId, CaseId, OpportunityId, OrderId } from "../../domain/salesforce-id.ts";
import type { VendorCall } from "../../domain/vendor-call.ts";
import type { Settings } from "../../settings.ts";
import { asking } from "./asking.ts";
import { cancellationVerbs } from "./cancellation.ts";
import { eligibilityVerbs } from "./eligibility.ts";
import { fieldNames } from "./fields.ts";
import { provisioningVerbs } from "./provisioning.ts";
import { keepSessions, type SignInSettings } from "./session.ts";

// What verbs give are types, not interfaces: only so does TypeScript see that JSON keeps them, which a step's memory asks for.

/** What an account's eligibility request has to know before it writes anything. */
export type EligibilityFacts = {
  readonly accountName: string;
  /** `Internet_Eligibility__c`: null while it is not known. */
  readonly eligibility: string | null;
  /** `Internet_Eligibility_Status__c`: `Pending` while a check is under way. */
  readonly status: string | null;
  /** The newest open eligibility check. */
  readonly openCase: { readonly caseId: CaseId; readonly opportunityId: OpportunityId | null } | null;
  /** The newest open Internet Opportunity in `Introduction`. */
  readonly introduction: OpportunityId | null;
};

export interface EligibilityCheck {
  readonly accountId: AccountId;
  readonly accountName: string;
  /** The Opportunity to use; null makes one. */
  readonly opportunityId: OpportunityId | null;
  readonly subject: string;
  readonly description: string;
  /** When the request was accepted. */
  readonly requestedAt: Date;
}

/** An Order as provisioning needs it. Numbers that are no WHMCS id read as null. */
export type OrderForProvisioning = {
  readonly orderId: OrderId;
  readonly accountId: AccountId;
  readonly status: string;
  readonly opportunity: (OpportunityLink & { readonly opportunityId: OpportunityId }) | null;
  readonly whmcsClientId: number | null;
  /** In the order in which they were made. */
  readonly items: readonly OrderedItem[];
};

export type OrderedItem = {
  readonly whmcsProductId: number | null;
  readonly billingCycle: string | null;
  readonly itemClass: string | null;
  readonly quantity: number;
  /** The product's name. */
  readonly name: string;
};

export type OpportunityLink = {
  readonly stage: string;
  readonly whmcsServiceId: number | null;
};

/** A service that an account asks to end. */
export interface CancellationQuestion {
  readonly accountId: AccountId;
  /** WHMCS's. */
  readonly serviceId: number;
  readonly service: ServiceType;
  /** The subject that the request's Case has, or would have. */
  readonly subject: string;
}

/** What a cancellation has to know before it writes anything. */
export type CancellationFacts = {
  readonly accountName: string;
  readonly whmcsClientId: number | null;
  /** Of the account's oldest contact that has one. */
  readonly email: string | null;
  /** The account's newest Opportunity that carries the service. */
  readonly opportunity: {
    readonly opportunityId: OpportunityId;
    readonly stage: string;
    readonly commodity: string | null;
    /** The moment of its scheduled cancellation, as Salesforce writes it. */
    readonly scheduledFor: string | null;
  } | null;
  /** The account's Cases with the subject, and its other cancellations that are open: newest first. */
  readonly cases: readonly CancellationCase[];
};

export type CancellationCase = {
  readonly caseId: CaseId;
  readonly caseNumber: string;
  readonly subject: string | null;
  readonly isOpen: boolean;
  readonly opportunityId: OpportunityId | null;
  /** The WHMCS service and the job that its Description names. */
  readonly serviceId: number | null;
  readonly jobId: string | null;
};

export interface CancellationRequest extends Omit<CancellationQuestion, "serviceId"> {
  /** The Opportunity to move to `△Cancelling`; null: none carries the service. */
  readonly opportunityId: OpportunityId | null;
  readonly description: string;
  readonly endsAt: Date;
}

/**
 * What the business asks of Salesforce. Each verb is one API call and throws errors of `domain/errors.ts` only; reads
 * never throw an `UnknownOutcomeError`.
 */
export interface Salesforce {
  /** Null where there is no such Account. */
  eligibility(accountId: AccountId): Promise<EligibilityFacts | null>;
  /** Makes the Opportunity (unless there is one) and the Case, and marks the Account: all or none. */
  requestEligibilityCheck(
    check: EligibilityCheck,
  ): Promise<{ readonly opportunityId: OpportunityId; readonly caseId: CaseId }>;
  /** Null where there is no such Order. */
  orderForProvisioning(orderId: OrderId): Promise<OrderForProvisioning | null>;
  /** Links the WHMCS service and moves the Opportunity to `Active`; the same twice is the same as once. */
  activate(activation: { readonly opportunityId: OpportunityId; readonly whmcsServiceId: number }): Promise<void>;
  /** Null where there is no such Opportunity. */
  opportunityLink(opportunityId: OpportunityId): Promise<OpportunityLink | null>;
  /** Null where there is no such Account. */
  cancellation(question: CancellationQuestion): Promise<CancellationFacts | null>;
  /** Makes the Case and moves the Opportunity, where there is one, to `△Cancelling`: all or none. */
  requestCancellation(request: CancellationRequest): Promise<{ readonly caseId: CaseId; readonly caseNumber: string }>;
}

export type SalesforceSettings = SignInSettings & Pick<Settings, "SALESFORCE_API_VERSION" | "SALESFORCE_FIELDS">;

/** The client for one org. Make one a process: it keeps the session. Throws where a setting is missing or names an unknown field. */
export function salesforceClient({ settings, call }: { settings: SalesforceSettings; call: VendorCall }): Salesforce {
  const ask = asking({ call, sessions: keepSessions(settings), version: settings.SALESFORCE_API_VERSION });
  const fields = fieldNames(settings.SALESFORCE_FIELDS);
  return { ...eligibilityVerbs(ask, fields), ...provisioningVerbs(ask, fields), ...cancellationVerbs(ask, fields) };
}
