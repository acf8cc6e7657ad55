import { appRoutes } from "@bull-board/api/dist/routes.js";
import * as fc from "fast-check";
import { kinds } from "../../src/processors/index.ts";
import type { HostileRequest } from "./hostile-requests.ts";
import { inHeader, inPath, MARK, text } from "./hostile-texts.ts";

/** Bull Board's own list of its calls, and the dashboard's pages. */
const PATHS = [
  ...appRoutes.api.flatMap(({ route }) => [route].flat()).map((route) => `/admin/queues${route}`),
  "/admin/queues",
  "/admin/queues/queue/:queueName",
  "/sign-in",
  "/sign-in/provider",
  "/sign-in/return",
  "/sign-out",
  "/",
];

/** What comes to the operators' pages, from a stranger or with an operator's `cookie`. */
export function boardRequest(cookie: string, jobs: readonly string[]): fc.Arbitrary<HostileRequest> {
  const segment = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...kinds.map(({ name }) => name), ...jobs, "failed", "waiting") },
    { weight: 1, arbitrary: text.map((value) => inPath(value)) },
  );
  const query = fc.oneof(
    { weight: 2, arbitrary: fc.constant("") },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom("activeQueue", "page", "jobsPerPage", "status", "next", "__proto__[a]"), text)
        .map(([name, value]) => inPath(`?${name}=${encodeURIComponent(value.toWellFormed())}`)),
    },
  );
  const path = fc
    .tuple(fc.constantFrom(...PATHS), fc.array(segment, { minLength: 4, maxLength: 4 }), query)
    .map(([route, segments, query]) => route.replaceAll(/:\w+/g, () => segments.pop() ?? "x") + query);
  const headers = fc.record({
    cookie: fc.oneof(
      { weight: 3, arbitrary: fc.constant(cookie) },
      { weight: 1, arbitrary: text.map((value) => inHeader(`${cookie.split("=")[0] ?? ""}=${value}`)) },
    ),
    "content-type": fc.constantFrom("application/json", "application/x-www-form-urlencoded", "text/plain"),
    "sec-fetch-site": fc.constantFrom("same-origin", "cross-site", "x"),
  });
  const method = fc.constantFrom("GET", "GET", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS");
  const body = fc.constantFrom(null, null, Buffer.from("{}"), Buffer.from("{"), Buffer.from(`name=${MARK}&password=x`));
  return fc.record({ method, path, headers, body }).map((request) => {
    // Else the first one that signs the operator out would leave nothing but strangers.
    const signsOut = request.method === "POST" && request.path.startsWith("/sign-out");
    return signsOut ? { ...request, headers: { ...request.headers, cookie: "" } } : request;
  });
}
