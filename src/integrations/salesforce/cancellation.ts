import * as z from "zod";
import { CANCELLATION_CASE_TYPE, marksOf } from "../../domain/cancellation-case.ts";
import { type ServiceType, STAGE } from "../../domain/opportunity.ts";
import type { Ask } from "./asking.ts";
import {
  accountIdAnswer,
  at,
  caseIdAnswer,
  children,
  idMade,
  onlyRow,
  opportunityIdAnswer,
  type Part,
  text,
  whmcsId,
  writeTogether,
} from "./answers.ts";
import type { CancellationRequest, Salesforce } from "./client.ts";
import type { FieldNames, LogicalField } from "./fields.ts";
import { name, soql } from "./soql.ts";
import { cutFor } from "./text-limits.ts";

/** The fields of an Opportunity that tell of its cancellation. */
const FIELDS_OF: Record<ServiceType, { readonly notice: LogicalField; readonly scheduledFor: LogicalField }> = {
  Internet: {
    notice: "Opportunity.CancellationNotice__c",
    scheduledFor: "Opportunity.ScheduledCancellationDateAndTime__c",
  },
  VPN: {
    notice: "Opportunity.CancellationNotice__c",
    scheduledFor: "Opportunity.ScheduledCancellationDateAndTime__c",
  },
  SIM: {
    notice: "Opportunity.SIMCancellationNotice__c",
    scheduledFor: "Opportunity.SIMScheduledCancellationDateAndTime__c",
  },
};

/** Far more than an account has that are open, or of one service in one month. */
const CASES_AT_MOST = 200;

const CASE_PART = "cs";
const NUMBER_PART = "csNumber";

export function cancellationVerbs(
  ask: Ask,
  fields: FieldNames,
): Pick<Salesforce, "cancellation" | "requestCancellation"> {
  const accountName = fields.of("Account.Name");
  const client = fields.of("Account.WH_Account__c");
  const email = fields.of("Contact.Email");
  const stage = fields.of("Opportunity.StageName");
  const commodity = fields.of("Opportunity.CommodityType");
  const service = fields.of("Opportunity.WHMCS_Service_ID__c");
  const cs = {
    number: fields.of("Case.CaseNumber"),
    subject: fields.of("Case.Subject"),
    description: fields.of("Case.Description"),
    isClosed: fields.of("Case.IsClosed"),
    opportunity: fields.of("Case.OpportunityId"),
    type: fields.of("Case.Type"),
  };

  return {
    cancellation({ accountId, serviceId, service: type, subject }) {
      return ask({ operation: "cancellation", asked: "read", object: "Account" }, async (salesforce) => {
        const scheduledFor = fields.of(FIELDS_OF[type].scheduledFor);
        const row = await onlyRow(
          salesforce,
          soql`SELECT Id, ${name(accountName)}, ${name(client)}, (SELECT Id, ${name(email)} FROM Contacts WHERE ${name(email)} != null ORDER BY CreatedDate, Id LIMIT 1), (SELECT Id, ${name(stage)}, ${name(commodity)}, ${name(scheduledFor)} FROM Opportunities WHERE ${name(service)} = ${serviceId} ORDER BY CreatedDate DESC, Id DESC LIMIT 1), (SELECT Id, ${name(cs.number)}, ${name(cs.subject)}, ${name(cs.description)}, ${name(cs.isClosed)}, ${name(cs.opportunity)} FROM Cases WHERE ${name(cs.type)} = ${CANCELLATION_CASE_TYPE} AND (${name(cs.subject)} = ${subject} OR ${name(cs.isClosed)} = false) ORDER BY CreatedDate DESC, Id DESC LIMIT ${CASES_AT_MOST}) FROM Account WHERE Id = ${accountId}`,
        );
        if (row === null) return null;
        at(row, ["Id"], accountIdAnswer);
        const [contact] = children(row, "Contacts");
        const [opportunity] = children(row, "Opportunities");
        return {
          accountName: at(row, [accountName], z.string()),
          whmcsClientId: at(row, [client], whmcsId),
          email: contact === undefined ? null : at(contact, [email], text),
          opportunity:
            opportunity === undefined
              ? null
              : {
                  opportunityId: at(opportunity, ["Id"], opportunityIdAnswer),
                  stage: at(opportunity, [stage], z.string()),
                  commodity: at(opportunity, [commodity], text),
                  scheduledFor: at(opportunity, [scheduledFor], text),
                },
          cases: children(row, "Cases").map((each) => ({
            caseId: at(each, ["Id"], caseIdAnswer),
            caseNumber: at(each, [cs.number], z.string()),
            subject: at(each, [cs.subject], text),
            isOpen: !at(each, [cs.isClosed], z.boolean()),
            opportunityId: at(each, [cs.opportunity], opportunityIdAnswer.nullable()),
            ...marksOf(at(each, [cs.description], text)),
          })),
        };
      });
    },

    requestCancellation(request) {
      return ask({ operation: "requestCancellation", asked: "write" }, async (salesforce) => {
        const { opportunityId } = request;
        const answers = await writeTogether(salesforce, [
          {
            method: "POST",
            object: "Case",
            name: CASE_PART,
            body: {
              [cs.type]: CANCELLATION_CASE_TYPE,
              [fields.of("Case.AccountId")]: request.accountId,
              ...(opportunityId !== null && { [cs.opportunity]: opportunityId }),
              [cs.subject]: cutFor("Case.Subject", request.subject),
              [cs.description]: cutFor("Case.Description", request.description),
              [fields.of("Case.Status")]: "New",
            },
          },
          // The number by which people know the Case; Salesforce gives it, so it is asked for in the same breath.
          { method: "GET", object: "Case", id: `@{${CASE_PART}.id}`, fields: [cs.number], name: NUMBER_PART },
          ...(opportunityId === null ? [] : [opportunityPart(fields, request, opportunityId)]),
        ]);
        const made = z.record(z.string(), z.unknown()).parse(answers.get(NUMBER_PART));
        return { caseId: idMade(answers, CASE_PART, caseIdAnswer), caseNumber: at(made, [cs.number], z.string()) };
      });
    },
  };
}

function opportunityPart(fields: FieldNames, { service, endsAt }: CancellationRequest, id: string): Part {
  const { notice, scheduledFor } = FIELDS_OF[service];
  return {
    method: "PATCH",
    object: "Opportunity",
    id,
    name: "opp",
    body: {
      [fields.of("Opportunity.StageName")]: STAGE.cancelling,
      [fields.of(scheduledFor)]: endsAt.toISOString(),
      [fields.of(notice)]: "有",
      // Only Internet has a line whose equipment comes back.
      ...(service === "Internet" && { [fields.of("Opportunity.LineReturn__c")]: "NotYet" }),
    },
  };
}
