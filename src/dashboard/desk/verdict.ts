import * as z from "zod";
import { type Vendor, VENDOR_NAMES } from "../../domain/errors.ts";
import type { JobView } from "../../queues/job-view.ts";
import type { StoryEvent } from "../../queues/story.ts";
import type { Words } from "./words.ts";

/** What the ledger knows of a step, as far as a retry depends on it. */
export interface StepDone {
  readonly name: string;
  readonly state: "active" | "done" | "in-doubt";
  /** Whether doing it twice would matter. */
  readonly effect: boolean;
  /** What it made, by name: ids, and nothing personal. */
  readonly made: Readonly<Record<string, string | number>>;
  /** A person is asked whether it happened: the name of the id that they give (or empty); null where nobody is asked. */
  readonly asks: string | null;
  /** Somebody has answered. */
  readonly isSaid: boolean;
}

/** The step of a failed job that asks a person; null where none does. */
export function askingStep<Step extends StepDone>({
  view,
  steps,
}: {
  readonly view: Pick<JobView, "state">;
  readonly steps: readonly Step[];
}): (Step & { readonly asks: string }) | null {
  if (view.state !== "failed") return null;
  for (const step of steps) if (step.state === "in-doubt" && step.asks !== null) return { ...step, asks: step.asks };
  return null;
}

const VENDORS = Object.keys(VENDOR_NAMES) as Vendor[]; // an object literal has no other keys
export const vendorNamed = (name: string | null | undefined): Vendor | null =>
  VENDORS.find((vendor) => vendor === name) ?? null;

/** The system in which a step in doubt is to be looked for: the one that the attempt had to do with which left it so. */
export function whereToLook(
  { failedIn, story }: { readonly failedIn: string | null; readonly story: readonly StoryEvent[] },
  step: string,
): Vendor | null {
  const failures = story.flatMap((event) => (event.what === "failed" ? [event] : []));
  const left = failedIn === step ? failures.at(-1) : failures.findLast(({ failure }) => failure.code === "in-doubt");
  return left?.failure.vendor ?? vendorNamed(left?.calls.at(-1)?.vendor);
}

const ID = /^[\w.-]{1,40}$/;

/** Of what a step gave, its ids: what a step read is nobody's to see here. */
export function idsIn(result: unknown): StepDone["made"] {
  const fields = z.record(z.string(), z.unknown()).safeParse(result);
  if (!fields.success) return {};
  return Object.fromEntries(
    Object.entries(fields.data).flatMap(([name, value]) =>
      /(?:Id|Number|code)$/.test(name) && (typeof value === "number" || (typeof value === "string" && ID.test(value)))
        ? [[name, value]]
        : [],
    ),
  );
}

interface Verdictable {
  readonly view: Pick<JobView, "failure" | "kind">;
  readonly steps: readonly StepDone[];
  readonly failedIn: string | null;
  readonly suspect: boolean;
}

/** Kinds whose one write is sent again with the same id, where its answer was lost. */
const REPEATS: ReadonlySet<string> = new Set(["mail", "callback"]);

/** Whether a retry is safe, in plain words, from what the ledger holds: what is done, what is in doubt, where it goes on. */
export function verdictOn(
  { view: { failure, kind }, steps, failedIn, suspect }: Verdictable,
  words: Words["verdicts"],
  answers: { readonly where: string; readonly mayAnswer: boolean },
): readonly string[] {
  const effects = steps.filter(({ effect }) => effect);
  const isParked = failure?.code === "in-doubt";
  const said = effects.flatMap(({ name, state, made, asks, isSaid }) => {
    if (state === "done") {
      const ids = Object.entries(made).map(([field, value]) => `${field} ${String(value)}`);
      return [words.done(name, ids.join(", "))];
    }
    if (isSaid) return [words.said(name)];
    if (asks === null) return [words.looked(name)];
    const answer = answers.mayAnswer ? words.answerHere(answers.where) : words.operatorAnswers(answers.where);
    return [isParked ? words.parked(name) : words.looked(name), answer];
  });
  if (suspect) said.push(words.suspect);
  if (REPEATS.has(kind)) said.push(words.mailAgain);
  else if (effects.length === 0 && !suspect) said.push(words.fresh);
  else if (failedIn !== null && !effects.some(({ name }) => name === failedIn)) said.push(words.goesOn(failedIn));
  if (failure !== null && !isParked) said.push(failure.retryable ? words.mayHelp : words.mendFirst);
  return said;
}
