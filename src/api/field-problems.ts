import type * as z from "zod";
import type { FieldProblem } from "./problem.ts";

type Issue = z.core.$ZodIssue;

/** Every problem that zod found, one a field, in plain words. */
export function fieldProblems(issues: readonly Issue[]): FieldProblem[] {
  return issues.flatMap((issue) => describe(issue, []));
}

/** For `safeParse`: says that a field is missing where zod would speak of `undefined`. A schema's own words come first. */
export const plainWords: z.core.$ZodErrorMap = (issue) =>
  issue.code === "invalid_type" && issue.input === undefined ? "is required" : undefined;

/** What a field may be called. Another name is more likely a value in the wrong place, which no answer says back. */
const NAME = /^[\w-]{1,64}$/;

/** A field that a request should not have. */
export function unknownField(name: string, above: readonly PropertyKey[] = []): FieldProblem {
  return NAME.test(name)
    ? { path: dotted([...above, name]), message: "is not known here" }
    : { path: dotted(above), message: "holds a field whose name is not known here" };
}

function describe(issue: Issue, above: readonly PropertyKey[]): FieldProblem[] {
  const path = [...above, ...issue.path];
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownField(key, path));
  if (issue.code === "invalid_union") {
    // The branch that came closest is the one that the caller most likely meant.
    const [closest] = issue.errors.toSorted((a, b) => a.length - b.length);
    if (closest !== undefined && closest.length > 0) return closest.flatMap((inner) => describe(inner, path));
  }
  return [{ path: dotted(path), message: issue.message }];
}

const dotted = (path: readonly PropertyKey[]) => path.map(String).join(".");
