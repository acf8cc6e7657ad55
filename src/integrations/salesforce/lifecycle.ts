import * as z from "zod";
import { CANCELLATION_CASE_TYPE, marksOf } from "../../domain/cancellation-case.ts";
import { ELIGIBILITY_CASE_TYPE } from "../../domain/eligibility.ts";
import { endOf, STAGE } from "../../domain/opportunity.ts";
import { accountIdAnswer, at, caseIdAnswer, everyRow, opportunityIdAnswer, text, whmcsId } from "./answers.ts";
import type { Ask } from "./asking.ts";
import type { DueCancellation, Salesforce } from "./client.ts";
import type { FieldNames, LogicalField } from "./fields.ts";
import { name, names, soql } from "./soql.ts";

/** How an Opportunity is read where its end is asked after: the fields to select, and what their row says. */
export function dueCancellationReader(fields: FieldNames) {
  const client = ["Account", fields.of("Account.WH_Account__c")];
  const stage = fields.of("Opportunity.StageName");
  const commodity = fields.of("Opportunity.CommodityType");
  const service = fields.of("Opportunity.WHMCS_Service_ID__c");
  const lineReturn = fields.of("Opportunity.LineReturn__c");
  const scheduled = fields.of("Opportunity.ScheduledCancellationDateAndTime__c");
  const simScheduled = fields.of("Opportunity.SIMScheduledCancellationDateAndTime__c");
  return {
    selected: names(["Id", client.join("."), stage, commodity, service, lineReturn, scheduled, simScheduled]),
    read: (row: Readonly<Record<string, unknown>>): DueCancellation => ({
      opportunityId: at(row, ["Id"], opportunityIdAnswer),
      whmcsClientId: at(row, client, whmcsId),
      stage: at(row, [stage], z.string()),
      commodity: at(row, [commodity], text),
      whmcsServiceId: at(row, [service], whmcsId),
      lineReturn: at(row, [lineReturn], text),
      endsAt: endOf(at(row, [commodity], text), {
        sim: at(row, [simScheduled], text),
        others: at(row, [scheduled], text),
      }),
    }),
  };
}

/** What the doctor reads: where the lifecycle of each service stands. */
export function lifecycleVerbs(
  ask: Ask,
  fields: FieldNames,
): Pick<Salesforce, "lifecycleOpportunities" | "lifecycleCases" | "accountsBeingChecked"> {
  const of = (field: LogicalField) => name(fields.of(field));
  const stage = fields.of("Opportunity.StageName");
  const due = dueCancellationReader(fields);
  const cs = {
    type: fields.of("Case.Type"),
    account: fields.of("Case.AccountId"),
    opportunityId: fields.of("Case.OpportunityId"),
    isClosed: fields.of("Case.IsClosed"),
    description: fields.of("Case.Description"),
  };
  const opportunityOfCase = [fields.relationship("Case.OpportunityId"), stage];

  return {
    lifecycleOpportunities(since) {
      return ask({ operation: "lifecycleOpportunities", asked: "read", object: "Opportunity" }, async (salesforce) => {
        const stages = [STAGE.postProcessing, STAGE.active, STAGE.cancelling, STAGE.cancelled, STAGE.void];
        const rows = await everyRow(
          salesforce,
          soql`SELECT ${due.selected} FROM Opportunity WHERE ${name(stage)} = ${STAGE.cancelling} OR (${name(stage)} IN ${stages} AND LastModifiedDate >= ${since}) ORDER BY Id`,
        );
        return rows.map(due.read);
      });
    },

    lifecycleCases() {
      return ask({ operation: "lifecycleCases", asked: "read", object: "Case" }, async (salesforce) => {
        const types = [ELIGIBILITY_CASE_TYPE, CANCELLATION_CASE_TYPE];
        const rows = await everyRow(
          salesforce,
          soql`SELECT Id, ${names([cs.type, cs.account, cs.opportunityId, opportunityOfCase.join("."), cs.isClosed, cs.description])} FROM Case WHERE ${name(cs.type)} IN ${types} AND (${name(cs.isClosed)} = false OR ${name(opportunityOfCase.join("."))} = ${STAGE.cancelling}) ORDER BY Id`,
        );
        return rows.map((row) => {
          const opportunityId = at(row, [cs.opportunityId], opportunityIdAnswer.nullable());
          const itsStage = at(row, opportunityOfCase, text);
          return {
            caseId: at(row, ["Id"], caseIdAnswer),
            type: at(row, [cs.type], z.string()),
            accountId: at(row, [cs.account], accountIdAnswer.nullable()),
            isOpen: !at(row, [cs.isClosed], z.boolean()),
            opportunity: opportunityId === null ? null : { opportunityId, stage: itsStage },
            serviceId: marksOf(at(row, [cs.description], text)).serviceId,
          };
        });
      });
    },

    accountsBeingChecked(since) {
      return ask({ operation: "accountsBeingChecked", asked: "read", object: "Account" }, async (salesforce) => {
        const requested = of("Account.Internet_Eligibility_Request_Date_Time__c");
        const rows = await everyRow(
          salesforce,
          soql`SELECT Id FROM Account WHERE ${of("Account.Internet_Eligibility_Status__c")} = ${"Pending"} AND ${of("Account.Internet_Eligibility__c")} = ${null} AND (${requested} >= ${since} OR ${requested} = ${null}) ORDER BY Id`,
        );
        return rows.map((row) => at(row, ["Id"], accountIdAnswer));
      });
    },
  };
}
