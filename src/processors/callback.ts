import * as z from "zod";
import type { Callbacks } from "../integrations/callbacks/client.ts";
import { defineJobKind } from "../queues/job-kind.ts";

/** With up to 15 minutes between them, half of that on average, this many attempts outlast a receiver's bad night. */
const ATTEMPTS = 100;

const payload = z.strictObject({
  /** A client of the REST API, which registered a URL; or `ALERTS_CLIENT`. */
  client: z.string(),
  /** Names the event to the receiver, the same however often it is posted. */
  id: z.string(),
  event: z.strictObject({
    type: z.enum(["job.completed", "job.failed", "alert.begun", "alert.over"]),
    timestamp: z.iso.datetime(),
    /** The job, as `GET /api/jobs/:id` shows it, or what the alert is about: without personal data. */
    data: z.looseObject({ id: z.string() }),
  }),
});

export type CallbackPayload = z.infer<typeof payload>;

/** A client that handed a job in is told that it has ended (`callbacks.ts`), or somebody of trouble (`alerts.ts`): once each. */
export const callback = defineJobKind({
  name: "callback",
  purpose: "A client is told that its job has ended, or somebody of trouble",
  payload,
  key: ({ client, id }) => `${client} ${id}`,
  routes: [],
  attempts: ATTEMPTS,

  async run({ client, id, event }, step, { callbacks }: { readonly callbacks: Callbacks }) {
    await step("post", "repeat", () => callbacks.post(client, id, event));
    return { outcome: "done", result: {} };
  },
});
