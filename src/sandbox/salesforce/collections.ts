import type { Answer } from "../exchange.ts";
import { SalesforceError } from "./errors.ts";
import type { Records } from "./records.ts";
import { knownObject } from "./records.ts";
import type { ResourceRequest } from "./resources.ts";
import { objectOfId } from "./schema.ts";

/** Many records in one call: `composite/sobjects`. Each row has its own answer, whose error code is called `statusCode`. */

interface RowError {
  readonly statusCode: string;
  readonly message: string;
  readonly fields: readonly string[];
}
type Row = {
  readonly id?: string;
  readonly success: boolean;
  readonly errors: readonly RowError[];
  readonly created?: boolean;
};
type JsonObject = Readonly<Record<string, unknown>>;

const MOST_ROWS = 200;
const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Thrown to undo a transaction whose rows are known already. */
class Undone extends Error {
  readonly rows: readonly Row[];
  constructor(rows: readonly Row[]) {
    super("a row failed, so all of them are undone");
    this.rows = rows;
  }
}

function limited<T>(rows: readonly T[]): readonly T[] {
  if (rows.length > MOST_ROWS)
    throw new SalesforceError(
      "EXCEEDED_ID_LIMIT",
      `record limit reached. cannot submit more than ${String(MOST_ROWS)} records in this call`,
    );
  return rows;
}

function rowsOf(body: unknown): { readonly rows: readonly JsonObject[]; readonly allOrNone: boolean } {
  const given = isObject(body) ? body["records"] : undefined;
  if (!isObject(body) || !Array.isArray(given) || !given.every(isObject))
    throw new SalesforceError("JSON_PARSER_ERROR", "records: must be a list of objects");
  return { rows: limited(given), allOrNone: body["allOrNone"] === true };
}

function typeOf(row: JsonObject) {
  const attributes = row["attributes"];
  const name = isObject(attributes) ? attributes["type"] : undefined;
  if (typeof name !== "string") throw new SalesforceError("INVALID_INPUT", "each record needs attributes.type");
  return knownObject(name);
}

const without = (row: JsonObject, ...names: readonly string[]) =>
  Object.fromEntries(
    Object.entries(row).filter(([name]) => !names.some((other) => other.toLowerCase() === name.toLowerCase())),
  );

function refused(error: unknown): Row {
  if (!(error instanceof SalesforceError)) throw error;
  return {
    success: false,
    errors: [{ statusCode: error.errorCode, message: error.message, fields: error.fields ?? [] }],
  };
}

function runRows<T>(records: Records, rows: readonly T[], allOrNone: boolean, one: (row: T) => Row): Answer {
  const work = () => {
    const answers = rows.map((row) => {
      try {
        return one(row);
      } catch (error) {
        return refused(error);
      }
    });
    if (!allOrNone || answers.every(({ success }) => success)) return answers;
    const undone: Row = {
      success: false,
      errors: [
        {
          statusCode: "ALL_OR_NONE_OPERATION_ROLLED_BACK",
          message: "Record rolled back because not all records were valid and the request was using AllOrNone header",
          fields: [],
        },
      ],
    };
    throw new Undone(answers.map((answer) => (answer.success ? undone : answer)));
  };
  try {
    return { status: 200, body: records.tables.transaction(work) };
  } catch (error) {
    if (error instanceof Undone) return { status: 200, body: error.rows };
    throw error;
  }
}

/** `composite/sobjects` and `composite/sobjects/{object}/{external id field}`. Throws `SalesforceError`. */
export function collections(records: Records, { method, path, query, body }: ResourceRequest): Answer {
  const [, , objectName, keyField] = path;
  if (method === "DELETE") {
    const ids = limited((query.get("ids") ?? "").split(",").filter((id) => id !== ""));
    return runRows(records, ids, query.get("allOrNone") === "true", (id) => {
      const type = objectOfId(id);
      if (type === undefined) throw new SalesforceError("MALFORMED_ID", `malformed id ${id.slice(0, 60)}`);
      const whole = records.existing(type, id);
      records.remove(type, whole);
      return { id: whole, success: true, errors: [] };
    });
  }
  const { rows, allOrNone } = rowsOf(body);
  if (method === "POST") {
    return runRows(records, rows, allOrNone, (row) => ({
      id: records.create(typeOf(row), row),
      success: true,
      errors: [],
    }));
  }
  if (method !== "PATCH")
    throw new SalesforceError(
      "METHOD_NOT_ALLOWED",
      `HTTP Method '${method}' not allowed. Allowed are DELETE,PATCH,POST`,
    );
  if (objectName !== undefined && keyField !== undefined) {
    const type = knownObject(objectName);
    return runRows(records, rows, allOrNone, (row) => {
      const key = Object.entries(row).find(([name]) => name.toLowerCase() === keyField.toLowerCase())?.[1];
      const { ids } = records.byExternalId(type, keyField, typeof key === "string" ? key : "");
      const [id, ...more] = ids;
      if (more.length > 0)
        throw new SalesforceError(
          "DUPLICATE_EXTERNAL_ID",
          `${keyField}: more than one record found for external id field`,
        );
      if (id === undefined) return { id: records.create(type, row), success: true, errors: [], created: true };
      records.update(type, id, without(row, keyField));
      return { id, success: true, errors: [], created: false };
    });
  }
  return runRows(records, rows, allOrNone, (row) => {
    const type = typeOf(row);
    const id = Object.entries(row).find(([name]) => name.toLowerCase() === "id")?.[1];
    if (typeof id !== "string") throw new SalesforceError("MISSING_ARGUMENT", "Id not specified in an update call");
    const whole = records.existing(type, id);
    records.update(type, whole, without(row, "Id"));
    return { id: whole, success: true, errors: [] };
  });
}
