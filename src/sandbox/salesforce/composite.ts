import * as z from "zod";
import type { Answer } from "../exchange.ts";
import type { Faults } from "../faults.ts";
import { SalesforceError, orderedErrorAnswer } from "./errors.ts";
import type { Records } from "./records.ts";
import type { Cursors, Resource } from "./resources.ts";
import { addressed, answered, resource } from "./resources.ts";

/** Several requests in one: `composite` and `composite/graph`. The answer is 200 even where a subrequest failed. */

export interface CompositeStage {
  readonly records: Records;
  readonly cursors: Cursors;
  readonly faults: Faults;
}

const subrequest = z.object({
  method: z.enum(["GET", "POST", "PATCH", "PUT", "DELETE"]),
  url: z.string().regex(/^\/services\/data\/v\d+\.0\/./, "must be a full path: /services/data/vNN.0/…"),
  referenceId: z.string().regex(/^[A-Za-z0-9_]+$/, "must be letters, digits and underscores"),
  body: z.unknown().optional(),
});
type Subrequest = z.infer<typeof subrequest>;

const distinct = (requests: readonly Subrequest[]) =>
  new Set(requests.map(({ referenceId }) => referenceId)).size === requests.length;
const isQuery = ({ url }: Subrequest) => /^\/services\/data\/v[\d.]+\/query(All)?[/?]/.test(url);
const compositeBody = z.object({
  allOrNone: z.boolean().optional(),
  compositeRequest: z
    .array(subrequest)
    .min(1)
    .max(25, "must hold 25 subrequests at most")
    .refine(distinct, "must have distinct referenceIds")
    .refine((requests) => requests.filter(isQuery).length <= 5, "must hold 5 queries at most"),
});
const graphsBody = z.object({
  graphs: z
    .array(
      z.object({
        graphId: z.string().min(1),
        compositeRequest: z
          .array(subrequest)
          .min(1)
          .refine(distinct, "must have distinct referenceIds")
          .refine((requests) => !requests.some(isQuery), "must hold no queries"),
      }),
    )
    .min(1)
    .max(75, "must hold 75 graphs at most")
    .refine(
      (graphs) => graphs.reduce((nodes, graph) => nodes + graph.compositeRequest.length, 0) <= 500,
      "must hold 500 nodes at most",
    ),
});

interface Part {
  readonly body: unknown;
  readonly httpHeaders: Readonly<Record<string, string>>;
  readonly httpStatusCode: number;
  readonly referenceId: string;
}
const failed = ({ httpStatusCode }: Part) => httpStatusCode >= 400;

/** Thrown to undo a transaction whose answer is known already. */
class Undone extends Error {
  readonly parts: readonly Part[];
  constructor(parts: readonly Part[]) {
    super("a subrequest failed, so all of them are undone");
    this.parts = parts;
  }
}

/** The value behind `@{ref.field}` or `@{ref.records[0].Id}`. */
function referred(results: ReadonlyMap<string, unknown>, reference: string): string {
  const [referenceId = "", ...steps] = reference.split(/[.[\]]+/).filter((step) => step !== "");
  let value = results.get(referenceId);
  for (const step of steps)
    value =
      typeof value === "object" && value !== null
        ? Object.entries(value).find(([name]) => name === step)?.[1]
        : undefined;
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") {
    throw new SalesforceError(
      "PROCESSING_HALTED",
      `Invalid reference specified. No value for ${reference} found in ${referenceId}`,
    );
  }
  return String(value);
}

const filled = (results: ReadonlyMap<string, unknown>, text: string) =>
  text.replace(/@\{([^}]*)\}/g, (_, reference: string) => referred(results, reference));

function filledBody(results: ReadonlyMap<string, unknown>, value: unknown): unknown {
  if (typeof value === "string") return filled(results, value);
  if (Array.isArray(value)) return value.map((one) => filledBody(results, one));
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, filledBody(results, one)]));
  return value;
}

function perform({ faults }: CompositeStage, found: Resource): Answer {
  const fault = faults.takeForPart("salesforce", found.operation);
  return fault === undefined ? found.perform() : orderedErrorAnswer(fault);
}

function runPart(stage: CompositeStage, results: ReadonlyMap<string, unknown>, part: Subrequest): Part {
  const answer = answered(() => {
    const where = addressed(filled(results, part.url));
    const request = { method: part.method, ...where, body: filledBody(results, part.body), batchSize: 2000 };
    return perform(stage, resource(stage.records, stage.cursors, request));
  });
  return {
    body: answer.body ?? null,
    httpHeaders: answer.headers ?? {},
    httpStatusCode: answer.status,
    referenceId: part.referenceId,
  };
}

function halted(part: Part): Part {
  const body = [
    {
      errorCode: "PROCESSING_HALTED",
      message: "The transaction was rolled back since another operation in the same transaction failed.",
    },
  ];
  return { body, httpHeaders: {}, httpStatusCode: 400, referenceId: part.referenceId };
}

function runAll(stage: CompositeStage, requests: readonly Subrequest[], allOrNone: boolean): readonly Part[] {
  const work = () => {
    const results = new Map<string, unknown>();
    const parts: Part[] = [];
    for (const [index, request] of requests.entries()) {
      const part = runPart(stage, results, request);
      parts.push(part);
      if (!failed(part)) results.set(part.referenceId, part.body);
      else if (allOrNone) {
        const rest = requests
          .slice(index + 1)
          .map(({ referenceId }) => ({ body: null, httpHeaders: {}, httpStatusCode: 400, referenceId }));
        throw new Undone([...parts, ...rest].map((one) => (one === part ? one : halted(one))));
      }
    }
    return parts;
  };
  try {
    return allOrNone ? stage.records.tables.transaction(work) : work();
  } catch (error) {
    if (error instanceof Undone) return error.parts;
    throw error;
  }
}

function wellFormed<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [problem] = parsed.error.issues;
  throw new SalesforceError(
    "JSON_PARSER_ERROR",
    `${problem?.path.join(".") ?? "body"}: ${problem?.message ?? "is malformed"}`,
  );
}

/** `POST composite`. Throws `SalesforceError`, and runs nothing, where the request itself is malformed. */
export function composite(stage: CompositeStage, body: unknown): Answer {
  const { compositeRequest, allOrNone = false } = wellFormed(compositeBody, body);
  return { status: 200, body: { compositeResponse: runAll(stage, compositeRequest, allOrNone) } };
}

/** `POST composite/graph`: each graph is all or none by itself. Throws as `composite` does. */
export function compositeGraph(stage: CompositeStage, body: unknown): Answer {
  const { graphs } = wellFormed(graphsBody, body);
  const answers = graphs.map(({ graphId, compositeRequest }) => {
    const parts = runAll(stage, compositeRequest, true);
    return { graphId, graphResponse: { compositeResponse: parts }, isSuccessful: !parts.some(failed) };
  });
  return { status: 200, body: { graphs: answers } };
}
