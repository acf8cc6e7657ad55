import {
  type ClassifiedError,
  InDoubtError,
  isClassified,
  nothingHappened,
  UnknownOutcomeError,
} from "../domain/errors.ts";
import type { IfInDoubt, Step } from "./job-kind.ts";
import type { JobKeys, Ledger, Note, Remembered } from "./ledger.ts";

/** Thrown to end an attempt that is not a failure: the job comes back later, and no attempt is spent. */
export class ComeBackLater extends Error {
  readonly delayMs: number;
  constructor(why: string, delayMs: number) {
    super(why);
    this.name = "ComeBackLater";
    this.delayMs = Math.ceil(delayMs);
  }
}

/** A step in flight elsewhere is asked after again no later than this: the other worker is most often quicker than its lease. */
const ASK_AGAIN_MS = 5000;

/** Whatever a step may throw, as one of the four classes: what nobody classified may have happened. */
export function classify(error: unknown): ClassifiedError {
  if (isClassified(error)) return error;
  return new UnknownOutcomeError({
    code: "unexpected-error",
    title: "Something unexpected went wrong inside Handoff.",
    detail:
      "It is tried again by itself, after a look at whether it happened. If it stays, the log has the details under this job's id.",
    vendor: null,
    mayStillLand: false,
    scope: "call",
    cause: error,
  });
}

export interface StepRun {
  readonly job: JobKeys;
  readonly ledger: Ledger;
  /** Names this attempt's claims, so that a worker that was thought dead cannot undo another's. */
  readonly by: string;
  /** The ledger may not tell everything: look before each write. */
  readonly suspect: boolean;
  readonly remembered: Remembered;
  /** Aborted when the process is asked to stop: the next step is left to another worker. */
  readonly stopping: AbortSignal;
}

export interface StepRunner {
  readonly step: Step;
  /** The names of the steps that this attempt went through. */
  readonly names: ReadonlySet<string>;
  /** The step that this attempt is in or ended in; null between two. */
  readonly inside: () => string | null;
  /** What the last steps gave and the ledger has not heard yet: it goes along with whatever is written next. */
  readonly notes: readonly Note[];
}

/** The step function that one attempt of a job gets. */
export function stepRunner({ job, ledger, by, suspect, remembered, stopping }: StepRun): StepRunner {
  const names = new Set<string>();
  const notes: Note[] = [];
  let inside: string | null = null;
  let beganAt = 0;

  const step: Step = async (name, ifInDoubt, perform) => {
    inside = name;
    beganAt = performance.now();
    const result = await once(name, ifInDoubt, perform);
    inside = null;
    return result;
  };

  const once = async <T>(name: string, ifInDoubt: IfInDoubt<T>, perform: () => Promise<T>): Promise<T> => {
    if (names.has(name)) throw new Error(`two steps of this job are called "${name}"`);
    names.add(name);
    const known = remembered.get(name) ?? null;
    if (known !== null) return ledger.open(job, name, known) as T; // what this same step gave before, as JSON kept it
    if (stopping.aborted) throw new ComeBackLater("this worker is stopping", 0);

    if (ifInDoubt === "repeat") {
      const result = await perform();
      notes.push({ step: name, effect: false, result, ms: performance.now() - beganAt });
      return result;
    }
    const sent = notes.length;
    const askedAt = performance.now();
    const claim = await ledger.claim(job, name, by, { suspect, notes });
    notes.splice(0, sent);
    inTime(askedAt);
    switch (claim.state) {
      case "overtaken":
        throw new ComeBackLater("another worker has the job", ASK_AGAIN_MS);
      case "done":
        return ledger.open(job, name, claim.sealed) as T; // as above
      case "in flight":
        throw new ComeBackLater(`another worker is inside "${name}"`, Math.min(claim.forMs, ASK_AGAIN_MS) + 1);
      case "cut off": {
        const trace = await lookFor(name, ifInDoubt, claim);
        return trace === undefined ? await performed(name, ifInDoubt, perform) : await done(name, ifInDoubt, trace);
      }
      case "fresh":
        return await performed(name, ifInDoubt, perform);
    }
  };

  const performed = async <T>(name: string, ifInDoubt: IfInDoubt<T>, perform: () => Promise<T>): Promise<T> => {
    let result: T;
    try {
      result = await perform();
    } catch (thrown) {
      const error = classify(thrown);
      if (nothingHappened(error)) await ledger.release(job, name, by);
      else {
        const mayStillLand = error instanceof UnknownOutcomeError && error.mayStillLand;
        await ledger.doubt(job, name, by, { mayLandForMs: mayStillLand ? ledger.timing.settleMs : 0, looked: false });
      }
      throw error;
    }
    return await done(name, ifInDoubt, result);
  };

  /** Takes down what a step gave. Where nothing could tell afterwards, not even the moment until the next call may pass. */
  const done = async <T>(name: string, ifInDoubt: IfInDoubt<T>, result: T): Promise<T> => {
    notes.push({ step: name, effect: true, result, ms: performance.now() - beganAt });
    if (ifInDoubt === "park") {
      await ledger.note(job, notes);
      notes.length = 0;
    }
    return result;
  };

  /** An earlier attempt was cut off here: what came of it; undefined where it did not happen and no longer can. */
  const lookFor = async <T>(
    name: string,
    ifInDoubt: Exclude<IfInDoubt<T>, "repeat">,
    { mayLandForMs, looks }: { mayLandForMs: number; looks: number },
  ): Promise<T | undefined> => {
    if (ifInDoubt === "park") {
      await ledger.doubt(job, name, by, { mayLandForMs: null, looked: false });
      throw parked(name);
    }

    let trace: T | undefined;
    try {
      trace = await ifInDoubt.find();
    } catch (error) {
      await ledger.doubt(job, name, by, { mayLandForMs: null, looked: false });
      throw classify(error);
    }
    if (trace !== undefined) return trace;
    if (mayLandForMs > 0) {
      await ledger.doubt(job, name, by, { mayLandForMs: null, looked: true });
      const nextLookMs = Math.min(mayLandForMs + 1, untilNextLook(looks, ledger.timing.settleMs));
      throw new ComeBackLater(`"${name}" may still arrive`, nextLookMs);
    }
    const askedAt = performance.now();
    if (!(await ledger.resend(job, name, by)))
      throw new ComeBackLater(`another worker took over "${name}"`, ASK_AGAIN_MS);
    inTime(askedAt);
    return undefined;
  };

  /** Redis was away, or this process stood still: another worker may have looked meanwhile, and found nothing yet. */
  const inTime = (askedAt: number): void => {
    if (performance.now() - askedAt > ledger.timing.leaseMs / 2)
      throw new ComeBackLater("the claim came too late", ASK_AGAIN_MS);
  };

  return { step, names, inside: () => inside, notes };
}

/** Nobody but a person can tell whether the step happened. */
export function parked(step: string): InDoubtError {
  return new InDoubtError({
    code: "in-doubt",
    title: `It is not known whether "${step}" happened.`,
    detail:
      "No program can find out, so nothing is sent again by itself. Look in the other system whether it is there, and settle by hand what is missing.",
    vendor: null,
  });
}

/** Looks come at growing intervals: with the default deadline after 5 s, 30 s and 2 min (`vendors/whmcs.md`, section 3). */
function untilNextLook(looks: number, settleMs: number): number {
  return [settleMs / 36, settleMs / 6][looks] ?? (settleMs * 2) / 3;
}
