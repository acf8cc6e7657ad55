import { isEligible } from "./eligibility.ts";
import { type Day, dayInJapan } from "./japan-calendar.ts";
import { endOf, type ServiceType, STAGE, typeOfCommodity } from "./opportunity.ts";
import { rejectionReason } from "./order-notes.ts";
import type { OrderId } from "./salesforce-id.ts";

/**
 * What a customer sees of an account (`spec/opportunity-lifecycle.txt`, "What Customers See"): results, never a field, a
 * stage or a note of ours. What Salesforce may hold beside the values that we know never opens a door to the customer.
 */

/** What Salesforce knows of a customer, as far as it concerns the view. */
export interface CustomerFacts {
  readonly eligibility: {
    readonly value: string | null;
    readonly status: string | null;
    readonly requestedAt: Date | null;
    readonly checkedAt: Date | null;
  };
  readonly verification: {
    readonly status: string | null;
    readonly submittedAt: Date | null;
    readonly message: string | null;
  };
  /** The newest first. */
  readonly orders: readonly OrderFacts[];
  /** Opportunities that have a WHMCS service and are, or have been, cancelled. */
  readonly leaving: readonly LeavingFacts[];
}

export interface OrderFacts {
  readonly orderId: OrderId;
  readonly status: string;
  /** `Order.Description`, where Customer Service and we write. */
  readonly notes: string | null;
  /** The stage of its Opportunity; null where it has none. */
  readonly stage: string | null;
}

export interface LeavingFacts {
  readonly serviceId: number;
  readonly stage: string;
  readonly commodity: string | null;
  readonly scheduledAt: Date | null;
  readonly simScheduledAt: Date | null;
  readonly lineReturn: string | null;
  /** Null where the org has no such field. */
  readonly returnDeadline: Day | null;
}

export interface CustomerView {
  readonly eligibility: {
    readonly view: "address-form" | "checking" | "plan-selection" | "not-available";
    readonly value: string | null;
    readonly requestedAt: string | null;
    readonly checkedAt: string | null;
  };
  readonly verification: {
    readonly view: "upload-form" | "verifying" | "verified" | "resubmit";
    readonly message: string | null;
    readonly submittedAt: string | null;
  };
  readonly orders: readonly OrderView[];
  readonly cancellations: readonly CancellationView[];
}

export interface OrderView {
  readonly orderId: string;
  readonly status: "Pending Review" | "Approved" | "Cancelled" | "Activated";
  readonly view: "processing" | "approved" | "active" | "rejected";
  readonly message: string | null;
}

export interface CancellationView {
  readonly serviceId: number;
  readonly type: ServiceType;
  readonly view: "cancelling" | "cancelled";
  readonly endDate: string | null;
  readonly returnDeadline: string | null;
  readonly kitStatus: "not-sent" | "sent" | "returned" | "not-needed" | null;
}

/** `notEligibleValues`: of `Internet_Eligibility__c`, those that mean no. */
export function customerView(
  { eligibility, verification, orders, leaving }: CustomerFacts,
  notEligibleValues: readonly string[],
): CustomerView {
  return {
    eligibility: {
      view: eligibilityView(eligibility, notEligibleValues),
      value: eligibility.value,
      requestedAt: moment(eligibility.requestedAt),
      checkedAt: moment(eligibility.checkedAt),
    },
    verification: {
      view: VERIFICATION.get(verification.status) ?? "upload-form",
      message: verification.status === "Rejected" ? verification.message : null,
      submittedAt: moment(verification.submittedAt),
    },
    orders: orders.map(orderView),
    cancellations: leaving.flatMap(cancellationView),
  };
}

/** A value decides, whatever the status says of a check. */
function eligibilityView(
  { value, status }: CustomerFacts["eligibility"],
  notEligibleValues: readonly string[],
): CustomerView["eligibility"]["view"] {
  if (value !== null) return isEligible(value, notEligibleValues) ? "plan-selection" : "not-available";
  return status === "Pending" ? "checking" : "address-form";
}

const VERIFICATION: ReadonlyMap<string | null, CustomerView["verification"]["view"]> = new Map([
  ["Pending", "verifying"],
  ["Submitted", "verifying"],
  ["Verified", "verified"],
  ["Rejected", "resubmit"],
]);

/** A service that the customer has ended since was active all the same. */
const HAS_BEEN_ACTIVE: ReadonlySet<string | null> = new Set([STAGE.active, STAGE.cancelling, STAGE.cancelled]);

function orderView({ orderId, status, notes, stage }: OrderFacts): OrderView {
  if (status === "Cancelled") return { orderId, status, view: "rejected", message: rejectionReason(notes) };
  // What else an org calls an order that nobody has decided on (`Draft`) is its own affair.
  const shown = status === "Approved" || status === "Activated" ? status : "Pending Review";
  const isActive = status === "Activated" || HAS_BEEN_ACTIVE.has(stage);
  const view = isActive ? "active" : shown === "Approved" ? "approved" : "processing";
  return { orderId, status: shown, view, message: null };
}

const LEAVING: ReadonlyMap<string, CancellationView["view"]> = new Map([
  [STAGE.cancelling, "cancelling"],
  [STAGE.cancelled, "cancelled"],
]);

const KIT: ReadonlyMap<string | null, CancellationView["kitStatus"]> = new Map([
  ["NotYet", "not-sent"],
  ["SentKit", "sent"],
  ["Returned", "returned"],
  ["不要", "not-needed"],
]);

function cancellationView(facts: LeavingFacts): CancellationView[] {
  const view = LEAVING.get(facts.stage);
  const type = typeOfCommodity(facts.commodity);
  if (view === undefined || type === null) return [];
  const end = endOf(facts.commodity, { sim: facts.simScheduledAt, others: facts.scheduledAt });
  const isLine = type === "Internet"; // only a line has equipment that goes back
  return [
    {
      serviceId: facts.serviceId,
      type,
      view,
      endDate: end === null ? null : dayInJapan(end),
      returnDeadline: isLine ? facts.returnDeadline : null,
      kitStatus: isLine ? (KIT.get(facts.lineReturn) ?? null) : null,
    },
  ];
}

const moment = (at: Date | null) => at?.toISOString() ?? null;
