import { Histogram, type Registry } from "prom-client";

export interface HttpMetrics {
  /** Counts one answered request. `route` is a pattern, so the number of series stays small. */
  observe(method: string, route: string, status: number, seconds: number): void;
}

/** Registers `handoff_http_request_duration_seconds` with `registry`; its `_count` is the number of requests. */
export function httpMetrics(registry: Registry): HttpMetrics {
  const histogram = new Histogram({
    name: "handoff_http_request_duration_seconds",
    help: "How long requests took to answer, in seconds",
    labelNames: ["method", "route", "status"] as const,
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [registry],
  });
  const series = new Map<string, { observe(seconds: number): void }>(); // looking labels up costs more than counting
  return {
    observe(method, route, status, seconds) {
      const key = `${method} ${String(status)} ${route}`;
      let one = series.get(key);
      if (one === undefined) {
        one = histogram.labels(method, route, String(status));
        series.set(key, one);
      }
      one.observe(seconds);
    },
  };
}
