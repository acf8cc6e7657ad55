import type { ApprovedOrder, Disagreement, Facts } from "./disagreement.ts";
import { forPerson } from "./disagreement.ts";
import { disagreementsOfCases } from "./disagreements-of-cases.ts";
import { disagreementsOfOpportunity } from "./disagreements-of-opportunity.ts";
import { STAGE } from "./opportunity.ts";

/** Everything on which Salesforce and WHMCS disagree, as far as `facts` tell. */
export function disagreements(facts: Facts): Disagreement[] {
  const orders = approvedWithoutService(facts.orders);
  const waiting = new Set(facts.orders.map(({ opportunity }) => opportunity?.opportunityId));
  return [
    ...orders,
    ...facts.opportunities.flatMap((one) => disagreementsOfOpportunity(one, facts, waiting.has(one.opportunityId))),
    ...disagreementsOfCases(facts),
  ];
}

/** The approved orders that should have become a service and have not: what the sweep heals, and the doctor tells. */
export function approvedWithoutService(orders: readonly ApprovedOrder[]): Disagreement[] {
  return orders.flatMap(({ orderId, status, opportunity }) => {
    const where = `Order ${orderId}`;
    const lacking = lackOf(opportunity);
    if (lacking === null) return [];
    if (status === "Approved") {
      const what = `approved, and ${lacking}`;
      return [
        {
          kind: "order-without-service",
          where,
          what,
          heal: { by: "post", work: { kind: "provisioning", payload: { orderId } } },
        },
      ];
    }
    const words = "Set its Status to Approved in Salesforce; the rest follows by itself.";
    return [forPerson("order-activated-by-hand", where, `${status}, and ${lacking}`, words)];
  });
}

/** Why an approved order has no service, in words; null where it has. Where a person must mend the order, its job fails and says so. */
function lackOf(opportunity: ApprovedOrder["opportunity"]): string | null {
  if (opportunity === null) return "has no opportunity";
  const { opportunityId, stage, whmcsServiceId } = opportunity;
  if (stage === STAGE.introduction || stage === STAGE.ready) return `its opportunity ${opportunityId} is in ${stage}`;
  if (stage === STAGE.postProcessing && whmcsServiceId === null)
    return `its opportunity ${opportunityId} names no service`;
  return null;
}
