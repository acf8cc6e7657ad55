import { randomBytes } from "node:crypto";
import type { Answer } from "../exchange.ts";
import { everyObject, objectDescription, objectSummary } from "./describe.ts";
import { SalesforceError, errorAnswer } from "./errors.ts";
import type { Records } from "./records.ts";
import { knownObject } from "./records.ts";
import type { ObjectType } from "./schema.ts";
import { fieldNamed } from "./schema.ts";
import { parseSoql } from "./soql-parse.ts";
import { runQuery } from "./soql-run.ts";
import type { Shown } from "./soql-run.ts";

/** The resources that stand for records and queries: what a call can ask by itself or as part of a composite. */

export interface ResourceRequest {
  readonly method: string;
  /** As in the URL, without the v: `62.0`. */
  readonly version: string;
  /** What follows the version, decoded: `["sobjects", "Case"]`. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly body: unknown;
  /** Rows in one page of a query. */
  readonly batchSize: number;
}

type ResourceOperation = "create" | "get" | "update" | "upsert" | "delete" | "query" | "describe";
export interface Resource {
  readonly operation: ResourceOperation;
  /** Throws `SalesforceError`. */
  readonly perform: () => Answer;
}

/** The version and what follows it of `/services/data/vNN.0/…`; throws NOT_FOUND where it is not even a URL. */
export function addressed(url: string): Pick<ResourceRequest, "version" | "path" | "query"> {
  try {
    const { pathname, searchParams } = new URL(url, "http://sandbox.invalid");
    const [, , , version = "", ...path] = pathname.split("/").map((segment) => decodeURIComponent(segment));
    return { version: version.slice(1), path: path.filter((segment) => segment !== ""), query: searchParams };
  } catch {
    throw notFound();
  }
}

/** Pages of queries that are not read to their end yet. */
export type Cursors = Map<string, readonly Shown[]>;

const notFound = () => new SalesforceError("NOT_FOUND", "The requested resource does not exist");
const notAllowed = (method: string, allowed: string) =>
  new SalesforceError("METHOD_NOT_ALLOWED", `HTTP Method '${method}' not allowed. Allowed are ${allowed}`);

function shown(records: Records, type: ObjectType, id: string, { version, query }: ResourceRequest): Answer {
  const row = records.tables.row(type, id);
  if (row === undefined) throw notFound();
  const names = query
    .get("fields")
    ?.split(",")
    .map((name) => name.trim());
  const fields = names === undefined ? type.fields : names.map((name) => fieldNamed(type, name) ?? name);
  const values = fields.map((field) => {
    if (typeof field === "string")
      throw new SalesforceError("INVALID_FIELD", `No such column '${field}' on entity '${type.name}'`);
    return [field.name, records.value(row, field)] as const;
  });
  const url = `/services/data/v${version}/sobjects/${type.name}/${id}`;
  return { status: 200, body: { attributes: { type: type.name, url }, ...Object.fromEntries(values), Id: id } };
}

function created(type: ObjectType, id: string, version: string, extra: object): Answer {
  return {
    status: 201,
    headers: { Location: `/services/data/v${version}/sobjects/${type.name}/${id}` },
    body: { id, success: true, errors: [], ...extra },
  };
}

/** One record by an external id: the key belongs into the URL and never into the body. */
function upsert(
  records: Records,
  type: ObjectType,
  fieldName: string,
  key: string,
  { body, version, query }: ResourceRequest,
): Answer {
  const { field, value, ids } = records.byExternalId(type, fieldName, key);
  const keyInBody =
    typeof body === "object" && body !== null
      ? Object.keys(body).find((name) => name.toLowerCase() === field.name.toLowerCase())
      : undefined;
  if (keyInBody !== undefined)
    throw new SalesforceError("INVALID_FIELD", `The ${field.name} field should not be specified in the sobject data.`, [
      field.name,
    ]);
  const [id, ...more] = ids;
  if (more.length > 0)
    return { status: 300, body: ids.map((one) => `/services/data/v${version}/sobjects/${type.name}/${one}`) };
  if (id !== undefined) {
    records.update(type, id, body);
    return { status: 200, body: { id, success: true, errors: [], created: false } };
  }
  if (query.get("updateOnly") === "true") throw notFound();
  return created(
    type,
    records.create(type, { ...(typeof body === "object" ? body : {}), [field.name]: value }),
    version,
    { created: true },
  );
}

function oneRecord(
  records: Records,
  type: ObjectType,
  find: () => string,
  request: ResourceRequest,
): Resource | undefined {
  switch (request.method) {
    case "GET":
      return { operation: "get", perform: () => shown(records, type, find(), request) };
    case "PATCH":
      return {
        operation: "update",
        perform: () => {
          records.update(type, find(), request.body);
          return { status: 204 };
        },
      };
    case "DELETE":
      return {
        operation: "delete",
        perform: () => {
          records.remove(type, find());
          return { status: 204 };
        },
      };
    default:
      return undefined;
  }
}

function sobjects(records: Records, request: ResourceRequest): Resource {
  const { method, version } = request;
  const [, objectName, second, third] = request.path;
  if (objectName === undefined)
    return { operation: "describe", perform: () => ({ status: 200, body: everyObject(version) }) };
  const type = knownObject(objectName);
  if (second === undefined) {
    if (method === "POST")
      return { operation: "create", perform: () => created(type, records.create(type, request.body), version, {}) };
    if (method === "GET")
      return {
        operation: "describe",
        perform: () => ({ status: 200, body: { objectDescribe: objectSummary(type, version), recentItems: [] } }),
      };
    throw notAllowed(method, "HEAD,GET,POST");
  }
  if (second === "describe" && third === undefined)
    return { operation: "describe", perform: () => ({ status: 200, body: objectDescription(type, version) }) };
  if (third === undefined) {
    const found = oneRecord(records, type, () => existingOr404(records, type, second), request);
    if (found === undefined) throw notAllowed(method, "HEAD,GET,PATCH,DELETE");
    return found;
  }
  if (method === "GET" && type.name === "ContentVersion" && third.toLowerCase() === "versiondata")
    return { operation: "get", perform: () => versionData(records, existingOr404(records, type, second)) };
  if (method === "PATCH") return { operation: "upsert", perform: () => upsert(records, type, second, third, request) };
  const byKey = oneRecord(
    records,
    type,
    () => {
      const [id] = records.byExternalId(type, second, third).ids;
      if (id === undefined) throw notFound();
      return id;
    },
    request,
  );
  if (byKey === undefined) throw notAllowed(method, "HEAD,GET,PATCH,DELETE");
  return byKey;
}

/** A file's bytes. */
function versionData(records: Records, id: string): Answer {
  const bytes = records.content.bytes(id);
  if (bytes === null) throw new SalesforceError("UNKNOWN_EXCEPTION", "The sandbox keeps no bytes of so large a file");
  return { status: 200, body: bytes };
}

/** A path segment that is no id is taken for an external id's field, which is how Salesforce words the refusal. */
function existingOr404(records: Records, type: ObjectType, id: string): string {
  if (!/^[A-Za-z0-9]{15,18}$/.test(id))
    throw new SalesforceError("NOT_FOUND", `Provided external ID field does not exist or is not accessible: ${id}`);
  return records.existing(type, id);
}

function page(
  cursors: Cursors,
  key: string,
  all: readonly Shown[],
  from: number,
  total: number,
  { version, batchSize }: ResourceRequest,
): Answer {
  const rows = all.slice(from, from + batchSize);
  const next = from + rows.length;
  if (next >= all.length) return { status: 200, body: { totalSize: total, done: true, records: rows } };
  cursors.set(key, all);
  return {
    status: 200,
    body: {
      totalSize: total,
      done: false,
      nextRecordsUrl: `/services/data/v${version}/query/${key}-${String(next)}`,
      records: rows,
    },
  };
}

function query(records: Records, cursors: Cursors, request: ResourceRequest): Resource {
  if (request.method !== "GET") throw notAllowed(request.method, "HEAD,GET");
  return {
    operation: "query",
    perform: () => {
      const [, locator] = request.path;
      if (locator !== undefined) {
        const [key = "", from = ""] = locator.split("-");
        const all = cursors.get(key);
        if (all === undefined || !/^\d+$/.test(from))
          throw new SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator");
        return page(cursors, key, all, Number(from), all.length, request);
      }
      const soql = request.query.get("q");
      if (soql === null || soql.trim() === "")
        throw new SalesforceError("MALFORMED_QUERY", "A query string has to be specified");
      const { total, records: found } = runQuery(records, parseSoql(soql), request.version);
      const key = `01g5g${randomBytes(8).toString("hex").slice(0, 13)}`;
      return page(cursors, key, found, 0, total, request);
    },
  };
}

/** The resource that a request asks for; throws NOT_FOUND and METHOD_NOT_ALLOWED as `SalesforceError`. */
export function resource(records: Records, cursors: Cursors, request: ResourceRequest): Resource {
  const [first] = request.path;
  if (first === "sobjects") return sobjects(records, request);
  if (first === "query" || first === "queryAll") return query(records, cursors, request);
  throw notFound();
}

/** Runs `perform`, and turns a refusal into its answer. */
export function answered(perform: () => Answer): Answer {
  try {
    return perform();
  } catch (error) {
    if (error instanceof SalesforceError) return errorAnswer(error);
    throw error;
  }
}
