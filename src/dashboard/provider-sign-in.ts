import express, { type Request, type Response, type Router } from "express";
import type { Logger } from "pino";
import * as z from "zod";
import { RejectedError, UnavailableError } from "../domain/errors.ts";
import { readCookie } from "./cookies.ts";
import { mark, sameText } from "./mark.ts";
import { seeOther } from "./page.ts";
import { type Errand, type Person, type Provider, RETURN_PATH } from "./provider.ts";
import { isRedisAway } from "./redis-away.ts";
import { ENDED, letIn, ownPath, showForm, type SignIn } from "./sign-in.ts";

/** How long somebody may take at the provider: a second factor that has to be fetched from another room. */
const ERRAND_MS = 10 * 60_000;

const carried = z.object({
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  next: z.string(),
  until: z.number(),
});

/** `/sign-in/provider`, which leads to the provider, and where it leads back to. Both are followed as links and change nothing. */
export function providerRoutes(context: SignIn, provider: Provider, log: Logger): Router {
  const router = express.Router();
  router.get("/sign-in/provider", async (request, response) => {
    const next = ownPath(request.query["next"]);
    try {
      const { url, errand } = await provider.begin();
      const { cookies } = context;
      response.cookie(cookies.errand, packed(context, errand, next), { ...cookies.options, maxAge: ERRAND_MS });
      seeOther(response, url.href);
    } catch (error) {
      sayWhy(context, log, request, response, error, next);
    }
  });
  router.get(RETURN_PATH, async (request, response) => {
    const errand = unpacked(context, request);
    response.clearCookie(context.cookies.errand, context.cookies.options);
    if (errand === undefined) {
      const problem = "This sign-in was begun too long ago, in another browser, or not here. Begin again.";
      showForm(context, request, response, { status: 403, next: "", problem });
      return;
    }
    try {
      const person = await provider.finish(new URL(request.originalUrl, "http://here").search, errand);
      await welcome(context, provider, request, response, person, errand.next);
    } catch (error) {
      sayWhy(context, log, request, response, error, errand.next);
    }
  });
  return router;
}

async function welcome(
  context: SignIn,
  { host }: Provider,
  request: Request,
  response: Response,
  { name, role }: Person,
  next: string,
): Promise<void> {
  const refuse = async (why: "no role" | "name taken", problem: string) => {
    await context.tell({ what: "sign-in refused", why, name, from: request.ip });
    showForm(context, request, response, { status: 403, next, problem });
  };
  if (role === undefined) {
    await refuse(
      "no role",
      `${host} knows you as ${name}, but you have no role in Handoff. Ask whoever looks after it for one.`,
    );
  } else if (context.users.has(name)) {
    // Else two people would be one in the log, and could not be told apart by those who end a person's access.
    await refuse(
      "name taken",
      `${host} knows you as ${name}, and here somebody with a password is called so. Use that password.`,
    );
  } else if (await letIn(context, request, response, { name, role, by: "provider" })) {
    seeOther(response, ownPath(next));
  } else {
    showForm(context, request, response, { status: 403, next, problem: ENDED });
  }
}

function sayWhy(
  context: SignIn,
  log: Logger,
  request: Request,
  response: Response,
  error: unknown,
  next: string,
): void {
  const isAway = error instanceof UnavailableError && !isRedisAway(error);
  if (!isAway && !(error instanceof RejectedError)) throw error;
  log.warn({ err: error }, "dashboard: a sign-in with the provider came to nothing");
  const problem = `${error.title} ${error.detail}`;
  showForm(context, request, response, { status: isAway ? 503 : 403, next, problem });
}

/** The errand as the browser carries it. Marked, though it is the browser's own: nobody can hand it another one. */
function packed({ secret }: SignIn, errand: Errand, next: string): string {
  const value = Buffer.from(JSON.stringify({ ...errand, next, until: Date.now() + ERRAND_MS })).toString("base64url");
  return `${value}.${mark(secret, ["errand", value])}`;
}

function unpacked({ secret, cookies }: SignIn, request: Request): z.infer<typeof carried> | undefined {
  const [value = "", given = ""] = (readCookie(request.headers.cookie, cookies.errand) ?? "").split(".");
  if (!sameText(given, mark(secret, ["errand", value]))) return undefined;
  const errand = carried.parse(JSON.parse(Buffer.from(value, "base64url").toString()));
  return Date.now() < errand.until ? errand : undefined;
}
