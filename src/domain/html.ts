/** Text that is HTML already: what `html` gives. */
export interface Html {
  readonly text: string;
}

/** A template whose plain values are escaped; only what is `Html` already goes in as it is. */
export function html(strings: TemplateStringsArray, ...values: readonly (string | Html)[]): Html {
  return { text: strings.reduce((page, piece, at) => page + textOf(values[at - 1] ?? "") + piece) };
}

export function joined(pieces: readonly Html[]): Html {
  return { text: pieces.map(({ text }) => text).join("") };
}

const textOf = (value: string | Html) => (typeof value === "string" ? escapeHtml(value) : value.text);

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escapeHtml = (text: string) => text.replaceAll(/[&<>"']/g, (char) => ESCAPES[char] ?? char);
