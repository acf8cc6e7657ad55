import { ELIGIBILITY_CASE_TYPE } from "../../domain/eligibility.ts";
import { commoditiesOf, STAGE } from "../../domain/opportunity.ts";
import type { Ask } from "./asking.ts";
import {
  accountIdAnswer,
  at,
  caseIdAnswer,
  children,
  idMade,
  onlyRow,
  opportunityIdAnswer,
  text,
  writeTogether,
} from "./answers.ts";
import type { Salesforce } from "./client.ts";
import type { FieldNames } from "./fields.ts";
import { newOpportunity, OPPORTUNITY_PART } from "./new-opportunity.ts";
import { name, soql } from "./soql.ts";
import { cutFor } from "./text-limits.ts";
import * as z from "zod";

const SOURCE = "Portal - Internet Eligibility Request";

export function eligibilityVerbs(
  ask: Ask,
  fields: FieldNames,
): Pick<Salesforce, "eligibility" | "requestEligibilityCheck"> {
  const account = {
    name: fields.of("Account.Name"),
    eligibility: fields.of("Account.Internet_Eligibility__c"),
    status: fields.of("Account.Internet_Eligibility_Status__c"),
    requestedAt: fields.of("Account.Internet_Eligibility_Request_Date_Time__c"),
  };
  const caseOpportunity = fields.of("Case.OpportunityId");

  return {
    eligibility(accountId) {
      return ask({ operation: "eligibility", asked: "read", object: "Account" }, async (salesforce) => {
        const row = await onlyRow(
          salesforce,
          soql`SELECT Id, ${name(account.name)}, ${name(account.eligibility)}, ${name(account.status)}, (SELECT Id, ${name(caseOpportunity)} FROM Cases WHERE ${name(fields.of("Case.Type"))} = ${ELIGIBILITY_CASE_TYPE} AND ${name(fields.of("Case.IsClosed"))} = false ORDER BY CreatedDate DESC, Id DESC LIMIT 1), (SELECT Id FROM Opportunities WHERE ${name(fields.of("Opportunity.CommodityType"))} IN ${commoditiesOf("Internet")} AND ${name(fields.of("Opportunity.StageName"))} = ${STAGE.introduction} AND ${name(fields.of("Opportunity.IsClosed"))} = false ORDER BY CreatedDate DESC, Id DESC LIMIT 1) FROM Account WHERE Id = ${accountId}`,
        );
        if (row === null) return null;
        at(row, ["Id"], accountIdAnswer);
        const [openCase] = children(row, "Cases");
        const [introduction] = children(row, "Opportunities");
        return {
          accountName: at(row, [account.name], z.string()),
          eligibility: at(row, [account.eligibility], text),
          status: at(row, [account.status], text),
          openCase:
            openCase === undefined
              ? null
              : {
                  caseId: at(openCase, ["Id"], caseIdAnswer),
                  opportunityId: at(openCase, [caseOpportunity], opportunityIdAnswer.nullable()),
                },
          introduction: introduction === undefined ? null : at(introduction, ["Id"], opportunityIdAnswer),
        };
      });
    },

    requestEligibilityCheck(check) {
      return ask({ operation: "requestEligibilityCheck", asked: "write" }, async (salesforce) => {
        const answers = await writeTogether(salesforce, [
          ...(check.opportunityId === null
            ? [newOpportunity(fields, { ...check, type: "Internet", stage: STAGE.introduction, source: SOURCE })]
            : []),
          {
            method: "POST",
            object: "Case",
            name: "cs",
            body: {
              [fields.of("Case.Type")]: ELIGIBILITY_CASE_TYPE,
              [fields.of("Case.AccountId")]: check.accountId,
              [caseOpportunity]: check.opportunityId ?? `@{${OPPORTUNITY_PART}.id}`,
              [fields.of("Case.Subject")]: cutFor("Case.Subject", check.subject),
              [fields.of("Case.Description")]: check.description,
              [fields.of("Case.Status")]: "New",
            },
          },
          {
            method: "PATCH",
            object: "Account",
            id: check.accountId,
            name: "acc",
            body: { [account.status]: "Pending", [account.requestedAt]: check.requestedAt.toISOString() },
          },
        ]);
        return {
          opportunityId: check.opportunityId ?? idMade(answers, OPPORTUNITY_PART, opportunityIdAnswer),
          caseId: idMade(answers, "cs", caseIdAnswer),
        };
      });
    },
  };
}
