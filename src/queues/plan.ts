import * as z from "zod";
import type { Anew, Gate, Outgoing } from "../domain/vendor-call.ts";

/** What a dry run found, without personal data: it stands in Redis for seconds, and is shown to people and programs. */

const step = z.string().nullable().meta({ description: "In which step; null where in none" });
const system = z
  .string()
  .meta({ description: "salesforce, whmcs, freebit, mail, callback, documents; handoff for what it keeps itself" });
const operation = z.string().meta({ description: "What was called, as the metrics name it" });

export const planSchema = z.strictObject({
  steps: z
    .array(
      z.strictObject({
        name: z.string(),
        how: z.enum(["remembered", "found", "gone-through", "in-doubt"]).meta({
          description:
            "remembered: done by an earlier attempt, and not done again. found: a look found it done. gone-through: its reads were made, and its writes caught, up to where the plan ends. in-doubt: it may have happened, and a look could not tell: the plan ends there.",
        }),
      }),
    )
    .meta({ description: "The steps in order, up to where it would end" }),
  reads: z.array(z.strictObject({ step, system, operation })).meta({ description: "What was read, for real" }),
  writes: z
    .array(
      z.strictObject({
        step,
        system,
        operation,
        call: z
          .int()
          .meta({ description: "Those with the same number go out in one call, and happen together or not at all" }),
        to: z.string().meta({ description: "What it would be sent to: `POST Case`, `AddOrder`" }),
        fields: z.record(z.string(), z.unknown()).meta({
          description:
            "As they would be sent. Hidden: whatever may tell of a customer. In angle brackets: what does not exist yet, as an id that the system would give. `@{case.id}`: the id that another part of the same call would get.",
        }),
      }),
    )
    .meta({ description: "What would be written, in order; nothing was" }),
  ending: z
    .strictObject({
      state: z
        .enum(["completed", "retrying", "failed"])
        .meta({ description: "retrying: it would be tried again by itself. failed: it would need a person." }),
      outcome: z.string().nullable(),
      result: z.record(z.string(), z.union([z.string(), z.number()])).nullable(),
      failure: z
        .strictObject({ code: z.string(), title: z.string(), detail: z.string(), system: z.string().nullable() })
        .nullable(),
    })
    .meta({ description: "How the job would end, or its next attempt" }),
});
export type Plan = z.infer<typeof planSchema>;

export const HIDDEN = "••• hidden";

/** What stands for ids that do not exist yet: far above those of any vendor, and no telephone number. */
const FIRST_ANEW = 900_000_000_000;

/** An id of Salesforce, a reference to another part of the same call, or a moment: all that people may see of any field. */
const PLAIN = [
  /^(?:001|003|006|068|01[stu]|500|80[12])[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?$/,
  /^@\{\w{1,20}\.id\}$/,
  /^\d{4}-\d\d-\d\d(?:T[\d:.]{5,12}Z)?$/,
  /^\(\d+ bytes\)$/,
];

/** Writes a plan, while the work is gone through that it is of. `newJob`: the id of a job that there is not. */
export function planWriter(newJob: string | null) {
  const steps: Plan["steps"] = [];
  const reads: Plan["reads"] = [];
  const writes: Plan["writes"] = [];
  const made: string[] = [];
  let inside: string | null = null;
  let calls = 0;

  const anew: Anew = (what) => FIRST_ANEW + made.push(what);

  /** In the place of a number that stands for what does not exist yet, the words for it. */
  const named = (text: string): string =>
    (newJob === null ? text : text.replaceAll(newJob, "<the new job's id>")).replaceAll(
      /(?<!\d)(?:[A-Za-z0-9]{3}(?=9))?(9\d{11})(?:[A-Z0-5]{3}(?![A-Za-z0-9]))?/g,
      (whole, number: string) => {
        const what = made[Number(number) - FIRST_ANEW - 1];
        return what === undefined ? whole : `<${what}>`;
      },
    );
  const isAnew = (text: string) => named(text) !== text && /^<[^<>]+>$/.test(named(text));

  const shown = (value: unknown, field: string, isPlain: Outgoing<unknown>["isPlain"]): unknown => {
    if (value === undefined || value === null || typeof value === "boolean") return value; // JSON leaves out what is undefined
    if (typeof value === "number") return isAnew(String(value)) ? named(String(value)) : value;
    if (typeof value === "string") {
      const isShown = isAnew(value) || PLAIN.some((form) => form.test(value)) || isPlain(field, value);
      return isShown ? named(value) : HIDDEN;
    }
    if (Array.isArray(value)) return value.map((item) => shown(item, field, isPlain));
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shown(inner, name, isPlain)]));
  };
  const shownFields = (fields: Readonly<Record<string, unknown>>, isPlain: Outgoing<unknown>["isPlain"]) =>
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, shown(value, name, isPlain)]));

  /** Lets reads through, and writes down whatever else would leave. */
  const gate: Gate = async ({ vendor: system, operation }, { writes: isWrite, parts, isPlain, taken }, really) => {
    if (!isWrite) {
      reads.push({ step: inside, system, operation });
      return await really();
    }
    const call = (calls += 1);
    for (const { to, fields } of await parts())
      writes.push({ step: inside, system, operation, call, to: named(to), fields: shownFields(fields, isPlain) });
    return await taken(anew);
  };

  return {
    gate,
    anew,
    enter: (step: string | null) => void (inside = step),
    /** The last word on a step counts. */
    passed(name: string, how: Plan["steps"][number]["how"]) {
      if (steps.at(-1)?.name === name) steps.pop();
      steps.push({ name, how });
    },
    /** What we would keep ourselves, without what is personal of it. */
    own(operation: string, to: string, fields: Readonly<Record<string, unknown>>) {
      const call = (calls += 1);
      writes.push({ step: inside, system: "handoff", operation, call, to, fields: shownFields(fields, () => true) });
    },
    plan(ending: Plan["ending"]): Plan {
      const result = { ...ending.result };
      for (const [name, value] of Object.entries(result)) {
        const text = named(String(value));
        if (text !== String(value)) result[name] = text;
      }
      const failure = ending.failure && {
        ...ending.failure,
        title: named(ending.failure.title),
        detail: named(ending.failure.detail),
      };
      return planSchema.parse({
        steps,
        reads,
        writes,
        ending: { ...ending, result: ending.result && result, failure },
      });
    },
  };
}
