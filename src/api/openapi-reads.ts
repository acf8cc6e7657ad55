import * as z from "zod";
import type { ZodOpenApiPathsObject } from "zod-openapi";
import { accountId } from "../domain/salesforce-id.ts";
import { customerViewSchema } from "./account-status.ts";
import { monthsAnswer, monthsQuery } from "./cancellation-months.ts";
import { jobSchema } from "./job-schema.ts";
import { problems, requestId, UNDER_API } from "./openapi-answers.ts";

/** The calls that take nothing in, as the OpenAPI description tells them. */

export const MONTHS_PATHS: ZodOpenApiPathsObject = Object.fromEntries(
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

export const JOB_PATHS: ZodOpenApiPathsObject = {
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

export const CUSTOMER_PATHS: ZodOpenApiPathsObject = {
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

export const EVENTS_PATH: ZodOpenApiPathsObject = {
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
export const WEBHOOKS: ZodOpenApiPathsObject = {
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

export const HEALTH_PATHS: ZodOpenApiPathsObject = {
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
