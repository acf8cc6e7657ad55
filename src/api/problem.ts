import * as z from "zod";
import type { Reply } from "./exchange.ts";
import { sendJson } from "./send.ts";

/** Every problem that the REST API answers with. A code never changes its meaning; `help` is read on the docs page. */
export const PROBLEMS = {
  "malformed-json": { status: 400, title: "The body is not JSON.", help: "Send one JSON value in UTF-8." },
  "malformed-multipart": {
    status: 400,
    title: "The body is not multipart/form-data.",
    help: "Let a library make the body and its Content-Type, whose boundary must be the body's.",
  },
  "incomplete-body": { status: 400, title: "The body ended early.", help: "Send the request again." },
  unauthenticated: {
    status: 401,
    title: "No valid API key.",
    help: "Send `Authorization: Bearer KEY` with a key that is set in API_KEYS.",
  },
  "not-found": { status: 404, title: "Nothing is at this address.", help: "See the list of calls on this page." },
  "unknown-job": {
    status: 404,
    title: "There is no such job.",
    help: "Check the id. A completed job is kept for days, not for ever.",
  },
  "unknown-account": {
    status: 404,
    title: "There is no such account.",
    help: "Check the id: it may be of another org, or the account was deleted or merged.",
  },
  "method-not-allowed": {
    status: 405,
    title: "This address does not take that method.",
    help: "The header Allow names the methods that it takes.",
  },
  "body-timeout": {
    status: 408,
    title: "The body did not arrive in time.",
    help: "Send the request again, over a faster connection.",
  },
  "too-large": { status: 413, title: "The body is too large.", help: "Send less: `detail` names the limit." },
  "unsupported-media-type": {
    status: 415,
    title: "The body is of a type that is not read here.",
    help: "Send `Content-Type: application/json` in UTF-8, or `multipart/form-data` where a document goes with it, without Content-Encoding.",
  },
  "invalid-request": {
    status: 422,
    title: "The request does not fit its description.",
    help: "`errors` names every problem: correct them and send it again.",
  },
  "idempotency-key-reused": {
    status: 422,
    title: "This Idempotency-Key was used before with another body.",
    help: "Nothing was accepted. Use a new key for a new request, or send the first body again.",
  },
  "too-many-requests": {
    status: 429,
    title: "This client sends too many requests.",
    help: "Wait as many seconds as Retry-After says, and send it again.",
  },
  "internal-error": {
    status: 500,
    title: "Something broke on our side.",
    help: "Send it again with the same Idempotency-Key. If it stays, give the operator the X-Request-Id.",
  },
  "not-accepted": {
    status: 503,
    title: "Nobody can say yet whether the request was accepted.",
    help: "Nothing may be relied on. Send it again, with the same Idempotency-Key, after as many seconds as Retry-After says.",
  },
  unavailable: {
    status: 503,
    title: "This cannot be answered right now.",
    help: "Ask again after as many seconds as Retry-After says.",
  },
  "salesforce-unavailable": {
    status: 503,
    title: "Salesforce does not answer.",
    help: "What a customer sees is read from Salesforce. Ask again after as many seconds as Retry-After says.",
  },
} as const satisfies Record<string, Omit<ProblemSort, "code">>;

export type ProblemCode = keyof typeof PROBLEMS;

/** A sort of problem: one of the above, or a rule of a route. */
export interface ProblemSort {
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly help: string;
}

/** One thing that is wrong with a request; `path` is empty where the body as a whole is meant. */
export interface FieldProblem {
  readonly path: string;
  readonly message: string;
}

interface ProblemExtras {
  readonly errors?: readonly FieldProblem[];
  readonly headers?: Readonly<Record<string, string>>;
  /** For the log, never for the caller. */
  readonly cause?: unknown;
}

/** Thrown to answer a request with a problem. `detail` says in plain words what is wrong with this request. */
export class Problem extends Error {
  readonly sort: ProblemSort;
  readonly errors: readonly FieldProblem[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(sort: ProblemCode | ProblemSort, detail: string, extras: ProblemExtras = {}) {
    super(detail, { cause: extras.cause });
    this.name = "Problem";
    this.sort = typeof sort === "string" ? { code: sort, ...PROBLEMS[sort] } : sort;
    this.errors = extras.errors;
    this.headers = extras.headers ?? {};
  }
}

/** An RFC 9457 problem, as the OpenAPI description shows it. */
export const problemSchema = z
  .object({
    type: z.string().meta({ description: "What sort of problem: a stable address, which opens its explanation" }),
    title: z.string().meta({ description: "The sort of problem in one sentence" }),
    status: z.int().meta({ description: "The HTTP status again" }),
    detail: z.string().meta({ description: "What is wrong with this request" }),
    code: z.string().meta({ description: "The sort of problem, for programs" }),
    instance: z.string().meta({ description: "This very request: urn:handoff:request: and its X-Request-Id" }),
    errors: z
      .array(
        z.object({ path: z.string().meta({ description: "Where, e.g. address.postalCode" }), message: z.string() }),
      )
      .exactOptional()
      .meta({ description: "Every problem of the input at once" }),
  })
  .meta({ id: "Problem", description: "What went wrong, after RFC 9457" });

export type ProblemBody = z.infer<typeof problemSchema>;

/** The anchor of a problem's explanation on the docs page. */
export function problemAnchor(code: string): string {
  return `problem-${code}`;
}

/** Answers with `problem`. `type` is a path, not a full URL, so that it is the same on every deployment. */
export function sendProblem(response: Reply, problem: Problem): void {
  const { code, status, title } = problem.sort;
  const body: ProblemBody = {
    type: `/api/docs#${problemAnchor(code)}`,
    title,
    status,
    detail: problem.message,
    code,
    instance: `urn:handoff:request:${response.locals.requestId}`,
    ...(problem.errors === undefined ? {} : { errors: problem.errors.map(({ path, message }) => ({ path, message })) }),
  };
  response.locals.code = code;
  sendJson(response, body, { status, type: "application/problem+json", headers: problem.headers });
}
