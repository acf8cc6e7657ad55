/** The Type of the Case by which Customer Service checks an address. */
export const ELIGIBILITY_CASE_TYPE = "Eligibility Check";

/**
 * Whether `value` of `Internet_Eligibility__c` is an offer: it is known, and none of those that mean no. Case and outer
 * spaces do not matter, for a no that was typed otherwise must not become a yes.
 */
export function isEligible(value: string | null, notEligibleValues: readonly string[]): value is string {
  if (value === null) return false;
  return !notEligibleValues.some((no) => plain(no) === plain(value));
}

const plain = (value: string) => value.trim().toLowerCase();
