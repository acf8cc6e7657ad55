import { randomBytes } from "node:crypto";
import express, { type Request, type RequestHandler, type Response, type Router } from "express";
import { ipKeyGenerator, rateLimit } from "express-rate-limit";
import type { Logger } from "pino";
import * as z from "zod";
import type { Secret } from "../settings.ts";
import { type Cookies, readCookie } from "./cookies.ts";
import { html } from "../domain/html.ts";
import { NOTHING, sendPage } from "./page.ts";
import { LONGEST_PASSWORD, verifyPassword } from "./password.ts";
import { issueSession, mark, sameText, SESSION_MS, type User, type Users } from "./session.ts";

export interface SignIn {
  readonly users: Users;
  readonly secret: Secret;
  readonly cookies: Cookies;
  readonly log: Logger;
  /** Who made a request; undefined where nobody is signed in. */
  readonly userOf: (request: Request) => User | undefined;
}

/** Wrong sign-ins in a minute, for one name and for one address, after which the next ones must wait. */
const WRONG_PER_MINUTE = 10;
const MINUTE_MS = 60_000;

const HOME = "/desk";

const entered = z.object({
  name: z.string().trim().max(200).catch(""),
  password: z.string().max(LONGEST_PASSWORD).catch(""),
  token: z.string().catch(""),
  next: z.string().catch(""),
});
type Entered = z.infer<typeof entered>;

/** `/sign-in` and `/sign-out`. */
export function signInRoutes(context: SignIn): Router {
  const router = express.Router();
  router.get("/sign-in", (request, response) => {
    const next = z.string().catch("").parse(request.query["next"]);
    if (context.userOf(request) === undefined) showForm(context, request, response, { status: 200, next });
    else response.redirect(303, ownPath(next));
  });
  router.post(
    "/sign-in",
    express.urlencoded({ extended: false, limit: "8kb", parameterLimit: 10 }),
    refuseForeignForm(context),
    // The address first: one that must wait cannot go on and lock somebody's name.
    slowDown(context, (request) => `address ${ipKeyGenerator(request.ip ?? "")}`),
    slowDown(context, (request) => `name ${read(request).name}`),
    (request, response) => signIn(context, request, response),
  );
  router.get("/sign-out", (request, response) => askToSignOut(context, request, response));
  router.post("/sign-out", (request, response) => {
    context.log.info({ user: context.userOf(request)?.name }, "signed out");
    response.clearCookie(context.cookies.session, context.cookies.options);
    response.redirect(303, "/sign-in");
  });
  return router;
}

async function signIn(context: SignIn, request: Request, response: Response): Promise<void> {
  const { name, password, next } = read(request);
  const user = context.users.get(name);
  // For an unknown name somebody else's hash is checked, so that the time taken does not tell which names exist.
  const [someone] = context.users.values();
  const checked = user ?? someone;
  const right = checked !== undefined && (await verifyPassword(password, checked.password));
  if (user === undefined || !right) {
    // An unknown name is not logged: it may be a password, typed into the wrong field.
    context.log.warn({ user: user?.name, address: request.ip }, "sign-in refused");
    const problem = "This name and password do not belong together. Check both and try again.";
    showForm(context, request, response, { status: 401, next, name, problem });
    return;
  }
  context.log.info({ user: user.name, role: user.role }, "signed in");
  const value = issueSession(user, context.secret, Date.now());
  response.clearCookie(context.cookies.form, context.cookies.options);
  response.cookie(context.cookies.session, value, { ...context.cookies.options, maxAge: SESSION_MS });
  response.redirect(303, ownPath(next));
}

/** Counts what failed under `keyOf`; past the limit the form comes back with 429. Right sign-ins do not count. */
function slowDown(context: SignIn, keyOf: (request: Request) => string): RequestHandler {
  return rateLimit({
    windowMs: MINUTE_MS,
    limit: WRONG_PER_MINUTE,
    skipSuccessfulRequests: true,
    standardHeaders: false,
    legacyHeaders: false,
    keyGenerator: keyOf,
    // Whether a proxy is trusted is the app's setting, not ours to complain about on the console.
    validate: { xForwardedForHeader: false },
    handler: (request, response) => {
      response.setHeader("Retry-After", MINUTE_MS / 1000);
      const problem = "Too many tries. Wait a minute, then try again.";
      const { name, next } = read(request);
      showForm(context, request, response, { status: 429, name, next, problem });
    },
  });
}

/** The form's own token belongs to the cookie that came with it: another site can neither read one nor set the other. */
function refuseForeignForm(context: SignIn): RequestHandler {
  return (request, response, next) => {
    const nonce = readCookie(request.headers.cookie, context.cookies.form);
    const form = read(request);
    if (nonce !== undefined && sameText(form.token, formToken(context.secret, nonce))) {
      next();
      return;
    }
    const problem = "This page had grown old, or your browser refuses cookies. Please sign in again.";
    showForm(context, request, response, { status: 403, name: form.name, next: form.next, problem });
  };
}

function formToken(secret: Secret, nonce: string): string {
  return mark(secret, ["sign-in form", nonce]);
}

function read(request: Request): Entered {
  return entered.parse(request.body ?? {});
}

/** Only a path of the dashboard is followed after signing in. */
function ownPath(next: string): string {
  return /^\/(?:admin\/|desk(?:[/?]|$))[\w\-./~%:?=&+]*$/.test(next) ? next : HOME;
}

interface Form {
  readonly status: number;
  readonly next: string;
  readonly name?: string;
  readonly problem?: string;
}

function showForm({ cookies, secret }: SignIn, request: Request, response: Response, form: Form): void {
  // The same nonce for all open tabs, so that each of their forms works.
  const known = readCookie(request.headers.cookie, cookies.form);
  const nonce = known !== undefined && /^[\w-]{43}$/.test(known) ? known : randomBytes(32).toString("base64url");
  response.cookie(cookies.form, nonce, cookies.options);
  const { name = "", problem } = form;
  const alert = problem === undefined ? NOTHING : html`<p role="alert" id="problem">${problem}</p>`;
  const described = problem === undefined ? NOTHING : html` aria-describedby="problem"`;
  const body = html`<div class="card">
    <h1>Sign in</h1>
    <p class="muted">to see what Handoff is working on.</p>
    ${alert}
    <form method="post" action="/sign-in">
      <input type="hidden" name="token" value="${formToken(secret, nonce)}" />
      <input type="hidden" name="next" value="${ownPath(form.next)}" />
      <label
        >Name<input
          name="name"
          value="${name}"
          autocomplete="username"
          autocapitalize="none"
          spellcheck="false"
          maxlength="200"
          required${described}${name === "" ? html` autofocus` : NOTHING}
      /></label>
      <label
        >Password<input
          name="password"
          type="password"
          autocomplete="current-password"
          maxlength="${String(LONGEST_PASSWORD)}"
          required${described}${name === "" ? NOTHING : html` autofocus`}
      /></label>
      <button type="submit">Sign in</button>
    </form>
  </div>`;
  sendPage(response, { status: form.status, title: "Sign in", body });
}

function askToSignOut({ userOf }: SignIn, request: Request, response: Response): void {
  const user = userOf(request);
  if (user === undefined) {
    response.redirect(303, "/sign-in");
    return;
  }
  const body = html`<div class="card">
    <h1>Sign out?</h1>
    <p class="muted">You are signed in as ${user.name}, ${user.role}.</p>
    <form method="post" action="/sign-out"><button type="submit">Sign out</button></form>
    <p class="below"><a href="/desk">Back to the desk</a></p>
  </div>`;
  sendPage(response, { status: 200, title: "Sign out", body });
}
