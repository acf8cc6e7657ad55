import { html, type Html, joined } from "../../domain/html.ts";
import type { Plan } from "../../queues/plan.ts";
import { NOTHING } from "../page.ts";
import { causeIn } from "../../domain/causes.ts";
import { ownWords } from "./cause-shown.ts";
import { jobUrl } from "./group-page.ts";
import type { JobFile } from "./job-file.ts";
import { retryForm } from "./retry-form.ts";
import { table } from "./table.ts";
import { vendorNamed } from "./verdict.ts";
import type { Visit } from "./visit.ts";

/** Whether there is anything left of it that it would do. */
export const mayBeTriedOut = ({ view, asked }: JobFile): boolean =>
  asked !== null && (view.state === "queued" || view.state === "retrying" || view.state === "failed");

/** What a job would do now: its steps with what they read, each write as it would be sent, and how it would end. */
export function dryRunPage(file: JobFile, plan: Plan, visit: Visit): Html {
  const { view } = file;
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
    <p>
      <a href="${jobUrl(view.id)}"><code>${view.id}</code></a>
    </p>
    <p>${words.dryRun.nothingChanged}</p>
    ${endingOf(file, plan, visit)}
    ${
      steps.length === 0
        ? NOTHING
        : html`<h2>${words.steps}</h2>
            ${table([words.step, words.state, words.dryRun.reads], steps)}`
    }
    <h2>${words.dryRun.writes}</h2>
    ${plan.writes.length === 0 ? html`<p>${words.dryRun.noWrites}</p>` : joined(callsOf(plan, visit))}
    ${view.state === "failed" ? retryForm(file, visit) : NOTHING}
    <p class="pages"><a href="${jobUrl(view.id)}">${words.dryRun.toTheJob}</a></p>`;
}

/** What goes out in one call stands together. */
function callsOf({ writes }: Plan, { words }: Visit): Html[] {
  const calls = [...Map.groupBy(writes, ({ call }) => call).values()];
  return calls.map((parts) => {
    const step = parts[0]?.step ?? null;
    const shown = html`${step === null ? NOTHING : html`<p class="muted">${step}</p>`}${joined(parts.map(writeOf))}`;
    return parts.length === 1
      ? shown
      : html`<section class="note">
          <p>${words.dryRun.together(parts.length)}</p>
          ${shown}
        </section>`;
  });
}

function writeOf({ system, to, fields }: Plan["writes"][number]): Html {
  return html`<h3>${system}: ${to}</h3>
    <pre>${JSON.stringify(fields, null, 2)}</pre>`;
}

function endingOf(file: JobFile, plan: Plan, visit: Visit): Html {
  const { words, lang } = visit;
  const { state, outcome, result, failure } = plan.ending;
  const made = Object.entries(result ?? {}).map(([name, value]) => `${name} ${String(value)}`);
  return html`<section class="${state === "failed" ? "failure" : "note"}">
    <h2>${words.dryRun.endings[state]}${outcome === null ? "" : `: ${outcome}`}</h2>
    ${failure === null ? NOTHING : causeOf({ ...failure, vendor: vendorNamed(failure.system) }, lang)}
    ${made.length === 0 ? NOTHING : html`<p>${made.join(" · ")}</p>`}
    ${plan.writes.length === 0 ? NOTHING : html`<p>${words.dryRun.takenAsAccepted}</p>`}
    ${lastTimeOf(file, plan, visit)}
  </section>`;
}

function causeOf(failure: Parameters<typeof causeIn>[1], lang: Visit["lang"]): Html {
  const { title, detail } = causeIn(lang, failure);
  return html`<p>${title} ${detail}</p>
    ${ownWords(failure, { lang })}`;
}

/** What the job failed with in a step whose write was caught here, and so not refused. */
function lastTimeOf({ view: { failure }, failedIn }: JobFile, { writes }: Plan, { words, lang }: Visit): Html {
  if (failure === null || failedIn === null) return NOTHING;
  if (!writes.some(({ step, system }) => step === failedIn && system === failure.vendor)) return NOTHING;
  return html`<p>${words.dryRun.lastTime(failedIn)}</p>
    ${causeOf(failure, lang)}`;
}
