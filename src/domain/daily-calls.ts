/**
 * Salesforce takes so many calls from an org in a day, from all of its programs together. Who leaves the last of them to
 * others, and from which share used on: docs/decisions.md says why.
 */

/** What looks by itself, and finds the same later too. */
export const SWEEP = { vendor: "salesforce", from: 0.8 } as const;

/** What somebody asked for, with no date that passes meanwhile. */
export const ORDINARY = { vendor: "salesforce", from: 0.95 } as const;

/** What an operator should know of the share used; nothing where nobody waits. */
export function dailyCallsWarnings(used: number | null): readonly string[] {
  if (used === null || used < SWEEP.from) return [];
  const waits = used < ORDINARY.from ? "Sweeps wait" : "All jobs but cancellations and terminations wait";
  return [
    `${String(Math.floor(used * 100))} % of Salesforce's calls of a day are used. ${waits} until some are free again.`,
  ];
}
