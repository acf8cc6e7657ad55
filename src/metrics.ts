import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { AttemptEnd } from "./queues/worker.ts";

/**
 * What a process counts, for `/metrics`: attempts by kind and end, calls to vendors by operation and what came of them, and
 * what it last heard of how much of their allowance is used.
 */
export interface Metrics {
  readonly registry: Registry;
  readonly attempt: (kind: string, end: AttemptEnd, ms: number) => void;
  readonly vendorCall: (vendor: string, operation: string, result: string, ms: number) => void;
  readonly allowanceUsed: (vendor: string, share: number) => void;
}

const SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60];

export function openMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const attempts = new Counter({
    name: "handoff_attempts_total",
    help: "Attempts at jobs, by how they ended",
    labelNames: ["kind", "end"],
    registers: [registry],
  });
  const attemptSeconds = new Histogram({
    name: "handoff_attempt_duration_seconds",
    help: "How long attempts took",
    labelNames: ["kind"],
    buckets: SECONDS,
    registers: [registry],
  });
  const calls = new Counter({
    name: "handoff_vendor_calls_total",
    help: "Calls to vendors, by what came of them",
    labelNames: ["vendor", "operation", "result"],
    registers: [registry],
  });
  const callSeconds = new Histogram({
    name: "handoff_vendor_call_duration_seconds",
    help: "How long calls to vendors took",
    labelNames: ["vendor", "operation"],
    buckets: SECONDS,
    registers: [registry],
  });
  const allowances = new Gauge({
    name: "handoff_vendor_allowance_used_ratio",
    help: "Which share of the calls that a vendor takes in a day is used, as it last said",
    labelNames: ["vendor"],
    registers: [registry],
  });
  return {
    registry,
    attempt(kind, end, ms) {
      attempts.inc({ kind, end });
      attemptSeconds.observe({ kind }, ms / 1000);
    },
    vendorCall(vendor, operation, result, ms) {
      calls.inc({ vendor, operation, result });
      callSeconds.observe({ vendor, operation }, ms / 1000);
    },
    allowanceUsed(vendor, share) {
      allowances.set({ vendor }, share);
    },
  };
}
