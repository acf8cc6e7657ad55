import * as z from "zod";
import type { CustomerFacts } from "../../domain/customer-view.ts";
import { type Day, dayInJapan } from "../../domain/japan-calendar.ts";
import { STAGE } from "../../domain/opportunity.ts";
import { accountIdAnswer, at, children, dateTime, onlyRow, orderIdAnswer, text, whmcsId } from "./answers.ts";
import type { Ask } from "./asking.ts";
import type { Salesforce } from "./client.ts";
import type { FieldNames } from "./fields.ts";
import { name, soql, type SoqlName } from "./soql.ts";

/** A page for a customer shows no more of each; the newest come first. */
const MOST_SHOWN = 200;

/** A date field, or a moment, whose day in Japan it is. */
const day = z
  .union([
    z
      .string()
      .regex(/^\d{4}-\d\d-\d\d$/)
      .transform((value) => value as Day), // the pattern allows nothing else
    dateTime.transform((moment) => (moment === null ? null : dayInJapan(moment))),
  ])
  .nullable();

export function accountStatusVerbs(ask: Ask, fields: FieldNames): Pick<Salesforce, "accountStatus"> {
  const account = {
    eligibility: fields.of("Account.Internet_Eligibility__c"),
    checking: fields.of("Account.Internet_Eligibility_Status__c"),
    requestedAt: fields.of("Account.Internet_Eligibility_Request_Date_Time__c"),
    checkedAt: fields.of("Account.Internet_Eligibility_Checked_Date_Time__c"),
    verification: fields.of("Account.Id_Verification_Status__c"),
    submittedAt: fields.of("Account.Id_Verification_Submitted_Date_Time__c"),
    message: fields.of("Account.Id_Verification_Rejection_Message__c"),
  };
  const order = { status: fields.of("Order.Status"), notes: fields.of("Order.Description") };
  const orderStage = [fields.relationship("Order.OpportunityId"), fields.of("Opportunity.StageName")] as const;
  const opportunity = {
    stage: fields.of("Opportunity.StageName"),
    commodity: fields.of("Opportunity.CommodityType"),
    service: fields.of("Opportunity.WHMCS_Service_ID__c"),
    scheduledAt: fields.of("Opportunity.ScheduledCancellationDateAndTime__c"),
    simScheduledAt: fields.of("Opportunity.SIMScheduledCancellationDateAndTime__c"),
    lineReturn: fields.of("Opportunity.LineReturn__c"),
  };
  const returnDeadline = fields.ofOptional("Opportunity.ReturnDeadline");
  const listed = (names: Readonly<Record<string, string>>, ...more: readonly string[]): SoqlName => ({
    soqlName: [...Object.values(names), ...more].map((one) => name(one).soqlName).join(", "),
  });
  const leaving = listed(opportunity, ...(returnDeadline === null ? [] : [returnDeadline]));

  return {
    accountStatus(accountId) {
      return ask({ operation: "accountStatus", asked: "read", object: "Account" }, async (salesforce) => {
        const row = await onlyRow(
          salesforce,
          soql`SELECT Id, ${listed(account)}, (SELECT Id, ${listed(order)}, ${name(orderStage.join("."))} FROM Orders ORDER BY CreatedDate DESC, Id DESC LIMIT ${MOST_SHOWN}), (SELECT Id, ${leaving} FROM Opportunities WHERE ${name(opportunity.stage)} IN ${[STAGE.cancelling, STAGE.cancelled]} AND ${name(opportunity.service)} != null ORDER BY CreatedDate DESC, Id DESC LIMIT ${MOST_SHOWN}) FROM Account WHERE Id = ${accountId}`,
        );
        if (row === null) return null;
        at(row, ["Id"], accountIdAnswer);
        return {
          eligibility: {
            value: at(row, [account.eligibility], text),
            status: at(row, [account.checking], text),
            requestedAt: at(row, [account.requestedAt], dateTime),
            checkedAt: at(row, [account.checkedAt], dateTime),
          },
          verification: {
            status: at(row, [account.verification], text),
            submittedAt: at(row, [account.submittedAt], dateTime),
            message: at(row, [account.message], text),
          },
          orders: children(row, "Orders").map((placed) => ({
            orderId: at(placed, ["Id"], orderIdAnswer),
            status: at(placed, [order.status], z.string()),
            notes: at(placed, [order.notes], text),
            stage: at(placed, orderStage, text),
          })),
          leaving: children(row, "Opportunities").flatMap((one): CustomerFacts["leaving"] => {
            const serviceId = at(one, [opportunity.service], whmcsId);
            if (serviceId === null) return [];
            return [
              {
                serviceId,
                stage: at(one, [opportunity.stage], z.string()),
                commodity: at(one, [opportunity.commodity], text),
                scheduledAt: at(one, [opportunity.scheduledAt], dateTime),
                simScheduledAt: at(one, [opportunity.simScheduledAt], dateTime),
                lineReturn: at(one, [opportunity.lineReturn], text),
                returnDeadline: returnDeadline === null ? null : at(one, [returnDeadline], day),
              },
            ];
          }),
        };
      });
    },
  };
}
