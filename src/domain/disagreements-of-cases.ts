import { CANCELLATION_CASE_TYPE } from "./cancellation-case.ts";
import { type Disagreement, type Facts, forPerson, type LifecycleCase } from "./disagreement.ts";
import { ELIGIBILITY_CASE_TYPE } from "./eligibility.ts";
import { mayCloseCase, STAGE } from "./opportunity.ts";

/** What does not fit between the Cases, the Opportunities and the Accounts that they are about. */
export function disagreementsOfCases(facts: Facts): Disagreement[] {
  const open = facts.cases.filter(({ isOpen }) => isOpen);
  const cancellations = open.filter(({ type }) => type === CANCELLATION_CASE_TYPE);
  const checks = open.filter(({ type }) => type === ELIGIBILITY_CASE_TYPE);
  const checked = new Set(checks.map(({ accountId }) => accountId));
  return [
    ...severalOf(checks, ({ accountId }) => accountId),
    ...severalOf(cancellations, ({ opportunity, serviceId }) => opportunity?.opportunityId ?? serviceId),
    ...cancellations.flatMap((one) => disagreementsOfCancellation(one, facts)),
    ...facts.checking
      .filter((accountId) => !checked.has(accountId))
      .map((accountId) =>
        forPerson(
          "checking-without-case",
          `Account ${accountId}`,
          "its eligibility is Pending, and no Case of it is open",
          "If the check is over, fill in Internet_Eligibility__c in Salesforce, and Checked as its status. If nobody checks, empty Internet_Eligibility_Status__c: the customer can ask again.",
        ),
      ),
  ];
}

/** Open Cases of one request. `about`: null where a Case does not say. */
function severalOf(
  cases: readonly LifecycleCase[],
  about: (one: LifecycleCase) => string | number | null,
): Disagreement[] {
  const groups = Map.groupBy(
    cases.filter((one) => about(one) !== null),
    about,
  );
  return [...groups.values()].flatMap(([first, ...others]) =>
    first === undefined || others.length === 0
      ? []
      : forPerson(
          "two-cases",
          `Case ${first.caseId}`,
          `open, and so is ${others.map(({ caseId }) => `Case ${caseId}`).join(", ")} about the same request`,
          "Close all but one in Salesforce: the one that Customer Service works with stays.",
        ),
  );
}

function disagreementsOfCancellation({ caseId, opportunity, serviceId }: LifecycleCase, facts: Facts): Disagreement[] {
  const where = `Case ${caseId}`;
  if (opportunity === null) {
    const named = serviceId === null ? "" : ` for WHMCS service ${serviceId}`;
    return [
      forPerson(
        "case-without-opportunity",
        where,
        `asks for a cancellation${named}, and no opportunity is cancelling by it`,
        "Link it to the service's opportunity in Salesforce, and set that one's date and △Cancelling. If the service has no opportunity, end it in WHMCS by hand, then close the Case.",
      ),
    ];
  }
  const { opportunityId, stage } = opportunity;
  if (stage === STAGE.active || stage === STAGE.postProcessing) {
    return [
      forPerson(
        "case-without-cancellation",
        where,
        `asks for a cancellation, and its opportunity ${opportunityId} is ${stage}`,
        "Set the opportunity's date and △Cancelling in Salesforce, or close the Case where the customer stays.",
      ),
    ];
  }
  const known = facts.opportunities.find((one) => one.opportunityId === opportunityId);
  if (stage !== STAGE.cancelled || known === undefined || !mayCloseCase(known)) return [];
  return [
    forPerson(
      "case-left-open",
      where,
      `open, and its opportunity ${opportunityId} is ${stage}`,
      "Close it in Salesforce. An Internet service's is closed by the next daily sweep (09:00 in Japan).",
    ),
  ];
}
