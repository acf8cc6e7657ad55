import { setTimeout as pause } from "node:timers/promises";
import { type Context, context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { setGlobalErrorHandler, W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { Telemetry } from "bullmq";
import { BullMQOtel } from "bullmq-otel";
import type { RequestHandler } from "express";
import type { Logger } from "pino";
import type { Exchange } from "./api/exchange.ts";
import { cameOf } from "./metrics.ts";
import type { Role } from "./settings.ts";
import type { Tracing } from "./tracing.ts";

/** At the end of a process, a collector that does not answer is not waited for any longer. */
const LAST_WORDS_MS = 2000;

/** A collector that is away is away for every batch; the log gets one line in this time. */
const COMPLAINT_EVERY_MS = 60_000;

const DOORS = /^\/(?:api|salesforce)\//;

/** The tracer is OpenTelemetry's own, and reads its other variables itself (headers, certificates, the service's name). */
export function startTracing(roles: ReadonlySet<Role>, log: Logger): Tracing {
  let complainedAt = -COMPLAINT_EVERY_MS;
  const complain = (err: unknown) => {
    if (performance.now() - complainedAt < COMPLAINT_EVERY_MS) return;
    complainedAt = performance.now();
    log.warn({ err }, "traces could not be sent; those of this moment are lost");
  };
  setGlobalErrorHandler(complain);
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ "service.name": "handoff", "handoff.roles": [...roles].join() }))
      .merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] })),
    sampler: onlyWhatTells(new ParentBasedSampler({ root: new AlwaysOnSampler() })),
    spanLimits: { eventCountLimit: 0 }, // BullMQ would put results and messages there
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
  });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator()); // baggage could hold anything, so none is taken along
  const tracer = trace.getTracer("handoff");

  const door: RequestHandler = (request, response, next) => {
    if (!DOORS.test(request.path)) return next();
    const { method } = request;
    const from = propagation.extract(ROOT_CONTEXT, request.headers);
    const span = tracer.startSpan(
      method,
      { kind: SpanKind.SERVER, attributes: { "http.request.method": method } },
      from,
    );
    response.on("close", () => {
      const { route, requestId, facts } = response.locals as Exchange; // as the doors' first handler makes it
      const status = response.statusCode;
      span.updateName(`${method} ${route}`);
      span.setAttributes({
        "http.route": route, // the pattern: the address itself may hold a token
        "http.response.status_code": status,
        "handoff.request.id": requestId,
        ...(facts?.["job"] !== undefined && { "handoff.job.id": facts["job"] }),
      });
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    });
    return context.with(trace.setSpan(from, span), next);
  };

  return {
    door,
    carried() {
      const carrier: Record<string, string> = {};
      propagation.inject(context.active(), carrier);
      return carrier["traceparent"] === undefined ? undefined : JSON.stringify(carrier);
    },
    telemetry: telemetryOfWorkers(),
    attempted(end, code) {
      const span = trace.getActiveSpan();
      span?.setAttributes({ "handoff.attempt.end": end, "handoff.attempt.code": code });
      if (end === "failed" || end === "retrying") span?.setStatus({ code: SpanStatusCode.ERROR, message: code });
    },
    call: (vendor, call) => (operation, perform) =>
      tracer.startActiveSpan(
        `${vendor} ${operation}`,
        { kind: SpanKind.CLIENT, attributes: { "peer.service": vendor, "handoff.operation": operation } },
        async (span) => {
          try {
            return await call(operation, perform);
          } catch (error) {
            const { class: sort, result } = cameOf(error);
            span.setAttributes({ "error.type": result, "handoff.class": sort });
            span.setStatus({ code: SpanStatusCode.ERROR, message: result });
            throw error;
          } finally {
            span.end();
          }
        },
      ),
    async close() {
      const done = new AbortController();
      const tooLate = pause(LAST_WORDS_MS, new Error("the collector did not answer in time"), { signal: done.signal });
      const problem = await Promise.race([provider.shutdown().then(() => null), tooLate]).catch(
        (error: unknown) => error,
      );
      if (problem !== null) complain(problem);
      done.abort();
    },
  };
}

/** Requests, attempts and calls. How BullMQ fetches jobs and keeps its locks would be many times as many. */
function onlyWhatTells(sampler: Sampler): Sampler {
  return {
    shouldSample(parent, traceId, name, kind, attributes, links) {
      if (kind === SpanKind.INTERNAL || kind === SpanKind.PRODUCER) return { decision: SamplingDecision.NOT_RECORD };
      return sampler.shouldSample(parent, traceId, name, kind, attributes, links);
    },
  };
}

/**
 * A job carries what its door put into it, in BullMQ's own place for that. BullMQ hands on nothing by itself: each job of a
 * schedule gets the options of the one before, and all of them would be one trace without an end.
 */
function telemetryOfWorkers(): Telemetry<Context> {
  const { tracer, contextManager } = new BullMQOtel({ tracerName: "handoff" });
  return {
    tracer,
    contextManager: {
      with: (one: Context, run) => contextManager.with(one, run),
      active: () => contextManager.active(),
      root: () => ROOT_CONTEXT,
      getMetadata: () => "",
      fromMetadata(active: Context, metadata) {
        try {
          return contextManager.fromMetadata(active, metadata);
        } catch {
          return active; // a trace is no reason to leave a job where it is
        }
      },
    },
  };
}
