/** HTML by template: what is put in is escaped, unless it is HTML already. */

export interface Html {
  readonly html: string;
}
type Part = Html | string | number | null | undefined | readonly Html[];

const escaped = (text: string) =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");

function shown(part: Part): string {
  if (part === null || part === undefined) return "";
  if (typeof part === "string" || typeof part === "number") return escaped(String(part));
  return "html" in part ? part.html : part.map(({ html: inner }) => inner).join("");
}

export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { html: texts.map((text, index) => text + shown(parts[index])).join("") };
}
