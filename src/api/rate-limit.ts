import type { RequestHandler } from "express";
import { type AugmentedRequest, rateLimit } from "express-rate-limit";
import { Problem } from "./problem.ts";

const WINDOW_MS = 60_000;

/**
 * At most `mostPerMinute` requests a minute of each client, counted in this process's memory: a shared count would cost
 * a Redis call per request, and the limit guards this process, not the company. Past it, 429 with `Retry-After`.
 */
export function rateLimitPerClient(mostPerMinute: number): RequestHandler {
  return rateLimit({
    windowMs: WINDOW_MS,
    limit: mostPerMinute,
    legacyHeaders: false,
    standardHeaders: false,
    validate: false, // its checks are about IP addresses behind proxies; the key here is a client's name
    keyGenerator: (_request, { locals }) => String(locals["client"]),
    handler: (request) => {
      const count = (request as AugmentedRequest)["rateLimit"]; // the library has just hung it there
      const ms = (count?.resetTime?.getTime() ?? Date.now() + WINDOW_MS) - Date.now();
      throw new Problem("too-many-requests", `A client may send ${String(mostPerMinute)} requests a minute.`, {
        headers: { "retry-after": String(Math.max(1, Math.ceil(ms / 1000))) },
      });
    },
  });
}
