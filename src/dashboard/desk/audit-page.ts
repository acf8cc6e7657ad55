import { html, type Html, joined } from "../../domain/html.ts";
import type { AuditEntry } from "../audit.ts";
import { jobUrl } from "./group-page.ts";
import { table } from "./table.ts";
import { moment, type Visit } from "./visit.ts";

/** `state failed`, `rate 20`, `simNumber (hidden) → (hidden)`. */
function changeIn(before: AuditEntry["before"], after: AuditEntry["after"]): string {
  const names = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  return [...names]
    .map((name) => `${name} ${[before?.[name], after?.[name]].filter((value) => value !== undefined).join(" → ")}`)
    .join(", ");
}

export function auditPage(entries: readonly AuditEntry[], { words, lang }: Visit): Html {
  const heads = [words.when, words.who, words.what, words.about, words.change, words.reason];
  const rows = entries.map(
    ({ at, who, what, to, before, after, why }) =>
      html`<tr>
        <td>${moment(at, lang)}</td>
        <th scope="row">${who}</th>
        <td>${what}</td>
        <td>${aboutOf(to)}</td>
        <td>${changeIn(before, after)}</td>
        <td>${why ?? ""}</td>
      </tr>`,
  );
  return html`<h1>${words.auditLog}</h1>
    ${entries.length === 0 ? html`<p>${words.auditEmpty}</p>` : table(heads, rows)}`;
}

function aboutOf(to: AuditEntry["to"]): Html {
  const facts = Object.entries(to).filter(([, value]) => value !== null);
  return joined(
    facts.map(([name, value], at) => {
      const text = String(value);
      const shown = name === "job" ? html`<a href="${jobUrl(text)}">${text}</a>` : html`${text}`;
      return html`${at === 0 ? "" : ", "}${name} ${shown}`;
    }),
  );
}
