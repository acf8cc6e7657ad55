import type { Telemetry } from "bullmq";
import type { RequestHandler } from "express";
import type { Logger } from "pino";
import type { VendorCall } from "./domain/vendor-call.ts";
import type { AttemptEnd } from "./queues/attempt.ts";
import type { Settings } from "./settings.ts";

/**
 * Traces of requests, from the caller's `traceparent` through the queue to each call to a vendor. A span holds names, ids and
 * codes; never a URL, a body or a message.
 */
export interface Tracing {
  /** Stands before the doors: one span for each request. */
  readonly door: RequestHandler;
  /** The trace that is under way here, as a job takes it along; undefined where none is. */
  readonly carried: () => string | undefined;
  /** By which BullMQ's workers make a span of each attempt, in the trace that its job took along. */
  readonly telemetry: Telemetry;
  /** Notes on the attempt's span how it ended. */
  readonly attempted: (end: AttemptEnd, code: string) => void;
  /** Makes a span of each call. */
  readonly call: (vendor: string, call: VendorCall) => VendorCall;
  /** Sends what is left, if that can be done soon. */
  close(): Promise<void>;
}

/** Null unless OpenTelemetry's own variables ask for traces: then nothing of it is even loaded. */
export async function openTracing(settings: Settings, log: Logger): Promise<Tracing | null> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_EXPORTER: exporter } = settings;
  if (exporter === "none" || (exporter === undefined && endpoint === undefined)) return null;
  const { startTracing } = await import("./tracing-sdk.ts");
  return startTracing(settings.ROLES, log);
}
