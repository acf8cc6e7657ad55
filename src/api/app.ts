import express from "express";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { EndedNames } from "../ended-access.ts";
import type { Documents } from "../integrations/documents/documents.ts";
import type { Follow } from "../queues/follow.ts";
import type { Intake } from "../queues/intake.ts";
import type { AnyJobKind } from "../queues/job-kind.ts";
import type { Settings } from "../settings.ts";
import { accessLog } from "./access-log.ts";
import { type Customers, showAccountStatus } from "./account-status.ts";
import { authentication } from "./authentication.ts";
import { showMonths } from "./cancellation-months.ts";
import { docsPage } from "./docs-page.ts";
import { acceptUpload } from "./document-upload.ts";
import { tryOutBy, type DryRunParts } from "./dry-run.ts";
import { beginExchange } from "./exchange.ts";
import { answerFailure } from "./failures.ts";
import { serveHealth, type WarningSource } from "./health.ts";
import { httpMetrics } from "./http-metrics.ts";
import { followJob } from "./job-events.ts";
import { acceptJob, showJob } from "./jobs.ts";
import { openApiDocument } from "./openapi.ts";
import { problemSorts } from "./openapi-answers.ts";
import { refuseMethod, takeOutboundMessage } from "./outbound-messages.ts";
import { Problem } from "./problem.ts";
import { rateLimitPerClient } from "./rate-limit.ts";
import { sendJson } from "./send.ts";
import { onRoute, serve } from "./serve.ts";

export interface ApiParts {
  readonly settings: Pick<
    Settings,
    "API_KEYS" | "API_RATE_PER_MINUTE" | "SALESFORCE_ORG_ID" | "SALESFORCE_OUTBOUND_TOKEN"
  >;
  readonly log: Logger;
  readonly intake: Intake;
  /** Where uploads wait. */
  readonly documents: Documents;
  readonly follow: Follow;
  /** How a request is tried out, and what is personal of it sealed meanwhile. */
  readonly dryRun: DryRunParts;
  /** Each gets the REST route that it names. */
  readonly kinds: readonly AnyJobKind[];
  /** The kind of the list that an approved Order becomes. */
  readonly provisioning: AnyJobKind;
  /** What of Salesforce a customer may see. */
  readonly customers: Customers;
  /** Clients whose keys are refused from now on, whatever API_KEYS says. */
  readonly ended: Pick<EndedNames, "has">;
  /** What `/metrics` shows; the requests' own times are registered here. */
  readonly metrics: Registry;
  /** What `/readyz` says beside Redis's own warnings. */
  readonly warnings?: readonly WarningSource[];
  /** How long a request's body may take to arrive, in milliseconds. */
  readonly bodyDeadlineMs?: number;
  /** How many listeners may follow jobs at the same time. */
  readonly mostStreams?: number;
}

/** 64 KiB in 10 seconds is a slow telephone line; a caller that is slower holds a socket for nothing. */
const BODY_DEADLINE_MS = 10_000;

/** The addresses that are answered here; whatever else comes is left to what is mounted beside. */
const OURS = /^\/(?:api|salesforce\/outbound-messages|healthz|readyz|metrics)(?:\/|$)/;

/**
 * The doors: the REST API, Salesforce's outbound messages, and what machines ask about our health. Mount it at the root.
 *
 * Under `/api` authentication comes before routing: whoever has no key learns of no route, and a route that someone adds
 * later cannot forget it. Only the description stands before it: it holds nothing but the form of requests, and people
 * need it before they have a key.
 */
export function createApi(parts: ApiParts): express.RequestHandler {
  const {
    settings,
    log,
    intake,
    documents,
    follow,
    kinds,
    provisioning,
    metrics,
    bodyDeadlineMs = BODY_DEADLINE_MS,
  } = parts;
  const { API_KEYS: keys, SALESFORCE_ORG_ID: organizationId, SALESFORCE_OUTBOUND_TOKEN: token } = settings;
  if (keys === undefined || organizationId === undefined || token === undefined)
    throw new Error("the api role's settings were not checked at start");
  const description = openApiDocument(kinds);

  const ours = express.Router({ caseSensitive: true });
  ours.use(beginExchange, accessLog(log, httpMetrics(metrics)));
  serve(ours, "get", "/api/openapi.json", (_request, response) =>
    sendJson(response, description, { cache: "no-cache" }),
  );
  serve(ours, "get", "/api/docs", docsPage(description, problemSorts(kinds)));

  ours.use("/api", authentication(keys, parts.ended), rateLimitPerClient(settings.API_RATE_PER_MINUTE));
  const tryOut = tryOutBy(parts.dryRun);
  for (const kind of kinds) {
    for (const route of kind.routes) {
      const handler =
        "body" in route
          ? acceptJob(kind, route, intake, bodyDeadlineMs, tryOut)
          : acceptUpload(kind, route, intake, documents, tryOut);
      serve(ours, "post", `/api${route.path}`, handler);
    }
  }
  for (const service of ["internet", "sim"])
    serve(ours, "get", `/api/services/${service}/cancellation-months`, showMonths);
  serve(ours, "get", "/api/jobs/:id", showJob(intake));
  serve(ours, "get", "/api/accounts/:accountId/status", showAccountStatus(parts.customers));
  serve(ours, "get", "/api/jobs/:id/events", followJob(intake, follow, parts.mostStreams));

  serveHealth(ours, intake, metrics, parts.warnings);
  const outbound = "/salesforce/outbound-messages/:token";
  ours
    .route(outbound)
    .all(onRoute(outbound))
    .post(takeOutboundMessage({ intake, provisioning, token, organizationId, bodyDeadlineMs }))
    .all(refuseMethod);
  ours.use(() => {
    throw new Problem("not-found", "No call has this address.");
  });
  ours.use(answerFailure);

  return (request, response, next) => (OURS.test(request.path) ? ours(request, response, next) : next());
}
