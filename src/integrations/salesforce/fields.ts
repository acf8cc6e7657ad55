/** What we do with a field: `create` sets it in new records, `update` in those that exist. */
export type Access = "read" | "create" | "update";

interface Use {
  readonly access: readonly Access[];
  /** Of a picklist: what we write, and what we wait for; without one of them work stands still. */
  readonly values: readonly string[];
  /** What else we know, which an org can do without. */
  readonly mayLack: readonly string[];
}

const READ = ["read"] as const;
const CREATE = ["create"] as const;
const UPDATE = ["update"] as const;
const READ_CREATE = ["read", "create"] as const;
const READ_UPDATE = ["read", "update"] as const;
const CREATE_UPDATE = ["create", "update"] as const;
const READ_CREATE_UPDATE = ["read", "create", "update"] as const;

function uses(access: readonly Access[], values: readonly string[] = [], mayLack: readonly string[] = []): Use {
  return { access, values, mayLack };
}

/**
 * Every field of the source documents (`spec/opportunity-lifecycle.txt`, `spec/external-processes.txt`) that we read or
 * write, by the name they give it, and all that we ask of it. An org that names one otherwise says so in
 * SALESFORCE_FIELDS. The check of the org and the permission set under `salesforce/` follow from this table.
 */
const FIELDS = {
  Account: {
    Name: uses(READ),
    WH_Account__c: uses(READ),
    Internet_Eligibility__c: uses(READ),
    Internet_Eligibility_Status__c: uses(READ_UPDATE, ["Pending", "Checked"]),
    Internet_Eligibility_Request_Date_Time__c: uses(READ_UPDATE),
    Internet_Eligibility_Checked_Date_Time__c: uses(READ),
    Id_Verification_Status__c: uses(READ_UPDATE, ["Submitted", "Verified", "Rejected"], ["Pending"]),
    Id_Verification_Submitted_Date_Time__c: uses(READ_UPDATE),
    Id_Verification_Verified_Date_Time__c: uses(READ_UPDATE),
    Id_Verification_Rejection_Message__c: uses(READ_UPDATE),
  },
  Contact: { AccountId: uses(READ), Email: uses(READ) },
  Opportunity: {
    Name: uses(CREATE),
    AccountId: uses(READ_CREATE),
    StageName: uses(READ_CREATE_UPDATE, [
      "Introduction",
      "Ready",
      "Post Processing",
      "Active",
      "△Cancelling",
      "△Cancelled",
    ]),
    CloseDate: uses(CREATE),
    CommodityType: uses(
      READ_CREATE,
      ["Personal SonixNet Home Internet", "SIM", "VPN"],
      ["Corporate SonixNet Home Internet"],
    ),
    Application_Stage__c: uses(CREATE, ["INTRO-1"]),
    Opportunity_Source__c: uses(CREATE, ["Portal - Internet Eligibility Request", "Portal - Order Placement"]),
    WHMCS_Service_ID__c: uses(READ_UPDATE),
    CancellationNotice__c: uses(UPDATE, ["有"]),
    ScheduledCancellationDateAndTime__c: uses(READ_UPDATE),
    LineReturn__c: uses(READ_UPDATE, ["NotYet", "Returned", "不要"], ["SentKit"]),
    SIMCancellationNotice__c: uses(UPDATE, ["有"]),
    SIMScheduledCancellationDateAndTime__c: uses(READ_UPDATE),
    IsClosed: uses(READ),
  },
  Case: {
    CaseNumber: uses(READ),
    AccountId: uses(READ_CREATE),
    OpportunityId: uses(READ_CREATE),
    Type: uses(READ_CREATE, ["Eligibility Check", "Cancellation Request"]),
    Subject: uses(READ_CREATE),
    Description: uses(READ_CREATE),
    Status: uses(CREATE_UPDATE, ["New", "Closed"]),
    IsClosed: uses(READ),
  },
  Order: {
    AccountId: uses(READ_CREATE),
    OpportunityId: uses(READ_CREATE),
    Status: uses(READ_CREATE, ["Pending Review", "Approved", "Cancelled"], ["Activated"]),
    EffectiveDate: uses(CREATE),
    Pricebook2Id: uses(CREATE),
    Description: uses(READ_CREATE),
  },
  OrderItem: {
    OrderId: uses(READ_CREATE),
    PricebookEntryId: uses(CREATE),
    Product2Id: uses(READ),
    Quantity: uses(READ_CREATE),
    UnitPrice: uses(CREATE),
  },
  Pricebook2: { IsActive: uses(READ) },
  PricebookEntry: {
    Pricebook2Id: uses(READ),
    Product2Id: uses(READ),
    UnitPrice: uses(READ),
    IsActive: uses(READ),
  },
  Product2: {
    Name: uses(READ),
    IsActive: uses(READ),
    WH_Product_ID__c: uses(READ),
    Billing_Cycle__c: uses(READ),
    Item_Class__c: uses(READ, ["Service"], ["Activation", "Add-on"]),
  },
  ContentVersion: {
    Title: uses(CREATE),
    PathOnClient: uses(READ_CREATE),
    FirstPublishLocationId: uses(READ_CREATE),
    Checksum: uses(READ),
    IsLatest: uses(READ),
    VersionData: uses(CREATE),
  },
  OrderProvisionRequested__e: { Order_Id__c: uses(READ) },
};

const KNOWN_VALUES: ReadonlySet<string> = new Set(
  Object.values(FIELDS).flatMap((fields) =>
    Object.values<Use>(fields).flatMap(({ values, mayLack }) => [...values, ...mayLack]),
  ),
);

/** Whether it is one of a picklist's, and so says nothing of a person. */
export const isKnownValue = (value: string): boolean => KNOWN_VALUES.has(value);

/** Fields that the source documents speak of without a name: they are read only where SALESFORCE_FIELDS names them. */
const OPTIONAL_FIELDS = ["Opportunity.ReturnDeadline"] as const;
export type OptionalField = (typeof OPTIONAL_FIELDS)[number];

type FieldsOf = typeof FIELDS;
export type ObjectName = keyof FieldsOf;
/** A field as the source documents call it: `Case.OpportunityId`. */
export type LogicalField = { [Name in ObjectName]: `${Name}.${keyof FieldsOf[Name] & string}` }[ObjectName];

/** The platform event that announces an approved Order, where SALESFORCE_EVENTS is on. */
export const PROVISION_EVENT = "OrderProvisionRequested__e" satisfies ObjectName;

/** What we ask of one field of the org. */
export interface FieldUse extends Use {
  readonly logical: LogicalField | OptionalField;
  /** The field's API name in this org, without its object. */
  readonly field: string;
}

export interface FieldNames {
  /** The field's API name in this org, without its object. */
  of(field: LogicalField): string;
  /** The same, or null where nobody named one. */
  ofOptional(field: OptionalField): string | null;
  /** How a query follows a lookup field: `OpportunityId` by `Opportunity`, `Opportunity__c` by `Opportunity__r`. */
  relationship(lookup: LogicalField): string;
  /** All that we read and write, by object. */
  readonly uses: ReadonlyMap<ObjectName, readonly FieldUse[]>;
}

/** The table's rows, each with its logical name. */
const ROWS = Object.entries(FIELDS).map(([object, fields]) => ({
  object: object as ObjectName, // the keys of a constant
  fields: Object.entries<Use>(fields).map(([name, use]) => ({
    logical: `${object}.${name}` as LogicalField, // made of the same keys as the type
    use,
  })),
}));

/**
 * The org's own names. `overrides`: logical to API names, from SALESFORCE_FIELDS. Throws on a logical name that nothing
 * here uses, since a misspelt one would be ignored in silence.
 */
export function fieldNames(overrides: Readonly<Record<string, string>>): FieldNames {
  const required = ROWS.flatMap(({ fields }) => fields.map(({ logical }) => logical));
  const known = new Set<string>([...required, ...OPTIONAL_FIELDS]);
  const unknown = Object.keys(overrides).filter((field) => !known.has(field));
  if (unknown.length > 0) {
    throw new Error(`SALESFORCE_FIELDS names ${unknown.join(", ")}, which is none of ${[...known].join(", ")}`);
  }
  const of = (field: LogicalField) => overrides[field] ?? field.slice(field.indexOf(".") + 1);
  const optional = (object: ObjectName): FieldUse[] =>
    OPTIONAL_FIELDS.filter((logical) => logical.startsWith(`${object}.`)).flatMap((logical) => {
      const field = overrides[logical];
      return field === undefined ? [] : [{ ...uses(READ), logical, field }];
    });
  return {
    of,
    ofOptional: (field) => overrides[field] ?? null,
    relationship(lookup) {
      const name = of(lookup);
      return name.endsWith("__c") ? `${name.slice(0, -1)}r` : name.replace(/Id$/, "");
    },
    uses: new Map(
      ROWS.map(({ object, fields }) => [
        object,
        [...fields.map(({ logical, use }) => ({ ...use, logical, field: of(logical) })), ...optional(object)],
      ]),
    ),
  };
}
