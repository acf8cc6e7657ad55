import { VENDOR_NAMES, type Vendor } from "./errors.ts";

// Whether a vendor is set up as our work needs it: told to the person who can mend it, before work breaks on it.
// Nothing of it is secret or personal; it is stored in Redis, logged and shown.

/** Something that is not as it has to be. */
export type Finding = {
  /** `missing`: work breaks on it. `doubtful`: it may be as it should be, and somebody should look. */
  readonly weight: "missing" | "doubtful";
  /** What it is about, as its own system calls it: `Opportunity.LineReturn__c`. */
  readonly subject: string;
  /** What is wrong, in a few words without a full stop: `value missing: Returned`. */
  readonly problem: string;
  /** What to do about it, in a sentence. */
  readonly remedy: string;
};

/** One thing that was looked at; no findings mean that it is as it has to be. */
export type Check = { readonly subject: string; readonly findings: readonly Finding[] };

/** What came of one vendor's checks. */
export type VendorReport = {
  readonly vendor: Vendor;
  readonly checks: readonly Check[];
  /** Why there was nothing to be found out; null where everything was looked at. */
  readonly notChecked: string | null;
};

/**
 * What somebody has to be told, one line each: what is missing, and what could not be looked at. What is doubtful stays
 * with `npm run preflight`: a warning that never goes away teaches people not to read warnings.
 */
export function warningsOf(reports: readonly VendorReport[]): string[] {
  return reports.flatMap(({ vendor, checks, notChecked }) => {
    const missing = checks.flatMap(({ findings }) => findings.filter(({ weight }) => weight === "missing"));
    return [
      ...(notChecked === null ? [] : [`${VENDOR_NAMES[vendor]} could not be checked. ${notChecked}`]),
      ...missing.map(({ subject, problem, remedy }) => `${VENDOR_NAMES[vendor]}, ${subject}: ${problem}. ${remedy}`),
    ];
  });
}
