import type { WhmcsOpportunityField } from "../../settings.ts";

/** What PHP's `serialize` is asked to hold here: texts and integers, by key. */
export type PhpArray = { readonly [key: string]: string | number | PhpArray };

/**
 * `fields` as WHMCS wants custom fields: PHP's `serialize`, then base64 (vendors/whmcs.md, section 4). Lengths count
 * UTF-8 bytes, and a key that reads as a canonical integer becomes one, as in PHP.
 */
export function customFields(fields: PhpArray): string {
  return Buffer.from(serialize(fields), "utf8").toString("base64");
}

/** PHP's `serialize` of `value`. Throws on a number that is no integer. */
export function serialize(value: string | number | PhpArray): string {
  if (typeof value === "string") return `s:${Buffer.byteLength(value, "utf8")}:"${value}";`;
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new TypeError("only integers can be serialized");
    return `i:${value};`;
  }
  const entries = Object.entries(value);
  const key = (name: string) => (isPhpInteger(name) ? `i:${name};` : serialize(name));
  return `a:${entries.length}:{${entries.map(([name, inner]) => key(name) + serialize(inner)).join("")}}`;
}

function isPhpInteger(key: string): boolean {
  return /^(0|-?[1-9]\d*)$/.test(key) && BigInt.asIntN(64, BigInt(key)) === BigInt(key);
}

export type FormValue = string | number | readonly (string | number | null)[];

/**
 * A form as PHP reads it: a list becomes `pid[0]=…&pid[1]=…`. An undefined value, and a null in a list, is left out, and
 * the indices after it stay: index i describes line i.
 */
export function form(values: Readonly<Record<string, FormValue | undefined>>): URLSearchParams {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    if (typeof value === "string" || typeof value === "number") params.append(name, String(value));
    else value.forEach((item, index) => item !== null && params.append(`${name}[${index}]`, String(item)));
  }
  return params;
}

const CYCLES = ["monthly", "quarterly", "semiannually", "annually", "biennially", "triennially", "onetime"] as const;

/** WHMCS's word for `cycle` (`One-Time`, `Semi-Annually`, `MONTHLY` …), or null where it has none. */
export function billingCycle(cycle: string): (typeof CYCLES)[number] | null {
  const letters = cycle.toLowerCase().replaceAll(/[\s_-]/g, "");
  return CYCLES.find((known) => known === letters) ?? null;
}

/** The name or number of the custom field that carries the Opportunity's id; null where the product has no such field. */
export function fieldKey(field: WhmcsOpportunityField, productId: number): string | null {
  if ("name" in field) return field.name;
  const id = "id" in field ? field.id : field.byProduct.get(productId);
  return id === undefined ? null : String(id);
}
