import * as z from "zod";
import type { JobView } from "../queues/job-view.ts";

const moment = (description: string) => z.iso.datetime().meta({ description });

/** The job as callers see it. The annotation makes the compiler refuse a schema that strays from `JobView`. */
export const jobSchema: z.ZodType<JobView> = z
  .strictObject({
    id: z.string().meta({ description: "Opaque and unguessable" }),
    kind: z.string().meta({ description: "The sort of work" }),
    state: z.enum(["queued", "active", "retrying", "completed", "failed"]).meta({
      description: "queued: waits for its first attempt. retrying: waits for its next one. failed: needs a person.",
    }),
    createdAt: moment("When it was accepted"),
    finishedAt: moment("When it ended").nullable(),
    nextAttemptAt: moment("Present while the state is retrying").exactOptional(),
    attempts: z.int().nonnegative().meta({ description: "Runs so far; waiting for a system that is away is not one" }),
    steps: z
      .array(
        z.strictObject({
          name: z.string(),
          state: z.enum(["active", "done", "in-doubt"]).meta({ description: "in-doubt: it may have happened" }),
          at: moment("When it reached this state"),
        }),
      )
      .meta({ description: "The steps reached so far, in order" }),
    outcome: z.string().nullable().meta({
      description:
        "Of a completed job: done; already-known or already-verified (nothing to do); rejected (a business rule says no)",
    }),
    result: z
      .record(z.string(), z.union([z.string(), z.number()]))
      .nullable()
      .meta({ description: "The ids of what was made" }),
    failure: z
      .strictObject({
        code: z.string(),
        title: z.string().meta({ description: "What happened" }),
        detail: z.string().meta({ description: "What to do about it" }),
        vendor: z.enum(["salesforce", "whmcs", "freebit", "mail"]).nullable(),
        retryable: z.boolean().meta({ description: "Whether another attempt may help by itself" }),
        at: z.iso.datetime(),
      })
      .nullable(),
    doors: z
      .array(z.string())
      .meta({ description: "By which doors it came, the first one first: a client's name, a message, a sweep" }),
    links: z.strictObject({ self: z.string(), events: z.string() }),
  })
  .meta({
    id: "Job",
    description: "One piece of accepted work",
    examples: [
      {
        id: "q3J9xV2mTn8LrYcW0aZb5Q",
        kind: "eligibility",
        state: "queued",
        createdAt: "2026-11-22T01:02:03.004Z",
        finishedAt: null,
        attempts: 0,
        steps: [],
        outcome: null,
        result: null,
        failure: null,
        doors: ["portal"],
        links: { self: "/api/jobs/q3J9xV2mTn8LrYcW0aZb5Q", events: "/api/jobs/q3J9xV2mTn8LrYcW0aZb5Q/events" },
      } satisfies JobView,
    ],
  });
