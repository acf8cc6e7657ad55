import { hash, randomUUID } from "node:crypto";
import type { Queue } from "bullmq";
import { type Connection, redisWarnings } from "./connection.ts";
import type { AnyJobKind, Unless } from "./job-kind.ts";
import { type JobView, jobView, newJobView, type QueuedJob } from "./job-view.ts";
import type { Candidate, Ledger, Taken } from "./ledger.ts";
import { LARGEST_PAYLOAD_BYTES } from "./queues.ts";
import { type Sealing, sealPersonal } from "./sealing.ts";

/** Who asks, and what tells this request from another. */
export interface Request {
  /** By which door it came, for people: `portal` (a REST client's name) or `outbound message 04l…`. */
  readonly door: string;
  /** The caller's own key for this request: the same key is the same request. Scoped to `client`. */
  readonly idempotency?: { readonly client: string; readonly key: string };
  /** For announcements, which may come again at any time. */
  readonly unless?: Unless;
  /** The work may have been done by a way that no ledger knows: the job looks before each write. */
  readonly lookFirst?: boolean;
}

export type Acceptance =
  /**
   * Taken as new work; found by its idempotency key; found by its natural key. In each case `job` is safe in Redis.
   * `withThis`: whether it may be this request's payload that the job works with, and not an earlier, equal one.
   */
  | { readonly how: "new" | "replayed" | "under-way"; readonly job: JobView; readonly withThis: boolean }
  /** The idempotency key was used before with another body: nothing was taken. */
  | { readonly how: "key-reused" };

/** Redis did not take the work: nothing may be promised to the caller, who should come again. */
export class NotAcceptedError extends Error {
  readonly retryAfterSeconds: number;
  constructor(detail: string, retryAfterSeconds: number, cause?: unknown) {
    super(detail, { cause });
    this.name = "NotAcceptedError";
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Where the doors hand work in and ask after it. Every method throws `NotAcceptedError` within two seconds while Redis is away. */
export interface Intake {
  /** Resolves once the job is safe in Redis. `payload` is what the kind's schema gave. */
  accept(kind: AnyJobKind<never>, payload: unknown, request: Request): Promise<Acceptance>;
  /** How `accept` would answer a request that is not new work, without taking it in; null where it would be new. */
  known(kind: AnyJobKind<never>, payload: unknown, request: Request): Promise<Acceptance | null>;
  /** The job that last did this work, or is at it; null where none is known (any more). */
  lastJob(kind: AnyJobKind<never>, payload: unknown): Promise<JobView | null>;
  /** The job of that id, or null where there is none (any more). */
  job(id: string): Promise<JobView | null>;
  /** Resolves where Redis answers. `warnings`: settings of it that could lose work, in plain words. */
  check(): Promise<{ readonly warnings: readonly string[] }>;
}

const RETRY_AFTER_SECONDS = 2;

/** Redis serves nobody else meanwhile: a hundred take it about two milliseconds. */
const MOST_TOGETHER = 100;

/** `queues`: by kind's name; undefined until Redis answered for the first time. `carried`: the trace that is under way, where there is any. */
export function openIntake({
  redis,
  ledger,
  sealing,
  queues,
  carried = () => undefined,
}: {
  redis: Connection;
  ledger: Ledger;
  sealing: Sealing;
  queues: () => ReadonlyMap<string, Queue> | undefined;
  carried?: (() => string | undefined) | undefined;
}): Intake {
  const takes = new Map<string, (candidate: Candidate) => Promise<Taken>>();
  const takerOf = (kind: string) => {
    let take = takes.get(kind);
    if (take === undefined) {
      take = together(MOST_TOGETHER, (candidates) => ledger.accept(queueOf(kind), candidates));
      takes.set(kind, take);
    }
    return take;
  };

  const queueOf = (kind: string): Queue => {
    const queue = queues()?.get(kind);
    if (queue === undefined) throw new Error("Redis has not answered since this process started");
    return queue;
  };

  const read = async (id: string): Promise<{ view: JobView; inQueue: boolean } | null> => {
    let record = await ledger.read(id);
    const kind = record["kind"];
    if (kind === undefined) return null;
    const queued = await queuedJob(queueOf(kind), id);
    // The ledger hears of a failure before the queue does: one that the queue alone knows of came between the two looks.
    if (queued?.state === "failed" && record["failed"] === undefined) record = await ledger.read(id);
    return { view: jobView(id, record, queued), inQueue: queued !== null };
  };

  return {
    async accept(kind, payload, request) {
      const id = randomUUID();
      const data = JSON.stringify(sealPersonal(sealing, kind.payload, payload, id));
      if (Buffer.byteLength(data) > LARGEST_PAYLOAD_BYTES) throw new Error("the payload is too large for Redis");
      const candidate: Candidate = {
        job: ledger.keys(kind.name, id, kind.key(payload), kind.account?.(payload)),
        data,
        trace: carried(),
        door: request.door,
        unless: request.unless ?? [],
        lookFirst: request.lookFirst ?? false,
        idempotency: idempotencyOf(kind, payload, request),
      };
      return await orNotAccepted(async () => {
        const taken = await takerOf(kind.name)(candidate);
        if (taken.how === "key-reused") return taken;
        if (taken.how === "error") throw new Error(taken.detail);
        if (taken.how === "new") {
          const job = newJobView(id, kind.name, request.door, new Date(taken.at));
          return { how: taken.how, job, withThis: true };
        }
        const known = await read(taken.id);
        if (known !== null && (known.inQueue || known.view.state === "completed" || known.view.state === "failed"))
          return { how: taken.how, job: known.view, withThis: false };
        // Somebody took it out of the queue: nobody would ever do it, nor take it in anew.
        const sealed = sealPersonal(sealing, kind.payload, payload, taken.id);
        const mended = known?.view ?? newJobView(taken.id, kind.name, request.door, new Date());
        const timestamp = Date.parse(mended.createdAt);
        await queueOf(kind.name).add(kind.name, sealed, { jobId: taken.id, timestamp });
        return { how: taken.how, job: mended, withThis: true };
      });
    },

    async known(kind, payload, request) {
      const asked = {
        job: ledger.keys(kind.name, "", kind.key(payload), kind.account?.(payload)),
        idempotency: idempotencyOf(kind, payload, request),
        unless: request.unless ?? [],
      };
      return await orNotAccepted(async () => {
        const answer = await ledger.known(asked);
        if (answer === null || answer.how === "key-reused") return answer;
        const found = await read(answer.id);
        return found === null ? null : { how: answer.how, job: found.view, withThis: false };
      });
    },

    async lastJob(kind, payload) {
      const keys = ledger.keys(kind.name, "", kind.key(payload), undefined);
      return await orNotAccepted(async () => {
        const id = await ledger.last(keys);
        return id === null ? null : ((await read(id))?.view ?? null);
      });
    },

    async job(id) {
      return await orNotAccepted(async () => (await read(id))?.view ?? null);
    },

    async check() {
      return await orNotAccepted(async () => {
        await ledger.ping();
        if (queues() === undefined) throw new Error("Redis answers, and the queues are not open yet");
        return { warnings: await redisWarnings(redis) };
      });
    },
  };
}

/**
 * Performs in one go what is asked for in one turn of the event loop: the busier we are, the less each costs. Who asks
 * alone waits for nobody.
 */
function together<Item, Answer>(
  most: number,
  perform: (items: readonly Item[]) => Promise<readonly Answer[]>,
): (item: Item) => Promise<Answer> {
  let open: { readonly items: Item[]; readonly answers: Promise<readonly Answer[]> } | undefined;

  const begin = () => {
    const items: Item[] = [];
    const answers = new Promise((resolve) => setImmediate(resolve)).then(() => {
      if (open?.items === items) open = undefined;
      return perform(items);
    });
    return { items, answers };
  };

  return async (item) => {
    if (open === undefined || open.items.length === most) open = begin();
    const { items, answers } = open;
    const at = items.push(item) - 1;
    const answer = (await answers)[at];
    if (answer === undefined) throw new Error("one of those that were taken together got no answer");
    return answer;
  };
}

async function queuedJob(queue: Queue, id: string): Promise<QueuedJob | null> {
  const [job, state] = await Promise.all([queue.getJob(id), queue.getJobState(id)]);
  if (job === undefined) return null;
  return { state, finishedOn: job.finishedOn, processedOn: job.processedOn, attemptsMade: job.attemptsMade };
}

async function orNotAccepted<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw new NotAcceptedError(
      "Redis, where work is kept safe, does not answer at the moment. Send the same request again in a few seconds: nothing is promised until it is answered, and it is done once however often it comes.",
      RETRY_AFTER_SECONDS,
      error,
    );
  }
}

function idempotencyOf(kind: AnyJobKind, payload: unknown, { idempotency }: Request): Candidate["idempotency"] {
  if (idempotency === undefined) return null;
  return { ...idempotency, body: digestOf([kind.name, kind.asked?.(payload) ?? payload]) };
}

/** The same for equal values, whatever the order of their keys. */
function digestOf(value: unknown): string {
  return hash("sha256", JSON.stringify(inOrder(value)), "base64url");
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, part]) => [name, inOrder(part)]),
  );
}
