import { callback, type CallbackPayload } from "./processors/index.ts";
import type { Intake } from "./queues/intake.ts";
import type { JobView } from "./queues/job-view.ts";
import { HANDOFF_CLIENT } from "./domain/clients.ts";
import type { Settings } from "./settings.ts";

/** A queue takes 64 KiB a job. No job of ours comes near; one that does is told of without its steps. */
const MOST_STEPS_BYTES = 32 * 1024;

/**
 * What a worker does once a job has ended: hand on a callback to each client by whose door the job came and that has a
 * URL, once for each end. Undefined where no client has one: then no job costs anything.
 */
export function callbacksOnEnd(
  { CALLBACK_URLS: urls = [] }: Pick<Settings, "CALLBACK_URLS">,
  intake: Intake,
): ((job: string) => Promise<void>) | undefined {
  if (urls.length === 0) return undefined;
  return async (id) => {
    const job = await intake.job(id);
    if (job === null || job.kind === callback.name) return;
    for (const { client } of urls) {
      const payload = job.doors.includes(client) ? callbackOf(job, client) : null;
      if (payload === null) continue;
      await intake.accept(callback, payload, {
        door: job.kind,
        idempotency: { client: HANDOFF_CLIENT, key: `callback ${client} ${payload.id}` },
      });
    }
  };
}

/** What `client` is told of the job's end; null where it has not ended. */
function callbackOf(job: JobView, client: string): CallbackPayload | null {
  if ((job.state !== "completed" && job.state !== "failed") || job.finishedAt === null) return null;
  const isLong = JSON.stringify(job.steps).length > MOST_STEPS_BYTES;
  return {
    client,
    // A job that failed and was retried ends again, which is another event.
    id: `${job.id}-${job.state}-${String(job.attempts)}`,
    event: { type: `job.${job.state}`, timestamp: job.finishedAt, data: { ...job, ...(isLong && { steps: [] }) } },
  };
}
