import { html, type Html, joined } from "../../domain/html.ts";
import { type Vendor, VENDOR_NAMES } from "../../domain/errors.ts";
import type { FailureGroup } from "../../queues/failure-groups.ts";
import { NOTHING } from "../page.ts";
import { causeIn, ownerOf } from "./causes.ts";
import type { Standing } from "./standing.ts";
import { age, DESK_PATH, moment, type Visit } from "./visit.ts";

export const groupUrl = (id: string) => `${DESK_PATH}/groups/${encodeURIComponent(id)}`;

/** What needs a person, at a glance. */
export function nowPage(groups: readonly FailureGroup[], standing: Standing, visit: Visit): Html {
  const { words } = visit;
  return html`<h1>${words.needsPerson}</h1>
    <div data-live>
      ${
        groups.length === 0
          ? html`<p class="well">${words.nothingFailed}</p>`
          : html`<ul class="groups">
              ${joined(groups.map((group) => groupCard(group, visit)))}
            </ul>`
      }
    </div>
    <div data-live>${warningsOf(standing, visit)}</div>
    <h2>${words.vendors}</h2>
    <div data-live>${vendorsTable(standing, visit)}</div>
    <h2>${words.waiting}</h2>
    <div data-live>${kindsTable(standing, visit)}</div>
    <h2>${words.redis}</h2>
    <p data-live>
      ${words.memory}:
      ${standing.memory.limit === null ? words.noLimit(standing.memory.used) : words.ofLimit(standing.memory.used, standing.memory.limit)}
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

function warningsOf({ warnings }: Standing, { words }: Visit): Html {
  if (warnings.length === 0) return NOTHING;
  return html`<section class="warnings">
    <h2>${words.warnings}</h2>
    <ul>
      ${joined(warnings.map((warning) => html`<li>${warning}</li>`))}
    </ul>
  </section>`;
}

function vendorsTable({ vendors }: Standing, { words }: Visit): Html {
  const rows = vendors.map(
    ({ vendor, openForMs, used }) =>
      html`<tr>
        <th scope="row">${vendorName(vendor)}</th>
        <td class="${openForMs === null ? "good" : "bad"}">
          ${openForMs === null ? words.takesCalls : words.heldBack(Math.ceil(openForMs / 1000))}
        </td>
        <td>${used === null ? "–" : `${String(Math.floor(used * 100))} %`}</td>
      </tr>`,
  );
  return html`<div class="wide">
    <table>
      <thead>
        <tr>
          <th scope="col">${words.vendor}</th>
          <th scope="col">${words.state}</th>
          <th scope="col">${words.callsUsed}</th>
        </tr>
      </thead>
      <tbody>
        ${joined(rows)}
      </tbody>
    </table>
  </div>`;
}

const vendorName = (vendor: Vendor) => VENDOR_NAMES[vendor];

function kindsTable({ kinds }: Standing, { words }: Visit): Html {
  const rows = kinds.map(
    ({ kind, waiting, active, delayed, failed, oldestMs }) =>
      html`<tr>
        <th scope="row">${kind}</th>
        <td class="${failed === 0 ? "" : "bad"}">${String(failed)}</td>
        <td>${String(waiting)}</td>
        <td>${String(active)}</td>
        <td>${String(delayed)}</td>
        <td>${oldestMs === null ? "–" : age(oldestMs)}</td>
      </tr>`,
  );
  const heads = [words.kind, words.failed, words.queued, words.running, words.later, words.oldest];
  return html`<div class="wide">
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
  </div>`;
}
