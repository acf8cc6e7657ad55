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
  type Part,
} from "./answers.ts";
import type { EligibilityCheck, Salesforce } from "./client.ts";
import type { FieldNames } from "./fields.ts";
import { name, soql } from "./soql.ts";
import * as z from "zod";

const CASE_TYPE = "Eligibility Check";
const STAGE = "Introduction";
const COMMODITY = "Personal SonixNet Home Internet";
/** A corporate Opportunity is used where there is one, and never created (`spec/rules.md`). */
const COMMODITIES = [COMMODITY, "Corporate SonixNet Home Internet"];
/** Salesforce's own limits for `Opportunity.Name` and `Case.Subject`, in UTF-16 units. */
const MAX_NAME = 120;
const MAX_SUBJECT = 255;
const CLOSE_AFTER_DAYS = 60;

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
          soql`SELECT Id, ${name(account.name)}, ${name(account.eligibility)}, ${name(account.status)}, (SELECT Id, ${name(caseOpportunity)} FROM Cases WHERE ${name(fields.of("Case.Type"))} = ${CASE_TYPE} AND ${name(fields.of("Case.IsClosed"))} = false ORDER BY CreatedDate DESC, Id DESC LIMIT 1), (SELECT Id FROM Opportunities WHERE ${name(fields.of("Opportunity.CommodityType"))} IN ${COMMODITIES} AND ${name(fields.of("Opportunity.StageName"))} = ${STAGE} AND ${name(fields.of("Opportunity.IsClosed"))} = false ORDER BY CreatedDate DESC, Id DESC LIMIT 1) FROM Account WHERE Id = ${accountId}`,
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
          ...(check.opportunityId === null ? [newOpportunity(check)] : []),
          {
            method: "POST",
            object: "Case",
            name: "cs",
            body: {
              [fields.of("Case.Type")]: CASE_TYPE,
              [fields.of("Case.AccountId")]: check.accountId,
              [caseOpportunity]: check.opportunityId ?? "@{opp.id}",
              [fields.of("Case.Subject")]: cutTo(MAX_SUBJECT, check.subject),
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
          opportunityId: check.opportunityId ?? idMade(answers, "opp", opportunityIdAnswer),
          caseId: idMade(answers, "cs", caseIdAnswer),
        };
      });
    },
  };

  function newOpportunity({ accountId, accountName, requestedAt }: EligibilityCheck): Part {
    return {
      method: "POST",
      object: "Opportunity",
      name: "opp",
      body: {
        [fields.of("Opportunity.Name")]: cutTo(MAX_NAME, `${accountName} - ${COMMODITY}`),
        [fields.of("Opportunity.AccountId")]: accountId,
        [fields.of("Opportunity.StageName")]: STAGE,
        [fields.of("Opportunity.CloseDate")]: dateInJapan(requestedAt, CLOSE_AFTER_DAYS),
        [fields.of("Opportunity.CommodityType")]: COMMODITY,
        [fields.of("Opportunity.Opportunity_Source__c")]: "Portal - Internet Eligibility Request",
        [fields.of("Opportunity.Application_Stage__c")]: "INTRO-1",
      },
    };
  }
}

/** At most `length` UTF-16 units of `value`, never half a character. */
function cutTo(length: number, value: string): string {
  return value.slice(0, length).replace(/[\uD800-\uDBFF]$/, "");
}

const HOUR_MS = 3_600_000;

/** The date in Japan (UTC+9, no daylight saving) `days` after `moment`, as `YYYY-MM-DD`. */
function dateInJapan(moment: Date, days: number): string {
  return new Date(moment.getTime() + 9 * HOUR_MS + days * 24 * HOUR_MS).toISOString().slice(0, 10);
}
