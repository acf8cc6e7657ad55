import { Queue } from "bullmq";
import type { Connection } from "./connection.ts";
import type { AnyJobKind } from "./job-kind.ts";

/** The retry rule of `retry.ts` decides; BullMQ's own count of attempts must never end a job before it does. */
const ATTEMPTS_WITHOUT_LIMIT = 1_000_000;

/** What BullMQ keeps of how a job is to be treated. */
export const JOB_OPTIONS = { attempts: ATTEMPTS_WITHOUT_LIMIT, backoff: { type: "classified" } } as const;

/** Payloads are ids and a few lines of text: what is larger does not belong in Redis. */
export const LARGEST_PAYLOAD_BYTES = 64 * 1024;

/**
 * One BullMQ queue a kind, by the kind's name. A queue whose first words to Redis fail never recovers, so none is given out
 * before they were answered; throws where they are not, and may then be called again.
 */
export async function openQueues(
  kinds: readonly AnyJobKind[],
  redis: Connection,
  prefix: string,
): Promise<ReadonlyMap<string, Queue>> {
  const queues = new Map(
    kinds.map(({ name }) => [
      name,
      new Queue(name, {
        connection: redis,
        prefix,
        defaultJobOptions: JOB_OPTIONS,
      }),
    ]),
  );
  // Whoever opened the connection is told what it meets; of a queue that nobody hears BullMQ prints it all, each time.
  for (const queue of queues.values()) queue.on("error", () => undefined);
  try {
    await Promise.all([...queues.values()].map((queue) => queue.waitUntilReady()));
    return queues;
  } catch (error) {
    await Promise.allSettled([...queues.values()].map((queue) => queue.close()));
    throw error;
  }
}
