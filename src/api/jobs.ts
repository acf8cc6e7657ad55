import type { Request } from "express";
import { type Acceptance, type Intake, NotAcceptedError } from "../queues/intake.ts";
import type { AnyJobKind, JsonRoute, Route, Rule } from "../queues/job-kind.ts";
import type { JobView } from "../queues/job-view.ts";
import { clientOf } from "./authentication.ts";
import { type BodyRules, readText } from "./body.ts";
import type { Handler, Reply } from "./exchange.ts";
import { fieldProblems, plainWords } from "./field-problems.ts";
import { type FieldProblem, Problem, type ProblemSort } from "./problem.ts";
import { sendJson } from "./send.ts";

/** A request is a few ids and an address: 64 KiB holds any real one many times over. */
export const MOST_BODY_BYTES = 64 * 1024;

export const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** Ids are opaque; what could not be one is not worth a call to Redis. */
const JOB_ID = /^[A-Za-z0-9._~-]{1,128}$/;

/** `POST /api/…`: takes one request of `kind` in by one of its routes, and answers 202 only once it is safe in Redis. */
export function acceptJob(
  kind: AnyJobKind,
  route: JsonRoute<unknown>,
  intake: Intake,
  bodyDeadlineMs: number,
  tryOut: (asked: Asked, response: Reply) => Promise<void>,
): Handler {
  const rules: BodyRules = {
    types: ["application/json"],
    typeRequired: true,
    mostBytes: MOST_BODY_BYTES,
    deadlineMs: bodyDeadlineMs,
  };
  return async (request, response) => {
    const now = new Date();
    const body = parseJson(await readText(request, rules));
    const parsed = route.body.safeParse(body, { error: plainWords });
    const { key, errors } = idempotencyKey(request);
    const { isDry, errors: unclear } = dryRunAsked(request);
    if (!parsed.success) errors.unshift(...fieldProblems(parsed.error.issues));
    errors.push(...unclear);
    if (errors.length > 0 || !parsed.success) throw invalid(errors);
    const asked = { kind, route, payload: parsed.data, key, now, intake };
    if (isDry) await tryOut(asked, response);
    else await takeIn(asked, response);
  };
}

/** The caller's `Idempotency-Key`, and what is wrong with it. */
export function idempotencyKey({ headers }: Request): { key: string | undefined; errors: FieldProblem[] } {
  const key = headers["idempotency-key"];
  if (key === undefined) return { key, errors: [] };
  if (typeof key === "string" && IDEMPOTENCY_KEY.test(key)) return { key, errors: [] };
  const message = "must be 1 to 255 visible ASCII characters, without spaces";
  return { key: undefined, errors: [{ path: "Idempotency-Key", message }] };
}

/**
 * Whether the address asks for a dry run (`?dryRun=true`), and what is wrong with how it does. Who misspells it must not have
 * the work done instead.
 */
export function dryRunAsked({ url }: Pick<Request, "url">): { isDry: boolean; errors: readonly FieldProblem[] } {
  const at = url.indexOf("?");
  if (at === -1) return NOT_DRY;
  const asked = new URLSearchParams(url.slice(at));
  const slips = [...asked.keys()].filter((name) => name !== "dryRun" && /^dry[^a-z]?run\W*$/i.test(name));
  if (slips.length > 0)
    return { isDry: false, errors: slips.map((path) => ({ path, message: 'is written "dryRun"' })) };
  const [value = "false", ...more] = asked.getAll("dryRun");
  if (more.length === 0 && (value === "true" || value === "false")) return { isDry: value === "true", errors: [] };
  return { isDry: false, errors: [{ path: "dryRun", message: "must be true or false" }] };
}
const NOT_DRY = { isDry: false, errors: [] };

/** A form has a few dozen fields. More is told to nobody: the answer would be many times the request. */
const MOST_TOLD = 100;

export function invalid(errors: readonly FieldProblem[]): Problem {
  const told = errors.slice(0, MOST_TOLD);
  const rest = told.length < errors.length ? ` The first ${String(MOST_TOLD)} are named.` : "";
  const detail = errors.length === 1 ? "One thing is wrong." : `${String(errors.length)} things are wrong.${rest}`;
  return new Problem("invalid-request", detail, { errors: told });
}

/** A request that was read and found well formed. */
export interface Asked {
  readonly kind: AnyJobKind;
  readonly route: Route<unknown>;
  readonly payload: unknown;
  readonly key: string | undefined;
  /** When it came in. */
  readonly now: Date;
  readonly intake: Intake;
}

/** Takes it in and answers 202, or says why not. */
export async function takeIn(asked: Asked, response: Reply): Promise<Taken> {
  const taken = await judge(asked, response, "accept");
  if (taken === null) throw new Error("the intake neither took nor refused it");
  const { job, how } = taken;
  response.locals.facts = { job: job.id, how };
  sendJson(response, job, { status: 202, headers: { location: job.links.self } });
  return taken;
}

/** What becomes of it, or, where it is only looked at, what it is known as: null where it would be new. Throws where it is refused. */
export async function judge(
  { kind, route, payload, key, now, intake }: Asked,
  { locals }: Reply,
  what: "accept" | "known",
): Promise<Taken | null> {
  const client = clientOf(locals);
  const request = {
    door: client,
    ...(key !== undefined && { idempotency: { client, key } }),
    ...(route.lookFirst !== undefined && { lookFirst: route.lookFirst }),
  };
  const broken = route.rule?.broken(payload, now) ?? null;
  // What was accepted in time stays so, however late its caller asks for it again.
  const acceptance = await intake[broken === null ? what : "known"](kind, payload, request);
  if (acceptance === null && broken !== null) throw new Problem(sortOfRule(route.rule), broken);
  if (acceptance?.how === "key-reused") {
    throw new Problem(
      "idempotency-key-reused",
      "The key stands for a request with another body. Nothing was accepted.",
    );
  }
  return acceptance;
}

/** A rule of a route, as a sort of problem. */
export function sortOfRule(rule: Rule<unknown> | undefined): ProblemSort {
  if (rule === undefined) throw new Error("a route without a rule cannot have it broken");
  const { code, title, help } = rule;
  return { code, title, help, status: 422 };
}

/** How a request was taken in. */
export type Taken = Exclude<Acceptance, { readonly how: "key-reused" }>;

/** `GET /api/jobs/:id`. Any client may read any job: they are all one company's. */
export function showJob(intake: Intake): Handler {
  return async (request, response) => sendJson(response, await jobAskedFor(intake, request, response));
}

/** The job that the path names, as it is now. */
export async function jobAskedFor(intake: Intake, { params }: Request, response: Reply): Promise<JobView> {
  const { id } = params;
  const job = typeof id === "string" && JOB_ID.test(id) ? await intake.job(id).catch(asUnavailable) : null;
  if (job === null) throw new Problem("unknown-job", "No job has this id, or it is no longer kept.");
  response.locals.facts = { job: job.id };
  return job;
}

/** A read that Redis did not answer promised nothing and lost nothing, so it is not called "not accepted". */
export function asUnavailable(error: unknown): never {
  if (!(error instanceof NotAcceptedError)) throw error;
  throw new Problem("unavailable", error.message, { cause: error, headers: { "retry-after": retryAfter(error) } });
}

/** Whole seconds, at least one. */
export function retryAfter(error: NotAcceptedError): string {
  return String(Math.max(1, Math.ceil(error.retryAfterSeconds)));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the body, which may hold an address.
    throw new Problem("malformed-json", "The body cannot be read as JSON.");
  }
}
