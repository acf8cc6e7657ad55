import { DESK_PATH, groupUrl } from "../../domain/desk-path.ts";
import { html, type Html, joined } from "../../domain/html.ts";
import type { FailureGroup } from "../../queues/failure-groups.ts";
import type { JobView } from "../../queues/job-view.ts";
import { type Bulk, RATES } from "../../queues/retry-all.ts";
import { NOTHING } from "../page.ts";
import { causeIn, ownerOf } from "../../domain/causes.ts";
import { table } from "./table.ts";
import { mayAct, moment, type Visit } from "./visit.ts";

export const jobUrl = (id: string) => `${DESK_PATH}/jobs/${encodeURIComponent(id)}`;
export const runUrl = (id: string) => `${DESK_PATH}/runs/${encodeURIComponent(id)}`;

export interface GroupShown {
  readonly group: FailureGroup;
  readonly jobs: readonly JobView[];
  readonly runs: readonly Bulk[];
  /** From the how manieth job on they are shown, and how many at most. */
  readonly from: number;
  readonly page: number;
}

/** One cause: what it means, what to do and who can, whose jobs are hit, and a retry of all of them. */
export function groupPage({ group, jobs, runs, from, page }: GroupShown, visit: Visit): Html {
  const { words, lang } = visit;
  const { title, detail } = causeIn(lang, group.failure);
  const earlier = from > 0 ? html`<a href="?from=${String(Math.max(0, from - page))}">${words.earlier}</a>` : NOTHING;
  const next = from + page < group.jobs ? html`<a href="?from=${String(from + page)}">${words.next}</a>` : NOTHING;
  return html`<h1>${title}</h1>
    <p class="muted">
      ${group.kind}${group.step === null ? "" : `, ${words.inStep(group.step)}`} · <code>${group.code}</code>
    </p>
    <dl data-live>
      <dt>${words.whatToDo}</dt>
      <dd>${detail}</dd>
      <dt>${words.owner}</dt>
      <dd>${words.owners[ownerOf(group.failure)]}</dd>
      <dt>${words.jobs(group.jobs)}</dt>
      <dd>
        ${words.customers(group.customers)} · ${words.first} ${moment(group.firstAt, lang)} · ${words.last}
        ${moment(group.lastAt, lang)}
      </dd>
    </dl>
    <div data-live>${mayAct(visit) ? retryForm(group, visit) : NOTHING}</div>
    <div data-live>
      ${
        runs.length === 0
          ? NOTHING
          : html`<h2>${words.runs}</h2>
              <ul>
                ${joined(runs.map((run) => runLine(run, visit)))}
              </ul>`
      }
    </div>
    <div data-live>${jobsTable(jobs, visit)}</div>
    <p class="pages">${earlier} ${next}</p>`;
}

function retryForm(group: FailureGroup, { words }: Visit): Html {
  const rates = RATES.map(
    (rate) =>
      html`<option value="${String(rate)}" ${rate === 20 ? html` selected` : NOTHING}>
        ${words.perSecond(rate)}
      </option>`,
  );
  const isInDoubt = group.code === "in-doubt";
  return html`<form class="action" method="post" action="${groupUrl(group.id)}/retry">
    ${isInDoubt ? html`<p>${words.allInDoubt}</p>` : NOTHING}
    <label>${words.whyIfAny}<input name="why" maxlength="300" /></label>
    <label
      >${words.rate}<select name="rate">
        ${joined(rates)}
      </select></label
    >
    <p class="buttons">
      <button type="submit" name="most" value="1" class="quiet">${words.tryOne}</button>
      <button type="submit" name="most" value="" ${isInDoubt ? html` class="quiet"` : NOTHING}>
        ${words.retryAll} (${words.jobs(group.jobs)})
      </button>
    </p>
  </form>`;
}

function runLine(run: Bulk, { words, lang }: Visit): Html {
  return html`<li>
    <a href="${runUrl(run.id)}">${moment(run.began, lang)}</a> · ${run.by} · ${words.states[run.state]} ·
    ${words.progress(run.retried, run.total)} · ${words.again(run.again)}
  </li>`;
}

export function jobsTable(jobs: readonly JobView[], { words, lang }: Visit): Html {
  if (jobs.length === 0) return NOTHING;
  const rows = jobs.map(
    (job) =>
      html`<tr>
        <th scope="row"><a href="${jobUrl(job.id)}">${job.id}</a></th>
        <td>${job.kind}</td>
        <td class="nowrap${job.state === "failed" ? " bad" : ""}">${words.jobStates[job.state]}</td>
        <td>${moment(job.createdAt, lang)}</td>
        <td>${String(job.attempts)}</td>
      </tr>`,
  );
  const heads = [words.job, words.kind, words.state, words.accepted, words.attempts];
  return table(heads, rows);
}

/** One retry of a group: how far it is, and what failed again. */
export function runPage(run: Bulk, failedAgain: readonly JobView[], visit: Visit): Html {
  const { words, lang } = visit;
  const to = (state: string, text: string) =>
    html`<button type="submit" name="state" value="${state}" class="quiet">${text}</button>`;
  const isOpen = run.state === "running" || run.state === "paused";
  const buttons = html`<form class="action" method="post" action="${runUrl(run.id)}">
    <p class="buttons">
      ${run.state === "running" ? to("paused", words.pause) : to("running", words.goOn)}${to("aborted", words.abort)}
    </p>
  </form>`;
  return html`<h1>${words.run}</h1>
    <p class="muted">
      <a href="${groupUrl(run.group)}">${run.kind}</a> · ${run.by} ·
      ${moment(run.began, lang)}${run.why === "" ? "" : ` · ${run.why}`}
    </p>
    <p data-live role="status">
      <strong>${words.states[run.state]}</strong> · ${words.progress(run.retried, run.total)} ·
      ${words.again(run.again)}${run.gone === 0 ? "" : ` · ${words.gone(run.gone)}`}
    </p>
    <div data-live>
      <progress
        max="${String(run.total)}"
        value="${String(run.retried + run.gone)}"
        aria-label="${words.progress(run.retried, run.total)}"
      ></progress>
    </div>
    <div data-live>${isOpen && mayAct(visit) ? buttons : NOTHING}</div>
    <div data-live>
      ${
        failedAgain.length === 0
          ? NOTHING
          : html`<h2>${words.failedAgain}</h2>
              ${jobsTable(failedAgain, visit)}`
      }
    </div>`;
}
