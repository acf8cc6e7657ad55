import {
  type ClassifiedError,
  InDoubtError,
  isClassified,
  nothingHappened,
  RejectedError,
  UnknownOutcomeError,
} from "../domain/errors.ts";
import { listenTo } from "./calls.ts";
import type { IfInDoubt, Step, Told } from "./job-kind.ts";
import type { Claim, JobKeys, Ledger, Note, Remembered, Said } from "./ledger.ts";

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
  /** Look before each write, whatever the ledger tells. */
  readonly lookFirst: boolean;
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
  /** The calls that it made there, as `calls.ts` writes them. */
  readonly calls: () => string;
  /** What the last steps gave and the ledger has not heard yet: it goes along with whatever is written next. */
  readonly notes: readonly Note[];
}

/** The step function that one attempt of a job gets. */
export function stepRunner({ job, ledger, by, lookFirst, remembered, stopping }: StepRun): StepRunner {
  const names = new Set<string>();
  const notes: Note[] = [];
  let inside: string | null = null;
  let beganAt = 0;
  let calls: string[] = [];

  const step: Step = async (name, ifInDoubt, perform) => {
    inside = name;
    beganAt = performance.now();
    calls = [];
    const result = await listenTo(calls, () => once(name, ifInDoubt, perform));
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
      notes.push(noteOf(name, false, result));
      return result;
    }
    const sent = notes.length;
    const askedAt = performance.now();
    const claim = await ledger.claim(job, name, by, { lookFirst, notes });
    notes.splice(0, sent);
    inTime(askedAt);
    switch (claim.state) {
      case "overtaken":
        throw new ComeBackLater("another worker has the job", ASK_AGAIN_MS);
      case "done":
        return ledger.open(job, name, claim.sealed) as T; // as above
      case "turn lost":
        throw new ComeBackLater("the account's turn ran out", Math.min(claim.forMs, ASK_AGAIN_MS) + 1);
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

  const performed = async <T>(
    name: string,
    ifInDoubt: Exclude<IfInDoubt<T>, "repeat">,
    perform: () => Promise<T>,
  ): Promise<T> => {
    let result: T;
    try {
      result = await perform();
    } catch (thrown) {
      const error = classify(thrown);
      if (nothingHappened(error)) await ledger.release(job, name, by);
      else {
        const mayStillLand = error instanceof UnknownOutcomeError && error.mayStillLand;
        const mayLandForMs = mayStillLand ? ledger.timing.settleMs : 0;
        await ledger.doubt(job, name, by, { mayLandForMs, looked: false, asks: asksOf(ifInDoubt) });
      }
      throw error;
    }
    return await done(name, ifInDoubt, result);
  };

  /** Takes down what a step gave: with the next call, or at once where nobody could look it up later. */
  const done = async <T>(name: string, ifInDoubt: Exclude<IfInDoubt<T>, "repeat">, result: T): Promise<T> => {
    notes.push(noteOf(name, true, result));
    if (ifInDoubt.find === undefined) {
      const isFirst = await ledger.note(job, notes);
      notes.length = 0;
      if (!isFirst) throw new ComeBackLater("another worker has the job", ASK_AGAIN_MS);
    }
    return result;
  };

  const noteOf = (step: string, effect: boolean, result: unknown): Note => ({
    step,
    effect,
    result,
    ms: performance.now() - beganAt,
    calls: calls.join("\n"),
  });

  /** An earlier attempt was cut off here: what came of it; undefined where it did not happen and no longer can. */
  const lookFor = async <T>(
    name: string,
    ifInDoubt: Exclude<IfInDoubt<T>, "repeat">,
    { mayLandForMs, looks, said }: Extract<Claim, { state: "cut off" }>,
  ): Promise<T | undefined> => {
    let trace: T | undefined;
    try {
      trace = await lookUp(name, ifInDoubt, said === "" ? null : ledger.openSaid(job, name, said));
    } catch (thrown) {
      const error = classify(thrown);
      await ledger.doubt(job, name, by, { mayLandForMs: null, looked: false, asks: asksOf(ifInDoubt) });
      throw error;
    }
    if (trace !== undefined) return trace;
    if (mayLandForMs > 0) {
      await ledger.doubt(job, name, by, { mayLandForMs: null, looked: true, asks: null });
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

  return { step, names, inside: () => inside, calls: () => (inside === null ? "" : calls.join("\n")), notes };
}

/** What came of a step by whoever can tell: the other system, or else, where it cannot be asked, the person who was. */
export async function lookUp<T>(
  name: string,
  { find, told }: Exclude<IfInDoubt<T>, "repeat">,
  said: Said | null,
): Promise<T | undefined> {
  if (find !== undefined) {
    let trace: T | undefined;
    try {
      trace = await find();
    } catch (error) {
      if (said === null || isAnswer(classify(error), said)) throw error;
      return await believed(name, told, said);
    }
    if (trace === undefined && said?.happened === true) throw saidOtherwise(name, "It is not there.");
    return trace;
  }
  if (said === null) throw parked(name);
  return await believed(name, told, said);
}

/**
 * Whether a look that failed is an answer all the same, which nobody's word takes the place of: a rule of ours that says no to
 * what was found (the line ends on another day), and any refusal, where the word is that it be sent.
 */
function isAnswer(error: ClassifiedError, said: Said): boolean {
  return error instanceof RejectedError && (error.vendor === null || !said.happened);
}

async function believed<T>(name: string, told: Told<T> | undefined, said: Said): Promise<T | undefined> {
  if (!said.happened) return undefined;
  if (told === undefined) throw parked(name); // another version of the kind asked
  try {
    return await told.believe(said.id);
  } catch (error) {
    if (error instanceof RejectedError) throw saidOtherwise(name, error.title);
    throw error;
  }
}

function parked(name: string): InDoubtError {
  return new InDoubtError({
    code: "in-doubt",
    title: `It is not known whether "${name}" happened.`,
    detail:
      "No program can find out, so nothing is sent again by itself. Look in the other system whether it is there, and say so on the job's page at the desk.",
    vendor: null,
  });
}

function saidOtherwise(name: string, why: string): InDoubtError {
  return new InDoubtError({
    code: "in-doubt",
    title: `Somebody said that "${name}" happened, and the other system says otherwise.`,
    detail: `Its answer: ${why} Nothing was sent again. Look there once more, and answer anew on the job's page at the desk.`,
    vendor: null,
  });
}

/** What a person is asked for once a step in doubt is left to them; null where it is no question for them. */
function asksOf<T>({ told }: Exclude<IfInDoubt<T>, "repeat">): string | null {
  return told === undefined ? null : (told.asks ?? "");
}

/** Looks come at growing intervals: with the default deadline after 5 s, 30 s and 2 min (`vendors/whmcs.md`, section 3). */
function untilNextLook(looks: number, settleMs: number): number {
  return [settleMs / 36, settleMs / 6][looks] ?? (settleMs * 2) / 3;
}
