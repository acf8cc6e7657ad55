import { SalesforceError } from "./errors.ts";
import type { Records } from "./records.ts";
import type { Field, Fields, ObjectType } from "./schema.ts";
import { childrenOf } from "./schema.ts";
import type { Condition, Path, Query, Sorting } from "./soql-parse.ts";
import {
  HINT,
  bind,
  comparable,
  fieldOf,
  objectOf,
  operand,
  parentOf,
  predicate,
  withoutOwnName,
} from "./soql-rows.ts";

/** Runs a parsed query. Names and types are checked before any row is looked at, so a wrong query fails on an empty org too. */

/** A record as the REST API shows it. */
export type Shown = { readonly [name: string]: unknown };
export interface Found {
  /** COUNT() counts and shows no records. */
  readonly total: number;
  readonly records: readonly Shown[];
}

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
  for (const { field } of keys)
    if (field.type === "textarea" && (field.length ?? 0) > 255)
      throw new SalesforceError("MALFORMED_QUERY", `field '${field.name}' can not be sorted in a query call`);
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

/** Links between files and records are found from one of their ends only. */
function namesItsEnds(condition: Condition | undefined): boolean {
  if (condition === undefined) return false;
  if (condition.kind === "and") return condition.parts.some(namesItsEnds);
  if (condition.kind !== "compare" && condition.kind !== "in") return false;
  const [name = "", ...rest] = condition.path.map((step) => step.toLowerCase());
  const isEnd = rest.length === 0 && (name === "contentdocumentid" || name === "linkedentityid");
  return isEnd && (condition.kind === "in" ? !condition.negated : condition.operator === "=");
}

/** Runs a query; `version` is the API version in the records' URLs. Throws INVALID_TYPE, INVALID_FIELD and the like. */
export function runQuery(records: Records, query: Query, version: string): Found {
  const type = objectOf(query.from);
  if (type.name === "ContentDocumentLink" && !namesItsEnds(query.where))
    throw new SalesforceError(
      "MALFORMED_QUERY",
      "Implementation restriction: ContentDocumentLink requires a filter by a single Id on ContentDocumentId or LinkedEntityId using the equals operator or multiple Id's using the IN operator.",
    );
  const run = bindQuery(records, type, query, version);
  return run(candidates(records, type, query.where));
}
