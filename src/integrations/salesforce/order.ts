import * as z from "zod";
import { dayInJapan } from "../../domain/japan-calendar.ts";
import { commoditiesOf, STAGE } from "../../domain/opportunity.ts";
import { jobIn } from "../../domain/order-notes.ts";
import {
  accountIdAnswer,
  at,
  children,
  idMade,
  opportunityIdAnswer,
  orderIdAnswer,
  type Part,
  pricebookEntryIdAnswer,
  productIdAnswer,
  readTogether,
  text,
  whmcsId,
  writeTogether,
} from "./answers.ts";
import type { Ask } from "./asking.ts";
import type { Salesforce } from "./client.ts";
import type { FieldNames } from "./fields.ts";
import { newOpportunity, OPPORTUNITY_PART } from "./new-opportunity.ts";
import { name, soql } from "./soql.ts";

const SOURCE = "Portal - Order Placement";
const PENDING = "Pending Review";
const ORDER_PART = "ord";

/** Far more than one customer has pending, or orders in a day. */
const MOST_ORDERS = 100;

export function orderVerbs(ask: Ask, fields: FieldNames): Pick<Salesforce, "orderingFacts" | "placeOrder"> {
  const account = {
    name: fields.of("Account.Name"),
    eligibility: fields.of("Account.Internet_Eligibility__c"),
    verification: fields.of("Account.Id_Verification_Status__c"),
  };
  const order = {
    account: fields.of("Order.AccountId"),
    status: fields.of("Order.Status"),
    notes: fields.of("Order.Description"),
    opportunityId: fields.of("Order.OpportunityId"),
  };
  const opportunity = fields.relationship("Order.OpportunityId");
  const stage = fields.of("Opportunity.StageName");
  const commodity = fields.of("Opportunity.CommodityType");
  const item = { product: fields.of("OrderItem.Product2Id"), quantity: fields.of("OrderItem.Quantity") };
  const entry = {
    pricebook: fields.of("PricebookEntry.Pricebook2Id"),
    product: fields.of("PricebookEntry.Product2Id"),
    price: fields.of("PricebookEntry.UnitPrice"),
    isActive: fields.of("PricebookEntry.IsActive"),
  };
  const product = {
    isActive: ["Product2", fields.of("Product2.IsActive")],
    whmcsId: ["Product2", fields.of("Product2.WH_Product_ID__c")],
  } as const;
  const path = (steps: readonly string[]) => name(steps.join("."));

  return {
    orderingFacts({ accountId, type, productIds, pricebookId, since }) {
      return ask({ operation: "orderingFacts", asked: "read", object: "Order" }, async (salesforce) => {
        const rowsOf = await readTogether(salesforce, {
          account: soql`SELECT Id, ${name(account.name)}, ${name(account.eligibility)}, ${name(account.verification)}, (SELECT Id FROM Opportunities WHERE ${name(commodity)} IN ${commoditiesOf(type)} AND ${name(stage)} IN ${[STAGE.introduction, STAGE.ready]} AND ${name(fields.of("Opportunity.IsClosed"))} = false ORDER BY CreatedDate DESC, Id DESC LIMIT 1) FROM Account WHERE Id = ${accountId}`,
          orders: soql`SELECT Id, ${name(order.status)}, ${name(order.notes)}, ${name(order.opportunityId)}, ${path([opportunity, commodity])}, (SELECT ${name(item.product)}, ${name(item.quantity)} FROM OrderItems) FROM Order WHERE ${name(order.account)} = ${accountId} AND (${name(order.status)} = ${PENDING} OR CreatedDate >= ${since}) ORDER BY CreatedDate DESC, Id DESC LIMIT ${MOST_ORDERS}`,
          entries: soql`SELECT Id, ${name(entry.product)}, ${name(entry.price)}, ${name(entry.isActive)}, ${path(product.isActive)}, ${path(product.whmcsId)} FROM PricebookEntry WHERE ${name(entry.pricebook)} = ${pricebookId} AND ${name(entry.product)} IN ${productIds} ORDER BY ${name(entry.isActive)} DESC, Id`,
        });
        const [row] = rowsOf("account");
        if (row === undefined) return null;
        at(row, ["Id"], accountIdAnswer);
        const [open] = children(row, "Opportunities");
        return {
          accountName: at(row, [account.name], z.string()),
          eligibility: at(row, [account.eligibility], text),
          verification: at(row, [account.verification], text),
          opportunity: open === undefined ? null : at(open, ["Id"], opportunityIdAnswer),
          orders: rowsOf("orders").map((placed) => {
            const opportunityId = at(placed, [order.opportunityId], opportunityIdAnswer.nullable());
            return {
              orderId: at(placed, ["Id"], orderIdAnswer),
              status: at(placed, [order.status], z.string()),
              opportunity:
                opportunityId === null
                  ? null
                  : { opportunityId, commodity: at(placed, [opportunity, commodity], text) },
              items: children(placed, "OrderItems").map((one) => ({
                productId: at(one, [item.product], productIdAnswer),
                quantity: at(one, [item.quantity], z.number()),
              })),
              job: jobIn(at(placed, [order.notes], text)),
            };
          }),
          products: rowsOf("entries").map((one) => ({
            productId: at(one, [entry.product], productIdAnswer),
            pricebookEntryId: at(one, ["Id"], pricebookEntryIdAnswer),
            unitPrice: at(one, [entry.price], z.number()),
            isActive: at(one, [entry.isActive], z.boolean()) && at(one, product.isActive, z.boolean()),
            whmcsProductId: at(one, product.whmcsId, whmcsId),
          })),
        };
      });
    },

    placeOrder(placed) {
      return ask({ operation: "placeOrder", asked: "write" }, async (salesforce) => {
        const opportunityPart: Part =
          placed.opportunityId === null
            ? newOpportunity(fields, { ...placed, stage: STAGE.postProcessing, source: SOURCE })
            : {
                method: "PATCH",
                object: "Opportunity",
                id: placed.opportunityId,
                name: OPPORTUNITY_PART,
                body: { [stage]: STAGE.postProcessing },
              };
        const answers = await writeTogether(salesforce, [
          opportunityPart,
          {
            method: "POST",
            object: "Order",
            name: ORDER_PART,
            body: {
              [order.account]: placed.accountId,
              [order.opportunityId]: placed.opportunityId ?? `@{${OPPORTUNITY_PART}.id}`,
              [order.status]: PENDING,
              [fields.of("Order.EffectiveDate")]: dayInJapan(placed.requestedAt),
              [fields.of("Order.Pricebook2Id")]: placed.pricebookId,
              [order.notes]: placed.notes,
            },
          },
          ...placed.items.map(({ pricebookEntryId, quantity, unitPrice }, index): Part => ({
            method: "POST",
            object: "OrderItem",
            name: `item${String(index)}`,
            body: {
              [fields.of("OrderItem.OrderId")]: `@{${ORDER_PART}.id}`,
              [fields.of("OrderItem.PricebookEntryId")]: pricebookEntryId,
              [item.quantity]: quantity,
              [fields.of("OrderItem.UnitPrice")]: unitPrice,
            },
          })),
        ]);
        return {
          orderId: idMade(answers, ORDER_PART, orderIdAnswer),
          opportunityId: placed.opportunityId ?? idMade(answers, OPPORTUNITY_PART, opportunityIdAnswer),
        };
      });
    },
  };
}
