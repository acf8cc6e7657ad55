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
import { BOARD_PATH, BOARD_POLICY, createBoard, type ShownKind, SIGNED_OUT } from "./board.ts";
import { cookiesFor, readCookie } from "./cookies.ts";
import type { DeskContext } from "./desk/context.ts";
import { deskRoutes } from "./desk/desk.ts";
import { DESK_PATH } from "./desk/visit.ts";
import { isForeignChange } from "./cross-site.ts";
import { html } from "../domain/html.ts";
import { DESK_POLICY, PAGE_POLICY, sendMessage, sendPage } from "./page.ts";
import { type DashboardSettings, readSession, readUsers, type User } from "./session.ts";
import { signInRoutes } from "./sign-in.ts";

export interface Dashboard {
  /** To be mounted at `/`: it takes `/`, `/sign-in`, `/sign-out`, `/desk` and `/admin/queues`, and leaves the rest alone. */
  readonly router: Router;
  /** Shows these queues, once Redis is reachable; until then a page says that it is not. */
  show(queues: readonly Queue[]): void;
}

export interface DashboardOptions {
  readonly settings: DashboardSettings;
  readonly log: Logger;
  /** The kinds whose queues will be shown, for a line about each. */
  readonly kinds?: readonly ShownKind[];
  /** What stands on top of Bull Board's page, in plain words, for an operator to mend. */
  readonly warnings?: readonly (() => Promise<readonly string[]>)[];
  /** What the operator's desk looks at and works with. */
  readonly desk: DeskContext;
}

const OWN_PATHS = ["/sign-in", "/sign-out", BOARD_PATH, DESK_PATH];

/** The operators' pages: Bull Board behind a sign-in. Throws an `Error` where DASHBOARD_USERS or SESSION_SECRET cannot be used. */
export function createDashboard({ settings, log, kinds = [], warnings = [], desk }: DashboardOptions): Dashboard {
  const { SESSION_SECRET: secret, PUBLIC_URL: publicUrl } = settings;
  if (secret === undefined) throw new Error("SESSION_SECRET is missing: the dashboard role needs it");
  const users = readUsers(settings);
  const cookies = cookiesFor(publicUrl);
  const userOfCookie = (header: string | undefined) =>
    readSession(readCookie(header, cookies.session), users, secret, Date.now());
  const userOf = (request: Request) => userOfCookie(request.headers.cookie);
  const board = createBoard({ kinds, warnings, log, userOfCookie });
  let shown = false;

  const router = express.Router();
  router.get("/", (_request, response) => response.redirect(302, DESK_PATH));
  router.use(OWN_PATHS, guarded(PAGE_POLICY), refuseForeignChanges(log, publicUrl));
  router.use(signInRoutes({ users, secret, cookies, log, userOf }));
  router.use([BOARD_PATH, DESK_PATH], (request, response, next) => {
    const user = userOf(request);
    if (user === undefined) turnAway(request, response);
    else if (shown) next();
    else sayThatRedisIsAway(user, request, response);
  });
  router.use(BOARD_PATH, guarded(BOARD_POLICY), board.handler);
  router.use(DESK_PATH, guarded(DESK_POLICY), deskRoutes(desk, userOf));
  router.use(OWN_PATHS, sayThatItFailed(log));
  return {
    router,
    show(queues) {
      board.show(queues);
      shown = true;
    },
  };
}

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
  });
  return (request, response, next) => {
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
  else if (request.originalUrl.length > LONGEST_NEXT) response.redirect(303, "/sign-in");
  else response.redirect(303, `/sign-in?next=${encodeURIComponent(request.originalUrl)}`);
}

function sayThatRedisIsAway(user: User, request: Request, response: Response): void {
  const [title, text] = ["Waiting for Redis", "Redis, which keeps the jobs, cannot be reached yet."] as const;
  response.setHeader("Retry-After", "5");
  if (isForPrograms(request)) {
    answer(request, response, 503, title, text);
    return;
  }
  const body = html`<div class="card">
    <h1><span class="pulse" aria-hidden="true"></span>${title}</h1>
    <p>${text}</p>
    <p class="muted">
      This page looks again every five seconds. Where it stays, check that Redis runs and that REDIS_URL names it.
    </p>
  </div>`;
  sendPage(response, { status: 503, title, body, user, refreshSeconds: 5 });
}

function sayThatItFailed(log: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
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
