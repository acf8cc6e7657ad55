/** A value in a query. A list is for `IN` and must not be empty: SOQL has no empty list. */
export type SoqlValue = string | number | boolean | null | Date | SoqlName | readonly (string | number)[];

/** A field's or relationship's name, which stands unquoted. */
export interface SoqlName {
  readonly soqlName: string;
}

/** Marks `path` (`Opportunity.StageName`) as a name. Throws on anything but letters, digits, underscores and dots. */
export function name(path: string): SoqlName {
  if (!/^\w+(\.\w+)*$/.test(path)) throw new TypeError("not a SOQL name");
  return { soqlName: path };
}

/** Several names, with commas between: what a query selects. */
export function names(paths: readonly string[]): SoqlName {
  return { soqlName: paths.map((path) => name(path).soqlName).join(", ") };
}

/** A SOQL query whose values are escaped: `` soql`SELECT Id FROM Account WHERE Name = ${accountName}` ``. */
export function soql(texts: TemplateStringsArray, ...values: readonly SoqlValue[]): string {
  return texts.map((text, index) => (index === 0 ? text : literal(values[index - 1] ?? null) + text)).join("");
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "'": "\\'",
  '"': '\\"',
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\b": "\\b",
  "\f": "\\f",
};

function literal(value: SoqlValue): string {
  if (value === null) return "null";
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError("SOQL has no such number");
    return String(value);
  }
  if (typeof value === "string") return `'${value.replaceAll(/[\\'"\n\r\t\b\f]/g, (char) => ESCAPES[char] ?? char)}'`;
  if (value instanceof Date) return value.toISOString();
  if ("soqlName" in value) return value.soqlName;
  if (value.length === 0) throw new TypeError("SOQL has no empty list");
  return `(${value.map((item) => literal(item)).join(", ")})`;
}
