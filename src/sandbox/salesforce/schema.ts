/**
 * The org, as one table: its objects, their fields, and what may stand in them. `records.ts` checks writes against it,
 * `soql-run.ts` queries, `describe.ts` tells it. The custom fields are those of the source documents.
 */

export type FieldValue = string | number | boolean | null;
/** A record's stored fields. What is absent reads as null. */
export type Fields = { readonly [name: string]: FieldValue };

export type FieldType =
  | "id"
  | "string"
  | "textarea"
  | "email"
  | "phone"
  | "picklist"
  | "reference"
  | "boolean"
  | "double"
  | "currency"
  | "date"
  | "datetime"
  | "int"
  | "base64";

interface FieldRule {
  readonly type: FieldType;
  /** Characters. */
  readonly length?: number;
  /** Digits before and after the point. */
  readonly digits?: readonly [number, number];
  /** A restricted picklist's values. */
  readonly values?: readonly string[];
  readonly required?: boolean;
  readonly default?: FieldValue;
  /** Neither created nor updated through the API. */
  readonly readOnly?: boolean;
  /** Set when the record is made, never afterwards. */
  readonly createOnly?: boolean;
  readonly unique?: boolean;
  readonly externalId?: boolean;
  /** A lookup: the object it points to, its name in paths, and the name of the way back in subqueries. */
  readonly to?: string;
  /** Other objects that the same lookup may point to. */
  readonly alsoTo?: readonly string[];
  readonly relationship?: string;
  readonly children?: string;
  /** How many digits the running number has. */
  readonly autoNumber?: number;
  /** Read from the record's other fields. */
  readonly derive?: (record: Fields) => FieldValue;
}

export interface Field extends FieldRule {
  readonly name: string;
}

export interface ObjectType {
  readonly name: string;
  readonly label: string;
  readonly keyPrefix: string;
  readonly isMadeBySystem: boolean;
  readonly fields: readonly Field[];
}

type Option = Omit<FieldRule, "type">;
const text = (length: number, option: Option = {}): FieldRule => ({ type: "string", length, ...option });
const longText = (length: number): FieldRule => ({ type: "textarea", length });
const picklist = (values: readonly string[], option: Option = {}): FieldRule => ({
  type: "picklist",
  length: 255,
  values,
  ...option,
});
const lookup = (to: string, relationship: string, children: string, option: Option = {}): FieldRule => ({
  type: "reference",
  length: 18,
  to,
  relationship,
  children,
  ...option,
});
const number = (before: number, after: number, option: Option = {}): FieldRule => ({
  type: "double",
  digits: [before, after],
  ...option,
});
const money = (option: Option = {}): FieldRule => ({ type: "currency", digits: [16, 2], ...option });
const checkbox = (option: Option = {}): FieldRule => ({ type: "boolean", default: false, ...option });
const date = (option: Option = {}): FieldRule => ({ type: "date", ...option });
const dateTime = (option: Option = {}): FieldRule => ({ type: "datetime", ...option });
const derived = (type: FieldType, derive: (record: Fields) => FieldValue): FieldRule => ({
  type,
  readOnly: true,
  derive,
});
const product = (a: FieldValue | undefined, b: FieldValue | undefined) =>
  typeof a === "number" && typeof b === "number" ? a * b : null;
const isOneOf = (value: FieldValue | undefined, ...values: readonly string[]) => values.some((one) => one === value);

const MAY_HOLD_FILES = ["Case", "Contact", "Opportunity", "Order"];
const STAGES = ["Introduction", "Ready", "Post Processing", "Active", "△Cancelling", "△Cancelled", "Void"] as const;
const jobKey = text(100, { unique: true, externalId: true });

interface ObjectRule {
  readonly label: string;
  readonly keyPrefix: string;
  /** Comes by itself with another record: nobody creates it. */
  readonly madeBySystem?: true;
  readonly fields: Readonly<Record<string, FieldRule>>;
}

const OBJECTS: Readonly<Record<string, ObjectRule>> = {
  Account: {
    label: "Account",
    keyPrefix: "001",
    fields: {
      Name: text(255, { required: true }),
      Phone: { type: "phone", length: 40 },
      BillingPostalCode: text(20),
      BillingState: text(80),
      BillingCity: text(40),
      BillingStreet: { type: "textarea", length: 255 },
      BillingCountry: text(80),
      SF_Account_No__c: text(20, { unique: true, externalId: true }),
      WH_Account__c: number(18, 0),
      Internet_Eligibility__c: text(255),
      Internet_Eligibility_Status__c: picklist(["Pending", "Checked"]),
      Internet_Eligibility_Request_Date_Time__c: dateTime(),
      Internet_Eligibility_Checked_Date_Time__c: dateTime(),
      Id_Verification_Status__c: picklist(["Pending", "Submitted", "Verified", "Rejected"]),
      Id_Verification_Submitted_Date_Time__c: dateTime(),
      Id_Verification_Verified_Date_Time__c: dateTime(),
      Id_Verification_Note__c: longText(32_768),
      Id_Verification_Rejection_Message__c: longText(32_768),
    },
  },
  Contact: {
    label: "Contact",
    keyPrefix: "003",
    fields: {
      AccountId: lookup("Account", "Account", "Contacts"),
      FirstName: text(40),
      LastName: text(80, { required: true }),
      Name: derived("string", (record) =>
        [record["LastName"], record["FirstName"]].filter((part) => typeof part === "string").join(" "),
      ),
      Email: { type: "email", length: 80 },
      Phone: { type: "phone", length: 40 },
    },
  },
  Opportunity: {
    label: "Opportunity",
    keyPrefix: "006",
    fields: {
      AccountId: lookup("Account", "Account", "Opportunities"),
      Name: text(120, { required: true }),
      StageName: picklist(STAGES, { required: true }),
      CloseDate: date({ required: true }),
      Amount: money(),
      Description: longText(32_000),
      IsClosed: derived("boolean", (record) => isOneOf(record["StageName"], "△Cancelled", "Void")),
      IsWon: derived("boolean", () => false),
      CommodityType: picklist(["Personal SonixNet Home Internet", "Corporate SonixNet Home Internet", "SIM", "VPN"]),
      Application_Stage__c: picklist(["INTRO-1", "UNRESPONSIVE-1"]),
      Opportunity_Source__c: picklist(["Portal - Internet Eligibility Request", "Portal - Order Placement"]),
      WHMCS_Service_ID__c: number(18, 0),
      CancellationNotice__c: picklist(["有", "未", "不要", "移転"]),
      ScheduledCancellationDateAndTime__c: dateTime(),
      LineReturn__c: picklist(["NotYet", "SentKit", "Returned", "不要"]),
      SIMCancellationNotice__c: picklist(["有", "未", "不要"]),
      SIMScheduledCancellationDateAndTime__c: dateTime(),
      Job_Key__c: jobKey,
    },
  },
  Case: {
    label: "Case",
    keyPrefix: "500",
    fields: {
      CaseNumber: text(30, { readOnly: true, autoNumber: 8 }),
      AccountId: lookup("Account", "Account", "Cases"),
      ContactId: lookup("Contact", "Contact", "Cases"),
      OpportunityId: lookup("Opportunity", "Opportunity", "Cases"),
      Subject: text(255),
      Description: longText(32_000),
      Status: picklist(["New", "Working", "Closed"], { default: "New" }),
      Origin: picklist(["Phone", "Email", "Web", "Portal"]),
      Priority: picklist(["High", "Medium", "Low"], { default: "Medium" }),
      Type: picklist(["Eligibility Check", "Cancellation Request"]),
      IsClosed: derived("boolean", (record) => record["Status"] === "Closed"),
      ClosedDate: dateTime({ readOnly: true }),
      Job_Key__c: jobKey,
    },
  },
  Order: {
    label: "Order",
    keyPrefix: "801",
    fields: {
      OrderNumber: text(30, { readOnly: true, autoNumber: 8 }),
      AccountId: lookup("Account", "Account", "Orders", { required: true }),
      OpportunityId: lookup("Opportunity", "Opportunity", "Orders"),
      Pricebook2Id: lookup("Pricebook2", "Pricebook2", "Orders"),
      EffectiveDate: date({ required: true }),
      EndDate: date(),
      Status: picklist(["Draft", "Pending Review", "Approved", "Cancelled", "Activated"], { required: true }),
      StatusCode: derived("picklist", (record) => (record["Status"] === "Activated" ? "Activated" : "Draft")),
      Type: picklist(["Internet", "SIM", "VPN"]),
      Description: longText(32_000),
      MNP__c: checkbox(),
      Note__c: longText(32_000),
      Job_Key__c: jobKey,
    },
  },
  OrderItem: {
    label: "Order Product",
    keyPrefix: "802",
    fields: {
      OrderItemNumber: text(30, { readOnly: true, autoNumber: 10 }),
      OrderId: lookup("Order", "Order", "OrderItems", { required: true, createOnly: true }),
      PricebookEntryId: lookup("PricebookEntry", "PricebookEntry", "OrderItems", { required: true, createOnly: true }),
      Product2Id: lookup("Product2", "Product2", "OrderItems", { readOnly: true }),
      Quantity: number(16, 2, { required: true }),
      UnitPrice: money(),
      TotalPrice: derived("currency", (record) => product(record["Quantity"], record["UnitPrice"])),
      Description: text(255),
    },
  },
  Product2: {
    label: "Product",
    keyPrefix: "01t",
    fields: {
      Name: text(255, { required: true }),
      ProductCode: text(255),
      StockKeepingUnit: text(180),
      Description: longText(4000),
      IsActive: checkbox(),
      WH_Product_ID__c: number(18, 0),
      Billing_Cycle__c: picklist(["Monthly", "Onetime", "Quarterly", "Semi-Annually", "Annually"]),
      Item_Class__c: picklist(["Service", "Activation", "Add-on"]),
    },
  },
  Pricebook2: {
    label: "Price Book",
    keyPrefix: "01s",
    fields: {
      Name: text(255, { required: true }),
      Description: text(255),
      IsActive: checkbox(),
      IsStandard: checkbox({ readOnly: true }),
    },
  },
  PricebookEntry: {
    label: "Price Book Entry",
    keyPrefix: "01u",
    fields: {
      Pricebook2Id: lookup("Pricebook2", "Pricebook2", "PricebookEntries", { required: true, createOnly: true }),
      Product2Id: lookup("Product2", "Product2", "PricebookEntries", { required: true, createOnly: true }),
      UnitPrice: money({ required: true }),
      IsActive: checkbox(),
    },
  },
  ContentVersion: {
    label: "Content Version",
    keyPrefix: "068",
    fields: {
      ContentDocumentId: lookup("ContentDocument", "ContentDocument", "ContentVersions", { createOnly: true }),
      Title: text(255),
      PathOnClient: text(500, { required: true, createOnly: true }),
      FirstPublishLocationId: {
        type: "reference",
        length: 18,
        to: "Account",
        alsoTo: MAY_HOLD_FILES,
        createOnly: true,
      },
      VersionData: { type: "base64", createOnly: true },
      Description: { type: "textarea", length: 1000 },
      Checksum: text(50, { readOnly: true }),
      ContentSize: { type: "int", readOnly: true },
      FileExtension: text(40, { readOnly: true }),
      FileType: text(20, { readOnly: true }),
      VersionNumber: text(20, { readOnly: true }),
      IsLatest: checkbox({ readOnly: true }),
    },
  },
  ContentDocument: {
    label: "Content Document",
    keyPrefix: "069",
    madeBySystem: true,
    fields: {
      Title: text(255, { required: true }),
      FileExtension: text(40, { readOnly: true }),
      FileType: text(20, { readOnly: true }),
      ContentSize: { type: "int", readOnly: true },
      LatestPublishedVersionId: {
        type: "reference",
        length: 18,
        to: "ContentVersion",
        relationship: "LatestPublishedVersion",
        readOnly: true,
      },
    },
  },
  ContentDocumentLink: {
    label: "Content Document Link",
    keyPrefix: "06A",
    fields: {
      ContentDocumentId: lookup("ContentDocument", "ContentDocument", "ContentDocumentLinks", {
        required: true,
        createOnly: true,
      }),
      LinkedEntityId: {
        type: "reference",
        length: 18,
        to: "Account",
        alsoTo: MAY_HOLD_FILES,
        children: "ContentDocumentLinks",
        required: true,
        createOnly: true,
      },
      ShareType: picklist(["V", "C", "I"], { default: "V" }),
      Visibility: picklist(["AllUsers", "InternalUsers", "SharedUsers"], { default: "AllUsers" }),
    },
  },
};

const ON_EVERY_OBJECT: Readonly<Record<string, FieldRule>> = {
  Id: { type: "id", length: 18, readOnly: true },
  IsDeleted: derived("boolean", () => false),
  CreatedDate: dateTime({ readOnly: true }),
  LastModifiedDate: dateTime({ readOnly: true }),
  SystemModstamp: derived("datetime", (record) => record["LastModifiedDate"] ?? null),
};

const named = (rules: Readonly<Record<string, FieldRule>>): Field[] =>
  Object.entries(rules).map(([name, rule]) => ({ name, ...rule }));

export const objectTypes: readonly ObjectType[] = Object.entries(OBJECTS).map(
  ([name, { label, keyPrefix, madeBySystem, fields }]) => ({
    name,
    label,
    keyPrefix,
    isMadeBySystem: madeBySystem === true,
    fields: [...named(ON_EVERY_OBJECT), ...named(fields)],
  }),
);

const objectsByName = new Map(objectTypes.map((type) => [type.name.toLowerCase(), type]));
const objectsByPrefix = new Map(objectTypes.map((type) => [type.keyPrefix, type]));
const fieldsByName = new Map(
  objectTypes.map((type) => [type, new Map(type.fields.map((field) => [field.name.toLowerCase(), field]))]),
);

/** Names are compared without regard to case, as Salesforce does. */
export const objectNamed = (name: string): ObjectType | undefined => objectsByName.get(name.toLowerCase());
/** The object that an id belongs to, by its first three characters. */
export const objectOfId = (id: string): ObjectType | undefined => objectsByPrefix.get(id.slice(0, 3));
export const fieldNamed = (type: ObjectType, name: string): Field | undefined =>
  fieldsByName.get(type)?.get(name.toLowerCase());
/** The lookup that a path goes through: `Account` in `Account.Name`. */
export const relationshipNamed = (type: ObjectType, name: string): Field | undefined =>
  type.fields.find((field) => field.relationship?.toLowerCase() === name.toLowerCase());

/** The objects that a lookup may point to. */
export const targetsOf = (field: Field): readonly string[] =>
  field.to === undefined ? [] : [field.to, ...(field.alsoTo ?? [])];

/** The ways down from an object: which lookups of which objects point to it. */
export function childrenOf(
  type: ObjectType,
): readonly { readonly name: string; readonly child: ObjectType; readonly field: Field }[] {
  return objectTypes.flatMap((child) =>
    child.fields.flatMap((field) =>
      targetsOf(field).includes(type.name) && field.children !== undefined
        ? [{ name: field.children, child, field }]
        : [],
    ),
  );
}
