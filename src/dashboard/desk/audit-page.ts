import { html, type Html, joined } from "../../domain/html.ts";
import type { AuditEntry } from "../audit.ts";
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
        <td>
          ${Object.entries(to)
            .map(([name, value]) => `${name} ${String(value)}`)
            .join(", ")}
        </td>
        <td>${changeIn(before, after)}</td>
        <td>${why ?? ""}</td>
      </tr>`,
  );
  return html`<h1>${words.auditLog}</h1>
    ${
      entries.length === 0
        ? html`<p>${words.auditEmpty}</p>`
        : html`<div class="wide">
            <table>
              <thead>
                <tr>
                  ${joined(heads.map((head) => html`<th scope="col">${head}</th>`))}
                </tr>
              </thead>
              <tbody>
                ${joined(rows)}
              </tbody>
            </table>
          </div>`
    }`;
}
