import { createRequire } from "node:module";
import path from "node:path";
import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import type { BoardHooks, HookContext } from "@bull-board/api/typings/app";
import { ExpressAdapter } from "@bull-board/express";
import type { Queue } from "bullmq";
import express, { type Express, type RequestHandler, type Response } from "express";
import type { Logger } from "pino";
import type { AnyJobKind } from "../queues/job-kind.ts";
import type { DashboardRole } from "../settings.ts";
import type { Audit } from "./audit.ts";
import { refusal } from "./board-rights.ts";
import { ICON } from "./page.ts";
import { asShown, homely, withoutButtons } from "./shown.ts";
import type { User } from "./users.ts";

/** Where Bull Board lives. */
export const BOARD_PATH = "/admin/queues";

/** What a kind's queue says about itself. */
export type ShownKind = Pick<AnyJobKind, "name" | "purpose">;

export interface Board {
  /** Bull Board, to be mounted at `BOARD_PATH` behind the sign-in. */
  readonly handler: RequestHandler;
  show(queues: readonly Queue[]): void;
}

interface BoardContext {
  readonly kinds: readonly ShownKind[];
  readonly warnings: readonly (() => Promise<readonly string[]>)[];
  readonly log: Logger;
  readonly audit: Pick<Audit, "record">;
  /** Who sent a request with these headers. */
  readonly userOf: (request: { readonly headers: object }) => Promise<User | undefined>;
}

/** What Bull Board's pages may load: it styles elements one by one, and everything else is its own. Directives as helmet takes them. */
export const BOARD_POLICY = {
  "default-src": ["'self'"],
  "style-src": ["'self'", "'unsafe-inline'"],
  "img-src": ["'self'", "data:"],
  "object-src": ["'none'"],
  "base-uri": ["'self'"],
  "form-action": ["'self'"],
  "frame-ancestors": ["'none'"],
};

/** The folder of Bull Board's pages: it looks for it beside its own code, where a build does not leave it. */
const UI = path.dirname(createRequire(import.meta.url).resolve("@bull-board/ui/package.json"));

export function createBoard(context: BoardContext): Board {
  const adapter = new ExpressAdapter().setBasePath(BOARD_PATH);
  const board = createBullBoard({
    queues: [],
    serverAdapter: adapter,
    options: {
      uiBasePath: UI,
      handlerHooks: hooks(context),
      uiConfig: {
        boardTitle: "Handoff",
        boardLogo: { path: ICON, width: 24, height: 24 },
        favIcon: { default: ICON, alternative: ICON },
        hideDocsLink: true,
        miscLinks: [
          { text: "API description", url: "/api/docs" },
          { text: "Sign out", url: "/sign-out" },
        ],
      },
    },
  });
  return {
    handler: express.Router().use(stayAtHome(context), bullBoardOf(adapter)),
    show(queues) {
      board.replaceQueues(queues.map((queue) => shown(queue, context.kinds)));
    },
  };
}

/** Bull Board's routes. The adapter declares them as `any`; what it holds is an Express app. */
function bullBoardOf(adapter: ExpressAdapter): Express {
  return (adapter.getRouter() as Express).disable("x-powered-by");
}

function shown(queue: Queue, kinds: readonly ShownKind[]): BullMQAdapter {
  const displayName = title(queue.name);
  const description = kinds.find(({ name }) => name === queue.name)?.purpose ?? "";
  const adapter = new BullMQAdapter(queue, { displayName, description });
  adapter.setFormatter("name", () => displayName);
  return adapter;
}

/** `eligibility-sweep` → `Eligibility sweep`. */
function title(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1).replaceAll("-", " ");
}

/**
 * Rights before, masks after: every one of Bull Board's API routes passes these two. Its formatters would reach a job's data
 * alone, while reasons, logs and schedulers' templates could quote a sealed value too.
 */
function hooks({ log, userOf, audit }: BoardContext): BoardHooks {
  return {
    async before(context) {
      const user = await userOf(context.request);
      const refused = user === undefined ? SIGNED_OUT : await refusal(context, user.role);
      if (context.method !== "get") await takeDown(log, audit, context, user, refused);
      return refused === undefined ? { allow: true } : { allow: false, status: 403, message: refused };
    },
    async after({ request }, result) {
      const role = (await userOf(request))?.role ?? "viewer";
      return { ...result, body: bodyAsShown(result.body, role) };
    },
  };
}

function bodyAsShown(body: unknown, role: DashboardRole): object {
  const shown = asShown(body);
  if (typeof shown !== "object" || shown === null) return {};
  return "queues" in shown && Array.isArray(shown.queues)
    ? { ...shown, queues: withoutButtons(shown.queues, role) }
    : shown;
}

export const SIGNED_OUT = "You are signed out. Reload this page to sign in again.";

/** Into the audit log before it is done; what was refused into the program's. */
async function takeDown(
  log: Logger,
  audit: Pick<Audit, "record">,
  { method, route, request }: HookContext,
  user: User | undefined,
  refused: string | undefined,
): Promise<void> {
  const { queueName, jobId }: Record<string, unknown> = request.params;
  const to = {
    ...(typeof queueName === "string" && { queue: queueName }),
    ...(typeof jobId === "string" && { job: jobId }),
  };
  const action = `${method} ${route}`;
  const entry = { user: user?.name, role: user?.role, action, ...to };
  if (refused !== undefined || user === undefined) {
    log.warn({ ...entry, refused }, "dashboard: change refused");
    return;
  }
  await audit.record({ who: user.name, what: `Bull Board: ${action}`, to });
  log.info(entry, "dashboard: change asked for");
}

/** Rewrites the page, which is the only thing that Bull Board sends outside its API and its files. */
function stayAtHome({ warnings, log }: Pick<BoardContext, "warnings" | "log">): RequestHandler {
  const current = async (): Promise<readonly string[]> => {
    try {
      return (await Promise.all(warnings.map((source) => source()))).flat();
    } catch (err) {
      log.warn({ err }, "dashboard: the warnings could not be read");
      return [];
    }
  };
  return async (request, response: Response, next) => {
    const isPage = !request.path.startsWith("/api/") && !request.path.startsWith("/static/");
    if (isPage) {
      const shown = await current();
      const send = response.send.bind(response);
      response.send = (body: unknown) => send(typeof body === "string" ? homely(body, shown) : body);
    }
    next();
  };
}
