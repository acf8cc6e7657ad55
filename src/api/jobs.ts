import { type Intake, NotAcceptedError } from "../queues/intake.ts";
import type { AnyJobKind } from "../queues/job-kind.ts";
import { clientOf } from "./authentication.ts";
import { type BodyRules, readText } from "./body.ts";
import type { Handler } from "./exchange.ts";
import { fieldProblems, plainWords } from "./field-problems.ts";
import { type FieldProblem, Problem } from "./problem.ts";
import { sendJson } from "./send.ts";

/** A request is a few ids and an address: 64 KiB holds any real one many times over. */
export const MOST_BODY_BYTES = 64 * 1024;

export const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** Ids are opaque; what could not be one is not worth a call to Redis. */
const JOB_ID = /^[A-Za-z0-9._~-]{1,128}$/;

/** `POST /api/…`: takes one request of `kind` in, and answers 202 only once it is safe in Redis. */
export function acceptJob(kind: AnyJobKind, intake: Intake, bodyDeadlineMs: number): Handler {
  const rules: BodyRules = {
    types: ["application/json"],
    typeRequired: true,
    mostBytes: MOST_BODY_BYTES,
    deadlineMs: bodyDeadlineMs,
  };
  return async (request, response) => {
    const client = clientOf(response.locals);
    const body = parseJson(await readText(request, rules));
    const parsed = kind.payload.safeParse(body, { error: plainWords });
    const key = request.headers["idempotency-key"];
    const errors: FieldProblem[] = parsed.success ? [] : fieldProblems(parsed.error.issues);
    if (key !== undefined && !(typeof key === "string" && IDEMPOTENCY_KEY.test(key))) {
      errors.push({ path: "Idempotency-Key", message: "must be 1 to 255 visible ASCII characters, without spaces" });
    }
    if (errors.length > 0) {
      const detail = errors.length === 1 ? "One thing is wrong." : `${String(errors.length)} things are wrong.`;
      throw new Problem("invalid-request", detail, { errors });
    }

    const acceptance = await intake.accept(kind, parsed.data, {
      door: client,
      ...(typeof key === "string" ? { idempotency: { client, key } } : {}),
    });
    if (acceptance.how === "key-reused") {
      throw new Problem(
        "idempotency-key-reused",
        "The key stands for a request with another body. Nothing was accepted.",
      );
    }
    const { job, how } = acceptance;
    response.locals.facts = { job: job.id, how };
    sendJson(response, job, { status: 202, headers: { location: job.links.self } });
  };
}

/** `GET /api/jobs/:id`. Any client may read any job: they are all one company's. */
export function showJob(intake: Intake): Handler {
  return async (request, response) => {
    const id = request.params["id"];
    const job = typeof id === "string" && JOB_ID.test(id) ? await intake.job(id).catch(asUnavailable) : null;
    if (job === null) throw new Problem("unknown-job", "No job has this id, or it is no longer kept.");
    response.locals.facts = { job: job.id };
    sendJson(response, job);
  };
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
