import { Queue } from "bullmq";
import type { Connection } from "./connection.ts";
import type { AnyJobKind } from "./job-kind.ts";

/** The retry rule of `retry.ts` decides; BullMQ's own count of attempts must never end a job before it does. */
const ATTEMPTS_WITHOUT_LIMIT = 1_000_000;

/** Payloads are ids and a few lines of text: what is larger does not belong in Redis. */
const LARGEST_PAYLOAD_BYTES = 64 * 1024;

/** One BullMQ queue a kind, by the kind's name. Open them once Redis has answered: a queue opened before never recovers. */
export function openQueues(
  kinds: readonly AnyJobKind[],
  redis: Connection,
  prefix: string,
): ReadonlyMap<string, Queue> {
  return new Map(
    kinds.map(({ name }) => [
      name,
      new Queue(name, {
        connection: redis,
        prefix,
        defaultJobOptions: {
          attempts: ATTEMPTS_WITHOUT_LIMIT,
          backoff: { type: "classified" },
          sizeLimit: LARGEST_PAYLOAD_BYTES,
        },
      }),
    ]),
  );
}
