import * as z from "zod";
import {
  createDocument,
  type ZodOpenApiContentObject,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
} from "zod-openapi";
import type { AnyJobKind, Json, Route } from "../queues/job-kind.ts";
import { customerViewSchema } from "./account-status.ts";
import { dryRunSchema } from "./dry-run.ts";
import { jobSchema } from "./job-schema.ts";
import { IDEMPOTENCY_KEY } from "./jobs.ts";
import { location, problems, requestId, UNDER_API } from "./openapi-answers.ts";
import { CUSTOMER_PATHS, EVENTS_PATH, HEALTH_PATHS, JOB_PATHS, MONTHS_PATHS, WEBHOOKS } from "./openapi-reads.ts";
import { problemSchema, type ProblemCode } from "./problem.ts";

export type OpenApiDocument = ReturnType<typeof createDocument>;

const OF_A_POST: readonly ProblemCode[] = [
  ...UNDER_API,
  "malformed-json",
  "incomplete-body",
  "body-timeout",
  "too-large",
  "unsupported-media-type",
  "invalid-request",
  "idempotency-key-reused",
  "not-accepted",
  "unavailable",
];

const OF_AN_UPLOAD: readonly ProblemCode[] = ["malformed-multipart"];

const dryRun = z
  .enum(["true", "false"])
  .optional()
  .meta({
    description:
      "`true` tries the request out: it is judged by the same rules, what it would read is read, what it would write is shown, and nothing is changed. It takes some seconds.",
    param: { id: "DryRun" },
  });

const TRIED_OUT = {
  description: "Of a dry run only: what the request would come to. Nothing was changed.",
  headers: z.object({ "X-Request-Id": requestId }),
  content: { "application/json": { schema: dryRunSchema } },
};

const idempotencyKey = z
  .string()
  .regex(IDEMPOTENCY_KEY)
  .optional()
  .meta({
    description:
      "Names this request of yours: the same key and body give the same job, however often you send them. Kept at least 7 days.",
    examples: ["order-form-8c1f2b7e"],
    param: { id: "IdempotencyKey" },
  });

/**
 * The OpenAPI 3.1 description of the REST API. Bodies come from the kinds' own schemas, the ones that requests are
 * judged by, so that the two cannot differ.
 */
export function openApiDocument(kinds: readonly AnyJobKind[]): OpenApiDocument {
  const posts = kinds.flatMap(({ routes }) =>
    routes.map((route): [string, ZodOpenApiPathsObject[string]] => [`/api${route.path}`, { post: postOf(route) }]),
  );
  return createDocument({
    openapi: "3.1.0",
    info: {
      title: "Handoff",
      version: "1",
      description:
        "Takes work in and keeps it safe until every system has it. A request is answered with 202 and a job once it cannot be lost; the job then says how far it is.",
    },
    servers: [{ url: "/" }],
    security: [{ apiKey: [] }],
    tags: [
      { name: "Requests", description: "Hand work in" },
      { name: "Jobs", description: "Follow it" },
      { name: "Customers", description: "Tell customers where they stand" },
      { name: "Health", description: "For machines that watch over this one; no key" },
    ],
    paths: {
      ...Object.fromEntries(posts),
      ...MONTHS_PATHS,
      ...JOB_PATHS,
      ...EVENTS_PATH,
      ...CUSTOMER_PATHS,
      ...HEALTH_PATHS,
    },
    webhooks: WEBHOOKS,
    components: {
      securitySchemes: { apiKey: { type: "http", scheme: "bearer", description: "The key that you were given" } },
      schemas: { Job: jobSchema, DryRun: dryRunSchema, AccountStatus: customerViewSchema, Problem: problemSchema },
    },
  });
}

function postOf(route: Route<unknown>): ZodOpenApiOperationObject {
  const { path, summary, example } = route;
  return {
    // Several routes may make jobs of one kind, so the path and not the kind's name keeps it unique.
    operationId: `post${path.replaceAll(/[^A-Za-z0-9]+(.)/g, (_, letter: string) => letter.toUpperCase())}`,
    tags: ["Requests"],
    summary,
    requestParams: {
      header: z.object({ "Idempotency-Key": idempotencyKey }),
      query: z.object({ dryRun }),
    },
    requestBody: { required: true, content: bodyOf(route, example) },
    responses: {
      "200": TRIED_OUT,
      "202": {
        description:
          "Safe. The job is new, the one that this Idempotency-Key made, or the one that is already under way for the same work.",
        headers: z.object({ Location: location, "X-Request-Id": requestId }),
        content: { "application/json": { schema: jobSchema } },
      },
      ...problems([...OF_A_POST, ...("fields" in route ? OF_AN_UPLOAD : [])], route.rule),
    },
  };
}

function bodyOf(route: Route<unknown>, example: Json): ZodOpenApiContentObject {
  if ("body" in route) return { "application/json": { schema: route.body, example } };
  const file = z.string().meta({
    description: "The document: JPEG, PNG, WebP, HEIC or PDF, told by its content; 10 MiB at most",
    override: { type: "string", contentMediaType: "application/octet-stream" },
  });
  return { "multipart/form-data": { schema: route.fields.extend({ file }), example } };
}
