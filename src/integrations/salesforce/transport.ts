import { PassThrough, Readable } from "node:stream";
import type { HttpRequest, HttpResponse } from "jsforce";
import { Transport } from "jsforce/lib/transport.js";
import { StreamPromise } from "jsforce/lib/util/promise.js";
import * as z from "zod";
import { type Outgoing, sendIt, type Send } from "../../domain/vendor-call.ts";
import { salesforceError, type ApiError, type Failure, type Trouble } from "./errors.ts";
import { isKnownValue } from "./fields.ts";
import { readsOnly, takenBySalesforce, writesIn } from "./writes.ts";

/** Far above any answer of ours: a query gives one Order or one Account. */
const MAX_ANSWER_BYTES = 10 * 1024 * 1024;

/** What is known of an exchange before it begins. */
export interface Wire {
  /** Aborts the whole exchange, headers and body. */
  readonly signal: AbortSignal;
  readonly asked: Failure["asked"];
  readonly object?: string;
  /** The only scheme, host and port that may be spoken to. */
  readonly origin: string;
  /** Told which share of the org's daily calls is used, where the answer says so. */
  readonly tellUsed?: (share: number) => void;
  /** Absent where it signs in. */
  readonly send?: Send;
}

/**
 * Gives `speaker` (a jsforce connection or OAuth2) a transport in place of jsforce's own, which retries, follows
 * redirects of writes and never settles on a body cut short (vendors/salesforce.md, section 0). One is made for each call, so the call's signal
 * reaches it by closure: a connection costs microseconds, and nothing has to be smuggled past jsforce.
 * Whatever is not a readable success is thrown as an error of `domain/errors.ts`.
 */
export function speakThrough(speaker: { _transport: Transport }, wire: Wire): void {
  // oxlint-disable-next-line no-underscore-dangle -- jsforce's own name for it; there is no other way to give it a transport
  speaker._transport = Object.assign(new Transport(), {
    httpRequest: (request: HttpRequest) =>
      StreamPromise.create<HttpResponse>(() => ({ stream: new PassThrough(), promise: exchange(request, wire) })),
  });
}

async function exchange(request: HttpRequest, wire: Wire): Promise<HttpResponse> {
  const fail = (trouble: Trouble, cause?: unknown) =>
    salesforceError({
      asked: wire.asked,
      trouble,
      cause,
      ...(wire.object === undefined ? {} : { object: wire.object }),
    });
  if (new URL(request.url).origin !== wire.origin)
    throw new Error("jsforce wanted to call another host than the org's");
  if (wire.signal.aborted) throw fail({ kind: "network", failure: "not-reached" }, wire.signal.reason);
  const { send = sendIt } = wire;
  return await send(outgoing(request, wire.asked), () => sent(request, wire, fail));
}

async function sent(
  request: HttpRequest,
  wire: Wire,
  fail: (trouble: Trouble, cause?: unknown) => Error,
): Promise<HttpResponse> {
  let response: Response;
  let body: string | null;
  try {
    response = await fetch(request.url, {
      method: request.method,
      // fetch counts the length itself and refuses a second opinion.
      headers: Object.entries(request.headers ?? {}).filter(([name]) => name.toLowerCase() !== "content-length"),
      ...bodyOf(request.body),
      redirect: "manual",
      signal: wire.signal,
    });
    body = await readBody(response);
  } catch (error) {
    throw fail({ kind: "network", failure: networkFailure(error, wire.signal) }, error);
  }

  const used = shareUsed(response.headers.get("sforce-limit-info"));
  if (used !== null) wire.tellUsed?.(used);
  const { status } = response;
  const answer = body === null ? undefined : parsed(body);
  if (status >= 400) {
    const errors = errorsIn(answer);
    if (errors === null) throw fail({ kind: "unreadable", status });
    throw fail({ kind: "refused", status, errors, retryAfterMs: retryAfterMs(response.headers.get("retry-after")) });
  }
  const isSuccess = status >= 200 && status < 300;
  if (!isSuccess && status !== 300 && status !== 304) throw fail({ kind: "unreadable", status });
  if (isSuccess && status !== 204 && answer === undefined) throw fail({ kind: "unreadable", status });
  return {
    statusCode: status,
    headers: { ...Object.fromEntries(response.headers), "content-type": "application/json" },
    body: body ?? "",
  };
}

/** What would leave, and how Salesforce answers where it takes it. */
function outgoing(request: HttpRequest, asked: Wire["asked"]): Outgoing<HttpResponse> {
  return {
    writes: asked !== "read" || !readsOnly(request),
    parts: async () => await writesIn(request),
    isPlain: (_field, value) => isKnownValue(value),
    taken: (anew) => ({ headers: { "content-type": "application/json" }, ...takenBySalesforce(request, anew) }),
  };
}

/** A document goes out in chunks, so that it is never in memory as one; all else is text. */
function bodyOf(body: HttpRequest["body"]): Pick<RequestInit, "body" | "duplex"> {
  if (body instanceof Readable) return { body, duplex: "half" };
  return { body: typeof body === "string" ? body : null };
}

/** The whole body, or null where it is larger than any answer can be. */
async function readBody(response: Response): Promise<string | null> {
  if (response.body === null) return "";
  const stream: AsyncIterable<Uint8Array> = response.body;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) return null; // leaving the loop cancels the rest
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** `text` as JSON, undefined where it is none. The media type is not asked: some gateways label JSON as text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller tells an unreadable answer from an empty one by the status
  }
}

const apiErrors = z.array(
  z.object({ errorCode: z.string(), message: z.string().default(""), fields: z.array(z.string()).nullish() }),
);
const signInError = z.object({ error: z.string() });

/** Salesforce's error list, from the API's or the token endpoint's shape; null where the answer is neither. */
export function errorsIn(answer: unknown): readonly ApiError[] | null {
  const list = apiErrors.safeParse(answer).data;
  if (list !== undefined) return list.map(({ fields, ...error }) => ({ ...error, fields: fields ?? [] }));
  const refusal = signInError.safeParse(answer).data;
  return refusal === undefined ? null : [{ errorCode: refusal.error, message: "", fields: [] }];
}

/** Of `api-usage=18/5000`, which other limits may follow; null where it says nothing of the kind. */
function shareUsed(limitInfo: string | null): number | null {
  const [, used, limit] = /(?:^|[\s,;])api-usage=(\d+)\/(\d+)/.exec(limitInfo ?? "") ?? [];
  return limit === undefined || Number(limit) === 0 ? null : Number(used) / Number(limit);
}

/** `Retry-After` in seconds or as a date; null where absent or neither. */
function retryAfterMs(header: string | null): number | null {
  if (header === null) return null;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}

const NEVER_CONNECTED: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
]);

function networkFailure(error: unknown, signal: AbortSignal): "not-reached" | "deadline" | "dropped" {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = "code" in cause ? cause.code : undefined;
    const syscall = "syscall" in cause ? cause.syscall : undefined;
    if (NEVER_CONNECTED.has(code) || syscall === "connect") return "not-reached";
  }
  return signal.aborted ? "deadline" : "dropped";
}
