import { DelayedError, type Job } from "bullmq";
import type { Logger } from "pino";
import { HANDOFF_CLIENT } from "../domain/clients.ts";
import { RejectedError, type Vendor } from "../domain/errors.ts";
import type { Allowance } from "./allowance.ts";
import {
  AttemptFailed,
  crashesItsWorker,
  failureOf,
  helpsToRetry,
  unknownSteps,
  unreadablePayload,
} from "./attempt-failed.ts";
import type { Breaker } from "./breaker.ts";
import { findableIn, type Finding } from "./finding.ts";
import type { Intake } from "./intake.ts";
import type { AnyJobKind, Hand, JobKind, Outcome } from "./job-kind.ts";
import { DEATHS_OF_ITS_OWN, type Ledger, type Note, type Pause } from "./ledger.ts";
import { afterFailure, waitForVendorMs } from "./retry.ts";
import { openPersonal, type Sealing } from "./sealing.ts";
import { classify, ComeBackLater, stepRunner } from "./steps.ts";

/** How soon a job looks again whether another one of its account, or with its natural key, has ended. */
const TURN_LOOK_MS = 500;

const turnLookMs = () => Math.ceil(TURN_LOOK_MS * (1 + Math.random()));

/** How an attempt ended, for the metrics. */
export type AttemptEnd = "completed" | "rejected" | "retrying" | "waiting" | "failed";

/** What an attempt works with, whichever job it is of. */
export interface AttemptSetting<Services> {
  readonly ledger: Ledger;
  readonly sealing: Sealing;
  readonly finding: Finding;
  readonly services: Services;
  readonly breakers: Readonly<Partial<Record<Vendor, Breaker>>>;
  readonly allowances: Readonly<Partial<Record<Vendor, Allowance>>>;
  /** `RETRY_ATTEMPTS` and `RETRY_BASE_MS`. */
  readonly attempts: number;
  readonly baseMs: number;
  /** Aborted when the process is asked to stop: jobs are handed back at their next step. */
  readonly stopping: AbortSignal;
  /** Where jobs hand further work on. */
  readonly intake: Intake;
  /** Every kind, by which that work may be. */
  readonly kinds: readonly AnyJobKind[];
  /** `code`: the outcome's word, the rule that said no, or the failure's code; empty where it merely waits. */
  readonly onAttempt: (kind: string, end: AttemptEnd, ms: number, code: string) => void;
}

/** Numbers this process's attempts: BullMQ uses a token for one job after another. */
let attemptsBegun = 0;

/** By what BullMQ tells how a job was taken. */
type FirstSigns = "id" | "attemptsStarted" | "attemptsMade" | "stalledCounter";

/** So BullMQ names what somebody puts into the queue by hand. */
const A_NUMBER = /^\d+$/;

/**
 * Whether nothing can be known of the job but what its acceptance wrote. Where it takes no turns either, such an attempt begins with
 * the first thing that is written of it, which is a call to Redis less.
 */
function isTakenFirst({ id = "", attemptsStarted, attemptsMade, stalledCounter }: Pick<Job, FirstSigns>): boolean {
  return attemptsStarted === 1 && attemptsMade === 0 && stalledCounter === 0 && !A_NUMBER.test(id);
}

/** What an attempt needs of its job. */
export type QueuedJob = Pick<
  Job<unknown, Outcome>,
  "id" | "data" | "timestamp" | "attemptsStarted" | "attemptsMade" | "stalledCounter" | "moveToDelayed" | "updateData"
>;

/** One attempt, from what BullMQ hands over to what it gets back. */
export async function attempt<Payload, Services>(
  kind: JobKind<Payload, Services>,
  setting: AttemptSetting<Services>,
  kindLog: Logger,
  queued: QueuedJob,
  token: string,
): Promise<Outcome> {
  const { ledger, stopping } = setting;
  const id = queued.id ?? "";
  const log = kindLog.child({ job: id });
  const startedAt = performance.now();
  const report = (end: AttemptEnd, code = "") => setting.onAttempt(kind.name, end, performance.now() - startedAt, code);
  const reportEnd = ({ outcome, reason }: Outcome) =>
    report(reason === undefined ? "completed" : "rejected", reason?.code ?? outcome);

  const payload = readPayload(kind, setting.sealing, queued.data, id);
  const readable = !(payload instanceof RejectedError);
  const keys = readable
    ? ledger.keys(kind.name, id, kind.key(payload), kind.account?.(payload))
    : await ledger.keysOfUnreadable(kind.name, id);

  attemptsBegun += 1;
  const by = `${token} ${String(attemptsBegun)}`;

  /** Puts the job off; BullMQ counts no attempt. */
  const putOff = async (
    pause: Extract<Pause, { how: "waits" | "waits for vendor" }>,
    why: string,
    notes: readonly Note[],
  ): Promise<never> => {
    await ledger.pause(keys, by, pause, notes);
    log.debug({ delayMs: pause.delayMs, why }, "the job waits");
    report("waiting");
    await queued.moveToDelayed(Date.now() + pause.delayMs, token);
    throw new DelayedError();
  };

  const beginning =
    readable && keys.turn === null && kind.schedule === undefined && isTakenFirst(queued)
      ? ledger.first(keys, queued.timestamp)
      : await ledger.begin(keys, by, { stalls: queued.stalledCounter, made: queued.attemptsMade });
  if (beginning.state === "ended") {
    log.info({ outcome: beginning.outcome.outcome, ...beginning.outcome.result }, "ended already");
    reportEnd(beginning.outcome);
    return beginning.outcome;
  }
  if (beginning.state === "failed") {
    log.info({ code: beginning.failure.code }, "failed already");
    throw new AttemptFailed(new RejectedError(beginning.failure), null);
  }
  if (beginning.state === "wait") {
    // A sweep that is still under way reads everything anew when it goes on: a second one would find nothing more.
    if (kind.schedule !== undefined) return { outcome: "done", result: {} };
    return await putOff({ how: "waits", delayMs: turnLookMs() }, "another job has its account or key", []);
  }
  if (beginning.state === "not alone")
    return await putOff({ how: "waits", delayMs: turnLookMs() }, "workers died with it, and it runs alone", []);
  const { acceptedAt, remembered, waitsFor, deaths } = beginning;
  const openForMs = waitsFor === null ? null : ((await setting.breakers[waitsFor]?.openForMs()) ?? null);
  if (openForMs !== null && openForMs > 0) {
    // Not even reading helps yet: a thousand jobs that read at every look would use up another vendor's limit.
    return await putOff(
      { how: "waits", delayMs: waitForVendorMs(openForMs, { baseMs: setting.baseMs, random: Math.random() }) },
      "its vendor is away",
      [],
    );
  }

  const { yields } = kind;
  const scarceForMs = yields === undefined ? null : await setting.allowances[yields.vendor]?.enter(yields.from);
  if (typeof scarceForMs === "number") {
    return await putOff(
      { how: "waits", delayMs: waitForVendorMs(scarceForMs, { baseMs: setting.baseMs, random: Math.random() }) },
      "what is left of its vendor's allowance is for others",
      [],
    );
  }

  const steps = stepRunner({
    job: keys,
    ledger,
    by,
    // Who finds out whether its vendor is back does so by a look: a write that got lost would be in doubt, and count.
    lookFirst: openForMs === 0,
    remembered,
    stopping,
  });
  let owner: string | null = null;
  const remembering: Promise<void>[] = [];
  const foundBy = (values: readonly string[]) => {
    if (values.length === 0) return;
    const remembered = setting.finding.remember(id, acceptedAt, values);
    remembered.catch(() => {}); // awaited below; without this an early failure would be an unhandled rejection
    remembering.push(remembered);
  };
  try {
    if (!readable) {
      // What is no JSON is put down as a text: whoever lists the queue reads that.
      if (typeof queued.data === "string") await queued.updateData(queued.data);
      throw payload;
    }
    if (deaths >= DEATHS_OF_ITS_OWN) throw crashesItsWorker(deaths);
    if (remembered.size === 0 && beginning.spent === 0) foundBy(findableIn(kind.payload, payload));
    const facts = {
      id,
      acceptedAt,
      resumed: remembered.size > 0,
      hand: handFrom(kind.name, id, setting),
      foundBy: (value: string) => foundBy([value]),
      belongsTo: (account: string) => {
        owner = account;
        foundBy([account]);
      },
    };
    const outcome = await kind.run(payload, steps.step, setting.services, facts);
    const ids = Object.entries(outcome.result).filter(([name]) => name.endsWith("Id")); // counts and words find nothing
    foundBy(ids.map(([, id]) => String(id)));
    const unvisited = [...remembered.keys()].filter((name) => !steps.names.has(name));
    if (unvisited.length > 0) throw unknownSteps(unvisited);
    await Promise.all(remembering);
    if (!(await ledger.end(keys, by, outcome, steps.notes))) throw new ComeBackLater("another worker has the job", 0);
    log.info({ outcome: outcome.outcome, ...outcome.result, reason: outcome.reason?.code }, "completed");
    reportEnd(outcome);
    return outcome;
  } catch (thrown) {
    await Promise.all(remembering);
    if (thrown instanceof ComeBackLater)
      return await putOff({ how: "waits", delayMs: thrown.delayMs }, thrown.message, steps.notes);
    const error = classify(thrown);
    if (stopping.aborted && helpsToRetry(error))
      return await putOff({ how: "waits", delayMs: 0 }, "this worker is stopping", steps.notes);

    const failure = failureOf(error);
    const calls = steps.calls();
    const after = afterFailure(error, {
      spent: beginning.spent + 1,
      allowed: kind.attempts ?? setting.attempts,
      baseMs: setting.baseMs,
      breakerOpenMs: error.vendor === null ? null : ((await setting.breakers[error.vendor]?.openForMs()) ?? null),
      outageMs: beginning.outageMs,
      random: Math.random(),
    });
    switch (after.next) {
      case "wait":
        return await putOff(
          { how: "waits for vendor", delayMs: after.delayMs, failure, calls, vendor: after.vendor },
          error.code,
          steps.notes,
        );
      case "retry": {
        const { delayMs, isGuess } = after;
        if (!(await ledger.pause(keys, by, { how: "retries", delayMs, failure, calls, isGuess }, steps.notes))) break;
        log.warn({ err: error, delayMs: after.delayMs }, "the attempt failed and is tried again");
        report("retrying", failure.code);
        throw new AttemptFailed(error, delayMs);
      }
      case "fail": {
        const made = queued.attemptsMade;
        if (
          !(await ledger.pause(
            keys,
            by,
            { how: "left to a person", failure, calls, made, step: steps.inside(), account: owner },
            steps.notes,
          ))
        )
          break;
        log.error({ err: error }, "failed: a person must look");
        report("failed", failure.code);
        throw new AttemptFailed(error, null);
      }
    }
    return await putOff({ how: "waits", delayMs: TURN_LOOK_MS }, "another worker has the job", []);
  }
}

function handFrom(from: string, id: string, { kinds, intake }: Pick<AttemptSetting<never>, "kinds" | "intake">): Hand {
  return async (name, payload, { once, ...how } = {}) => {
    const kind = kinds.find((one) => one.name === name);
    if (kind === undefined) throw new Error(`no kind is called "${name}"`);
    const taken = await intake.accept(kind, kind.payload.parse(payload), {
      door: from,
      ...how,
      ...(once !== undefined && { idempotency: { client: HANDOFF_CLIENT, key: `${id} ${once}` } }),
    });
    if (taken.how === "key-reused") throw new Error(`this job handed on something else as "${String(once)}" before`);
    return taken.job.id;
  };
}

/** The payload, opened and checked; a `RejectedError` where no code can read it. */
export function readPayload<Payload>(
  kind: JobKind<Payload, never>,
  sealing: Sealing,
  data: unknown,
  id: string,
): Payload | RejectedError {
  try {
    return kind.payload.parse(openPersonal(sealing, data, id));
  } catch (cause) {
    return unreadablePayload(cause);
  }
}
