import { SalesforceError } from "./errors.ts";
import { to18 } from "./ids.ts";
import type { Field, FieldType, FieldValue } from "./schema.ts";

/** What may be written into a field, and how it is kept: the checks that Salesforce makes on each value. */

const JSON_NAMES: Partial<Record<FieldType, string>> = {
  boolean: "boolean",
  double: "double",
  int: "int",
  currency: "double",
  date: "date",
  datetime: "dateTime",
};
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?:Z|[+-]\d{2}:?\d{2})$/;
const EMAIL = /^[^\s@<>,;]+@[^\s@<>,;]+\.[^\s@<>,;]+$/;

/** `2026-11-22T01:02:03.000+0000`: always UTC and of one length, so that comparing texts compares moments. */
export const dateTimeText = (epochMs: number): string => new Date(epochMs).toISOString().replace("Z", "+0000");

/** A calendar date, or undefined if there is no such day. */
export function asDate(value: string): string | undefined {
  const time = DATE.test(value) ? Date.parse(`${value}T00:00:00Z`) : Number.NaN;
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(value) ? value : undefined;
}

/** A moment, in UTC, or undefined if it is not one; it must carry its offset. */
export function asDateTime(value: string): string | undefined {
  if (!DATE_TIME.test(value) || asDate(value.slice(0, 10)) === undefined) return undefined;
  const time = Date.parse(value.replace(/([+-]\d{2})(\d{2})$/, "$1:$2"));
  return Number.isNaN(time) ? undefined : dateTimeText(time);
}

function cannotDeserialize(field: Field, value: unknown): SalesforceError {
  const token =
    typeof value === "number"
      ? "VALUE_NUMBER"
      : typeof value === "boolean"
        ? "VALUE_BOOLEAN"
        : typeof value === "string"
          ? "VALUE_STRING"
          : Array.isArray(value)
            ? "START_ARRAY"
            : "START_OBJECT";
  const shown = typeof value === "object" ? "" : ` value ${JSON.stringify(value)}`;
  return new SalesforceError(
    "JSON_PARSER_ERROR",
    `Cannot deserialize instance of ${JSON_NAMES[field.type] ?? "string"} from ${token}${shown} or request may be missing a required field at [line:1, column:1]`,
  );
}

function checkedText(field: Field, text: string): FieldValue {
  const value = text.trim();
  if (value === "") return null;
  const length = field.length ?? 255;
  if (value.length > length) {
    throw new SalesforceError(
      "STRING_TOO_LONG",
      `${field.name}: data value too large: ${value.slice(0, 60)} (max length=${String(length)})`,
      [field.name],
    );
  }
  if (field.type === "email" && !EMAIL.test(value))
    throw new SalesforceError("INVALID_EMAIL_ADDRESS", `${field.name}: invalid email address: ${value}`, [field.name]);
  if (field.type === "picklist" && field.values !== undefined && !field.values.includes(value)) {
    throw new SalesforceError(
      "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
      `${field.name}: bad value for restricted picklist field: ${value}`,
      [field.name],
    );
  }
  return value;
}

function checkedNumber(field: Field, value: number): number {
  const [before, after] = field.digits ?? [18, 0];
  const rounded = Number(value.toFixed(after));
  if (Math.abs(rounded) >= 10 ** before)
    throw new SalesforceError(
      "NUMBER_OUTSIDE_VALID_RANGE",
      `${field.name}: value outside of valid range on numeric field: ${String(value)}`,
      [field.name],
    );
  return rounded;
}

/** The value as it is kept; throws the refusal that Salesforce would answer. An empty text is no value. */
export function checkedValue(field: Field, value: unknown): FieldValue {
  if (value === null) {
    if (field.type === "boolean")
      throw new SalesforceError("INVALID_TYPE_ON_FIELD_IN_RECORD", `${field.name}: value not of required type: null`, [
        field.name,
      ]);
    return null;
  }
  switch (field.type) {
    case "boolean":
      if (typeof value !== "boolean") throw cannotDeserialize(field, value);
      return value;
    case "base64":
      if (typeof value !== "string") throw cannotDeserialize(field, value);
      if (value.length % 4 !== 0 || !BASE64.test(value))
        throw new SalesforceError(
          "INVALID_TYPE_ON_FIELD_IN_RECORD",
          `${field.name}: value not of required type: it is not base64`,
          [field.name],
        );
      return value === "" ? null : value;
    case "int":
    case "double":
    case "currency":
      if (typeof value !== "number") throw cannotDeserialize(field, value);
      return checkedNumber(field, value);
    case "date":
    case "datetime": {
      if (typeof value !== "string") throw cannotDeserialize(field, value);
      if (value === "") return null;
      const kept = field.type === "date" ? asDate(value) : asDateTime(value);
      if (kept === undefined) throw cannotDeserialize(field, value);
      return kept;
    }
    case "id":
    case "reference": {
      if (typeof value !== "string") throw cannotDeserialize(field, value);
      if (value === "") return null;
      const id = to18(value);
      if (id === undefined)
        throw new SalesforceError("MALFORMED_ID", `${field.name}: id value of incorrect type: ${value.slice(0, 60)}`, [
          field.name,
        ]);
      return id;
    }
    case "string":
    case "textarea":
    case "email":
    case "phone":
    case "picklist":
      if (typeof value !== "string") throw cannotDeserialize(field, value);
      return checkedText(field, value);
  }
}
