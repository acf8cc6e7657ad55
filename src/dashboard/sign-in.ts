import { randomBytes } from "node:crypto";
import express, { type Request, type RequestHandler, type Response, type Router } from "express";
import * as z from "zod";
import type { Secret } from "../settings.ts";
import type { Tell } from "./access.ts";
import { type Cookies, readCookie } from "./cookies.ts";
import { type Lockout, network, type Tried } from "./lockout.ts";
import { mark, sameText } from "./mark.ts";
import { LONGEST_PASSWORD, verifyPassword } from "./password.ts";
import { seeOther } from "./page.ts";
import type { Provider } from "./provider.ts";
import { type Sessions, SESSION_MS } from "./session.ts";
import { sendSignInPage, sendSignOutPage } from "./sign-in-page.ts";
import type { LocalUsers, User } from "./users.ts";

export interface SignIn {
  readonly users: LocalUsers;
  readonly provider: Provider | undefined;
  readonly secret: Secret;
  readonly cookies: Cookies;
  readonly sessions: Sessions;
  readonly lockout: Lockout;
  readonly tell: Tell;
  /** Who made a request with these headers; undefined where nobody is signed in. */
  readonly userOf: (request: { readonly headers: object }) => Promise<User | undefined>;
}

const HOME = "/desk";

/** How long a browser is remembered in which somebody signed in with a password. */
const BROWSER_KNOWN_MS = 180 * 24 * 60 * 60_000;

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
  router.get("/sign-in", async (request, response) => {
    const next = ownPath(request.query["next"]);
    if ((await context.userOf(request)) === undefined) showForm(context, request, response, { status: 200, next });
    else seeOther(response, next);
  });
  router.post(
    "/sign-in",
    express.urlencoded({ extended: false, limit: "8kb", parameterLimit: 10 }),
    refuseForeignForm(context),
    (request, response) => signIn(context, request, response),
  );
  router.get("/sign-out", async (request, response) => {
    const user = await context.userOf(request);
    if (user === undefined) seeOther(response, "/sign-in");
    else sendSignOutPage(response, user, context.provider?.host);
  });
  router.post("/sign-out", async (request, response) => {
    const user = await context.userOf(request);
    await context.sessions.end(readCookie(request.headers.cookie, context.cookies.session));
    response.clearCookie(context.cookies.session, context.cookies.options);
    if (user !== undefined) await context.tell({ what: "signed out", user });
    seeOther(response, "/sign-in");
  });
  return router;
}

async function signIn(context: SignIn, request: Request, response: Response): Promise<void> {
  const { name, password, next } = read(request);
  const user = context.users.get(name);
  const [from, tried] = [request.ip, whoTries(context, request, name)];
  const waitMs = await context.lockout.enter(tried);
  if (waitMs !== null) {
    await context.tell({ what: "sign-in refused", why: "too many tries", name: user?.name, from });
    response.setHeader("Retry-After", Math.ceil(waitMs / 1000));
    const minutes = Math.ceil(waitMs / 60_000);
    const problem = `Too many tries. Wait ${minutes === 1 ? "a minute" : `${String(minutes)} minutes`}, then try again.`;
    showForm(context, request, response, { status: 429, name, next, problem });
    return;
  }
  // For an unknown name somebody else's hash is checked, so that the time taken does not tell which names exist.
  const [someone] = context.users.values();
  const checked = user ?? someone;
  const right = checked !== undefined && (await verifyPassword(password, checked.password));
  if (user === undefined || !right) {
    await context.tell({ what: "sign-in refused", why: "wrong", name: user?.name, from });
    const problem = "This name and password do not belong together. Check both and try again.";
    showForm(context, request, response, { status: 401, next, name, problem });
    return;
  }
  await context.lockout.right(tried);
  if (!(await letIn(context, request, response, user))) {
    showForm(context, request, response, { status: 403, next, name, problem: ENDED });
    return;
  }
  rememberBrowser(context, response, name);
  seeOther(response, ownPath(next));
}

export const ENDED = "Your access to Handoff was ended. Ask whoever looks after it.";

/** Begins `user`'s session in this browser, in place of the one before; false where the person's access was ended. */
export async function letIn(
  { sessions, cookies, tell }: SignIn,
  request: Request,
  response: Response,
  user: User,
): Promise<boolean> {
  await sessions.end(readCookie(request.headers.cookie, cookies.session));
  const token = await sessions.begin(user);
  if (token === null) {
    await tell({ what: "sign-in refused", why: "access ended", name: user.name, from: request.ip });
    return false;
  }
  await tell({ what: "signed in", user, from: request.ip });
  response.clearCookie(cookies.form, cookies.options);
  response.cookie(cookies.session, token, { ...cookies.options, maxAge: SESSION_MS });
  return true;
}

/** By what a try is counted: a browser in which this person has signed in before stands for itself. */
function whoTries({ secret, cookies }: SignIn, request: Request, name: string): readonly Tried[] {
  const [id = "", given = ""] = (readCookie(request.headers.cookie, cookies.browser) ?? "").split(".");
  if (sameText(given, mark(secret, ["browser", id, name]))) return [{ by: "browser", of: id }];
  return [
    { by: "address", of: network(request.ip) },
    { by: "name", of: name },
  ];
}

function rememberBrowser({ secret, cookies }: SignIn, response: Response, name: string): void {
  const id = randomBytes(16).toString("base64url");
  const value = `${id}.${mark(secret, ["browser", id, name])}`;
  response.cookie(cookies.browser, value, { ...cookies.options, maxAge: BROWSER_KNOWN_MS });
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
export function ownPath(next: unknown): string {
  return typeof next === "string" && /^\/(?:admin\/|desk(?:[/?]|$))[\w\-./~%:?=&+]*$/.test(next) ? next : HOME;
}

interface Form {
  readonly status: number;
  readonly next: string;
  readonly name?: string;
  readonly problem?: string;
}

export function showForm(context: SignIn, request: Request, response: Response, form: Form): void {
  const page = { ...form, next: ownPath(form.next), provider: context.provider?.host };
  if (context.users.size === 0) {
    sendSignInPage(response, page);
    return;
  }
  // The same nonce for all open tabs, so that each of their forms works.
  const known = readCookie(request.headers.cookie, context.cookies.form);
  const nonce = known !== undefined && /^[\w-]{43}$/.test(known) ? known : randomBytes(32).toString("base64url");
  response.cookie(context.cookies.form, nonce, context.cookies.options);
  sendSignInPage(response, { ...page, token: formToken(context.secret, nonce) });
}
