import * as z from "zod";
import { findable } from "./findable.ts";

/**
 * Salesforce ids come with 15 characters, where case matters, or with 18, where the last three say which of the first
 * 15 are capitals (`vendors/salesforce.md`, section 2). Both name the same record, so every id is kept with 18.
 */
const SUFFIX_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/** `id` (15 or 18 characters) with its 18 characters. */
export function to18(id: string): string {
  const base = id.slice(0, 15);
  let suffix = "";
  for (let chunk = 0; chunk < 3; chunk++) {
    let bits = 0;
    for (let position = 0; position < 5; position++) {
      const char = base[chunk * 5 + position] ?? "";
      if (char >= "A" && char <= "Z") bits |= 1 << position;
    }
    suffix += SUFFIX_ALPHABET[bits] ?? "";
  }
  return base + suffix;
}

function salesforceId<Name extends string>(name: Name, prefix: string, example: string) {
  return z
    .string()
    .regex(new RegExp(`^${prefix}[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?$`), {
      error: `must be a Salesforce ${name} id: 15 or 18 letters and digits that begin with ${prefix}`,
    })
    .overwrite(to18)
    .meta({ description: `Salesforce ${name} id, 15 or 18 characters`, examples: [example] })
    .brand<`${Name}Id`>();
}

export const accountId = findable(salesforceId("Account", "001", "0015g00000HjKlMAAV"));
export const orderId = findable(salesforceId("Order", "801", "8015g00000ZxCvBAAV"));
export const productId = salesforceId("Product2", "01t", "01t5g000003GhIjAAK");

export const opportunityId = findable(salesforceId("Opportunity", "006", "0065g00000HjKlMAAV"));

export type AccountId = z.infer<typeof accountId>;
export type OrderId = z.infer<typeof orderId>;
export type OpportunityId = z.infer<typeof opportunityId>;
export type ContentVersionId = string & z.$brand<"ContentVersionId">;
export type ProductId = z.infer<typeof productId>;
export type CaseId = string & z.$brand<"CaseId">;
