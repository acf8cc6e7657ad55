import { CANCELLATION_CASE_TYPE } from "./cancellation-case.ts";
import {
  type ClientService,
  type Disagreement,
  type DisagreementKind,
  type Facts,
  forPerson,
  type LifecycleOpportunity,
} from "./disagreement.ts";
import { dayInJapan } from "./japan-calendar.ts";
import { isEnded, STAGE, typeOfCommodity } from "./opportunity.ts";

/** The daily sweep comes within a day, and may wait for a vendor that is away. */
const OVERDUE_AFTER_MS = 36 * 3_600_000;

/** Statuses of a service that costs the customer something, or is about to, in WHMCS's words. */
const RUNS: ReadonlySet<string> = new Set(["Pending", "Active", "Suspended"]);

/** An Opportunity, and what WHMCS has for it. */
interface Seen {
  readonly opportunity: LifecycleOpportunity;
  /** The service that it names; undefined where its client has none such. */
  readonly linked: ClientService | undefined;
  /** The services that run and carry its mark, the oldest first. */
  readonly marked: readonly ClientService[];
  readonly facts: Facts;
  readonly say: (kind: DisagreementKind, what: string, words: string) => Disagreement;
}

/**
 * What does not fit between one Opportunity and its services in WHMCS. `isWaiting`: its order waits for the service, and the
 * order's job looks for what is there already.
 */
export function disagreementsOfOpportunity(
  opportunity: LifecycleOpportunity,
  facts: Facts,
  isWaiting: boolean,
): Disagreement[] {
  if (typeOfCommodity(opportunity.commodity) === null) return []; // nothing that the portal sells
  const { opportunityId, whmcsClientId, whmcsServiceId } = opportunity;
  const seen: Seen = {
    opportunity,
    facts,
    linked: facts.services.find(
      ({ serviceId, clientId }) => serviceId === whmcsServiceId && clientId === whmcsClientId,
    ),
    marked: facts.services
      .filter((service) => service.opportunityId === opportunityId && RUNS.has(service.status))
      .toSorted((one, other) => one.serviceId - other.serviceId),
    say: (kind, what, words) => forPerson(kind, `Opportunity ${opportunityId}`, what, words),
  };
  return [...twoOrders(seen), ...twoOpportunities(seen), ...(isWaiting ? [] : byStage(seen))];
}

function byStage(seen: Seen): Disagreement[] {
  switch (seen.opportunity.stage) {
    case STAGE.postProcessing:
      return beforeActive(seen);
    case STAGE.active:
      return whileActive(seen);
    case STAGE.cancelling:
      return whileCancelling(seen);
    case STAGE.cancelled:
    case STAGE.void:
      return afterwards(seen);
    default:
      return [];
  }
}

function twoOrders({ marked, say }: Seen): Disagreement[] {
  const orders = new Set(
    marked.map(({ orderId, serviceId }) => (orderId === null ? `none (service ${serviceId})` : String(orderId))),
  );
  if (orders.size < 2) return [];
  return [
    say(
      "two-orders",
      `WHMCS has several orders with its mark whose services run: ${[...orders].join(", ")}`,
      "Decide which one the customer shall have, and cancel the others in WHMCS. WHMCS_Service_ID__c in Salesforce must name a service of the one that stays.",
    ),
  ];
}

function twoOpportunities({ opportunity, facts, say }: Seen): Disagreement[] {
  const { opportunityId, whmcsServiceId } = opportunity;
  if (whmcsServiceId === null || !isLiving(opportunity)) return [];
  return facts.opportunities
    .filter((other) => other.whmcsServiceId === whmcsServiceId && isLiving(other))
    .filter((other) => other.opportunityId > opportunityId) // a pair is told once
    .map((other) =>
      say(
        "two-opportunities",
        `opportunity ${other.opportunityId} names the same WHMCS service ${whmcsServiceId}`,
        "Decide whose service it is, and correct WHMCS_Service_ID__c on the other in Salesforce.",
      ),
    );
}

function isLiving({ stage }: LifecycleOpportunity): boolean {
  return stage === STAGE.postProcessing || stage === STAGE.active || stage === STAGE.cancelling;
}

function beforeActive({ opportunity: { whmcsServiceId }, marked, say }: Seen): Disagreement[] {
  if (whmcsServiceId !== null) {
    return [
      say(
        "link-before-active",
        `in Post Processing, and names WHMCS service ${whmcsServiceId}`,
        "If that service is this opportunity's and runs, set StageName to Active in Salesforce; otherwise empty WHMCS_Service_ID__c.",
      ),
    ];
  }
  if (marked.length === 0) return [];
  return [
    say(
      "service-without-link",
      `WHMCS ${listed(marked)} carries its mark, and no order of it is approved`,
      "If the customer shall have it, approve the order in Salesforce: its job finds the service and links it. If not, cancel it in WHMCS.",
    ),
  ];
}

function whileActive({ opportunity, linked, marked, say }: Seen): Disagreement[] {
  const { opportunityId, whmcsServiceId } = opportunity;
  if (whmcsServiceId === null) {
    return [
      marked.length === 0
        ? say(
            "active-without-service",
            "Active, and names no WHMCS service",
            "If the customer has one, fill in WHMCS_Service_ID__c in Salesforce. If not, set StageName to Post Processing: with its order approved, it is provisioned.",
          )
        : say(
            "service-without-link",
            `Active, and does not name WHMCS ${listed(marked)}, which carries its mark`,
            "Fill in WHMCS_Service_ID__c in Salesforce, where there are several with the one that is no one-time product.",
          ),
    ];
  }
  if (linked === undefined) return [linkToNothing(opportunity, say)];
  const { serviceId, status, orderId } = linked;
  if (linked.opportunityId !== null && linked.opportunityId !== opportunityId) {
    return [
      say(
        "service-of-another",
        `names WHMCS service ${serviceId}, which carries the mark of opportunity ${linked.opportunityId}`,
        "Decide whose service it is; correct WHMCS_Service_ID__c in Salesforce, or the service's mark in WHMCS.",
      ),
    ];
  }
  if (status === "Pending") {
    return [
      say(
        "active-but-pending",
        `Active, and its WHMCS service ${serviceId} is Pending`,
        orderId === null ? "Activate the service in WHMCS." : `Accept order ${orderId} in WHMCS.`,
      ),
    ];
  }
  if (RUNS.has(status)) return [];
  return [
    say(
      "active-but-ended",
      `Active, and its WHMCS service ${serviceId} is ${status}`,
      "If the service is over, set StageName to △Cancelled in Salesforce; if not, mend the service in WHMCS.",
    ),
  ];
}

function linkToNothing({ whmcsClientId, whmcsServiceId }: LifecycleOpportunity, say: Seen["say"]): Disagreement {
  const named = `names WHMCS service ${String(whmcsServiceId)}`;
  if (whmcsClientId === null) {
    const words = "Fill in WH_Account__c on the account in Salesforce with its WHMCS client id.";
    return say("link-to-nothing", `${named}, and its account has no WHMCS client`, words);
  }
  return say(
    "link-to-nothing",
    `${named}, which WHMCS client ${whmcsClientId} does not have`,
    "Correct WHMCS_Service_ID__c on the opportunity, or WH_Account__c on its account, in Salesforce.",
  );
}

function whileCancelling(seen: Seen): Disagreement[] {
  const { opportunity, linked, facts, say } = seen;
  const { opportunityId, commodity, whmcsServiceId, endsAt } = opportunity;
  const hasCase = facts.cases.some(
    (one) => one.type === CANCELLATION_CASE_TYPE && one.opportunity?.opportunityId === opportunityId,
  );
  const dateField =
    typeOfCommodity(commodity) === "SIM"
      ? "SIMScheduledCancellationDateAndTime__c"
      : "ScheduledCancellationDateAndTime__c";
  return [
    ...(hasCase
      ? []
      : [
          say(
            "cancelling-without-case",
            "△Cancelling, and has no Case",
            "Make a Case of Type Cancellation Request for it in Salesforce, or set StageName back to Active where nobody asked for the end.",
          ),
        ]),
    ...(whmcsServiceId === null
      ? [
          say(
            "cancelling-without-service",
            "△Cancelling, and names no WHMCS service, so nothing will end it",
            "Fill in WHMCS_Service_ID__c in Salesforce.",
          ),
        ]
      : linked === undefined
        ? [linkToNothing(opportunity, say)]
        : []),
    ...(endsAt === null
      ? [
          say(
            "cancelling-without-date",
            "△Cancelling, and has no date, so nothing will end it",
            `Fill in ${dateField} in Salesforce.`,
          ),
        ]
      : overdue(seen, new Date(endsAt))),
  ];
}

function overdue({ opportunity, linked, facts, say }: Seen, endsAt: Date): Disagreement[] {
  if (linked === undefined || facts.now.getTime() - endsAt.getTime() < OVERDUE_AFTER_MS) return [];
  const { serviceId, status } = linked;
  const what = `△Cancelling, its last day was ${dayInJapan(endsAt)}, and its WHMCS service ${serviceId} is ${status}`;
  if (typeOfCommodity(opportunity.commodity) !== "SIM" && !isEnded(status)) {
    const words = `End service ${serviceId} in WHMCS; the next daily sweep (09:00 in Japan) does the rest.`;
    return [say("end-overdue", what, words)];
  }
  const { opportunityId } = opportunity;
  const work = { kind: "termination", payload: { opportunityId } } as const;
  return [{ kind: "end-overdue", where: `Opportunity ${opportunityId}`, what, heal: { by: "daily sweep", work } }];
}

function afterwards({ opportunity: { stage, whmcsServiceId }, linked, marked, say }: Seen): Disagreement[] {
  // One-time products of its order carry the mark too, and stay Active for ever: where there is a link, it tells.
  const running =
    whmcsServiceId === null ? marked : [linked].filter((one) => one !== undefined && RUNS.has(one.status));
  return running.flatMap((one) =>
    one === undefined
      ? []
      : say(
          "over-but-running",
          `${stage}, and its WHMCS service ${one.serviceId} is ${one.status}`,
          "End the service in WHMCS, or correct the stage in Salesforce.",
        ),
  );
}

/** `service 9001 (Active), service 9002 (Active)`. */
function listed(services: readonly ClientService[]): string {
  return services.map(({ serviceId, status }) => `service ${serviceId} (${status})`).join(", ");
}
