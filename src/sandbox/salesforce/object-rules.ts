import { SalesforceError } from "./errors.ts";
import type { FieldValue, Fields, ObjectType } from "./schema.ts";
import { childrenOf, fieldNamed, objectNamed } from "./schema.ts";
import type { Tables } from "./tables.ts";

/** Rules of single objects that no column of the schema can tell. */

type Filled = Readonly<Record<string, FieldValue>>;

function row(tables: Tables, objectName: string, id: FieldValue | undefined): Fields | undefined {
  const type = objectNamed(objectName);
  return type === undefined || typeof id !== "string" ? undefined : tables.row(type, id);
}

/** An order product takes its product and price from the entry, which must be of the order's own price book. */
function orderItem(tables: Tables, item: Fields): Filled {
  const entry = row(tables, "PricebookEntry", item["PricebookEntryId"]);
  const order = row(tables, "Order", item["OrderId"]);
  if (order?.["Status"] === "Activated")
    throw new SalesforceError("FAILED_ACTIVATION", "unable to modify activated orders", ["OrderId"]);
  if (entry?.["Pricebook2Id"] !== order?.["Pricebook2Id"]) {
    throw new SalesforceError(
      "FIELD_INTEGRITY_EXCEPTION",
      "pricebook entry is in a different pricebook than the one assigned to the order",
      ["PricebookEntryId"],
    );
  }
  const quantity = item["Quantity"];
  if (typeof quantity !== "number" || quantity <= 0)
    throw new SalesforceError("FIELD_INTEGRITY_EXCEPTION", "Quantity: must be greater than zero", ["Quantity"]);
  if (entry?.["IsActive"] !== true)
    throw new SalesforceError("FIELD_INTEGRITY_EXCEPTION", "pricebook entry is inactive", ["PricebookEntryId"]);
  const price = item["UnitPrice"] ?? entry["UnitPrice"] ?? null;
  if (typeof price !== "number")
    throw new SalesforceError("REQUIRED_FIELD_MISSING", "Required fields are missing: [UnitPrice]", ["UnitPrice"]);
  if (price < 0)
    throw new SalesforceError("FIELD_INTEGRITY_EXCEPTION", "UnitPrice: must be zero or more", ["UnitPrice"]);
  return { Product2Id: entry["Product2Id"] ?? null, UnitPrice: price };
}

function itemsOf(tables: Tables, type: ObjectType, order: Fields): number {
  const items = childrenOf(type).find(({ name }) => name === "OrderItems");
  const held = items === undefined ? undefined : tables.idsWhere(items.child, items.field, order["Id"] ?? null);
  return held?.size ?? 0;
}

/** An order begins as a draft of some sort, and can only be activated once it holds a product. */
function order(tables: Tables, type: ObjectType, before: Fields | undefined, after: Fields): Filled {
  if (after["Status"] === "Activated" && before?.["Status"] !== "Activated") {
    if (before === undefined)
      throw new SalesforceError("FAILED_ACTIVATION", "Choose a valid order status and save your changes.", ["Status"]);
    if (itemsOf(tables, type, after) === 0)
      throw new SalesforceError("FAILED_ACTIVATION", "An order must have at least one product.", ["Status"]);
  }
  if (
    before !== undefined &&
    (before["Pricebook2Id"] ?? null) !== (after["Pricebook2Id"] ?? null) &&
    itemsOf(tables, type, after) > 0
  )
    throw new SalesforceError(
      "FIELD_INTEGRITY_EXCEPTION",
      "the price book of an order that has products cannot be changed",
      ["Pricebook2Id"],
    );
  return {};
}

/** A file is linked to a record once. */
function link(tables: Tables, type: ObjectType, before: Fields | undefined, after: Fields): Filled {
  const field = fieldNamed(type, "ContentDocumentId");
  const others =
    before !== undefined || field === undefined
      ? []
      : [...(tables.idsWhere(type, field, after["ContentDocumentId"] ?? null) ?? [])];
  if (others.some((id) => tables.row(type, id)?.["LinkedEntityId"] === after["LinkedEntityId"]))
    throw new SalesforceError(
      "DUPLICATE_VALUE",
      `duplicate value found: duplicate value on record with id: ${String(after["LinkedEntityId"]).slice(0, 15)}`,
      [],
    );
  return {};
}

/** Throws where a record may not be deleted. */
export function checkRemoval(tables: Tables, type: ObjectType, record: Fields): void {
  if (type.name === "ContentVersion")
    throw new SalesforceError("INVALID_TYPE_FOR_OPERATION", "entity type ContentVersion does not support delete");
  const activated =
    type.name === "Order" ? record : type.name === "OrderItem" ? row(tables, "Order", record["OrderId"]) : undefined;
  if (activated?.["Status"] === "Activated")
    throw new SalesforceError("FAILED_ACTIVATION", "unable to modify activated orders", []);
}

function closedDate(after: Fields): Filled {
  if (after["Status"] !== "Closed") return { ClosedDate: null };
  return { ClosedDate: after["ClosedDate"] ?? after["LastModifiedDate"] ?? null };
}

/** Outside the standard price book an entry needs one inside it first. */
function pricebookEntry(tables: Tables, type: ObjectType, before: Fields | undefined, after: Fields): Filled {
  const productField = fieldNamed(type, "Product2Id");
  if (
    before !== undefined ||
    productField === undefined ||
    row(tables, "Pricebook2", after["Pricebook2Id"])?.["IsStandard"] === true
  )
    return {};
  const others = tables.idsWhere(type, productField, after["Product2Id"] ?? null) ?? new Set();
  const isInStandard = [...others].some(
    (id) => row(tables, "Pricebook2", tables.row(type, id)?.["Pricebook2Id"])?.["IsStandard"] === true,
  );
  if (!isInStandard)
    throw new SalesforceError(
      "STANDARD_PRICE_NOT_DEFINED",
      "Before creating a custom price, create a standard price.",
      [],
    );
  return {};
}

/** The fields that the object's own rules fill in; throws `SalesforceError` where they refuse the record. */
export function checkSpecialRules(tables: Tables, type: ObjectType, before: Fields | undefined, after: Fields): Filled {
  switch (type.name) {
    case "OrderItem":
      return orderItem(tables, after);
    case "Order":
      return order(tables, type, before, after);
    case "Case":
      return closedDate(after);
    case "PricebookEntry":
      return pricebookEntry(tables, type, before, after);
    case "ContentDocumentLink":
      return link(tables, type, before, after);
    default:
      return {};
  }
}
