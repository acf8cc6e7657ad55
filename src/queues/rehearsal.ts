import { AsyncLocalStorage } from "node:async_hooks";
import { HANDOFF_CLIENT } from "../domain/clients.ts";
import { isClassified, RejectedError, UnavailableError } from "../domain/errors.ts";
import { personalFields } from "../domain/personal.ts";
import type { Gate } from "../domain/vendor-call.ts";
import { readPayload } from "./attempt.ts";
import { failureOf, unknownSteps } from "./attempt-failed.ts";
import type { AnyJobKind, JobFacts, Outcome, Step } from "./job-kind.ts";
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
  /** Clients whose every sending goes through `rehearsalGate`. */
  readonly services: Services;
  /** Told what nobody foresaw. */
  readonly complain: (error: unknown) => void;
}

const underWay = new AsyncLocalStorage<Gate>();

/**
 * For the clients of dry runs, which one after the other use the same ones, so that not each has to sign in anew: all that
 * would leave goes through the gate of the dry run that it is of, and nothing leaves without one.
 */
export const rehearsalGate: Gate = async (call, outgoing, really) => {
  const gate = underWay.getStore();
  if (gate === undefined) throw new Error("a client for dry runs was used outside of one");
  return await gate(call, outgoing, really);
};

/**
 * Goes through a job by its kind's own `run`, the code that carries it out: what it reads is read, what an earlier attempt
 * did is remembered, and every write is caught where it would leave. Of the ledger it only reads.
 */
export async function rehearse<Services>(
  { kind: name, id, data, lookFirst }: Rehearsed,
  { ledger, sealing, kinds, services, complain }: RehearsalSetting<Services>,
  cut: AbortSignal,
): Promise<Plan> {
  const kindOf = (wanted: string) => {
    const found = kinds.find((one) => one.name === wanted);
    if (found === undefined) throw new Error(`no kind is called "${wanted}"`);
    return found;
  };
  const kind = kindOf(name);
  const record = await ledger.read(id);
  const writer = planWriter(record["accepted"] === undefined ? id : null);
  const steps = stepsIn(record);
  const remembered = rememberedOf(steps);
  let looks = lookFirst;
  const names = new Set<string>();
  /** What a person said about a step in doubt, if anything. */
  const saidOf = (name: string): Said | null => {
    const said = steps.get(name)?.said;
    return said === undefined ? null : ledger.openSaid({ id }, name, said);
  };
  const mayStillLand = (name: string): boolean => {
    const { lands = 0, lease = 0 } = steps.get(name) ?? {};
    return Math.max(lands, lease) > Date.now();
  };

  const step: Step = async <T>(...[name, ifInDoubt, perform]: Parameters<Step>): Promise<T> => {
    if (names.has(name)) throw new Error(`two steps of this job are called "${name}"`);
    names.add(name);
    writer.enter(name);
    try {
      const known = remembered.get(name) ?? null;
      if (known !== null) {
        writer.passed(name, "remembered");
        return ledger.open({ id }, name, known) as T; // what this same step gave
      }
      if (ifInDoubt !== "repeat" && (looks || remembered.has(name))) {
        writer.passed(name, "in-doubt"); // unless the look tells
        const found = await lookUp(name, ifInDoubt, saidOf(name));
        if (found !== undefined) {
          writer.passed(name, "found");
          return found as T; // what the look and the step both give
        }
        if (mayStillLand(name)) throw stillUnderWay(name);
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
    async hand(name, payload, { once, unless = [] } = {}) {
      const handed = kindOf(name);
      const taken = handed.payload.parse(payload);
      const known = await ledger.known({
        job: ledger.keys(name, "", handed.key(taken), undefined),
        idempotency: once === undefined ? null : { client: HANDOFF_CLIENT, key: `${id} ${once}`, body: null },
        unless,
      });
      if (known !== null && known.how !== "key-reused") return known.id; // handed on before
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
    const beginning = await ledger.foresee(ledger.keys(kind.name, id, kind.key(payload), kind.account?.(payload)));
    if (beginning.state === "wait") throw anotherAtWork();
    if (beginning.state === "ended") return writer.plan(endingOf(beginning.outcome));
    looks ||= beginning.looks;
    const outcome = await underWay.run(gateUntil(cut, writer.gate), () => kind.run(payload, step, services, facts));
    const unvisited = [...remembered.keys()].filter((name) => !names.has(name));
    if (unvisited.length > 0) throw unknownSteps(unvisited);
    return writer.plan(endingOf(outcome));
  } catch (thrown) {
    if (!isClassified(thrown)) complain(thrown);
    const { code, title, detail, vendor, retryable } = failureOf(classify(thrown));
    const state = retryable ? "retrying" : "failed";
    return writer.plan({ state, outcome: null, result: null, failure: { code, title, detail, system: vendor } });
  }
}

function endingOf({ outcome, result, reason }: Outcome): Plan["ending"] {
  return { state: "completed", outcome, result, failure: reason === undefined ? null : { ...reason, system: null } };
}

/** Nothing more leaves once nobody waits for the plan. */
function gateUntil(cut: AbortSignal, gate: Gate): Gate {
  return async (call, outgoing, really) => {
    cut.throwIfAborted();
    return await gate(call, outgoing, really);
  };
}

function stillUnderWay(step: string): UnavailableError {
  return new UnavailableError({
    code: "may-still-arrive",
    title: `What was sent in "${step}" may still arrive.`,
    detail: "Nothing is sent again until it no longer can: the job looks again by itself.",
    vendor: null,
    scope: "call",
  });
}

function anotherAtWork(): UnavailableError {
  return new UnavailableError({
    code: "another-at-work",
    title: "Another job is at this very work.",
    detail: "This one waits for it, and ends as that one does where that one does it.",
    vendor: null,
    scope: "call",
  });
}

/** A step as the ledger's scripts keep it (`ledger-hash.ts`), as far as a dry run goes by it. */
interface StepKept {
  readonly effect?: boolean;
  /** Where it is done. */
  readonly result?: string;
  readonly said?: string;
  readonly lands?: number;
  readonly lease?: number;
}

function stepsIn(record: Readonly<Record<string, string>>): ReadonlyMap<string, StepKept> {
  const steps = Object.entries(record).filter(([field]) => field.startsWith("step "));
  return new Map(steps.map(([field, json]) => [field.slice("step ".length), JSON.parse(json) as StepKept])); // the scripts wrote it
}

/** As an attempt would remember it: nothing, until an effect has begun. */
function rememberedOf(steps: ReadonlyMap<string, StepKept>): Remembered {
  const all = [...steps];
  if (!all.some(([, { effect }]) => effect === true)) return new Map();
  return new Map(all.map(([name, { result }]) => [name, result ?? null]));
}
