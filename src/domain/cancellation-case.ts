import type { Month } from "./japan-calendar.ts";
import type { ServiceType } from "./opportunity.ts";

/** The Case that a cancellation makes: what it says, and how it is found again (`spec/rules.md`, Cancellation). */

export const CANCELLATION_CASE_TYPE = "Cancellation Request";

/** `Cancellation Request - Internet (2026-12)`. */
export function cancellationSubject(service: ServiceType, month: Month): string {
  return `Cancellation Request - ${service} (${month})`;
}

/** Whose Case it is. */
export interface CaseMarks {
  /** The WHMCS service. */
  readonly serviceId: number;
  /** The job that made it. */
  readonly jobId: string;
}

const SERVICE = "WHMCS service id";
const JOB = "Handoff job";

/** The whole form. The marks come first, so that nothing a customer typed can be taken for them. */
export function cancellationDescription(
  { serviceId, jobId }: CaseMarks,
  form: readonly (readonly [label: string, value: string | undefined])[],
  comments: string | undefined,
): string {
  return [
    `${SERVICE}: ${String(serviceId)}`,
    `${JOB}: ${jobId}`,
    ...form.flatMap(([label, value]) => (value === undefined ? [] : [`${label}: ${value}`])),
    ...(comments === undefined || comments === "" ? [] : ["", "Comments from the customer:", comments]),
  ].join("\n");
}

/** The marks of a Case, each null where its Description, which people may edit, does not carry it. */
export function marksOf(description: string | null): { [Mark in keyof CaseMarks]: CaseMarks[Mark] | null } {
  const lines = (description ?? "").split(/\r?\n/);
  const marked = (label: string) =>
    lines.find((line) => line.startsWith(`${label}: `))?.slice(label.length + 2) ?? null;
  const service = Number(marked(SERVICE) ?? Number.NaN);
  return { serviceId: Number.isSafeInteger(service) ? service : null, jobId: marked(JOB) };
}
