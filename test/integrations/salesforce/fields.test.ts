import { expect, test } from "vitest";
import { fieldNames } from "../../../src/integrations/salesforce/fields.ts";

test("fields are called as in the source documents, unless the org calls them otherwise", () => {
  const fields = fieldNames({ "Case.OpportunityId": "Opportunity__c" });
  expect(fields.of("Case.OpportunityId")).toBe("Opportunity__c");
  expect(fields.of("Order.OpportunityId")).toBe("OpportunityId");
  expect(fields.of("Account.WH_Account__c")).toBe("WH_Account__c");
});

test("a lookup is followed by the name of its relationship", () => {
  const fields = fieldNames({ "Case.OpportunityId": "Opportunity__c" });
  expect(fields.relationship("Case.OpportunityId")).toBe("Opportunity__r");
  expect(fields.relationship("Order.OpportunityId")).toBe("Opportunity");
});

test("a misspelt logical name is refused, not ignored", () => {
  expect(() => fieldNames({ "Case.Oportunity": "Opportunity__c" })).toThrow(/Case\.Oportunity/);
});
