import type { Connection } from "jsforce";
import * as z from "zod";
import { to18 } from "../../domain/salesforce-id.ts";
import { salesforceError } from "./errors.ts";
import { errorsIn } from "./transport.ts";

// Shapes of Salesforce's answers. Every reader here throws (a `ZodError`) on a shape that was never agreed.

const recordId = (prefix: string) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}\\w{12}(\\w{3})?$`))
    .overwrite(to18);
export const opportunityIdAnswer = recordId("006").brand<"OpportunityId">();
export const caseIdAnswer = recordId("500").brand<"CaseId">();
export const accountIdAnswer = recordId("001").brand<"AccountId">();
export const contentVersionIdAnswer = recordId("068").brand<"ContentVersionId">();
export const orderIdAnswer = recordId("801").brand<"OrderId">();
export const productIdAnswer = recordId("01t").brand<"Product2Id">();
export const pricebookEntryIdAnswer = recordId("01u").brand<"PricebookEntryId">();

export const text = z.string().nullable();

/**
 * An id of WHMCS in a field that may be a number (12, 12.0) or a text in Salesforce. Null where it is empty or no id:
 * to a person both mean that the field has to be filled in.
 */
export const whmcsId = z
  .union([z.number(), z.string()])
  .nullable()
  .transform((value) => {
    const id = value === null || value === "" ? 0 : Number(value);
    return Number.isSafeInteger(id) && id > 0 ? id : null;
  });

/** A moment: Salesforce writes `2026-11-22T01:02:03.000+0000`. */
export const dateTime = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$/)
  .transform((value) => new Date(value))
  .nullable();

const record = z.record(z.string(), z.unknown());
type Row = z.infer<typeof record>;

/** The rows of a query whose rows all fit into one answer. */
const wholeList = z.object({ done: z.literal(true), records: z.array(record) });

/** Runs `query` and gives its only row, or null where there is none. */
export async function onlyRow(salesforce: Connection, query: string): Promise<Row | null> {
  const answer: unknown = await salesforce.query(query);
  return wholeList.parse(answer).records[0] ?? null;
}

const page = z.union([
  wholeList,
  z.object({ done: z.literal(false), nextRecordsUrl: z.string(), records: z.array(record) }),
]);

/** Every row of `query`, page by page: a call for each 2,000 rows. */
export async function everyRow(salesforce: Connection, query: string): Promise<Row[]> {
  const rows: Row[] = [];
  let answer = page.parse(await salesforce.query(query));
  for (;;) {
    rows.push(...answer.records);
    if (answer.done) return rows;
    answer = page.parse(await salesforce.queryMore(answer.nextRecordsUrl));
  }
}

/** The value at `path` (relationships, then the field), or null where a relationship on the way is empty. */
export function at<Schema extends z.ZodType>(row: Row, path: readonly string[], schema: Schema): z.output<Schema> {
  let value: unknown = row;
  for (const step of path) value = value === null ? null : record.parse(value)[step];
  return schema.parse(value);
}

/** The rows of the child subquery `relationship`: Salesforce gives null for none. */
export function children(row: Row, relationship: string): readonly Row[] {
  const list = row[relationship];
  return list === null ? [] : wholeList.parse(list).records;
}

/** Runs up to five `queries` in one call; what it gives tells each one's rows by its name. */
export async function readTogether<Name extends string>(
  salesforce: Connection,
  queries: Readonly<Record<Name, string>>,
): Promise<(name: Name) => readonly Row[]> {
  const compositeRequest = Object.entries<string>(queries).map(([name, query]) => ({
    method: "GET",
    url: `/services/data/v${salesforce.version}/query?q=${encodeURIComponent(query)}`,
    referenceId: name,
  }));
  const answer = await salesforce.requestPost<unknown>("/composite", { allOrNone: false, compositeRequest });
  const items = compositeAnswer.parse(answer).compositeResponse;
  const failed = items.find(({ httpStatusCode }) => httpStatusCode >= 300);
  if (failed !== undefined) {
    const { httpStatusCode: status, body } = failed;
    throw salesforceError({ asked: "read", trouble: { kind: "refused", status, errors: errorsIn(body) ?? [] } });
  }
  return (name) => wholeList.parse(items.find(({ referenceId }) => referenceId === name)?.body).records;
}

/** One part of an all-or-none composite call. */
export type Part = {
  /** Which object, and for messages too. */
  readonly object: string;
  /** By which other parts refer to it: `@{name.id}`. */
  readonly name: string;
} & (
  | {
      readonly method: "POST" | "PATCH";
      /** Below `sobjects/{object}`, for a record that exists. */
      readonly id?: string;
      readonly body: Readonly<Record<string, string | number>>;
    }
  /** Reads what an earlier part made: `id` is a reference to it. */
  | { readonly method: "GET"; readonly id: `@{${string}}`; readonly fields: readonly string[] }
);

const compositeAnswer = z.object({
  compositeResponse: z.array(z.object({ referenceId: z.string(), httpStatusCode: z.number(), body: z.unknown() })),
});

/**
 * Writes all `parts` or none, in one call, and gives each part's answer by its name. Salesforce reports failures inside
 * HTTP 200: the part that is to blame decides, the others only say PROCESSING_HALTED.
 */
export async function writeTogether(
  salesforce: Connection,
  parts: readonly Part[],
): Promise<ReadonlyMap<string, unknown>> {
  const sobjects = `/services/data/v${salesforce.version}/sobjects`;
  const compositeRequest = parts.map((part) => {
    const { method, object, name: referenceId } = part;
    if (part.method === "GET")
      return { method, url: `${sobjects}/${object}/${part.id}?fields=${part.fields.join(",")}`, referenceId };
    const id = part.id === undefined ? [] : [encodeURIComponent(part.id)];
    return { method, url: [sobjects, object, ...id].join("/"), referenceId, body: part.body };
  });
  const answer = await salesforce.requestPost<unknown>("/composite", { allOrNone: true, compositeRequest });
  const items = compositeAnswer.parse(answer).compositeResponse;
  const failed = items
    .filter(({ httpStatusCode }) => httpStatusCode >= 300)
    .map((item) => ({ ...item, errors: errorsIn(item.body) ?? [] }));
  if (failed.length > 0) {
    const blamed = failed.find(({ errors }) => !errors.some(({ errorCode }) => errorCode === "PROCESSING_HALTED"));
    const object = parts.find(({ name }) => name === blamed?.referenceId)?.object;
    throw salesforceError({
      asked: "write",
      trouble: { kind: "rolled-back", status: blamed?.httpStatusCode ?? 500, errors: blamed?.errors ?? [] },
      ...(object === undefined ? {} : { object }),
    });
  }
  return new Map(items.map(({ referenceId, body }) => [referenceId, body]));
}

export const created = z.object({ id: z.string(), success: z.literal(true) });

/** The id of what a part made. */
export function idMade<Schema extends z.ZodType>(
  answers: ReadonlyMap<string, unknown>,
  name: string,
  schema: Schema,
): z.output<Schema> {
  return schema.parse(created.parse(answers.get(name)).id);
}
