import { clientOf } from "./authentication.ts";
import type { Handler } from "./exchange.ts";
import { Problem } from "./problem.ts";

const WINDOW_MS = 60_000;

/**
 * At most `mostPerMinute` requests a minute of each client, counted in this process's memory: a shared count would cost
 * a Redis call per request, and the limit guards this process, not the company. Past it, 429 with `Retry-After`. Written
 * out here because express-rate-limit cost 12 of a request's 220 µs.
 */
export function rateLimitPerClient(mostPerMinute: number): Handler {
  const counts = new Map<string, number>(); // as many as API_KEYS has names
  let windowEndsAt = 0; // by the clock that nobody sets
  return (_request, { locals }, next) => {
    const now = performance.now();
    if (now >= windowEndsAt) {
      counts.clear();
      windowEndsAt = now + WINDOW_MS;
    }
    const client = clientOf(locals);
    const count = (counts.get(client) ?? 0) + 1;
    counts.set(client, count);
    if (count > mostPerMinute) {
      throw new Problem("too-many-requests", `A client may send ${String(mostPerMinute)} requests a minute.`, {
        headers: { "retry-after": String(Math.max(1, Math.ceil((windowEndsAt - now) / 1000))) },
      });
    }
    next();
  };
}
