import type { Logger } from "pino";
import type { HttpMetrics } from "./http-metrics.ts";
import type { Handler } from "./exchange.ts";

/** What the log and the metrics call a caller that went away before its answer, as nginx does. Nobody is answered with it. */
const CALLER_LEFT = 499;

/** Asked every few seconds by machines: logged at `debug` while all is well. */
const PROBES: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics"]);

/**
 * Counts every request once it is over, and writes one line of it. Bodies, headers and raw URLs never get here, so they
 * cannot get into the log.
 */
export function accessLog(log: Logger, metrics: HttpMetrics): Handler {
  return (request, response, next) => {
    const startedAt = performance.now();
    const { locals } = response;

    // "close" comes after every answer, and also where the caller went away before it.
    response.on("close", () => {
      const ms = performance.now() - startedAt;
      const status = response.writableFinished ? response.statusCode : CALLER_LEFT;
      metrics.observe(request.method, locals.route, status, ms / 1000);
      const level = levelOf(status, locals.route);
      if (!log.isLevelEnabled(level)) return;
      log[level](
        {
          requestId: locals.requestId,
          method: request.method,
          route: locals.route,
          status,
          ms: Math.round(ms * 10) / 10,
          client: locals.client,
          ...(locals.code === null ? {} : { code: locals.code }),
          ...(locals.fault === null ? {} : { err: locals.fault }),
          ...locals.facts,
        },
        "request",
      );
    });
    next();
  };
}

function levelOf(status: number, route: string): "debug" | "info" | "warn" | "error" {
  if (status === 503) return "warn"; // Redis is away: known, said, and over by itself
  if (status >= 500) return "error";
  if (status >= 400 && route.startsWith("/salesforce/")) return "warn"; // refused, it is dropped by Salesforce after 24 hours
  if (PROBES.has(route) && status < 400) return "debug";
  return "info";
}
