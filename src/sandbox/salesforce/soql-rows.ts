import { SalesforceError } from "./errors.ts";
import { to18 } from "./ids.ts";
import type { Records } from "./records.ts";
import type { Field, FieldValue, Fields, ObjectType } from "./schema.ts";
import { fieldNamed, objectNamed, relationshipNamed } from "./schema.ts";
import type { Condition, Literal, Operator, Path, Query } from "./soql-parse.ts";
import { asDate, asDateTime } from "./values.ts";

/** What a query says about single rows: paths to fields, and conditions on them. Throws INVALID_FIELD and the like. */

type Reader = (record: Fields) => FieldValue;
interface Bound {
  readonly field: Field;
  readonly read: Reader;
  readonly isDirect: boolean;
}

export const HINT = "Please reference your WSDL or the describe call for the appropriate names.";
const invalidField = (message: string) => new SalesforceError("INVALID_FIELD", message);

export function parentOf(type: ObjectType, name: string): { readonly link: Field; readonly parent: ObjectType } {
  const link = relationshipNamed(type, name);
  const parent = link?.to === undefined ? undefined : objectNamed(link.to);
  if (link === undefined || parent === undefined) {
    throw invalidField(
      `Didn't understand relationship '${name}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. ${HINT}`,
    );
  }
  return { link, parent };
}

export function fieldOf(type: ObjectType, name: string): Field {
  const field = fieldNamed(type, name);
  if (field === undefined) {
    throw invalidField(
      `No such column '${name}' on entity '${type.name}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. ${HINT}`,
    );
  }
  return field;
}

export function objectOf(name: string): ObjectType {
  const type = objectNamed(name);
  if (type === undefined) {
    throw new SalesforceError(
      "INVALID_TYPE",
      `sObject type '${name}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. ${HINT}`,
    );
  }
  return type;
}

/** `Account.Name` and `Name` are the same in a query on Account. */
export const withoutOwnName = (type: ObjectType, path: Path): Path =>
  path.length > 1 &&
  path[0]?.toLowerCase() === type.name.toLowerCase() &&
  relationshipNamed(type, type.name) === undefined
    ? path.slice(1)
    : path;

export function bind(records: Records, type: ObjectType, fullPath: Path): Bound {
  const [first = "", ...rest] = withoutOwnName(type, fullPath);
  if (rest.length === 0) {
    const field = fieldOf(type, first);
    return { field, read: (record) => records.value(record, field), isDirect: true };
  }
  const { link, parent } = parentOf(type, first);
  const inner = bind(records, parent, rest);
  return {
    field: inner.field,
    isDirect: false,
    read: (record) => {
      const id = record[link.name];
      const above = typeof id === "string" ? records.tables.row(parent, id) : undefined;
      return above === undefined ? null : inner.read(above);
    },
  };
}

/** The literal as the field keeps it; throws where the literal's type is not the field's. */
export function operand(field: Field, literal: Literal): FieldValue {
  if (literal.kind === "null") return null;
  const wrong = (type: string, quotes: "should" | "should not") =>
    invalidField(
      `value of filter criterion for field '${field.name}' must be of type ${type} and ${quotes} be enclosed in quotes`,
    );
  switch (field.type) {
    case "id":
    case "reference": {
      if (literal.kind !== "string") throw wrong("string", "should");
      const id = to18(literal.value);
      if (id === undefined)
        throw new SalesforceError("INVALID_QUERY_FILTER_OPERATOR", `invalid ID field: ${literal.value}`);
      return id;
    }
    case "boolean":
      if (literal.kind !== "boolean") throw wrong("boolean", "should not");
      return literal.value;
    case "int":
    case "double":
    case "currency":
      if (literal.kind !== "number") throw wrong("double", "should not");
      return literal.value;
    case "date":
    case "datetime": {
      const value =
        literal.kind !== field.type
          ? undefined
          : field.type === "date"
            ? asDate(literal.value)
            : asDateTime(literal.value);
      if (value === undefined) throw wrong(field.type === "date" ? "date" : "dateTime", "should not");
      return value;
    }
    case "base64":
    case "string":
    case "textarea":
    case "email":
    case "phone":
    case "picklist":
      if (literal.kind !== "string") throw wrong("string", "should");
      return literal.value.toLowerCase();
  }
}

/** Texts compare without regard to case, except ids. */
export const comparable = (field: Field, value: FieldValue): FieldValue =>
  typeof value === "string" && field.type !== "id" && field.type !== "reference" && field.type !== "datetime"
    ? value.toLowerCase()
    : value;

function likePattern(pattern: string): RegExp {
  const parts = pattern.match(/\\[\s\S]|[\s\S]/gu) ?? [];
  const source = parts.map((part) =>
    part === "%"
      ? "[\\s\\S]*"
      : part === "_"
        ? "[\\s\\S]"
        : part.replace(/^\\(?=[\s\S])/, "").replace(/[\\^$.*+?()[\]{}|/]/, "\\$&"),
  );
  return new RegExp(`^${source.join("")}$`, "iu");
}

function ordered(operator: Operator, left: FieldValue, right: FieldValue): boolean {
  if (left === null || right === null) return false;
  switch (operator) {
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    case ">=":
      return left >= right;
    case "=":
    case "!=":
    case "LIKE":
      return false;
  }
}

/** Long texts can be read but not searched. */
function filterable({ field }: Bound): Field {
  if (field.type === "base64" || (field.type === "textarea" && (field.length ?? 0) > 255))
    throw invalidField(`field '${field.name}' can not be filtered in a query call`);
  return field;
}

/** What a semi-join's inner query selects: one id or lookup of each row. */
function selected(records: Records, query: Query): () => ReadonlySet<FieldValue> {
  const type = objectOf(query.from);
  const [path, ...more] = query.paths;
  if (path === undefined || more.length > 0 || query.orderBy.length > 0 || query.limit !== undefined)
    throw new SalesforceError(
      "MALFORMED_QUERY",
      "semi join sub-selects must select one field, without ORDER BY and LIMIT",
    );
  const { field, read } = bind(records, type, path);
  if (field.type !== "id" && field.type !== "reference")
    throw new SalesforceError("MALFORMED_QUERY", `semi join sub-selects must select ids: '${field.name}' is none`);
  const matches = query.where === undefined ? () => true : predicate(records, type, query.where);
  return () => new Set([...records.tables.rows(type)].filter(matches).map(read));
}

export function predicate(records: Records, type: ObjectType, condition: Condition): (record: Fields) => boolean {
  switch (condition.kind) {
    case "and": {
      const parts = condition.parts.map((part) => predicate(records, type, part));
      return (record) => parts.every((part) => part(record));
    }
    case "or": {
      const parts = condition.parts.map((part) => predicate(records, type, part));
      return (record) => parts.some((part) => part(record));
    }
    case "not": {
      const part = predicate(records, type, condition.part);
      return (record) => !part(record);
    }
    case "in": {
      const bound = bind(records, type, condition.path);
      const field = filterable(bound);
      const wanted = new Set(condition.literals.map((literal) => operand(field, literal)));
      return (record) => wanted.has(comparable(field, bound.read(record))) !== condition.negated;
    }
    case "in-query": {
      const bound = bind(records, type, condition.path);
      if (bound.field.type !== "id" && bound.field.type !== "reference")
        throw invalidField(`field '${bound.field.name}' is no id: a semi join compares ids`);
      const wanted = selected(records, condition.query);
      let values: ReadonlySet<FieldValue> | undefined;
      return (record) => (values ??= wanted()).has(bound.read(record)) !== condition.negated;
    }
    case "compare": {
      const bound = bind(records, type, condition.path);
      const field = filterable(bound);
      const { operator, literal } = condition;
      if (operator === "LIKE") {
        if (literal.kind !== "string" || typeof operandOfText(field) !== "string")
          throw new SalesforceError(
            "INVALID_QUERY_FILTER_OPERATOR",
            `field '${field.name}' of type ${field.type} does not support the LIKE operator`,
          );
        const pattern = likePattern(literal.pattern);
        return (record) => {
          const value = bound.read(record);
          return typeof value === "string" && pattern.test(value);
        };
      }
      const wanted = operand(field, literal);
      if (operator === "=") return (record) => comparable(field, bound.read(record)) === wanted;
      if (operator === "!=") return (record) => comparable(field, bound.read(record)) !== wanted;
      return (record) => ordered(operator, comparable(field, bound.read(record)), wanted);
    }
  }
}

const operandOfText = ({ type }: Field): string | undefined =>
  type === "string" || type === "textarea" || type === "picklist" || type === "email" || type === "phone"
    ? type
    : undefined;
