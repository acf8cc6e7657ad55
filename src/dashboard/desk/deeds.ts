import type { Request } from "express";
import * as z from "zod";
import { DESK_PATH, groupUrl } from "../../domain/desk-path.ts";
import { RATES } from "../../queues/retry-all.ts";
import { closeFailed, retryFailed } from "../../queues/failed-job.ts";
import { tellDeed } from "../../queues/story.ts";
import type { DeskContext } from "./context.ts";
import { dryRunPage, mayBeTriedOut } from "./dry-run-page.ts";
import { jobUrl, runUrl } from "./group-page.ts";
import { readJobFile } from "./job-file.ts";
import { jobPage } from "./job-page.ts";
import { faultIn, refuse } from "./refusal.ts";
import { askingStep } from "./verdict.ts";
import { type Reply, sendDeskPage, sendWord } from "./visit.ts";

/**
 * What people do at the desk. Each is written to the audit log first: what cannot be written down is not done. Where one is
 * refused after that, another entry says so.
 */

const why = z.string().trim().min(1).max(300);
/** At night a retry must not ask for prose. */
const whyIfAny = z.string().trim().max(300);
const jobDeed = z.discriminatedUnion("what", [
  z.object({ what: z.literal("retry"), why: whyIfAny }),
  z.object({ what: z.enum(["discard", "reveal"]), why }),
  z.object({
    what: z.literal("settle"),
    step: z.string(),
    /** Which doubt of it was seen: the job may have gone on meanwhile, and come to the same question anew. */
    since: z.iso.datetime(),
    happened: z.enum(["yes", "no"]),
    /** What steps give is told by ids: nothing personal looks like this. */
    id: z
      .string()
      .trim()
      .regex(/^[\w.-]{0,40}$/)
      .default(""),
    why,
  }),
]);
const groupDeed = z.object({
  why: whyIfAny,
  rate: z.coerce.number().pipe(z.literal(RATES)),
  most: z.literal(["", "1"]),
});
const runDeed = z.object({ state: z.enum(["running", "paused", "aborted"]) });

export async function actOnJob(desk: DeskContext, id: string, request: Request, response: Reply): Promise<void> {
  const { words, user } = response.locals;
  const asked = jobDeed.safeParse(request.body);
  if (!asked.success) {
    const isAnswer = z.object({ what: z.literal("settle") }).safeParse(request.body).success;
    const fault = faultIn(asked.error, words, isAnswer ? words.needsAnswer : words.needsReason);
    return sendWord(response, 400, fault, jobUrl(id));
  }
  const file = await readJobFile(desk, id);
  const queue = desk.queues()?.get(file?.view.kind ?? "");
  if (file === null || queue === undefined) return sendWord(response, 404, words.unknownJob);
  const by = user.name;
  const note = { by, why: asked.data.why };
  const to = { job: id, kind: file.view.kind };
  const before = { state: file.view.state };
  switch (asked.data.what) {
    case "reveal": {
      await desk.audit.record({ who: by, what: "job revealed", to, why: note.why });
      await tellDeed(desk.redis, desk.prefix, id, { what: "revealed", ...note });
      const body = jobPage(file, { salesforce: desk.salesforceUrl, whmcs: desk.whmcsUrl }, response.locals, "revealed");
      return sendDeskPage(response, { title: file.view.kind, body });
    }
    case "retry": {
      const what = "job retried";
      await desk.audit.record({ who: by, what, to, why: note.why, before });
      if (!(await retryFailed(queue, id))) return await refuse(desk, response, { what, to }, "notFailed", jobUrl(id));
      await tellDeed(desk.redis, desk.prefix, id, { what: "retried", ...note });
      return response.redirect(303, jobUrl(id));
    }
    case "settle": {
      const { step, since, happened, id: given } = asked.data;
      const asking = askingStep(file);
      if (asking?.name !== step || asking.at !== since) return sendWord(response, 409, words.notInDoubt, jobUrl(id));
      if (happened === "yes" && (asking.asks === "") !== (given === ""))
        return sendWord(response, 400, words.needsAnswer, jobUrl(id));
      const said = happened === "yes" ? ({ happened: true, id: given } as const) : ({ happened: false } as const);
      const deed = { what: "doubt settled", to: { ...to, step } };
      const after = { happened: said.happened, ...(given !== "" && { id: given }) };
      await desk.audit.record({ who: by, ...deed, why: note.why, before: { step: "in-doubt" }, after });
      const settled = await desk.ledger.settle(queue, id, { step, since: new Date(since) }, said);
      if (settled === "later") return await refuse(desk, response, deed, "mayStillLand", jobUrl(id));
      if (settled === "not in doubt") return await refuse(desk, response, deed, "notInDoubt", jobUrl(id));
      await tellDeed(desk.redis, desk.prefix, id, {
        what: "settled",
        ...note,
        step,
        happened: said.happened,
      });
      await retryFailed(queue, id);
      return response.redirect(303, jobUrl(id));
    }
    case "discard": {
      const deed = { what: "job closed", to };
      await desk.audit.record({ who: by, ...deed, why: note.why, before });
      const closed = await closeFailed(
        { redis: desk.redis, prefix: desk.prefix, queue, id },
        {
          code: "closed-by-operator",
          title: "An operator closed this job without doing the rest of it.",
          detail: "Ask for it anew if it is wanted after all. The operator's reason is in the audit log.",
        },
      );
      if (closed === "not failed") return await refuse(desk, response, deed, "notFailed", jobUrl(id));
      if (closed === "later") return await refuse(desk, response, deed, "mayStillLand", jobUrl(id));
      await tellDeed(desk.redis, desk.prefix, id, { what: "discarded", ...note });
      await retryFailed(queue, id); // a worker finds it ended, and tells whoever follows it
      return response.redirect(303, jobUrl(id));
    }
  }
}

export async function tryOutJob(desk: DeskContext, id: string, response: Reply): Promise<void> {
  const { words, user } = response.locals;
  const file = await readJobFile(desk, id);
  if (file === null) return sendWord(response, 404, words.unknownJob);
  if (!mayBeTriedOut(file)) return sendWord(response, 409, words.dryRun.nothingLeft, jobUrl(id));
  const { kind } = file.view;
  await desk.audit.record({ who: user.name, what: "dry run", to: { job: id, kind } });
  const plan = await desk.dryRuns.ask({ kind, id, data: file.asked, lookFirst: false });
  if (plan === null) return sendWord(response, 503, words.dryRun.noAnswer, jobUrl(id));
  sendDeskPage(response, { title: words.dryRun.title, body: dryRunPage(file, plan, response.locals) });
}

export async function retryGroup(desk: DeskContext, id: string, request: Request, response: Reply): Promise<void> {
  const { words, user } = response.locals;
  const asked = groupDeed.safeParse(request.body);
  if (!asked.success) return sendWord(response, 400, faultIn(asked.error, words, words.nothingChanged), groupUrl(id));
  const group = await desk.groups.read(id);
  if (group === null) return sendWord(response, 404, words.unknownGroup);
  const { why: reason, rate, most } = asked.data;
  const to = { kind: group.kind, step: group.step, code: group.code, jobs: most === "1" ? 1 : group.jobs };
  const what = "group retried";
  await desk.audit.record({ who: user.name, what, to, why: reason, after: { rate } });
  const run = await desk.retryAll.start(group, { by: user.name, why: reason, rate, ...(most === "1" && { most: 1 }) });
  if (run === null) return await refuse(desk, response, { what, to }, "unknownGroup", DESK_PATH);
  response.redirect(303, runUrl(run));
}

export async function setRun(desk: DeskContext, id: string, request: Request, response: Reply): Promise<void> {
  const { words, user } = response.locals;
  const asked = runDeed.safeParse(request.body);
  const run = await desk.retryAll.read(id);
  if (!asked.success || run === null) return sendWord(response, 404, words.nothingChanged);
  const { state } = asked.data;
  await desk.audit.record({
    who: user.name,
    what: `retry of a group ${state}`,
    to: { run: id, kind: run.kind },
    before: { state: run.state },
    after: { state },
  });
  await desk.retryAll.set(id, state);
  response.redirect(303, runUrl(id));
}
