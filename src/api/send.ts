import type { Reply } from "./exchange.ts";

export interface Sent {
  readonly status: number;
  /** The media type, with its charset where it has one. */
  readonly type: string;
  readonly body: string | Buffer;
  readonly cache?: "no-store" | "no-cache";
  /** What a browser may do with it; by default nothing. */
  readonly policy?: string;
  /** In lower case, and none of those that every answer has. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Nothing here is a page (the docs page brings its own policy), so a browser that is shown an answer may do nothing with it. */
const NO_PAGE = "default-src 'none';frame-ancestors 'none'";

/** What helmet would say of our answers. Setting its dozen headers one by one cost some 6 of a request's 220 µs. */
const GUARDS: readonly string[] = Object.entries({
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "strict-transport-security": "max-age=31536000; includeSubDomains",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
}).flat();

/** Sends a whole answer. Every answer of the doors goes out here, in one piece, with the headers that each must have. */
export function send(
  response: Reply,
  { status, type, body, cache = "no-store", policy = NO_PAGE, headers = {} }: Sent,
): void {
  // Node takes names and values in turn: an object would be taken apart again.
  const all = ["x-request-id", response.locals.requestId, "content-type", type];
  all.push("content-length", String(Buffer.byteLength(body)), "cache-control", cache);
  all.push("content-security-policy", policy, ...GUARDS);
  for (const [name, value] of Object.entries(headers)) all.push(name, value);
  response.removeHeader("x-powered-by"); // Express's own, where the app does not leave it out
  response.writeHead(status, all).end(body);
}

/** The same for a value as JSON. */
export function sendJson(response: Reply, value: unknown, more: Partial<Omit<Sent, "body">> = {}): void {
  send(response, { status: 200, type: "application/json; charset=utf-8", ...more, body: JSON.stringify(value) });
}
