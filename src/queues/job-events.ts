import { hash } from "node:crypto";
import type { JobView, StepView } from "./job-view.ts";

/** One thing that happened to a job, as its followers hear it. */
export interface JobEvent {
  readonly event: "state" | "step" | "end";
  /** All that has been told with this event: whoever names it hears only what came after, from any process. */
  readonly id: string;
  readonly data: StateEvent | StepView | JobView;
}

/** A change of the job as a whole. */
export type StateEvent = Pick<JobView, "state" | "attempts" | "nextAttemptAt"> & Partial<Pick<JobView, "failure">>;

/** What a follower has been told, as its last event's id says. */
interface Told {
  /** The mark of the last state; empty where none was told. */
  readonly state: string;
  /** The marks of the steps, as they were then. */
  readonly steps: ReadonlySet<string>;
  readonly end: boolean;
}

/** 36 bits: two of a job's few events that look alike would be one chance in billions. */
const MARK_LENGTH = 6;
const MARKS = /.{6}/g;
const ID = /^(?<state>[\w-]{6})?\.(?<steps>(?:[\w-]{6})*)(?<end>\.end)?$/;

/** Whether a job has ended. One that failed may be retried by a person, and then goes on. */
export function hasEnded({ state }: JobView): boolean {
  return state === "completed" || state === "failed";
}

/**
 * What of the job someone has not heard who was told up to the event `last`; an id that is none of ours counts as nothing.
 * Each step as it is now, in their order; the state before them while the job goes on, and after them once it has ended,
 * followed by `end`. Empty where there is no news.
 */
export function newsOf(job: JobView, last: string): readonly JobEvent[] {
  const told = toldBy(last);
  const ended = hasEnded(job);
  const state = stateOf(job);
  // When the next attempt comes may move while a job merely waits for its turn, which is no news.
  const stateMark = markOf([state.state, state.attempts, state.failure]);
  let toldState = told.state;
  const steps = job.steps.map((step) => ({ step, mark: markOf([step.name, step.state, step.at]) }));
  const toldSteps = new Set(steps.map(({ mark }) => mark).filter((mark) => told.steps.has(mark)));

  const events: JobEvent[] = [];
  const tell = (event: JobEvent["event"], data: JobEvent["data"]) => {
    const id = `${toldState}.${[...toldSteps].join("")}${event === "end" ? ".end" : ""}`;
    events.push({ event, id, data });
  };
  const tellState = () => {
    if (toldState === stateMark) return;
    toldState = stateMark;
    tell("state", state);
  };

  if (!ended) tellState();
  for (const { step, mark } of steps) {
    if (toldSteps.has(mark)) continue;
    toldSteps.add(mark);
    tell("step", step);
  }
  if (ended) {
    tellState();
    if (events.length > 0 || !told.end) tell("end", job);
  }
  return events;
}

function stateOf({ state, attempts, nextAttemptAt, failure }: JobView): StateEvent {
  return {
    state,
    attempts,
    ...(nextAttemptAt !== undefined && { nextAttemptAt }),
    ...(failure !== null && state !== "active" && { failure }),
  };
}

function toldBy(id: string): Told {
  const { state = "", steps = "", end } = ID.exec(id)?.groups ?? {};
  return { state, steps: new Set(steps.match(MARKS)), end: end !== undefined };
}

function markOf(parts: readonly unknown[]): string {
  return hash("sha256", JSON.stringify(parts), "base64url").slice(0, MARK_LENGTH);
}
