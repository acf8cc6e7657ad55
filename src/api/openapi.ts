import * as z from "zod";
import {
  createDocument,
  type ZodOpenApiContentObject,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponseObject,
  type ZodOpenApiResponsesObject,
} from "zod-openapi";
import type { AnyJobKind, Json, Route, Rule } from "../queues/job-kind.ts";
import { accountId } from "../domain/salesforce-id.ts";
import { customerViewSchema } from "./account-status.ts";
import { monthsAnswer, monthsQuery } from "./cancellation-months.ts";
import { jobSchema } from "./job-schema.ts";
import { IDEMPOTENCY_KEY, sortOfRule } from "./jobs.ts";
import { problemSchema, PROBLEMS, type ProblemCode, type ProblemSort } from "./problem.ts";

export type OpenApiDocument = ReturnType<typeof createDocument>;

const UNDER_API: readonly ProblemCode[] = ["unauthenticated", "too-many-requests", "internal-error"];
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
];

const OF_AN_UPLOAD: readonly ProblemCode[] = ["malformed-multipart"];

const requestId = z.string().meta({
  description:
    "Names this request in our log; yours, if you sent X-Request-Id (1 to 128 letters, digits and -._~:=+/@)",
  header: { id: "X-Request-Id" },
});
const retryAfter = z.int().meta({ description: "Seconds to wait before the next try", header: { id: "Retry-After" } });
const location = z.string().meta({ description: "Where the job can be followed", header: { id: "Location" } });

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
      schemas: { Job: jobSchema, AccountStatus: customerViewSchema, Problem: problemSchema },
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
    requestParams: { header: z.object({ "Idempotency-Key": idempotencyKey }) },
    requestBody: { required: true, content: bodyOf(route, example) },
    responses: {
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

const MONTHS_PATHS: ZodOpenApiPathsObject = Object.fromEntries(
  (["Internet", "Sim"] as const).map((service): [string, ZodOpenApiPathsObject[string]] => [
    `/api/services/${service.toLowerCase()}/cancellation-months`,
    {
      get: {
        operationId: `get${service}CancellationMonths`,
        tags: ["Requests"],
        summary: `The months with which ${service === "Sim" ? "a SIM" : "Internet"} may end, now`,
        requestParams: { query: monthsQuery },
        responses: {
          "200": {
            description: "By the rule of the 25th, in Japan",
            headers: z.object({ "X-Request-Id": requestId }),
            content: { "application/json": { schema: monthsAnswer, example: { months: ["2026-12", "2027-01"] } } },
          },
          ...problems([...UNDER_API, "invalid-request"]),
        },
      },
    },
  ]),
);

const JOB_PATHS: ZodOpenApiPathsObject = {
  "/api/jobs/{id}": {
    get: {
      operationId: "getJob",
      tags: ["Jobs"],
      summary: "How far a job is",
      requestParams: { path: z.object({ id: z.string().meta({ description: "The job's id" }) }) },
      responses: {
        "200": {
          description: "The job",
          headers: z.object({ "X-Request-Id": requestId }),
          content: { "application/json": { schema: jobSchema } },
        },
        ...problems([...UNDER_API, "unknown-job", "unavailable"]),
      },
    },
  },
};

const CUSTOMER_PATHS: ZodOpenApiPathsObject = {
  "/api/accounts/{accountId}/status": {
    get: {
      operationId: "getAccountStatus",
      tags: ["Customers"],
      summary: "What the customer sees: address check, identity, orders, cancellations",
      requestParams: { path: z.object({ accountId }) },
      responses: {
        "200": {
          description: "As Salesforce has it now",
          headers: z.object({ "X-Request-Id": requestId }),
          content: { "application/json": { schema: customerViewSchema } },
        },
        ...problems([...UNDER_API, "invalid-request", "unknown-account", "salesforce-unavailable"]),
      },
    },
  },
};

const EVENTS_PATH: ZodOpenApiPathsObject = {
  "/api/jobs/{id}/events": {
    get: {
      operationId: "getJobEvents",
      tags: ["Jobs"],
      summary: "Follow a job as it goes on",
      description:
        "Server-sent events: `state` (state, attempts and, where there are any, nextAttemptAt and failure), `step` (name, state, at), then `end` with the whole job, after which the stream ends.",
      requestParams: {
        path: z.object({ id: z.string().meta({ description: "The job's id" }) }),
        header: z.object({
          "Last-Event-ID": z
            .string()
            .optional()
            .meta({
              description: "The id of the last event that you heard: only what is new is sent",
              param: { id: "LastEventId" },
            }),
        }),
      },
      responses: {
        "200": {
          description:
            "Events `state` and `step` as they come, then `end` with the whole job. Where the connection is lost, come back with `Last-Event-ID`.",
          headers: z.object({ "X-Request-Id": requestId }),
          content: { "text/event-stream": { schema: z.string() } },
        },
        "204": {
          description: "You heard the end, and there is no more",
          headers: z.object({ "X-Request-Id": requestId }),
        },
        ...problems([...UNDER_API, "unknown-job", "unavailable"]),
      },
    },
  },
};

const header = (description: string) => z.string().meta({ description });

/** What a client that registered a URL is sent (`processors/callback.ts`); docs/callbacks.md says how to verify it. */
const WEBHOOKS: ZodOpenApiPathsObject = {
  jobEnded: {
    post: {
      operationId: "jobEnded",
      summary: "A job that came by your key has ended",
      description:
        "Posted to the URL that is registered for you, signed after the Standard Webhooks specification, until it is answered with 2xx: it may come more than once, with the same webhook-id. 410 says that you want no more.",
      security: [],
      requestParams: {
        header: z.object({
          "webhook-id": header("Names the event: the same each time that it is sent"),
          "webhook-timestamp": header("When it was sent, in seconds since 1970"),
          "webhook-signature": header("v1, and the signature in base64; several with spaces between"),
        }),
      },
      requestBody: {
        required: true,
        content: {
          "application/json": {
            schema: z.object({
              type: z.enum(["job.completed", "job.failed"]),
              timestamp: z.iso.datetime().meta({ description: "When the job ended" }),
              data: jobSchema,
            }),
          },
        },
      },
      responses: { "2XX": { description: "Taken" }, "410": { description: "No more callbacks, please" } },
    },
  },
};

const aliveSchema = z.object({ status: z.literal("alive") });
const readySchema = z.object({
  status: z.literal("ready"),
  warnings: z.array(z.string()).meta({ description: "What the operator should mend" }),
});

const HEALTH_PATHS: ZodOpenApiPathsObject = {
  "/healthz": {
    get: {
      operationId: "getHealth",
      tags: ["Health"],
      summary: "Whether the process runs",
      security: [],
      responses: { "200": { description: "It runs", content: { "application/json": { schema: aliveSchema } } } },
    },
  },
  "/readyz": {
    get: {
      operationId: "getReadiness",
      tags: ["Health"],
      summary: "Whether it can take work in",
      security: [],
      responses: {
        "200": { description: "It can", content: { "application/json": { schema: readySchema } } },
        ...problems(["unavailable"]),
      },
    },
  },
  "/metrics": {
    get: {
      operationId: "getMetrics",
      tags: ["Health"],
      summary: "Counts and times, for Prometheus",
      security: [],
      responses: { "200": { description: "Prometheus text", content: { "text/plain": { schema: z.string() } } } },
    },
  },
};

/** Every sort of problem that a call may be answered with: our own, and the rules of the kinds' routes. */
export function problemSorts(kinds: readonly AnyJobKind[]): ProblemSort[] {
  const own = Object.entries(PROBLEMS).map(([code, sort]) => ({ code, ...sort }));
  const rules = kinds.flatMap(({ routes }) =>
    routes.flatMap(({ rule }) => (rule === undefined ? [] : [sortOfRule(rule)])),
  );
  return [...own, ...new Map(rules.map((sort) => [sort.code, sort])).values()];
}

/** One response a status, as OpenAPI wants it, though a status may stand for several codes. */
function problems(codes: readonly ProblemCode[], rule?: Rule<unknown>): ZodOpenApiResponsesObject {
  const sorts = [
    ...codes.map((code) => ({ code, ...PROBLEMS[code] })),
    ...(rule === undefined ? [] : [sortOfRule(rule)]),
  ];
  const byStatus = Map.groupBy(sorts, ({ status }) => status);
  const responses = [...byStatus].map(([status, group]): [string, ZodOpenApiResponseObject] => [
    String(status),
    {
      description: group.map(({ code, title }) => `\`${code}\`: ${title}`).join(" "),
      headers:
        status === 429 || status === 503
          ? z.object({ "Retry-After": retryAfter, "X-Request-Id": requestId })
          : z.object({ "X-Request-Id": requestId }),
      content: { "application/problem+json": { schema: problemSchema } },
    },
  ]);
  return Object.fromEntries(responses.toSorted(([a], [b]) => a.localeCompare(b)));
}
