import type { Request, RequestHandler } from "express";
import type { Answer, Stage } from "../exchange.ts";
import { exchange, send } from "../exchange.ts";
import { collections } from "./collections.ts";
import { composite, compositeGraph } from "./composite.ts";
import { SalesforceError, errorAnswer, orderedErrorAnswer } from "./errors.ts";
import { multipartRecord } from "./multipart.ts";
import type { Records } from "./records.ts";
import type { Cursors, ResourceRequest } from "./resources.ts";
import { addressed, answered, resource } from "./resources.ts";
import type { Sessions } from "./token.ts";

/** Salesforce's REST API, under `/services`: finds the operation, lets the ordered faults happen, and answers. */

export interface Salesforce {
  readonly records: Records;
  readonly sessions: Sessions;
  readonly cursors: Cursors;
}

const DAILY_CALLS = 100_000;
const DEFAULT_BATCH = 2000;

interface Operation {
  readonly name: string;
  readonly perform: () => Answer;
}

function parsedBody(request: Request): unknown {
  const body: unknown = request.body;
  if (!Buffer.isBuffer(body)) return undefined;
  const type = request.get("content-type") ?? "";
  if (/^multipart\/form-data\b/i.test(type)) return multipartRecord(body, type);
  const text = body.toString("utf8");
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new SalesforceError("JSON_PARSER_ERROR", "Unexpected character at [line:1, column:1]");
  }
}

/** 200 to 2000 rows a page, as the caller asks. */
function batchSize(header: string | undefined): number {
  const asked = Number(/batchSize=(\d+)/i.exec(header ?? "")?.[1] ?? DEFAULT_BATCH);
  return Math.min(Math.max(asked, 200), DEFAULT_BATCH);
}

function operationOf(salesforce: Salesforce, stage: Stage, request: ResourceRequest): Operation {
  const { records, cursors } = salesforce;
  const [first, second] = request.path;
  const parts = { records, cursors, faults: stage.faults };
  if (first === "limits")
    return {
      name: "limits",
      perform: () => ({
        status: 200,
        body: { DailyApiRequests: { Max: DAILY_CALLS, Remaining: DAILY_CALLS - stage.calls.all().length } },
      }),
    };
  if (first === "composite" && second === "sobjects")
    return { name: "collections", perform: () => collections(records, request) };
  if (first === "composite" && request.method !== "POST")
    throw new SalesforceError("METHOD_NOT_ALLOWED", `HTTP Method '${request.method}' not allowed. Allowed are POST`);
  if (first === "composite" && second === "graph")
    return { name: "composite-graph", perform: () => compositeGraph(parts, request.body) };
  if (first === "composite" && second === undefined)
    return { name: "composite", perform: () => composite(parts, request.body) };
  const { operation, perform } = resource(records, cursors, request);
  return { name: operation, perform };
}

function resourceRequest(request: Request): ResourceRequest {
  const size = batchSize(request.get("Sforce-Query-Options"));
  return { method: request.method, ...addressed(request.originalUrl), body: parsedBody(request), batchSize: size };
}

const expired = () => new SalesforceError("INVALID_SESSION_ID", "Session expired or invalid");
const summaryOf = ({ method, path, query }: ResourceRequest) =>
  `${method} ${path.join("/")}${query.size > 0 ? ` ${[...query].map(([name, value]) => `${name}=${value}`).join(" ")}` : ""}`;

/** Serves `/services/data/…`: a call needs an open session, and only then meets its fault. */
export function salesforceData(current: () => Salesforce, stage: Stage): RequestHandler {
  let used = 0;
  return (request, response) => {
    const salesforce = current();
    used += 1;
    response.set("Sforce-Limit-Info", `api-usage=${String(used)}/${String(DAILY_CALLS)}`);
    if (!/^\/services\/data\/v\d+\.0(?:[/?]|$)/.test(request.originalUrl)) {
      send(response, {
        status: 200,
        body: ["61.0", "62.0"].map((version) => ({ label: `v${version}`, url: `/services/data/v${version}`, version })),
      });
      return;
    }
    const token = /^(?:Bearer|OAuth) (\S+)$/i.exec(request.get("authorization") ?? "")?.[1] ?? "";
    let asked: ResourceRequest | undefined;
    let operation: Operation;
    try {
      if (!salesforce.sessions.isOpen(token)) throw expired();
      asked = resourceRequest(request);
      operation = operationOf(salesforce, stage, asked);
    } catch (error) {
      if (!(error instanceof SalesforceError)) throw error;
      const answer = errorAnswer(error);
      stage.calls
        .arrived("salesforce", "refused", `${request.method} ${request.path} ${error.errorCode}`)
        .answered(answer.status);
      send(response, answer);
      return;
    }
    exchange(stage, response, {
      vendor: "salesforce",
      operation: operation.name,
      summary: summaryOf(asked),
      perform: () => answered(operation.perform),
      vendorError: orderedErrorAnswer,
    });
  };
}

/** Serves `/services/oauth2/token`; the instance's address is the one that the caller used. */
export function salesforceToken(current: () => Salesforce, stage: Stage): RequestHandler {
  return (request, response) => {
    const form = new URLSearchParams(typeof request.body === "string" ? request.body : "");
    const instanceUrl = `http://${request.get("host") ?? ""}`;
    exchange(stage, response, {
      vendor: "salesforce",
      operation: "token",
      summary: `grant_type=${form.get("grant_type") ?? ""}`,
      perform: () => current().sessions.grant(form, request.get("authorization"), instanceUrl),
      vendorError: (fault) => ({
        status: fault.status ?? 400,
        body: {
          error: fault.code ?? "invalid_grant",
          error_description: typeof fault.body === "string" ? fault.body : "authentication failure",
        },
      }),
    });
  };
}
