/**
 * Every field of the source documents (`spec/opportunity-lifecycle.txt`, `spec/external-processes.txt`) that we read or
 * write, by the name they give it. An org that names one otherwise says so in SALESFORCE_FIELDS.
 */
const FIELDS = {
  Account: [
    "Name",
    "WH_Account__c",
    "Internet_Eligibility__c",
    "Internet_Eligibility_Status__c",
    "Internet_Eligibility_Request_Date_Time__c",
    "Internet_Eligibility_Checked_Date_Time__c",
    "Id_Verification_Status__c",
    "Id_Verification_Submitted_Date_Time__c",
    "Id_Verification_Verified_Date_Time__c",
    "Id_Verification_Rejection_Message__c",
  ],
  Contact: ["AccountId", "Email"],
  Opportunity: [
    "Name",
    "AccountId",
    "StageName",
    "CloseDate",
    "CommodityType",
    "Application_Stage__c",
    "Opportunity_Source__c",
    "WHMCS_Service_ID__c",
    "CancellationNotice__c",
    "ScheduledCancellationDateAndTime__c",
    "LineReturn__c",
    "SIMCancellationNotice__c",
    "SIMScheduledCancellationDateAndTime__c",
    "IsClosed",
  ],
  Case: ["CaseNumber", "AccountId", "OpportunityId", "Type", "Subject", "Description", "Status", "IsClosed"],
  Order: ["AccountId", "OpportunityId", "Status", "EffectiveDate", "Pricebook2Id", "Description"],
  OrderItem: ["OrderId", "PricebookEntryId", "Product2Id", "Quantity", "UnitPrice"],
  PricebookEntry: ["Pricebook2Id", "Product2Id", "UnitPrice", "IsActive"],
  Product2: ["Name", "IsActive", "WH_Product_ID__c", "Billing_Cycle__c", "Item_Class__c"],
  ContentVersion: ["Title", "PathOnClient", "FirstPublishLocationId", "Checksum", "IsLatest", "VersionData"],
  OrderProvisionRequested__e: ["Order_Id__c"],
} as const;

/** Fields that the source documents speak of without a name: they are read only where SALESFORCE_FIELDS names them. */
const OPTIONAL_FIELDS = ["Opportunity.ReturnDeadline"] as const;
export type OptionalField = (typeof OPTIONAL_FIELDS)[number];

type FieldsOf = typeof FIELDS;
/** A field as the source documents call it: `Case.OpportunityId`. */
export type LogicalField = { [Name in keyof FieldsOf]: `${Name}.${FieldsOf[Name][number]}` }[keyof FieldsOf];

export interface FieldNames {
  /** The field's API name in this org, without its object. */
  of(field: LogicalField): string;
  /** The same, or null where nobody named one. */
  ofOptional(field: OptionalField): string | null;
  /** How a query follows a lookup field: `OpportunityId` by `Opportunity`, `Opportunity__c` by `Opportunity__r`. */
  relationship(lookup: LogicalField): string;
}

/**
 * The org's own names. `overrides`: logical to API names, from SALESFORCE_FIELDS. Throws on a logical name that nothing
 * here uses, since a misspelt one would be ignored in silence.
 */
export function fieldNames(overrides: Readonly<Record<string, string>>): FieldNames {
  const required = Object.entries(FIELDS).flatMap(([object, names]) => names.map((name) => `${object}.${name}`));
  const known = new Set<string>([...required, ...OPTIONAL_FIELDS]);
  const unknown = Object.keys(overrides).filter((field) => !known.has(field));
  if (unknown.length > 0) {
    throw new Error(`SALESFORCE_FIELDS names ${unknown.join(", ")}, which is none of ${[...known].join(", ")}`);
  }
  const of = (field: LogicalField) => overrides[field] ?? field.slice(field.indexOf(".") + 1);
  return {
    of,
    ofOptional: (field) => overrides[field] ?? null,
    relationship(lookup) {
      const name = of(lookup);
      return name.endsWith("__c") ? `${name.slice(0, -1)}r` : name.replace(/Id$/, "");
    },
  };
}
