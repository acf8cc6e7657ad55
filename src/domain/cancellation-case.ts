import type { Booked, Cancellation } from "./cancellation.ts";
import type { Month } from "./japan-calendar.ts";
import type { ServiceType } from "./opportunity.ts";

/** The Case that a cancellation makes: what it says, and how it is found again (`spec/rules.md`, Cancellation). */

export const CANCELLATION_CASE_TYPE = "Cancellation Request";

/** `Cancellation Request - Internet (2026-12)`. */
export function cancellationSubject(service: ServiceType, month: Month): string {
  return `Cancellation Request - ${service} (${month})`;
}

/** Whose Case it is, each null where its Description, which people may edit, does not say. */
export interface CaseMarks {
  /** The WHMCS service. */
  readonly serviceId: number | null;
  /** The job that made it. */
  readonly jobId: string | null;
}

const SERVICE = "WHMCS service id";
const JOB = "Handoff job";

/** The whole form. The marks come first, so that nothing a customer typed can be taken for them. */
export function cancellationDescription(asked: Cancellation, booked: Booked | null, jobId: string): string {
  const lines = [
    `${SERVICE}: ${String(asked.serviceId)}`,
    `${JOB}: ${jobId}`,
    `Service: ${asked.service}`,
    `Last month: ${"month" in asked ? asked.month : "none, it ends at once"}`,
  ];
  if (asked.service === "SIM") {
    lines.push(`SIM number: ${asked.simNumber}`);
    if (asked.serialNumber !== undefined) lines.push(`Serial number: ${asked.serialNumber}`);
  }
  if (booked !== null) {
    const shown = booked.told === true ? "as somebody said at the desk who looked there" : "as the line shows";
    const how = booked.code === null ? shown : `result code ${booked.code}`;
    lines.push(`Freebit: accepted, off from ${booked.day} (${how})`);
  }
  if (asked.alternativeEmail !== undefined) lines.push(`Alternative e-mail: ${asked.alternativeEmail}`);
  if (asked.comments !== undefined && asked.comments !== "")
    lines.push("", "Comments from the customer:", asked.comments);
  return lines.join("\n");
}

export function marksOf(description: string | null): CaseMarks {
  const lines = (description ?? "").split(/\r?\n/);
  const marked = (label: string) =>
    lines.find((line) => line.startsWith(`${label}: `))?.slice(label.length + 2) ?? null;
  const service = Number(marked(SERVICE) ?? Number.NaN);
  return { serviceId: Number.isSafeInteger(service) ? service : null, jobId: marked(JOB) };
}
