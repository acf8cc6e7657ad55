import { dayInJapan } from "../../domain/japan-calendar.ts";
import { commodityOf, type ServiceType, type Stage } from "../../domain/opportunity.ts";
import type { AccountId } from "../../domain/salesforce-id.ts";
import type { Part } from "./answers.ts";
import type { FieldNames } from "./fields.ts";
import { cutFor } from "./text-limits.ts";

/** `CloseDate` is a field that Salesforce requires; the sale closes when somebody closes it. */
const CLOSE_AFTER_DAYS = 60;

/** The name by which other parts of a call refer to the Opportunity that it makes: `@{opp.id}`. */
export const OPPORTUNITY_PART = "opp";

export interface NewOpportunity {
  readonly accountId: AccountId;
  readonly accountName: string;
  readonly type: ServiceType;
  readonly stage: Stage;
  readonly source: "Portal - Internet Eligibility Request" | "Portal - Order Placement";
  /** When the request was accepted. */
  readonly requestedAt: Date;
}

/** The part of a composite call that makes an Opportunity (`spec/rules.md`, Names and values). */
export function newOpportunity(fields: FieldNames, opportunity: NewOpportunity): Part {
  const { accountId, accountName, type, stage, source, requestedAt } = opportunity;
  return {
    method: "POST",
    object: "Opportunity",
    name: OPPORTUNITY_PART,
    body: {
      [fields.of("Opportunity.Name")]: cutFor("Opportunity.Name", `${accountName} - ${commodityOf(type)}`),
      [fields.of("Opportunity.AccountId")]: accountId,
      [fields.of("Opportunity.StageName")]: stage,
      [fields.of("Opportunity.CloseDate")]: dayInJapan(requestedAt, CLOSE_AFTER_DAYS),
      [fields.of("Opportunity.CommodityType")]: commodityOf(type),
      [fields.of("Opportunity.Opportunity_Source__c")]: source,
      [fields.of("Opportunity.Application_Stage__c")]: "INTRO-1",
    },
  };
}
