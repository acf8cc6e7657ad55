import type { Queue } from "bullmq";

/** Puts a failed job back into its queue; false where it has not failed (any more), and nothing is done. */
export async function retryFailed(queue: Queue, id: string): Promise<boolean> {
  const job = await queue.getJob(id);
  if (job === undefined || job === null) return false;
  try {
    await job.retry("failed");
    return true;
  } catch (error) {
    if (await job.isFailed()) throw error;
    return false; // somebody else was quicker
  }
}
