import type { Check } from "../../domain/check.ts";
import type { CustomerFacts } from "../../domain/customer-view.ts";
import type { ApprovedOrder, LifecycleCase, LifecycleOpportunity } from "../../domain/disagreement.ts";
import type { ServiceType } from "../../domain/opportunity.ts";
import type {
  AccountId,
  CaseId,
  ContentVersionId,
  OpportunityId,
  OrderId,
  ProductId,
} from "../../domain/salesforce-id.ts";
import type { VendorCall } from "../../domain/vendor-call.ts";
import type { Settings } from "../../settings.ts";
import { accountStatusVerbs } from "./account-status.ts";
import { asking } from "./asking.ts";
import { cancellationVerbs } from "./cancellation.ts";
import { eligibilityVerbs } from "./eligibility.ts";
import { eventVerbs } from "./events.ts";
import { fieldNames } from "./fields.ts";
import { lifecycleVerbs } from "./lifecycle.ts";
import { orderVerbs } from "./order.ts";
import { orgCheckVerbs } from "./org-check.ts";
import { provisioningVerbs } from "./provisioning.ts";
import { keepSessions, type SignInSettings } from "./session.ts";
import { sweepVerbs } from "./sweeps.ts";
import { verificationVerbs } from "./verification.ts";

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

export type Verification = {
  /** `Id_Verification_Status__c`: null, `Submitted`, `Pending`, `Verified`, `Rejected`. */
  readonly status: string | null;
  /** ISO 8601. */
  readonly submittedAt: string | null;
};

export type UploadedDocument = {
  readonly contentVersionId: ContentVersionId;
  /** `PathOnClient`: the name it was uploaded under. */
  readonly path: string;
};

/** An `OrderProvisionRequested__e`; `orderId` is whatever stood in its field. */
export interface ApprovalEvent {
  /** Its place in the stream. */
  readonly replayId: number;
  readonly orderId: unknown;
}

/** An Opportunity that is to be cancelled, or was. */
export type DueCancellation = {
  readonly opportunityId: OpportunityId;
  readonly whmcsClientId: number | null;
  readonly stage: string;
  readonly commodity: string | null;
  readonly whmcsServiceId: number | null;
  /** `LineReturn__c`, for Internet: `NotYet`, `SentKit`, `Returned`, `不要`. */
  readonly lineReturn: string | null;
  /** The scheduled end, ISO 8601. */
  readonly endsAt: string | null;
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

/** What an order has to know before it writes anything. */
export type OrderingFacts = {
  readonly accountName: string;
  /** `Internet_Eligibility__c`: null while it is not known. */
  readonly eligibility: string | null;
  /** `Id_Verification_Status__c`. */
  readonly verification: string | null;
  /** The newest open Opportunity of the type in `Introduction` or `Ready`. */
  readonly opportunity: OpportunityId | null;
  /** The account's Orders that are in `Pending Review` or were made lately, the newest first. */
  readonly orders: readonly PlacedOrder[];
  /** The products that the price book has, of those that were asked for. */
  readonly products: readonly PricedProduct[];
};

export type PlacedOrder = {
  readonly orderId: OrderId;
  readonly status: string;
  /** Null where it has none that we see. */
  readonly opportunity: { readonly opportunityId: OpportunityId; readonly commodity: string | null } | null;
  readonly items: readonly { readonly productId: ProductId; readonly quantity: number }[];
  /** The job that its notes name. */
  readonly job: string | null;
};

export type PricedProduct = {
  readonly productId: ProductId;
  readonly pricebookEntryId: string;
  readonly unitPrice: number;
  /** Whether the product and its entry are both active. */
  readonly isActive: boolean;
  readonly whmcsProductId: number | null;
};

export interface OrderingQuestion {
  readonly accountId: AccountId;
  readonly type: ServiceType;
  readonly productIds: readonly ProductId[];
  readonly pricebookId: string;
  /** Orders made since then count as made lately. */
  readonly since: Date;
}

export interface NewOrder {
  readonly accountId: AccountId;
  readonly accountName: string;
  readonly type: ServiceType;
  /** The Opportunity to use; null makes one. */
  readonly opportunityId: OpportunityId | null;
  readonly pricebookId: string;
  /** 1 to 20: one call holds no more. */
  readonly items: readonly {
    readonly pricebookEntryId: string;
    readonly quantity: number;
    readonly unitPrice: number;
  }[];
  readonly notes: string;
  /** When the request was accepted. */
  readonly requestedAt: Date;
}

/** A product that customers can order through the portal, as the provisioning of an order will read it. */
export type PortalProduct = Omit<OrderedItem, "quantity">;

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
  /** Null where there is no such Account. */
  verification(accountId: AccountId): Promise<Verification | null>;
  /** The Account's files with this content (`Checksum` is an MD5), newest first. */
  documentsLike(file: { readonly accountId: AccountId; readonly md5: string }): Promise<readonly UploadedDocument[]>;
  /** Publishes a file on the Account. `content` is sent as it is, in chunks. */
  uploadDocument(file: {
    readonly accountId: AccountId;
    readonly title: string;
    readonly path: string;
    readonly content: readonly Buffer[];
  }): Promise<ContentVersionId>;
  /** Marks the identity as submitted, or verified where the portal approved it, and clears an earlier rejection. */
  markVerification(mark: {
    readonly accountId: AccountId;
    readonly autoApproved: boolean;
    readonly submittedAt: Date;
  }): Promise<void>;
  /** Null where there is no such Order. */
  orderForProvisioning(orderId: OrderId): Promise<OrderForProvisioning | null>;
  /** Links the WHMCS service and moves the Opportunity to `Active`; the same twice is the same as once. */
  activate(activation: { readonly opportunityId: OpportunityId; readonly whmcsServiceId: number }): Promise<void>;
  /** Null where there is no such Opportunity. */
  opportunityLink(opportunityId: OpportunityId): Promise<OpportunityLink | null>;
  /**
   * Orders that are `Approved` or `Activated` and whose service is not active yet. Those without an Opportunity in `Post Processing`, which only a person
   * can mend, count where they were changed since `since`: older ones are of a time before us. A call a 2,000 orders.
   */
  approvedOrders(since: Date): Promise<readonly ApprovedOrder[]>;
  /** The Opportunities from Post Processing on that were changed since `since`, and all in `△Cancelling`. A call a 2,000. */
  lifecycleOpportunities(since: Date): Promise<readonly LifecycleOpportunity[]>;
  /** Eligibility checks and cancellations that are open, or whose Opportunity is in `△Cancelling`. A call a 2,000 at most. */
  lifecycleCases(): Promise<readonly LifecycleCase[]>;
  /** Accounts whose eligibility is `Pending` without an answer, asked for since `since`. A call a 2,000. */
  accountsBeingChecked(since: Date): Promise<readonly AccountId[]>;
  /**
   * Hears the events that come after one's place in the stream (-2: all that are kept), in order, until `signal` aborts.
   * Throws `UnavailableError` where the stream ends otherwise; `POSITION_TOO_OLD` where that place is no longer known.
   */
  followApprovals(stream: {
    readonly after: number;
    readonly hear: (event: ApprovalEvent) => void;
    readonly signal: AbortSignal;
  }): Promise<void>;
  /** The Opportunities in `△Cancelling` whose date is not after `now`. A call a 2,000. */
  dueCancellations(now: Date): Promise<readonly DueCancellation[]>;
  /** The Opportunities in `△Cancelled` whose equipment came back, or need not, while their Case is still open. */
  linesThatCameBack(): Promise<readonly OpportunityId[]>;
  /** Null where there is no such Opportunity. */
  dueCancellation(opportunityId: OpportunityId): Promise<DueCancellation | null>;
  openCancellationCases(opportunityId: OpportunityId): Promise<readonly CaseId[]>;
  /** Moves the Opportunity to `△Cancelled` and closes the Cases: all or none; the same twice is the same as once. */
  closeCancellation(end: { readonly opportunityId: OpportunityId; readonly caseIds: readonly CaseId[] }): Promise<void>;
  /** Null where there is no such Account. */
  cancellation(question: CancellationQuestion): Promise<CancellationFacts | null>;
  /** Makes the Case and moves the Opportunity, where there is one, to `△Cancelling`: all or none. */
  requestCancellation(request: CancellationRequest): Promise<{ readonly caseId: CaseId; readonly caseNumber: string }>;
  /** Null where there is no such Account. */
  orderingFacts(question: OrderingQuestion): Promise<OrderingFacts | null>;
  /** Makes the Order with its items, and moves its Opportunity (or makes one) to `Post Processing`: all or none. */
  placeOrder(order: NewOrder): Promise<{ readonly orderId: OrderId; readonly opportunityId: OpportunityId }>;
  /** Null where there is no such Account. */
  accountStatus(accountId: AccountId): Promise<CustomerFacts | null>;
  /**
   * Whether the org has all that we read and write, for this user: one check an object, in a few calls that write nothing.
   * `events`: whether the platform event is followed.
   */
  checkOrg(of: { readonly pricebookId: string | undefined; readonly events: boolean }): Promise<readonly Check[]>;
  /** The active products of that price book. */
  portalProducts(pricebookId: string): Promise<readonly PortalProduct[]>;
}

export type SalesforceSettings = SignInSettings & Pick<Settings, "SALESFORCE_API_VERSION" | "SALESFORCE_FIELDS">;

/** The client for one org. Make one a process: it keeps the session. Throws where a setting is missing or names an unknown field. */
export function salesforceClient({ settings, call }: { settings: SalesforceSettings; call: VendorCall }): Salesforce {
  const sessions = keepSessions(settings);
  const version = settings.SALESFORCE_API_VERSION;
  const ask = asking({ call, sessions, version });
  const fields = fieldNames(settings.SALESFORCE_FIELDS);
  return {
    ...eligibilityVerbs(ask, fields),
    ...verificationVerbs(ask, fields),
    ...provisioningVerbs(ask, fields),
    ...cancellationVerbs(ask, fields),
    ...sweepVerbs(ask, fields),
    ...lifecycleVerbs(ask, fields),
    ...orgCheckVerbs(ask, fields),
    ...eventVerbs(sessions, version, fields),
    ...orderVerbs(ask, fields),
    ...accountStatusVerbs(ask, fields),
  };
}
