import type { BullBoardRequest, HookContext } from "@bull-board/api/typings/app";
import type { DashboardRole } from "../settings.ts";

/**
 * What Bull Board may do for whom. Its own switches (`allowRetries`, hidden buttons) only change what the browser
 * shows, so every request is decided here, by method and route pattern. A route that is not listed, such as one that a new
 * version brings, is refused.
 */

interface Right {
  readonly roles: readonly DashboardRole[];
  /** Why this very request is refused all the same; undefined where it is not. */
  readonly unless?: (request: BullBoardRequest) => Promise<string | undefined> | string | undefined;
}

const EVERYONE: Right = { roles: ["viewer", "operator", "admin"] };
const ADMIN: Right = { roles: ["admin"] };

const RIGHTS: ReadonlyMap<string, Right> = new Map([
  ["get /api/redis/stats", EVERYONE],
  ["get /api/queues", EVERYONE],
  ["get /api/job-schedulers", EVERYONE],
  ["get /api/queues/:queueName/metrics", EVERYONE],
  ["get /api/queues/:queueName/default-job-options", EVERYONE],
  ["get /api/queues/:queueName/workers", EVERYONE],
  ["get /api/queues/:queueName/rate-limit", EVERYONE],
  ["get /api/queues/:queueName/job-data-schema", EVERYONE],
  ["get /api/queues/:queueName/:jobId/logs", EVERYONE],
  ["get /api/queues/:queueName/:jobId/flow", EVERYONE],
  ["get /api/queues/:queueName/:jobId", EVERYONE],
  ["put /api/queues/:queueName/:jobId/retry", { roles: ["operator", "admin"], unless: jobHasNotFailed }],
  ["put /api/queues/:queueName/retry/:queueStatus", { roles: ["operator", "admin"], unless: notTheFailedOnes }],
  ["put /api/queues/:queueName/pause", ADMIN],
  ["put /api/queues/:queueName/resume", ADMIN],
  ["put /api/queues/pause", ADMIN],
  ["put /api/queues/resume", ADMIN],
]);

/** Why `role` may not do this, in plain words; undefined where it may. */
export async function refusal(
  { method, route, request }: HookContext,
  role: DashboardRole,
): Promise<string | undefined> {
  const right = RIGHTS.get(`${method} ${route}`);
  if (right?.roles.includes(role) === true) return right.unless?.(request);
  if (role === "viewer") return "You may look at everything here and change nothing. Ask an operator.";
  if (right !== undefined) return "Only an admin may pause or resume a queue.";
  return "Nobody may do this here: jobs come in through the API and keep what they were given. What can be done is to retry a failed job.";
}

/** A completed job that ran again would do its work a second time. */
async function jobHasNotFailed({ queues, params }: BullBoardRequest): Promise<string | undefined> {
  const job = await queues.get(String(params["queueName"]))?.getJob(String(params["jobId"]));
  if (job === undefined || job === null || (await job.getState()) === "failed") return undefined;
  return "Only a failed job can be retried.";
}

function notTheFailedOnes({ params }: BullBoardRequest): string | undefined {
  return params["queueStatus"] === "failed" ? undefined : "Only failed jobs can be retried.";
}
