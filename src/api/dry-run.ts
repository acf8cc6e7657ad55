import { randomUUID } from "node:crypto";
import * as z from "zod";
import type { DryRuns } from "../queues/dry-run.ts";
import { planSchema } from "../queues/plan.ts";
import { type Sealing, sealPersonal } from "../queues/sealing.ts";
import type { Reply } from "./exchange.ts";
import { type Asked, asUnavailable, judge } from "./jobs.ts";
import { Problem } from "./problem.ts";
import { sendJson } from "./send.ts";

/** `?dryRun=true`: what a request would come to, without a job of it. */

export const dryRunSchema = z
  .strictObject({
    dryRun: z.literal(true),
    kind: z.string().meta({ description: "The sort of work" }),
    wouldBe: z.enum(["new", "replayed", "under-way"]).meta({
      description:
        "new: a job would begin. replayed: the job of this Idempotency-Key would be given. under-way: a job is at this very work, and would be given.",
    }),
    job: z.string().nullable().meta({ description: "The job that would be given; null where it would be a new one" }),
    plan: planSchema.nullable().meta({ description: "What the new job would do; null where it would be none" }),
  })
  .meta({ id: "DryRun", description: "What a request would come to. Nothing was changed." });

export interface DryRunParts {
  readonly dryRuns: DryRuns;
  readonly sealing: Sealing;
}

const RETRY_AFTER_SECONDS = "5";

/** Answers with what would become of the request, by the same rules as though it were taken in. */
export function tryOutBy({ dryRuns, sealing }: DryRunParts): (asked: Asked, response: Reply) => Promise<void> {
  return async (asked, response) => {
    const { kind, route, payload } = asked;
    const known = await judge(asked, response, "known").catch(asUnavailable);
    response.locals.facts = { dryRun: known?.how ?? "new" };
    const common = { dryRun: true, kind: kind.name } as const;
    if (known !== null) {
      const answer = { ...common, wouldBe: known.how, job: known.job.id, plan: null };
      return sendJson(response, answer satisfies z.infer<typeof dryRunSchema>);
    }
    const id = randomUUID();
    const data = sealPersonal(sealing, kind.payload, payload, id);
    const question = { kind: kind.name, id, data, lookFirst: route.lookFirst ?? false };
    const plan = await dryRuns.ask(question).catch((cause: unknown) => {
      throw unanswered("Redis does not answer at the moment. Nothing was changed.", cause);
    });
    if (plan === null)
      throw unanswered(
        "No answer came in time: no worker was free, or a vendor did not answer it. Nothing was changed.",
      );
    sendJson(response, { ...common, wouldBe: "new", job: null, plan } satisfies z.infer<typeof dryRunSchema>);
  };
}

function unanswered(detail: string, cause?: unknown): Problem {
  return new Problem("unavailable", detail, { cause, headers: { "retry-after": RETRY_AFTER_SECONDS } });
}
