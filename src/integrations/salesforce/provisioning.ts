import * as z from "zod";
import { accountIdAnswer, at, children, onlyRow, opportunityIdAnswer, orderIdAnswer, whmcsId } from "./answers.ts";
import type { Ask } from "./asking.ts";
import type { Salesforce } from "./client.ts";
import type { FieldNames } from "./fields.ts";
import { name, soql } from "./soql.ts";

export function provisioningVerbs(
  ask: Ask,
  fields: FieldNames,
): Pick<Salesforce, "orderForProvisioning" | "activate" | "opportunityLink"> {
  const stage = fields.of("Opportunity.StageName");
  const service = fields.of("Opportunity.WHMCS_Service_ID__c");
  const order = {
    account: fields.of("Order.AccountId"),
    status: fields.of("Order.Status"),
    opportunityId: fields.of("Order.OpportunityId"),
  };
  const opportunity = fields.relationship("Order.OpportunityId");
  const client = ["Account", fields.of("Account.WH_Account__c")] as const;
  const product = {
    name: ["Product2", fields.of("Product2.Name")],
    whmcsId: ["Product2", fields.of("Product2.WH_Product_ID__c")],
    billingCycle: ["Product2", fields.of("Product2.Billing_Cycle__c")],
    itemClass: ["Product2", fields.of("Product2.Item_Class__c")],
  } as const;
  const quantity = fields.of("OrderItem.Quantity");
  const path = (steps: readonly string[]) => name(steps.join("."));

  return {
    orderForProvisioning(orderId) {
      return ask({ operation: "orderForProvisioning", asked: "read", object: "Order" }, async (salesforce) => {
        const row = await onlyRow(
          salesforce,
          soql`SELECT Id, ${name(order.account)}, ${name(order.status)}, ${path(client)}, ${name(order.opportunityId)}, ${path([opportunity, stage])}, ${path([opportunity, service])}, (SELECT Id, ${name(quantity)}, ${path(product.name)}, ${path(product.whmcsId)}, ${path(product.billingCycle)}, ${path(product.itemClass)} FROM OrderItems ORDER BY CreatedDate, Id) FROM Order WHERE Id = ${orderId}`,
        );
        if (row === null) return null;
        const opportunityId = at(row, [order.opportunityId], opportunityIdAnswer.nullable());
        return {
          orderId: at(row, ["Id"], orderIdAnswer),
          accountId: at(row, [order.account], accountIdAnswer),
          status: at(row, [order.status], z.string()),
          opportunity:
            // A lookup may be filled while its record is not visible to us: without a stage there is nothing to decide by.
            opportunityId === null || at(row, [opportunity], z.unknown()) === null
              ? null
              : {
                  opportunityId,
                  stage: at(row, [opportunity, stage], z.string()),
                  whmcsServiceId: at(row, [opportunity, service], whmcsId),
                },
          whmcsClientId: at(row, client, whmcsId),
          items: children(row, "OrderItems").map((item) => ({
            whmcsProductId: at(item, product.whmcsId, whmcsId),
            billingCycle: at(item, product.billingCycle, z.string().nullable()),
            itemClass: at(item, product.itemClass, z.string().nullable()),
            quantity: at(item, [quantity], z.number()),
            name: at(item, product.name, z.string()),
          })),
        };
      });
    },

    activate({ opportunityId, whmcsServiceId }) {
      return ask({ operation: "activate", asked: "write", object: "Opportunity" }, async (salesforce) => {
        const answer: unknown = await salesforce
          .sobject("Opportunity")
          .update({ Id: opportunityId, [service]: whmcsServiceId, [stage]: "Active" });
        z.object({ success: z.literal(true) }).parse(answer);
      });
    },

    opportunityLink(opportunityId) {
      return ask({ operation: "opportunityLink", asked: "read", object: "Opportunity" }, async (salesforce) => {
        const row = await onlyRow(
          salesforce,
          soql`SELECT Id, ${name(stage)}, ${name(service)} FROM Opportunity WHERE Id = ${opportunityId}`,
        );
        if (row === null) return null;
        return { stage: at(row, [stage], z.string()), whmcsServiceId: at(row, [service], whmcsId) };
      });
    },
  };
}
