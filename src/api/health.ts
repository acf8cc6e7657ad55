import express from "express";
import type { Registry } from "prom-client";
import type { Intake } from "../queues/intake.ts";
import { beginExchange, type Handler } from "./exchange.ts";
import { answerFailure } from "./failures.ts";
import { asUnavailable } from "./jobs.ts";
import { send, sendJson } from "./send.ts";
import { serve } from "./serve.ts";

/** Tells what the operator should mend, in plain words. */
export type WarningSource = () => Promise<readonly string[]>;

/** What machines ask about our health, for a process that has no other door. Mount it at the root. */
export function healthRoutes(
  intake: Intake,
  registry: Registry,
  warnings: readonly WarningSource[] = [],
): express.Router {
  const router = express.Router({ caseSensitive: true });
  router.use(["/healthz", "/readyz", "/metrics"], beginExchange);
  serveHealth(router, intake, registry, warnings);
  router.use(answerFailure);
  return router;
}

/** Adds the three to a router that begins its exchanges and answers its failures itself. */
export function serveHealth(
  router: express.Router,
  intake: Intake,
  registry: Registry,
  warnings: readonly WarningSource[] = [],
): void {
  serve(router, "get", "/healthz", alive);
  serve(router, "get", "/readyz", ready(intake, warnings));
  serve(router, "get", "/metrics", prometheus(registry));
}

/** `GET /healthz`: the process runs. It asks nobody, so that a supervisor never restarts it for Redis's sake. */
const alive: Handler = (_request, response) => {
  sendJson(response, { status: "alive" });
};

/** `GET /readyz`: Redis answers. `warnings`: what the operator should mend, though work is safe meanwhile. */
function ready(intake: Intake, sources: readonly WarningSource[]): Handler {
  return async (_request, response) => {
    const { warnings } = await intake.check().catch(asUnavailable);
    const others = await Promise.all(sources.map((warningsOf) => warningsOf().catch(cannotBeRead)));
    sendJson(response, { status: "ready", warnings: [...warnings, ...others.flat()] });
  };
}

/**
 * `GET /metrics`, in Prometheus's text form. Without a key: it listens only where the operator binds HOST, and holds
 * counts and times by route, never an id, a client's name or a value of a body.
 */
function prometheus(registry: Registry): Handler {
  return async (_request, response) => {
    send(response, { status: 200, type: registry.contentType, body: await registry.metrics() });
  };
}

/** Redis answers and takes work, so we are ready: what a warning would have said is not worth a 503. */
const cannotBeRead = () => ["Not all warnings could be read."];
