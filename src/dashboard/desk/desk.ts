import express, { type ErrorRequestHandler, type Request, type RequestHandler, type Router } from "express";
import * as z from "zod";
import { forgetFailed } from "../../queues/failed-job.ts";
import type { FailureGroup } from "../../queues/failure-groups.ts";
import { DESK_PATH, groupUrl } from "../../domain/desk-path.ts";
import { NotAcceptedError } from "../../queues/intake.ts";
import type { JobView } from "../../queues/job-view.ts";
import type { Cookies } from "../cookies.ts";
import { AWAY, sayThatRedisIsAway } from "../redis-away.ts";
import type { User } from "../users.ts";
import { auditPage } from "./audit-page.ts";
import { causeIn } from "../../domain/causes.ts";
import type { DeskContext } from "./context.ts";
import { actOnJob, retryGroup, setRun, tryOutJob } from "./deeds.ts";
import { customerPage, seenByCustomer } from "./customer-page.ts";
import { editJob } from "./edit-page.ts";
import { findJobs, findPage } from "./find-page.ts";
import { groupPage, jobUrl, runPage } from "./group-page.ts";
import { readJobFile } from "./job-file.ts";
import { jobPage } from "./job-page.ts";
import { LIVE } from "./live.ts";
import { nowPage } from "./now-page.ts";
import { standingShown } from "./standing.ts";
import { chooseLang, langOf, mayAct, type Reply, sendDeskPage, sendWord } from "./visit.ts";
import { WORDS } from "./words.ts";

const PAGE = 50;
const MOST_SHOWN_AGAIN = 100;
const AUDIT_SHOWN = 200;

const from = z.coerce.number().int().nonnegative().catch(0);
const findQuestion = z.object({ q: z.string().catch("") }).catch({ q: "" });

/** The operator's pages, to be mounted at `DESK_PATH` behind the sign-in; `userOf` gives who is signed in. */
export function deskRoutes(
  desk: DeskContext,
  userOf: (request: Request) => Promise<User | undefined>,
  cookies: Cookies,
): Router {
  const router = express.Router();
  router.get("/live.js", (_request, response) => void response.type("js").send(LIVE));
  router.get("/lang/:lang", (request, response) => {
    chooseLang(response, request.params.lang === "ja" ? "ja" : "en", cookies);
    response.redirect(303, ownReferrer(request));
  });
  router.use(async (request, response, next) => {
    const user = await userOf(request);
    if (user === undefined) return next("router");
    const lang = langOf(request, cookies);
    response.locals = { user, lang, words: WORDS[lang] };
    next();
  });

  router.get("/", async (_request, response: Reply) => {
    const [groups, standing] = await Promise.all([desk.groups.list(), standingShown(desk.standing)]);
    sendDeskPage(response, {
      title: response.locals.words.now,
      body: nowPage(groups, standing, response.locals),
      at: "now",
    });
  });

  router.get("/groups/:id", async (request, response: Reply) => {
    const group = await desk.groups.read(idIn(request));
    if (group === null) return sendWord(response, 404, response.locals.words.unknownGroup);
    const first = from.parse(request.query["from"]);
    const jobs = await failedOf(desk, group, first);
    const runs = (await desk.retryAll.list()).filter((run) => run.group === group.id);
    const body = groupPage({ group, jobs, runs, from: first, page: PAGE }, response.locals);
    sendDeskPage(response, { title: causeIn(response.locals.lang, group.failure).title, body });
  });

  router.get("/runs/:id", async (request, response: Reply) => {
    const run = await desk.retryAll.read(idIn(request));
    if (run === null) return sendWord(response, 404, response.locals.words.unknownGroup);
    const again = await viewsOf(desk, await desk.retryAll.failedAgain(run.id, MOST_SHOWN_AGAIN));
    sendDeskPage(response, { title: response.locals.words.run, body: runPage(run, again, response.locals) });
  });

  router.get("/jobs/:id", async (request, response: Reply) => {
    const file = await readJobFile(desk, idIn(request));
    if (file === null) return sendWord(response, 404, response.locals.words.unknownJob);
    const urls = { salesforce: desk.salesforceUrl, whmcs: desk.whmcsUrl };
    sendDeskPage(response, { title: file.view.kind, body: jobPage(file, urls, response.locals) });
  });

  // A SIM's number must not stand in an address: the form posts what is looked for.
  const form = express.urlencoded({ extended: false, limit: "64kb", parameterLimit: 50 });
  router.get("/find", (_request, response: Reply) => {
    const body = findPage("", [], desk.sealing.tags("").length > 0, response.locals);
    sendDeskPage(response, { title: response.locals.words.find, body, at: "find" });
  });
  router.post("/find", form, async (request, response: Reply) => {
    const asked = findQuestion.parse(request.body).q.trim();
    const found = await findJobs(desk, asked);
    const body = findPage(asked, found, desk.sealing.tags("").length > 0, response.locals);
    sendDeskPage(response, { title: response.locals.words.find, body, at: "find" });
  });

  router.get("/accounts/:id", async (request, response: Reply) => {
    const id = idIn(request);
    const [jobs, seen] = await Promise.all([findJobs(desk, id), seenByCustomer(desk, id)]);
    const body = customerPage(id, jobs, seen, response.locals);
    sendDeskPage(response, { title: response.locals.words.customer, body });
  });

  router.get("/audit", onlyAdmins, async (_request, response: Reply) => {
    const body = auditPage(await desk.audit.newest(AUDIT_SHOWN), response.locals);
    sendDeskPage(response, { title: response.locals.words.auditLog, body, at: "audit" });
  });

  const acts: RequestHandler = (_request, response, next) => {
    const reply = response as Reply; // the visit was put there above
    if (mayAct(reply.locals)) next();
    else sendWord(reply, 403, reply.locals.words.mayNot);
  };
  router.post("/jobs/:id", acts, form, (request, response) =>
    actOnJob(desk, idIn(request), request, response as Reply),
  );
  router.post("/jobs/:id/dry-run", acts, form, (request, response) =>
    tryOutJob(desk, idIn(request), response as Reply),
  );
  // What is answered to a form has no page of its own: who asks for its address, to change the language say, gets what it is about.
  router.get("/jobs/:id/dry-run", (request, response) => response.redirect(303, jobUrl(idIn(request))));
  router.get("/groups/:id/retry", (request, response) => response.redirect(303, groupUrl(idIn(request))));
  router.get("/jobs/:id/edit", acts, (request, response) => editJob(desk, idIn(request), request, response as Reply));
  router.post("/jobs/:id/edit", acts, form, (request, response) =>
    editJob(desk, idIn(request), request, response as Reply),
  );
  router.post("/groups/:id/retry", acts, form, (request, response) =>
    retryGroup(desk, idIn(request), request, response as Reply),
  );
  router.post("/runs/:id", acts, form, (request, response) => setRun(desk, idIn(request), request, response as Reply));
  const whileRedisIsAway: ErrorRequestHandler = (error, _request, response, next) => {
    const reply = response as Reply; // as above
    const isAway = error instanceof NotAcceptedError || desk.redis.status !== "ready";
    if (isAway && !response.headersSent) sayThatRedisIsAway(reply, AWAY, reply.locals.user);
    else next(error);
  };
  router.use(whileRedisIsAway);
  return router;
}

const idIn = ({ params }: Request) => String(params["id"] ?? "");

const onlyAdmins: RequestHandler = (_request, response, next) => {
  const reply = response as Reply; // as above
  if (reply.locals.user.role === "admin") next();
  else sendWord(reply, 403, reply.locals.words.mayNotAudit);
};

/** A page of the group's jobs; one that is gone, or was retried by a way that the group was not told of, is taken out of it. */
async function failedOf(desk: DeskContext, group: FailureGroup, first: number): Promise<JobView[]> {
  const ids = await desk.groups.jobs(group.id, first, PAGE);
  const views = await Promise.all(ids.map((id) => desk.intake.job(id)));
  const queue = desk.queues()?.get(group.kind);
  const gone = ids.filter((_id, at) => views[at]?.state !== "failed");
  if (queue !== undefined)
    await Promise.all(gone.map((id) => forgetFailed({ redis: desk.redis, prefix: desk.prefix, queue, id }, group.id)));
  return views.filter((view) => view !== null).filter(({ state }) => state === "failed");
}

async function viewsOf(desk: DeskContext, ids: readonly string[]): Promise<JobView[]> {
  const views = await Promise.all(ids.map((id) => desk.intake.job(id)));
  return views.filter((view) => view !== null);
}

/** Back to the page of the desk that the language was chosen on. */
function ownReferrer({ headers }: Request): string {
  const { referer } = headers;
  if (referer === undefined || !URL.canParse(referer)) return DESK_PATH;
  const { pathname, search } = new URL(referer);
  return pathname === DESK_PATH || pathname.startsWith(`${DESK_PATH}/`) ? pathname + search : DESK_PATH;
}
