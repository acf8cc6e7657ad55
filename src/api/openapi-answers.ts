import * as z from "zod";
import type { ZodOpenApiResponseObject, ZodOpenApiResponsesObject } from "zod-openapi";
import type { AnyJobKind, Rule } from "../queues/job-kind.ts";
import { sortOfRule } from "./jobs.ts";
import { problemSchema, PROBLEMS, type ProblemCode, type ProblemSort } from "./problem.ts";

/** What every answer under `/api` has in common, as the OpenAPI description tells it. */

export const UNDER_API: readonly ProblemCode[] = ["unauthenticated", "too-many-requests", "internal-error"];
export const requestId = z.string().meta({
  description:
    "Names this request in our log; yours, if you sent X-Request-Id (1 to 128 letters, digits and -._~:=+/@)",
  header: { id: "X-Request-Id" },
});
const retryAfter = z.int().meta({ description: "Seconds to wait before the next try", header: { id: "Retry-After" } });
export const location = z.string().meta({ description: "Where the job can be followed", header: { id: "Location" } });

/** Every sort of problem that a call may be answered with: our own, and the rules of the kinds' routes. */
export function problemSorts(kinds: readonly AnyJobKind[]): ProblemSort[] {
  const own = Object.entries(PROBLEMS).map(([code, sort]) => ({ code, ...sort }));
  const rules = kinds.flatMap(({ routes }) =>
    routes.flatMap(({ rule }) => (rule === undefined ? [] : [sortOfRule(rule)])),
  );
  return [...own, ...new Map(rules.map((sort) => [sort.code, sort])).values()];
}

/** One response a status, as OpenAPI wants it, though a status may stand for several codes. */
export function problems(codes: readonly ProblemCode[], rule?: Rule<unknown>): ZodOpenApiResponsesObject {
  const sorts = [
    ...codes.map((code) => ({ code, ...PROBLEMS[code] })),
    ...(rule === undefined ? [] : [sortOfRule(rule)]),
  ];
  const byStatus = Map.groupBy(sorts, ({ status }) => status);
  const responses = [...byStatus].map(([status, group]): [string, ZodOpenApiResponseObject] => [
    String(status),
    {
      description: group.map(({ code, title }) => `\`${code}\`: ${title}`).join(" "),
      headers:
        status === 429 || status === 503
          ? z.object({ "Retry-After": retryAfter, "X-Request-Id": requestId })
          : z.object({ "X-Request-Id": requestId }),
      content: { "application/problem+json": { schema: problemSchema } },
    },
  ]);
  return Object.fromEntries(responses.toSorted(([a], [b]) => a.localeCompare(b)));
}
