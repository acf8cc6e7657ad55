import { finished } from "node:stream/promises";
import express, { type NextFunction, type Request } from "express";
import { NotAcceptedError } from "../queues/intake.ts";
import { BodyError, type BodyFault } from "./body.ts";
import { beginExchange, type Reply } from "./exchange.ts";
import { retryAfter } from "./jobs.ts";
import { Problem, type ProblemCode, sendProblem } from "./problem.ts";

const PROBLEM_OF_BODY: Record<BodyFault, ProblemCode> = {
  type: "unsupported-media-type",
  encoding: "unsupported-media-type",
  "too-large": "too-large",
  "too-slow": "body-timeout",
  "cut-off": "incomplete-body",
  "not-utf8": "malformed-json",
  "malformed-multipart": "malformed-multipart",
};

/** Answers whatever a handler threw with a problem. What nobody foresaw becomes a bare 500, and the log gets the reason. */
export async function answerFailure(
  error: unknown,
  request: Request,
  response: Reply,
  next: NextFunction,
): Promise<void> {
  const problem = problemOf(error);
  // A URL that cannot be decoded is quoted in its error, and may hold the outbound token: its words stay out of the log.
  if (problem.sort.status >= 500) response.locals.fault = problem.cause ?? error;
  // Half an answer cannot be mended: Express then cuts the connection, so that the caller does not take it for whole.
  if (response.headersSent) return next(error);
  if (problem.sort.status !== 408) await readAway(request, response);
  sendProblem(response, problem);
}

const LONGEST_READ_AWAY_MS = 5000;

/**
 * Where the caller wants the connection closed, Node closes it right behind the answer: one whose body is still on its way
 * would find a reset instead of what we say. On a connection that lives on, Node reads the rest away by itself.
 */
async function readAway(request: Request, response: Reply): Promise<void> {
  if (request.complete || response.shouldKeepAlive) return;
  request.resume();
  const signal = AbortSignal.timeout(LONGEST_READ_AWAY_MS);
  await finished(request, { signal, writable: false }).catch(() => {}); // gone, or too slow: it was told as well as could be
}

/** Answers what nobody else does. Express's own page would say the address back. */
export function nothingHere(): express.Router {
  const router = express.Router();
  router.use(beginExchange, () => {
    throw new Problem("not-found", "Nothing is at this address.");
  });
  router.use(answerFailure);
  return router;
}

function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof BodyError) {
    // The rest of a body that is too slow is not waited for.
    const headers = error.fault === "too-slow" ? { connection: "close" } : {};
    return new Problem(PROBLEM_OF_BODY[error.fault], error.message, { headers });
  }
  if (error instanceof NotAcceptedError) {
    return new Problem("not-accepted", error.message, { cause: error, headers: { "retry-after": retryAfter(error) } });
  }
  if (error instanceof URIError) return new Problem("not-found", "This address cannot be decoded.");
  return new Problem("internal-error", "The request failed for a reason that is in our log, under its X-Request-Id.", {
    cause: error,
  });
}
