/** Salesforce's own limits, in UTF-16 units. What people typed is cut rather than refused: an order must not fail for a long street. */
const LONGEST = { "Opportunity.Name": 120, "Case.Subject": 255, "Case.Description": 32_000 } as const;

/** `value`, cut to what the field takes, never in the middle of a character. */
export function cutFor(field: keyof typeof LONGEST, value: string): string {
  return value.slice(0, LONGEST[field]).replace(/[\uD800-\uDBFF]$/, "");
}
