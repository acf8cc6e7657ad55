import { DESK_PATH } from "../../domain/desk-path.ts";
import { html, type Html } from "../../domain/html.ts";
import type { JobView } from "../../queues/job-view.ts";
import { accountId, to18 } from "../../domain/salesforce-id.ts";
import { NOTHING } from "../page.ts";
import type { DeskContext } from "./context.ts";
import { accountUrl } from "./customer-page.ts";
import { jobsTable } from "./group-page.ts";
import { type Visit } from "./visit.ts";

/** Nothing that a job is known by is longer than a caller's key may be. */
export const LONGEST_QUESTION = 255;

/** The jobs that are known by exactly what was typed, the newest first: as an id of theirs, a key of a caller's, or their own id. */
export async function findJobs(desk: DeskContext, typed: string): Promise<JobView[]> {
  const asked = typed.trim();
  if (asked === "" || asked.length > LONGEST_QUESTION) return [];
  const found = await Promise.all([
    desk.ledger.read(asked).then((record) => (record["kind"] === undefined ? [] : [asked])),
    ...writtenAs(asked).flatMap((value) => [
      desk.finding.find(value),
      ...["salesforce", ...desk.clients].map(
        async (client) => (await desk.ledger.withKey({ client, key: value })) ?? [],
      ),
    ]),
  ]);
  const views = await Promise.all([...new Set(found.flat())].map((id) => desk.intake.job(id)));
  return views.filter((view) => view !== null).toSorted((one, other) => (one.createdAt < other.createdAt ? 1 : -1));
}

/** As our own schemas would have it: a Salesforce id with 18 characters, a number without hyphens. */
function writtenAs(asked: string): string[] {
  const values = [asked];
  if (/^[A-Za-z0-9]{15}$/.test(asked)) values.push(to18(asked));
  if (/^\d[\d-]*\d$/.test(asked) && asked.includes("-")) values.push(asked.replaceAll("-", ""));
  return values;
}

export function findPage(asked: string, found: readonly JobView[], canFind: boolean, visit: Visit): Html {
  const { words } = visit;
  const isAccount = accountId.safeParse(asked).success;
  return html`<h1>${words.findTitle}</h1>
    ${canFind ? NOTHING : html`<p role="alert">${words.cannotFind}</p>`}
    <form class="find" method="post" action="${DESK_PATH}/find" role="search">
      <label for="asked">${words.findLabel}</label>
      <input
        id="asked"
        name="q"
        value="${asked}"
        maxlength="${String(LONGEST_QUESTION)}"
        autocomplete="off"
        spellcheck="false"
        required${asked === "" ? html` autofocus` : NOTHING}
      />
      <button type="submit">${words.findButton}</button>
    </form>
    ${asked === "" ? NOTHING : found.length === 0 ? html`<p>${words.foundNothing}</p>` : jobsTable(found, visit)}
    ${isAccount && found.length > 0 ? html`<p><a href="${accountUrl(asked)}">${words.customerStory}</a></p>` : NOTHING}`;
}
