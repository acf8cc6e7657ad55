import type { Queue } from "bullmq";
import express, {
  type ErrorRequestHandler,
  type Request,
  type RequestHandler,
  type Response,
  type Router,
} from "express";
import helmet from "helmet";
import type { Logger } from "pino";
import { DESK_PATH } from "../domain/desk-path.ts";
import type { Connection } from "../queues/connection.ts";
import type { Settings } from "../settings.ts";
import { type Tell, tellTo } from "./access.ts";
import { BOARD_PATH, BOARD_POLICY, createBoard, type ShownKind, SIGNED_OUT } from "./board.ts";
import { cookiesFor, readCookie } from "./cookies.ts";
import type { DeskContext } from "./desk/context.ts";
import { deskRoutes } from "./desk/desk.ts";
import { isForeignChange } from "./cross-site.ts";
import { openLockout } from "./lockout.ts";
import { DESK_POLICY, PAGE_POLICY, seeOther, sendMessage } from "./page.ts";
import { type ProviderSettings, providerOf } from "./provider.ts";
import { providerRoutes } from "./provider-sign-in.ts";
import { AWAY, isRedisAway, sayThatRedisIsAway } from "./redis-away.ts";
import { openSessions } from "./session.ts";
import { type SignIn, signInRoutes } from "./sign-in.ts";
import { readUsers, type User } from "./users.ts";

export type DashboardSettings = ProviderSettings &
  Pick<Settings, "DASHBOARD_USERS" | "SESSION_SECRET" | "QUEUE_PREFIX">;

export interface Dashboard {
  /** To be mounted at `/`: it takes `/`, `/sign-in`, `/sign-out`, `/desk` and `/admin/queues`, and leaves the rest alone. */
  readonly router: Router;
  /** Shows these queues, once Redis is reachable; until then a page says that it is not. */
  show(queues: readonly Queue[]): void;
}

export interface DashboardOptions {
  readonly settings: DashboardSettings;
  /** Where sessions are kept; its commands fail soon while Redis is away. */
  readonly redis: Connection;
  readonly log: Logger;
  /** The kinds whose queues will be shown, for a line about each. */
  readonly kinds?: readonly ShownKind[];
  /** What stands on top of Bull Board's page, in plain words, for an operator to mend. */
  readonly warnings?: readonly (() => Promise<readonly string[]>)[];
  /** What the operator's desk looks at and works with. */
  readonly desk: DeskContext;
}

const OWN_PATHS = ["/sign-in", "/sign-out", BOARD_PATH, DESK_PATH];

/** The operators' pages: Bull Board behind a sign-in. Throws an `Error` where a setting cannot be used. */
export function createDashboard({
  settings,
  redis,
  log,
  kinds = [],
  warnings = [],
  desk,
}: DashboardOptions): Dashboard {
  const { PUBLIC_URL: publicUrl } = settings;
  const signIn = openSignIn(settings, redis, tellTo(log, desk.audit));
  const { provider, userOf } = signIn;
  const board = createBoard({ kinds, warnings, log, audit: desk.audit, userOf });
  let shown = false;

  const router = express.Router();
  router.get("/", guarded(PAGE_POLICY), (_request, response) => response.redirect(302, DESK_PATH));
  router.use(OWN_PATHS, guarded(PAGE_POLICY), refuseForeignChanges(log, publicUrl));
  router.use(signInRoutes(signIn));
  if (provider !== undefined) router.use(providerRoutes(signIn, provider, log));
  router.use([BOARD_PATH, DESK_PATH], async (request, response, next) => {
    const user = await userOf(request);
    if (user === undefined) turnAway(request, response);
    else if (shown) next();
    else waitForRedis(request, response, AWAY, user);
  });
  router.use(BOARD_PATH, guarded(BOARD_POLICY), board.handler);
  router.use(DESK_PATH, guarded(DESK_POLICY), deskRoutes(desk, userOf, signIn.cookies));
  router.use(OWN_PATHS, sayThatItFailed(log));
  return {
    router,
    show(queues) {
      board.show(queues);
      shown = true;
    },
  };
}

function openSignIn(settings: DashboardSettings, redis: Connection, tell: Tell): SignIn {
  const { SESSION_SECRET: secret, QUEUE_PREFIX: prefix } = settings;
  if (secret === undefined) throw new Error("SESSION_SECRET is missing: the dashboard role needs it");
  const users = readUsers(settings);
  const provider = providerOf(settings);
  if (users.size === 0 && provider === undefined)
    throw new Error("DASHBOARD_USERS names nobody: the dashboard role needs at least one user, or OIDC_ISSUER");
  const cookies = cookiesFor(settings.PUBLIC_URL);
  const ground = ({ name, role, by }: User) => {
    const local = users.get(name);
    if (by === "provider") return local === undefined ? provider?.ground : undefined;
    return local?.role === role ? local.phc.reveal() : undefined;
  };
  const sessions = openSessions({ redis, prefix, secret, ground });
  const looked = new WeakMap<object, Promise<User | undefined>>();
  return {
    users,
    provider,
    secret,
    cookies,
    sessions,
    lockout: openLockout(redis, prefix, secret),
    tell,
    // Once for each request, whose headers are one object wherever it is handed on to.
    userOf({ headers }) {
      const known = looked.get(headers);
      if (known !== undefined) return known;
      const cookie = "cookie" in headers && typeof headers.cookie === "string" ? headers.cookie : undefined;
      const found = sessions.userOf(readCookie(cookie, cookies.session));
      looked.set(headers, found);
      return found;
    },
  };
}

/** No page of ours, and nothing that got into one, may ask for these. */
const NOTHING_OF_THE_DEVICE =
  "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()";

/**
 * Headers for a page that no other site may frame, sniff or keep. The referrer policy stays "same-origin" on purpose:
 * under "no-referrer" browsers send `Origin: null` with our own forms, which would then count as another site's.
 */
function guarded(directives: Record<string, readonly string[]>): RequestHandler {
  const headers = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: Object.fromEntries(Object.entries(directives).map(([name, sources]) => [name, [...sources]])),
    },
    referrerPolicy: { policy: "same-origin" },
    xFrameOptions: { action: "deny" },
  });
  return (request, response, next) => {
    response.setHeader("Permissions-Policy", NOTHING_OF_THE_DEVICE);
    if (!request.path.startsWith("/static/")) response.setHeader("Cache-Control", "no-store");
    headers(request, response, next);
  };
}

function refuseForeignChanges(log: Logger, publicUrl: string | undefined): RequestHandler {
  return (request, response, next) => {
    if (!isForeignChange(request.method, request.headers, publicUrl)) {
      next();
      return;
    }
    log.warn({ method: request.method, path: request.baseUrl }, "dashboard: change from another site refused");
    answer(
      request,
      response,
      403,
      "Refused",
      "This did not come from the dashboard's own pages, so nothing was changed.",
    );
  };
}

/** No page of the board has a longer address; encoded once more, it would make a header that browsers and proxies refuse. */
const LONGEST_NEXT = 2000;

function turnAway(request: Request, response: Response): void {
  if (isForPrograms(request)) answer(request, response, 401, "Signed out", SIGNED_OUT);
  else if (request.originalUrl.length > LONGEST_NEXT) seeOther(response, "/sign-in");
  else seeOther(response, `/sign-in?next=${encodeURIComponent(request.originalUrl)}`);
}

function waitForRedis(
  request: Request,
  response: Response,
  reason: { readonly title: string; readonly detail: string },
  user?: User,
): void {
  if (!isForPrograms(request)) {
    sayThatRedisIsAway(response, reason, user);
    return;
  }
  response.setHeader("Retry-After", "5");
  answer(request, response, 503, reason.title, reason.detail);
}

function sayThatItFailed(log: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    if (isRedisAway(error)) {
      // That it is away the program tells by itself; that it answers, and says no, only this does.
      if (error.cause instanceof Error && error.cause.name === "ReplyError")
        log.error({ err: error }, "dashboard: Redis refused what it was asked");
      waitForRedis(request, response, error);
      return;
    }
    const status = statusOf(error);
    const name = error instanceof Error ? error.name : "unknown";
    if (status >= 500) log.error({ error: name, path: request.baseUrl }, "dashboard: a page failed");
    const text =
      status >= 500 ? "The log says more. Please try again." : "The browser sent something that cannot be read.";
    answer(request, response, status, "This did not work", text);
  };
}

/** Express's own errors carry the status that they ask for. */
function statusOf(error: unknown): number {
  const asked = typeof error === "object" && error !== null && "status" in error ? error.status : undefined;
  return typeof asked === "number" && asked >= 400 && asked < 500 ? asked : 500;
}

/** Bull Board's page asks in the background, and shows `error` and `message` of what comes back. */
function isForPrograms(request: Request): boolean {
  return request.originalUrl.startsWith(`${BOARD_PATH}/api/`);
}

function answer(request: Request, response: Response, status: number, title: string, text: string): void {
  if (isForPrograms(request)) response.status(status).json({ error: title, message: text });
  else sendMessage(response, status, title, text);
}
