import { type Check, type VendorReport, warningsOf } from "./domain/check.ts";
import { VENDOR_NAMES } from "./domain/errors.ts";

/** Whether work would break on something, or nobody could tell. */
export function isLacking(reports: readonly VendorReport[]): boolean {
  return warningsOf(reports).length > 0;
}

/** What came of the checks, for the person in front of the terminal: vendor by vendor, and below each ✗ and ! what to do. */
export function preflightTable(reports: readonly VendorReport[]): string {
  const findings = reports.flatMap(({ checks }) => checks.flatMap((check) => check.findings));
  const missing = findings.filter(({ weight }) => weight === "missing").length;
  const doubtful = findings.length - missing;
  const unanswered = reports.filter(({ notChecked }) => notChecked !== null).length;
  const sum = [
    missing > 0
      ? `✗ ${count(missing, "thing is", "things are")} missing: Handoff's work would break on ${missing === 1 ? "it" : "them"}.`
      : null,
    unanswered > 0 ? `✗ ${count(unanswered, "system", "systems")} could not be checked.` : null,
    doubtful > 0 ? `! ${count(doubtful, "thing", "things")} to look at.` : null,
    missing + unanswered === 0 ? "✓ Everything that Handoff needs is there." : null,
  ].filter((line) => line !== null);
  return `${[...reports.map(vendorLines), sum.join("\n")].join("\n\n")}\n`;
}

function vendorLines({ vendor, checks, notChecked }: VendorReport): string {
  const lines = notChecked === null ? checks.flatMap(checkLines) : ["  ✗ could not be checked", `      ${notChecked}`];
  return [VENDOR_NAMES[vendor], ...lines].join("\n");
}

function checkLines({ subject, findings }: Check): string[] {
  if (findings.length === 0) return [`  ✓ ${subject}`];
  return findings.flatMap(({ weight, subject, problem, remedy }) => [
    `  ${weight === "missing" ? "✗" : "!"} ${subject}  ${problem}`,
    `      ${remedy}`,
  ]);
}

const count = (number: number, one: string, more: string) => `${number} ${number === 1 ? one : more}`;
