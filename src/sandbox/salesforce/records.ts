import type { Content } from "./content.ts";
import { content as contentOf } from "./content.ts";
import { SalesforceError } from "./errors.ts";
import { checkRemoval, checkSpecialRules } from "./object-rules.ts";
import type { Field, FieldValue, Fields, ObjectType } from "./schema.ts";
import { fieldNamed, objectNamed, objectOfId, targetsOf } from "./schema.ts";
import { to18 } from "./ids.ts";
import type { Tables } from "./tables.ts";
import { checkedValue, dateTimeText } from "./values.ts";

/** The org's records: every write goes through the checks that the real org makes. All throw `SalesforceError`. */
export interface Records {
  readonly tables: Tables;
  /** The bytes of Files, which stand in no row. */
  readonly content: Content;
  /** Makes a record and returns its id. */
  readonly create: (type: ObjectType, input: unknown) => string;
  readonly update: (type: ObjectType, id: string, input: unknown) => void;
  readonly remove: (type: ObjectType, id: string) => void;
  /** The id, in 18 characters, of a record that exists. */
  readonly existing: (type: ObjectType, id: string) => string;
  /** The ids of the records whose external id field holds the value. */
  readonly byExternalId: (
    type: ObjectType,
    fieldName: string,
    value: string,
  ) => { readonly field: Field; readonly value: FieldValue; readonly ids: readonly string[] };
  /** A field as it reads, derived or stored. */
  readonly value: (record: Fields, field: Field) => FieldValue;
}

/** The object of that name; throws NOT_FOUND. */
export function knownObject(name: string): ObjectType {
  const type = objectNamed(name);
  if (type === undefined) throw new SalesforceError("NOT_FOUND", "The requested resource does not exist");
  return type;
}

function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The values given, checked one by one, under their fields' own names. */
function checkedInput(type: ObjectType, input: unknown, isNew: boolean): Record<string, FieldValue> {
  if (!isJsonObject(input)) throw new SalesforceError("JSON_PARSER_ERROR", "The request body is not a JSON object");
  const checked: Record<string, FieldValue> = {};
  const readOnly: string[] = [];
  for (const [name, value] of Object.entries(input)) {
    if (name === "attributes") continue;
    if (name.toLowerCase() === "id")
      throw new SalesforceError("INVALID_FIELD", "The Id field should not be specified in the sobject data.", ["Id"]);
    const field = fieldNamed(type, name);
    if (field === undefined)
      throw new SalesforceError("INVALID_FIELD", `No such column '${name}' on sobject of type ${type.name}`);
    if (field.readOnly === true || (field.createOnly === true && !isNew)) readOnly.push(field.name);
    else checked[field.name] = checkedValue(field, value);
  }
  if (readOnly.length > 0) {
    throw new SalesforceError(
      "INVALID_FIELD_FOR_INSERT_UPDATE",
      `Unable to create/update fields: ${readOnly.join(", ")}. Please check the security settings of this field and verify that it is read/write for your profile or permission set.`,
      readOnly,
    );
  }
  return checked;
}

/** Two writes never get the same moment; only a clock that was set back by more than this is followed back. */
const CLOCK_SET_BACK_MS = 60_000;

/** `now` is milliseconds since 1970. */
export function records(tables: Tables, now: () => number): Records {
  let lastMoment = 0;
  const moment = () => {
    const at = now();
    lastMoment = at < lastMoment - CLOCK_SET_BACK_MS ? at : Math.max(at, lastMoment + 1);
    return dateTimeText(lastMoment);
  };

  const content = contentOf(tables);

  const checkReferences = (type: ObjectType, row: Fields) => {
    for (const field of type.fields) {
      const id = row[field.name];
      if (field.to === undefined || typeof id !== "string") continue;
      const target = objectOfId(id);
      if (target === undefined || !targetsOf(field).includes(target.name) || tables.row(target, id) === undefined) {
        throw new SalesforceError("INVALID_CROSS_REFERENCE_KEY", `${field.name}: invalid cross reference id`, [
          field.name,
        ]);
      }
    }
  };
  const checkRequired = (type: ObjectType, row: Fields) => {
    const missing = type.fields
      .filter((field) => field.required === true && (row[field.name] ?? null) === null)
      .map(({ name }) => name);
    if (missing.length > 0)
      throw new SalesforceError(
        "REQUIRED_FIELD_MISSING",
        `Required fields are missing: [${missing.join(", ")}]`,
        missing,
      );
  };
  const checkUnique = (type: ObjectType, id: string, row: Fields) => {
    for (const field of type.fields.filter(({ unique }) => unique === true)) {
      const value = row[field.name] ?? null;
      const other =
        value === null ? undefined : [...(tables.idsWhere(type, field, value) ?? [])].find((holder) => holder !== id);
      if (other !== undefined) {
        throw new SalesforceError(
          "DUPLICATE_VALUE",
          `duplicate value found: ${field.name} duplicates value on record with id: ${other.slice(0, 15)}`,
          [],
        );
      }
    }
  };
  const save = (type: ObjectType, id: string, before: Fields | undefined, given: Fields) => {
    const row: Record<string, FieldValue> = { ...before, ...given, LastModifiedDate: moment() };
    row["CreatedDate"] ??= row["LastModifiedDate"] ?? null;
    checkRequired(type, row);
    checkReferences(type, given);
    Object.assign(row, checkSpecialRules(tables, type, before, row));
    if (type.name === "ContentVersion") Object.assign(row, content.received(id, before, row));
    checkUnique(type, id, row);
    tables.put(type, id, row);
    if (type.name === "ContentVersion" && before === undefined) content.published(id, String(row["CreatedDate"]));
  };
  const existing = (type: ObjectType, id: string): string => {
    const whole = to18(id);
    if (whole === undefined) throw new SalesforceError("MALFORMED_ID", `malformed id ${id.slice(0, 60)}`);
    if (tables.row(type, whole) !== undefined) return whole;
    if (tables.wasDeleted(whole)) throw new SalesforceError("ENTITY_IS_DELETED", "entity is deleted", []);
    throw new SalesforceError("NOT_FOUND", "The requested resource does not exist");
  };

  return {
    tables,
    content,
    existing,
    create: (type, input) =>
      tables.transaction(() => {
        if (type.isMadeBySystem)
          throw new SalesforceError("INVALID_TYPE_FOR_OPERATION", `entity type ${type.name} does not support create`);
        const given = checkedInput(type, input, true);
        const made: Record<string, FieldValue> = {};
        for (const field of type.fields) {
          if (field.default !== undefined) made[field.name] = field.default;
        }
        const id = tables.newId(type);
        made["Id"] = id;
        for (const field of type.fields) {
          if (field.autoNumber !== undefined) made[field.name] = tables.nextNumber(type, field);
        }
        save(type, id, undefined, { ...made, ...given });
        return id;
      }),
    update: (type, id, input) =>
      tables.transaction(() => {
        const whole = existing(type, id);
        save(type, whole, tables.row(type, whole), checkedInput(type, input, false));
      }),
    remove: (type, id) =>
      tables.transaction(() => {
        const whole = existing(type, id);
        checkRemoval(tables, type, tables.row(type, whole) ?? {});
        if (type.name === "ContentDocument") content.removed(whole);
        tables.put(type, whole, undefined);
      }),
    byExternalId: (type, fieldName, text) => {
      const field = fieldNamed(type, fieldName);
      if (field?.externalId !== true || text === "") {
        throw new SalesforceError(
          "NOT_FOUND",
          `Provided external ID field does not exist or is not accessible: ${fieldName}`,
        );
      }
      const value = checkedValue(field, text);
      return { field, value, ids: [...(tables.idsWhere(type, field, value) ?? [])] };
    },
    value: (record, field) => (field.derive === undefined ? (record[field.name] ?? null) : field.derive(record)),
  };
}
