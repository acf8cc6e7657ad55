import { customerView, type CustomerView } from "../../domain/customer-view.ts";
import { isClassified } from "../../domain/errors.ts";
import { html, type Html, joined } from "../../domain/html.ts";
import { accountId } from "../../domain/salesforce-id.ts";
import type { JobView } from "../../queues/job-view.ts";
import { NOTHING } from "../page.ts";
import type { DeskContext } from "./context.ts";
import { jobUrl } from "./group-page.ts";
import { DESK_PATH } from "../../domain/desk-path.ts";
import { moment, type Visit } from "./visit.ts";

export const accountUrl = (id: string) => `${DESK_PATH}/accounts/${encodeURIComponent(id)}`;

/** What the customer sees now; a sentence where nobody can tell. */
export type Seen = CustomerView | string;

export async function seenByCustomer({ customers }: DeskContext, account: string): Promise<Seen | null> {
  const id = accountId.safeParse(account);
  if (!id.success) return null;
  try {
    const facts = await customers.salesforce.accountStatus(id.data);
    return facts === null ? null : customerView(facts, customers.notEligibleValues);
  } catch (error) {
    if (isClassified(error)) return error.title;
    throw error;
  }
}

/** All jobs of one account and what each wrote, in the order in which it happened, beside what the customer sees. */
export function customerPage(account: string, jobs: readonly JobView[], seen: Seen | null, visit: Visit): Html {
  const { words, lang } = visit;
  const told = jobs
    .flatMap((job) => [
      { job, at: job.createdAt, text: words.events.accepted(job.doors.join(", ")) },
      ...job.steps.map(({ name, state, at }) => ({
        job,
        at,
        text: state === "done" ? words.events.stepDone(name) : words.events.stepInDoubt(name),
      })),
      ...(job.finishedAt === null
        ? []
        : [
            {
              job,
              at: job.finishedAt,
              text: job.outcome === null ? words.jobStates[job.state] : words.events.completed(job.outcome),
            },
          ]),
    ])
    .toSorted((one, other) => (one.at < other.at ? -1 : 1));
  return html`<h1>${words.customer}</h1>
    <p class="muted"><code>${account}</code></p>
    ${
      seen === null
        ? NOTHING
        : html`<h2>${words.seenByCustomer}</h2>
            ${typeof seen === "string" ? html`<p>${seen}</p>` : seenOf(seen, visit)}`
    }
    <h2>${words.story}</h2>
    ${told.length === 0 ? html`<p>${words.foundNothing}</p>` : NOTHING}
    <ol class="story">
      ${joined(
        told.map(
          ({ job, at, text }) =>
            html`<li>
              ${moment(at, lang)} <span><a href="${jobUrl(job.id)}">${job.kind}</a>: ${text}</span>
            </li>`,
        ),
      )}
    </ol>`;
}

function seenOf({ eligibility, verification, orders, cancellations }: CustomerView, { words }: Visit): Html {
  const line = (name: string, value: string) =>
    html`<dt>${name}</dt>
      <dd>${value}</dd>`;
  return html`<section class="note">
    <dl>
      ${line(words.seen.eligibility, [eligibility.view, eligibility.value].filter((part) => part !== null).join(": "))}
      ${line(words.seen.verification, verification.view)}
      ${joined(orders.map(({ orderId, view }) => line(`${words.seen.order} ${orderId}`, view)))}
      ${joined(cancellations.map(({ serviceId, type, view, endDate }) => line(`${type} ${String(serviceId)}`, [view, endDate].filter((part) => part !== null).join(": "))))}
    </dl>
  </section>`;
}
