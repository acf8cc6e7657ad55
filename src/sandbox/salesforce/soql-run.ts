import { SalesforceError } from "./errors.ts";
import { to18 } from "./ids.ts";
import type { Records } from "./records.ts";
import type { Field, FieldValue, Fields, ObjectType } from "./schema.ts";
import { childrenOf, fieldNamed, objectNamed, relationshipNamed } from "./schema.ts";
import type { Condition, Literal, Operator, Path, Query, Sorting } from "./soql-parse.ts";
import { asDate, asDateTime } from "./values.ts";

/** Runs a parsed query. Names and types are checked before any row is looked at, so a wrong query fails on an empty org too. */

/** A record as the REST API shows it. */
export type Shown = { readonly [name: string]: unknown };
export interface Found {
  /** COUNT() counts and shows no records. */
  readonly total: number;
  readonly records: readonly Shown[];
}

type Reader = (record: Fields) => FieldValue;
interface Bound {
  readonly field: Field;
  readonly read: Reader;
  readonly isDirect: boolean;
}

const HINT = "Please reference your WSDL or the describe call for the appropriate names.";
const invalidField = (message: string) => new SalesforceError("INVALID_FIELD", message);

function parentOf(type: ObjectType, name: string): { readonly link: Field; readonly parent: ObjectType } {
  const link = relationshipNamed(type, name);
  const parent = link?.to === undefined ? undefined : objectNamed(link.to);
  if (link === undefined || parent === undefined) {
    throw invalidField(
      `Didn't understand relationship '${name}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. ${HINT}`,
    );
  }
  return { link, parent };
}

function fieldOf(type: ObjectType, name: string): Field {
  const field = fieldNamed(type, name);
  if (field === undefined) {
    throw invalidField(
      `No such column '${name}' on entity '${type.name}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. ${HINT}`,
    );
  }
  return field;
}

/** `Account.Name` and `Name` are the same in a query on Account. */
const withoutOwnName = (type: ObjectType, path: Path): Path =>
  path.length > 1 &&
  path[0]?.toLowerCase() === type.name.toLowerCase() &&
  relationshipNamed(type, type.name) === undefined
    ? path.slice(1)
    : path;

function bind(records: Records, type: ObjectType, fullPath: Path): Bound {
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
function operand(field: Field, literal: Literal): FieldValue {
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
const comparable = (field: Field, value: FieldValue): FieldValue =>
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
  if (field.type === "textarea" && (field.length ?? 0) > 255)
    throw invalidField(`field '${field.name}' can not be filtered in a query call`);
  return field;
}

function predicate(records: Records, type: ObjectType, condition: Condition): (record: Fields) => boolean {
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

function rowsOf({ tables }: Records, type: ObjectType, ids: Iterable<string>): Fields[] {
  return [...ids].map((id) => tables.row(type, id)).filter((row) => row !== undefined);
}

/** The rows worth looking at: those that an index names, where the condition asks for one value of an indexed field. */
function candidates(records: Records, type: ObjectType, condition: Condition | undefined): Iterable<Fields> {
  const { tables } = records;
  const conjuncts = condition === undefined ? [] : condition.kind === "and" ? condition.parts : [condition];
  for (const part of conjuncts) {
    const literals =
      part.kind === "in" && !part.negated
        ? part.literals
        : part.kind === "compare" && part.operator === "="
          ? [part.literal]
          : undefined;
    if (literals === undefined || (part.kind !== "in" && part.kind !== "compare")) continue;
    const { field, isDirect } = bind(records, type, part.path);
    const values = literals.map((literal) => operand(field, literal));
    if (!isDirect || values.includes(null)) continue;
    const idSets = values.map((value) =>
      field.type === "id" ? new Set([String(value)]) : tables.idsWhere(type, field, value),
    );
    if (idSets.every((ids) => ids !== undefined))
      return rowsOf(records, type, new Set(idSets.flatMap((ids) => [...ids])));
  }
  return tables.rows(type);
}

function comparer(records: Records, type: ObjectType, orderBy: readonly Sorting[]): (a: Fields, b: Fields) => number {
  const keys = orderBy.map((sorting) => ({ ...sorting, ...bind(records, type, sorting.path) }));
  return (a, b) => {
    for (const { field, read, descending, nullsLast } of keys) {
      const left = comparable(field, read(a));
      const right = comparable(field, read(b));
      if (left === right) continue;
      if (left === null) return nullsLast ? 1 : -1;
      if (right === null) return nullsLast ? -1 : 1;
      return left < right === descending ? 1 : -1;
    }
    return 0;
  };
}

function projection(
  records: Records,
  type: ObjectType,
  query: Pick<Query, "paths" | "subqueries">,
  version: string,
): (record: Fields) => Shown {
  const columns = new Map<string, (record: Fields) => unknown>();
  const parents = new Map<Field, { readonly parent: ObjectType; readonly paths: Path[] }>();
  for (const fullPath of query.paths) {
    const [first = "", ...rest] = withoutOwnName(type, fullPath);
    if (rest.length === 0) {
      const field = fieldOf(type, first);
      if (columns.has(field.name))
        throw new SalesforceError("MALFORMED_QUERY", `duplicate field selected: ${field.name}`);
      columns.set(field.name, (record) => records.value(record, field));
    } else {
      const { link, parent } = parentOf(type, first);
      const known = parents.get(link);
      if (known === undefined) {
        parents.set(link, { parent, paths: [rest] });
        columns.set(link.relationship ?? first, () => null);
      } else known.paths.push(rest);
    }
  }
  for (const [link, { parent, paths }] of parents) {
    const show = projection(records, parent, { paths, subqueries: [] }, version);
    columns.set(link.relationship ?? link.name, (record) => {
      const id = record[link.name];
      const above = typeof id === "string" ? records.tables.row(parent, id) : undefined;
      return above === undefined ? null : show(above);
    });
  }
  for (const subquery of query.subqueries) {
    const down = childrenOf(type).find(({ name }) => name.toLowerCase() === subquery.from.toLowerCase());
    if (down === undefined) {
      throw new SalesforceError(
        "INVALID_TYPE",
        `Didn't understand relationship '${subquery.from}' in FROM part of query call. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. ${HINT}`,
      );
    }
    const run = bindQuery(records, down.child, subquery, version);
    columns.set(down.name, (record) => {
      const ids = records.tables.idsWhere(down.child, down.field, record["Id"] ?? null) ?? new Set<string>();
      const { total, records: shown } = run(rowsOf(records, down.child, ids));
      return total === 0 ? null : { totalSize: total, done: true, records: shown };
    });
  }
  return (record) => ({
    attributes: { type: type.name, url: `/services/data/v${version}/sobjects/${type.name}/${String(record["Id"])}` },
    ...Object.fromEntries([...columns].map(([name, read]) => [name, read(record)])),
  });
}

function bindQuery(
  records: Records,
  type: ObjectType,
  query: Query,
  version: string,
): (rows: Iterable<Fields>) => Found {
  if (query.offset > 2000)
    throw new SalesforceError("NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000");
  const matches = query.where === undefined ? () => true : predicate(records, type, query.where);
  const show = projection(records, type, query, version);
  const compare = comparer(records, type, query.orderBy);
  const end = query.limit === undefined ? undefined : query.offset + query.limit;
  return (rows) => {
    const matching = [...rows].filter(matches);
    const wanted = matching.toSorted(compare).slice(query.offset, end);
    return { total: wanted.length, records: query.count ? [] : wanted.map(show) };
  };
}

/** Runs a query; `version` is the API version in the records' URLs. Throws INVALID_TYPE, INVALID_FIELD and the like. */
export function runQuery(records: Records, query: Query, version: string): Found {
  const type = objectNamed(query.from);
  if (type === undefined) {
    throw new SalesforceError(
      "INVALID_TYPE",
      `sObject type '${query.from}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. ${HINT}`,
    );
  }
  const run = bindQuery(records, type, query, version);
  return run(candidates(records, type, query.where));
}
