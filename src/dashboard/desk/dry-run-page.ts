import { html, type Html, joined } from "../../domain/html.ts";
import type { Plan } from "../../queues/plan.ts";
import { NOTHING } from "../page.ts";
import { causeIn } from "../../domain/causes.ts";
import { jobUrl } from "./group-page.ts";
import type { JobFile } from "./job-file.ts";
import { table } from "./table.ts";
import type { Visit } from "./visit.ts";

/** Whether there is anything left of it that it would do. */
export const mayBeTriedOut = ({ view, asked }: JobFile): boolean =>
  asked !== null && (view.state === "queued" || view.state === "retrying" || view.state === "failed");

/** What a job would do now: its steps with what they read, each write as it would be sent, and how it would end. */
export function dryRunPage({ view }: JobFile, plan: Plan, visit: Visit): Html {
  const { words } = visit;
  const readsOf = (step: string | null) =>
    plan.reads.filter((read) => read.step === step).map(({ system, operation }) => `${system} ${operation}`);
  const steps = plan.steps.map(
    ({ name, how }) =>
      html`<tr>
        <th scope="row">${name}</th>
        <td>${words.dryRun.how[how]}</td>
        <td>${readsOf(name).join(", ")}</td>
      </tr>`,
  );
  return html`<h1>${view.kind}: ${words.dryRun.title}</h1>
    <p class="muted"><code>${view.id}</code></p>
    <p>${words.dryRun.nothingChanged}</p>
    ${endingOf(plan, visit)}
    <h2>${words.steps}</h2>
    ${table([words.step, words.state, words.dryRun.reads], steps)}
    <h2>${words.dryRun.writes}</h2>
    ${plan.writes.length === 0 ? html`<p>${words.dryRun.noWrites}</p>` : joined(plan.writes.map(writeOf))}
    <p><a href="${jobUrl(view.id)}">${words.back}</a></p>`;
}

function writeOf({ step, system, to, fields }: Plan["writes"][number]): Html {
  return html`<h3>${system}: ${to}</h3>
    ${step === null ? NOTHING : html`<p class="muted">${step}</p>`}
    <pre>${JSON.stringify(fields, null, 2)}</pre>`;
}

function endingOf({ ending }: Plan, { words, lang }: Visit): Html {
  const { state, outcome, result, failure } = ending;
  const made = Object.entries(result ?? {}).map(([name, value]) => `${name} ${String(value)}`);
  const why = failure === null ? null : causeIn(lang, failure);
  return html`<section class="${state === "failed" ? "failure" : "note"}">
    <h2>${words.dryRun.endings[state]}${outcome === null ? "" : `: ${outcome}`}</h2>
    ${why === null ? NOTHING : html`<p>${why.title} ${why.detail}</p>`}
    ${made.length === 0 ? NOTHING : html`<p>${made.join(" · ")}</p>`}
  </section>`;
}
