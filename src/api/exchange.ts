import { randomUUID } from "node:crypto";
import type { NextFunction, Request, Response } from "express";

/** What is known of one request while it is being answered; kept in `response.locals`, read by the access log. */
export interface Exchange {
  /** The caller's `X-Request-Id`, or ours. */
  requestId: string;
  /** The pattern of the route, never the raw URL: that may hold the outbound token. */
  route: string;
  /** The name that the API key stands for; null before authentication and on open routes. */
  client: string | null;
  /** The code of the problem that answered it, if one did. */
  code: string | null;
  /** What was thrown, for the log only, whose serializer picks what may be shown of it. */
  fault: unknown;
  /** Facts for the access log: ids and counts, never a value of a body. */
  facts: Readonly<Record<string, string | number>> | null;
}

export type Reply = Response<unknown, Exchange>;
export type Handler = (request: Request, response: Reply, next: NextFunction) => void | Promise<void>;

/** Characters that need no escaping in a log, a header or a URN. */
const SAFE_REQUEST_ID = /^[A-Za-z0-9._~:=+/@-]{1,128}$/;

/** The first handler of every request: names it; the answer says its name back as `X-Request-Id`. */
export const beginExchange: Handler = (request, response, next) => {
  const given = request.headers["x-request-id"];
  const requestId = typeof given === "string" && SAFE_REQUEST_ID.test(given) ? given : randomUUID();
  response.locals = { requestId, route: "unmatched", client: null, code: null, fault: null, facts: null };
  next();
};
