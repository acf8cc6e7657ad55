import { groupUrl } from "../../domain/desk-path.ts";
import { html, type Html, joined } from "../../domain/html.ts";
import { type Vendor, VENDOR_NAMES } from "../../domain/errors.ts";
import type { FailureGroup } from "../../queues/failure-groups.ts";
import { NOTHING } from "../page.ts";
import { causeIn, ownerOf } from "../../domain/causes.ts";
import type { StandingShown } from "./standing.ts";
import { table } from "./table.ts";
import { age, moment, type Visit } from "./visit.ts";

/** What needs a person, at a glance. */
export function nowPage(groups: readonly FailureGroup[], standing: StandingShown, visit: Visit): Html {
  const { words } = visit;
  const failed = standing.kinds.reduce((all, kind) => all + kind.failed, 0);
  const grouped = groups.reduce((all, group) => all + group.jobs, 0);
  return html`<h1>${words.needsPerson}</h1>
    <div data-live>
      ${failed === 0 && groups.length === 0 ? html`<p class="well">${words.nothingFailed}</p>` : NOTHING}
      ${
        groups.length === 0
          ? NOTHING
          : html`<ul class="groups">
              ${joined(groups.map((group) => groupCard(group, visit)))}
            </ul>`
      }
      ${failed > grouped ? html`<p class="bad"><a href="/admin/queues">${words.ungrouped(failed - grouped)}</a></p>` : NOTHING}
    </div>
    <div data-live>${warningsOf(standing, visit)}</div>
    <h2>${words.vendors}</h2>
    <div data-live>${vendorsTable(standing, visit)}</div>
    <h2>${words.waiting}</h2>
    <div data-live>${kindsTable(standing, visit)}</div>
    <h2>${words.redis}</h2>
    <p data-live>
      ${words.memory}: ${words.ofLimit(megabytes(standing.memory.used), megabytes(standing.memory.limit))}
    </p>`;
}

function groupCard(group: FailureGroup, { words, lang }: Visit): Html {
  const { title } = causeIn(lang, group.failure);
  return html`<li>
    <a href="${groupUrl(group.id)}"><strong>${words.jobs(group.jobs)} · ${group.kind}</strong>: ${title}</a>
    <p class="muted">
      ${words.customers(group.customers)} · ${words.owners[ownerOf(group.failure)]} · ${words.first}
      ${moment(group.firstAt, lang)} · ${words.last} ${moment(group.lastAt, lang)}
    </p>
  </li>`;
}

function warningsOf({ warnings }: StandingShown, { words }: Visit): Html {
  if (warnings.length === 0) return NOTHING;
  return html`<section class="warnings">
    <h2>${words.warnings}</h2>
    <ul>
      ${joined(warnings.map((warning) => html`<li>${warning}</li>`))}
    </ul>
  </section>`;
}

function vendorsTable({ vendors }: StandingShown, { words }: Visit): Html {
  const rows = vendors.map(
    ({ vendor, openForMs, used, lastWellAt, calls, ill }) =>
      html`<tr>
        <th scope="row">${vendorName(vendor)}</th>
        <td class="${openForMs === null ? "good nowrap" : "bad"}">
          ${openForMs === null ? words.takesCalls : words.heldBack(Math.ceil(openForMs / 1000))}
        </td>
        <td class="nowrap">${lastWellAt === null ? "–" : words.ago(age(Date.now() - lastWellAt.getTime()))}</td>
        <td class="nowrap${ill === 0 ? "" : " bad"}">${calls === 0 ? "–" : words.failedOf(ill, calls)}</td>
        <td class="nowrap">${used === null ? "–" : percent(used)}</td>
      </tr>`,
  );
  return table([words.vendor, words.state, words.lastWell, words.errorRate, words.callsUsed], rows);
}

const percent = (share: number) => `${String(Math.floor(share * 100))} %`;
const megabytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(0)} MB`;
const vendorName = (vendor: Vendor) => VENDOR_NAMES[vendor];

function kindsTable({ kinds }: StandingShown, { words }: Visit): Html {
  const rows = kinds.map(
    ({ kind, waiting, active, delayed, failed, oldestMs, promisedMs }) =>
      html`<tr>
        <th scope="row">${kind}</th>
        <td class="${failed === 0 ? "" : "bad"}">${String(failed)}</td>
        <td>${String(waiting)}</td>
        <td>${String(active)}</td>
        <td>${String(delayed)}</td>
        <td class="${(oldestMs ?? 0) > promisedMs ? "bad" : ""}">${oldestMs === null ? "–" : age(oldestMs)}</td>
        <td>${age(promisedMs)}</td>
      </tr>`,
  );
  const heads = [words.kind, words.failed, words.queued, words.running, words.later, words.oldest, words.promised];
  return table(heads, rows);
}
