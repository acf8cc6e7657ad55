import * as z from "zod";
import { STAGE } from "../../domain/opportunity.ts";
import {
  at,
  caseIdAnswer,
  everyRow,
  onlyRow,
  opportunityIdAnswer,
  orderIdAnswer,
  text,
  whmcsId,
  writeTogether,
} from "./answers.ts";
import type { Ask } from "./asking.ts";
import type { Salesforce } from "./client.ts";
import type { FieldNames, LogicalField } from "./fields.ts";
import { dueCancellationReader } from "./lifecycle.ts";
import { name, soql } from "./soql.ts";

const CANCELLATION = "Cancellation Request";

/** What the scheduled looks ask: which orders nobody announced, and which services are due to end. */
export function sweepVerbs(
  ask: Ask,
  fields: FieldNames,
): Pick<
  Salesforce,
  | "approvedOrders"
  | "dueCancellations"
  | "linesThatCameBack"
  | "dueCancellation"
  | "openCancellationCases"
  | "closeCancellation"
> {
  const of = (field: LogicalField) => name(fields.of(field));
  const path = (...steps: readonly string[]) => name(steps.join("."));
  const stage = fields.of("Opportunity.StageName");
  const lineReturn = fields.of("Opportunity.LineReturn__c");
  const scheduled = fields.of("Opportunity.ScheduledCancellationDateAndTime__c");
  const simScheduled = fields.of("Opportunity.SIMScheduledCancellationDateAndTime__c");
  const service = fields.of("Opportunity.WHMCS_Service_ID__c");
  const opportunityOfOrder = fields.relationship("Order.OpportunityId");
  const opportunityOfCase = fields.relationship("Case.OpportunityId");

  const due = dueCancellationReader(fields);

  return {
    approvedOrders(since) {
      return ask({ operation: "approvedOrders", asked: "read", object: "Order" }, async (salesforce) => {
        const rows = await everyRow(
          salesforce,
          soql`SELECT Id, ${of("Order.Status")}, ${of("Order.OpportunityId")}, ${path(opportunityOfOrder, stage)}, ${path(opportunityOfOrder, service)} FROM Order WHERE ${of("Order.Status")} IN ${["Approved", "Activated"]} AND ((${path(opportunityOfOrder, stage)} = ${STAGE.postProcessing} AND ${path(opportunityOfOrder, service)} = ${null}) OR ((${of("Order.OpportunityId")} = ${null} OR ${path(opportunityOfOrder, stage)} IN ${[STAGE.introduction, STAGE.ready]}) AND LastModifiedDate >= ${since})) ORDER BY LastModifiedDate, Id`,
        );
        return rows.map((row) => {
          const opportunityId = at(row, [fields.of("Order.OpportunityId")], opportunityIdAnswer.nullable());
          const itsStage = at(row, [opportunityOfOrder, stage], text);
          return {
            orderId: at(row, ["Id"], orderIdAnswer),
            status: at(row, [fields.of("Order.Status")], z.string()),
            opportunity:
              // A lookup may be filled while its record is not visible to us.
              opportunityId === null || itsStage === null
                ? null
                : { opportunityId, stage: itsStage, whmcsServiceId: at(row, [opportunityOfOrder, service], whmcsId) },
          };
        });
      });
    },

    dueCancellations(now) {
      return ask({ operation: "dueCancellations", asked: "read", object: "Opportunity" }, async (salesforce) => {
        const rows = await everyRow(
          salesforce,
          soql`SELECT ${due.selected} FROM Opportunity WHERE ${name(stage)} = ${STAGE.cancelling} AND (${name(scheduled)} <= ${now} OR ${name(simScheduled)} <= ${now}) ORDER BY Id`,
        );
        // The query cannot tell whose date is which: a date that another service left behind does not count.
        return rows.map(due.read).filter(({ endsAt }) => endsAt !== null && new Date(endsAt) <= now);
      });
    },

    linesThatCameBack() {
      return ask({ operation: "linesThatCameBack", asked: "read", object: "Case" }, async (salesforce) => {
        const rows = await everyRow(
          salesforce,
          soql`SELECT ${of("Case.OpportunityId")} FROM Case WHERE ${of("Case.Type")} = ${CANCELLATION} AND ${of("Case.IsClosed")} = false AND ${path(opportunityOfCase, stage)} = ${STAGE.cancelled} AND ${path(opportunityOfCase, lineReturn)} IN ${["Returned", "不要"]}`,
        );
        return [...new Set(rows.map((row) => at(row, [fields.of("Case.OpportunityId")], opportunityIdAnswer)))];
      });
    },

    dueCancellation(opportunityId) {
      return ask({ operation: "dueCancellation", asked: "read", object: "Opportunity" }, async (salesforce) => {
        const row = await onlyRow(
          salesforce,
          soql`SELECT ${due.selected} FROM Opportunity WHERE Id = ${opportunityId}`,
        );
        return row === null ? null : due.read(row);
      });
    },

    openCancellationCases(opportunityId) {
      return ask({ operation: "openCancellationCases", asked: "read", object: "Case" }, async (salesforce) => {
        const rows = await everyRow(
          salesforce,
          soql`SELECT Id FROM Case WHERE ${of("Case.OpportunityId")} = ${opportunityId} AND ${of("Case.Type")} = ${CANCELLATION} AND ${of("Case.IsClosed")} = false ORDER BY Id`,
        );
        return rows.map((row) => at(row, ["Id"], caseIdAnswer));
      });
    },

    closeCancellation({ opportunityId, caseIds }) {
      return ask({ operation: "closeCancellation", asked: "write", object: "Opportunity" }, async (salesforce) => {
        await writeTogether(salesforce, [
          {
            method: "PATCH",
            object: "Opportunity",
            id: opportunityId,
            name: "opp",
            body: { [stage]: STAGE.cancelled },
          },
          ...caseIds.map((id, at) => ({
            method: "PATCH" as const,
            object: "Case",
            id,
            name: `case${String(at)}`,
            body: { [fields.of("Case.Status")]: "Closed" },
          })),
        ]);
      });
    },
  };
}
