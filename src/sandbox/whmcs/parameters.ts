import { WhmcsError } from "./billing.ts";
import type { PhpArray } from "./php-form.ts";

/** The parameters of one call, read as WHMCS reads them. */
export interface Parameters {
  /** A single value; absent or a list: empty. */
  readonly text: (name: string) => string;
  readonly has: (name: string) => boolean;
  /** PHP's truth: `"false"` is true, `"0"` and empty are not. */
  readonly flag: (name: string) => boolean;
  readonly count: (name: string, otherwise: number) => number;
  /** A parallel array by index; a single value in its place is refused. */
  readonly array: (name: string) => ReadonlyMap<string, string>;
}

export function parameters(form: PhpArray): Parameters {
  const text = (name: string): string => {
    const value = form.get(name);
    return typeof value === "string" ? value : "";
  };
  return {
    text,
    has: (name) => form.has(name),
    flag: (name) => !["", "0"].includes(text(name)),
    count: (name, otherwise) => (/^\d+$/.test(text(name)) ? Number(text(name)) : otherwise),
    array: (name) => {
      const value = form.get(name);
      if (value === undefined || value === "") return new Map();
      if (!(value instanceof Map)) throw new WhmcsError(`Expecting parameter '${name}' to be an array`);
      return new Map([...value].flatMap(([index, one]) => (typeof one === "string" ? [[index, one] as const] : [])));
    },
  };
}
