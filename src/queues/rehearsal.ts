import { isClassified, RejectedError } from "../domain/errors.ts";
import { personalFields } from "../domain/personal.ts";
import type { Gate } from "../domain/vendor-call.ts";
import { readPayload } from "./attempt.ts";
import { failureOf, unknownSteps } from "./attempt-failed.ts";
import type { AnyJobKind, JobFacts, Step } from "./job-kind.ts";
import type { Ledger, Remembered, Said } from "./ledger.ts";
import { HIDDEN, type Plan, planWriter } from "./plan.ts";
import { mapMarked, type Sealing } from "./sealing.ts";
import { classify, lookUp } from "./steps.ts";

/** What is to be gone through without changing anything. */
export interface Rehearsed {
  readonly kind: string;
  /** Of the job that it is about, or of one that there is not. */
  readonly id: string;
  /** The payload, sealed about that id. */
  readonly data: unknown;
  /** It would look before each write, whatever the ledger says. */
  readonly lookFirst: boolean;
}

export interface RehearsalSetting<Services> {
  readonly ledger: Ledger;
  readonly sealing: Sealing;
  readonly kinds: readonly AnyJobKind<Services>[];
  /** Clients whose every sending goes through `gate`. */
  readonly services: (gate: Gate, cut: AbortSignal) => Services;
  /** Told what nobody foresaw. */
  readonly complain: (error: unknown) => void;
}

/**
 * Goes through a job by its kind's own `run`, the code that carries it out: what it reads is read, what an earlier attempt
 * did is remembered, and every write is caught where it would leave. Of the ledger it only reads.
 */
export async function rehearse<Services>(
  { kind: name, id, data, lookFirst }: Rehearsed,
  { ledger, sealing, kinds, services, complain }: RehearsalSetting<Services>,
  cut: AbortSignal,
): Promise<Plan> {
  const kind = kinds.find((one) => one.name === name);
  if (kind === undefined) throw new Error(`no kind is called "${name}"`);
  const record = await ledger.read(id);
  const writer = planWriter(record["accepted"] === undefined ? id : null);
  const remembered = rememberedIn(record);
  const looks = lookFirst || record["suspect"] === "1";
  const names = new Set<string>();
  const keys = { id, kind: kind.name, natural: "", turn: null };
  /** What a person said about a step in doubt, if anything. */
  const saidOf = (name: string): Said | null => {
    const { said = "" } = JSON.parse(record[`step ${name}`] ?? "{}") as { said?: string }; // the ledger's scripts wrote it
    return said === "" ? null : ledger.openSaid(keys, name, said);
  };

  const step: Step = async <T>(...[name, ifInDoubt, perform]: Parameters<Step>): Promise<T> => {
    if (names.has(name)) throw new Error(`two steps of this job are called "${name}"`);
    names.add(name);
    writer.enter(name);
    try {
      const known = remembered.get(name) ?? null;
      if (known !== null) {
        writer.passed(name, "remembered");
        return ledger.open(keys, name, known) as T; // what this same step gave
      }
      if (ifInDoubt !== "repeat" && (looks || remembered.has(name))) {
        const found = await lookUp(name, ifInDoubt, saidOf(name));
        if (found !== undefined) {
          writer.passed(name, "found");
          return found as T; // what the look and the step both give
        }
      }
      writer.passed(name, "gone-through");
      return (await perform()) as T; // as above
    } finally {
      writer.enter(null);
    }
  };
  const facts: JobFacts = {
    id,
    acceptedAt: record["accepted"] === undefined ? new Date() : new Date(Number(record["accepted"])),
    resumed: remembered.size > 0,
    async hand(name, payload) {
      const handed = kinds.find((one) => one.name === name);
      if (handed === undefined) throw new Error(`no kind is called "${name}"`);
      const taken = handed.payload.parse(payload);
      const shown = mapMarked(personalFields, handed.payload, taken, "", () => HIDDEN);
      writer.own("hand on", name, shown as Readonly<Record<string, unknown>>); // a payload is an object
      return String(writer.anew(`the ${name} job's id`));
    },
    foundBy: () => undefined, // an index of ours, which says nothing of the work
    belongsTo: () => undefined,
  };

  try {
    const payload = readPayload(kind, sealing, data, id);
    if (payload instanceof RejectedError) throw payload;
    const { outcome, result, reason } = await kind.run(payload, step, services(writer.gate, cut), facts);
    const unvisited = [...remembered.keys()].filter((name) => !names.has(name));
    if (unvisited.length > 0) throw unknownSteps(unvisited);
    return writer.plan({
      state: "completed",
      outcome,
      result,
      failure: reason === undefined ? null : { ...reason, system: null },
    });
  } catch (thrown) {
    if (!isClassified(thrown)) complain(thrown);
    const { code, title, detail, vendor, retryable } = failureOf(classify(thrown));
    const state = retryable ? "retrying" : "failed";
    return writer.plan({ state, outcome: null, result: null, failure: { code, title, detail, system: vendor } });
  }
}

/** As an attempt would remember it: nothing, until an effect has begun. */
function rememberedIn(record: Readonly<Record<string, string>>): Remembered {
  const steps = Object.entries(record).flatMap(([field, json]) => {
    if (!field.startsWith("step ")) return [];
    const step = JSON.parse(json) as { state: string; result?: string; effect?: boolean }; // the ledger's scripts wrote it
    return [{ name: field.slice("step ".length), ...step }];
  });
  if (!steps.some(({ effect }) => effect === true)) return new Map();
  return new Map(steps.map(({ name, state, result }) => [name, state === "done" ? (result ?? null) : null]));
}
