import { groupUrl } from "../../domain/desk-path.ts";
import { html, type Html, joined } from "../../domain/html.ts";
import { accountId } from "../../domain/salesforce-id.ts";
import type { Call } from "../../queues/calls.ts";
import type { StoryEvent } from "../../queues/story.ts";
import { NOTHING } from "../page.ts";
import { asShown } from "../shown.ts";
import { ownWords } from "./cause-shown.ts";
import { accountUrl } from "./customer-page.ts";
import { causeIn, ownerOf } from "../../domain/causes.ts";
import { mayBeTriedOut } from "./dry-run-page.ts";
import { mayBeEdited } from "./edit-page.ts";
import { jobUrl } from "./group-page.ts";
import type { JobFile } from "./job-file.ts";
import { recordLinks, type RecordUrls } from "./record-links.ts";
import { retryForm } from "./retry-form.ts";
import { clock, mayAct, moment, type Visit } from "./visit.ts";
import { askingStep, verdictOn, whereToLook } from "./verdict.ts";
import { systemIn, type Words } from "./words.ts";

type AskingStep = NonNullable<ReturnType<typeof askingStep<JobFile["steps"][number]>>>;

/** One job: what is wrong, whether a retry is safe, what only a person can tell, the one button, and its whole story. */
export function jobPage(file: JobFile, urls: RecordUrls, visit: Visit, shown: "hidden" | "revealed" = "hidden"): Html {
  const { words } = visit;
  const { view } = file;
  const asking = mayAct(visit) ? askingStep(file) : null;
  const explained = explainedOf(file, visit);
  return html`<div data-live role="status">
      <h1>${view.kind}: ${words.jobStates[view.state]}</h1>
    </div>
    <p class="muted"><code>${view.id}</code></p>
    <div data-live>
      ${failureOf(file, visit)}${verdictOf(file, visit)}
      ${asking === null ? NOTHING : html`${explained}${doubtOf(file, asking, visit, shown)}`}
      ${mayAct(visit) && view.state === "failed" ? actions(file, visit) : NOTHING}
      ${mayAct(visit) && mayBeTriedOut(file) ? tryOut(file, visit) : NOTHING}
    </div>
    <div data-live>${asking === null ? explained : NOTHING}</div>
    <h2>${words.story}</h2>
    <div data-live>${timeline(file, visit)}</div>
    <h2 id="asked">${words.asked}</h2>
    ${askedOf(file, visit, shown)}
    <div data-live>${recordsOf(file, urls, visit)}</div>`;
}

function failureOf({ view, group }: JobFile, { words, lang }: Visit): Html {
  const { failure } = view;
  if (failure === null) return NOTHING;
  const { title, detail } = causeIn(lang, failure);
  const heading = group === null ? html`${title}` : html`<a href="${groupUrl(group)}">${title}</a>`;
  return html`<section class="${view.state === "failed" ? "failure" : "note"}">
    <h2>${heading}</h2>
    <p>${detail}</p>
    ${ownWords(failure, { lang })}
    <p class="muted">${words.owners[ownerOf(failure)]} · <code>${failure.code}</code></p>
  </section>`;
}

function verdictOf(file: JobFile, visit: Visit): Html {
  const { words } = visit;
  if (file.view.state !== "failed") return NOTHING;
  const where = systemIn(words, whereToLook(file, askingStep(file)?.name ?? ""));
  const said = verdictOn(file, words.verdicts, { where, mayAnswer: mayAct(visit) });
  return html`<section class="note">
    <h2>${words.verdict}</h2>
    <ul>
      ${joined(said.map((line) => html`<li>${line}</li>`))}
    </ul>
  </section>`;
}

/** Asks whether a step happened: whoever answers has looked in the other system. */
function doubtOf(file: JobFile, step: AskingStep, visit: Visit, shown: "hidden" | "revealed"): Html {
  const { words, lang } = visit;
  const { asks, landsUntil } = step;
  const where = systemIn(words, whereToLook(file, step.name));
  const isEarly = landsUntil !== null && landsUntil.getTime() > Date.now();
  return html`<form class="action" method="post" action="${jobUrl(file.view.id)}">
    <h2>${words.didItHappen(step.name, where)}</h2>
    <p class="muted">${words.didItHappenHelp(where)}</p>
    ${step.isSaid ? html`<p>${words.saidBefore}</p>` : NOTHING}
    ${shown === "hidden" && isHidden(file) ? html`<p><a href="#asked">${words.hiddenBelow(words.reveal)}</a></p>` : NOTHING}
    <input type="hidden" name="step" value="${step.name}" />
    <input type="hidden" name="since" value="${step.at}" />
    <label class="choice"><input type="radio" name="happened" value="yes" required />${words.itHappened}</label>
    ${asks === "" ? NOTHING : html`<label>${words.itGave(asks)}<input name="id" maxlength="40" autocomplete="off" /></label>`}
    <label class="choice"><input type="radio" name="happened" value="no" required />${words.itDidNot}</label>
    ${isEarly ? html`<p>${words.noFrom(clock(wholeSecond(landsUntil), lang))}</p>` : NOTHING}
    <label>${words.why}<input name="why" required maxlength="300" /></label>
    <p class="buttons"><button type="submit" name="what" value="settle">${words.settle}</button></p>
  </form>`;
}

/** The first whole second that is not before `at`: a clock shows no parts of one. */
const wholeSecond = (at: Date) => new Date(Math.ceil(at.getTime() / 1000) * 1000);

function actions(file: JobFile, visit: Visit): Html {
  const { view } = file;
  const { words } = visit;
  return html`${retryForm(file, visit)}
    ${mayBeEdited(file) ? html`<p><a href="${jobUrl(view.id)}/edit">${words.edit}</a></p>` : NOTHING}
    <details>
      <summary>${words.discard}</summary>
      <form class="action" method="post" action="${jobUrl(view.id)}">
        <p class="muted">${words.discardHelp}</p>
        <label>${words.why}<input name="why" required maxlength="300" /></label>
        <p class="buttons"><button type="submit" name="what" value="discard" class="quiet">${words.discard}</button></p>
      </form>
    </details>`;
}

function tryOut({ view }: JobFile, { words }: Visit): Html {
  return html`<form class="action" method="post" action="${jobUrl(view.id)}/dry-run">
    <p class="buttons"><button type="submit" class="quiet">${words.dryRun.ask}</button></p>
    <p class="muted">${words.dryRun.help}</p>
  </form>`;
}

function explainedOf({ explained }: JobFile, { lang }: Visit): Html {
  if (explained.length === 0) return NOTHING;
  return html`<section class="note">${joined(explained.map((each) => html`<p>${each[lang]}</p>`))}</section>`;
}

const STEP_EVENTS = { active: "stepBegun", done: "stepDone", "in-doubt": "stepInDoubt" } as const;

interface Told {
  readonly at: Date;
  readonly text: string;
  readonly calls?: readonly Call[];
}

function timeline({ view, steps, story }: JobFile, { words, lang }: Visit): Html {
  const { events } = words;
  const told: Told[] = [
    ...view.doors.map((door) => ({ at: new Date(view.createdAt), text: events.accepted(door) })),
    // A step that ended in the same millisecond as its attempt ended first.
    ...steps.map(({ name, state, at, made, ms, calls }) => ({
      at: new Date(at),
      calls,
      text:
        events[STEP_EVENTS[state]](name) +
        Object.entries(made)
          .map(([field, value]) => ` · ${field} ${String(value)}`)
          .join("") +
        (ms === null ? "" : ` · ${String(ms)} ms`),
    })),
    ...story.map((event) => ({
      at: event.at,
      text: eventText(event, { words, lang }),
      ...("calls" in event && { calls: event.calls }),
    })),
  ].toSorted((one, other) => one.at.getTime() - other.at.getTime());
  if (view.finishedAt !== null && view.outcome !== null)
    told.push({ at: new Date(view.finishedAt), text: events.completed(view.outcome) });
  if (view.nextAttemptAt !== undefined) told.push({ at: new Date(view.nextAttemptAt), text: events.nextAttempt });
  return html`<ol class="story">
    ${joined(
      told.map(
        ({ at, text, calls = [] }) =>
          html`<li>
            ${moment(at, lang)}
            <div>${text}${callsOf(calls, words)}</div>
          </li>`,
      ),
    )}
  </ol>`;
}

function callsOf(calls: readonly Call[], words: Words): Html {
  if (calls.length === 0) return NOTHING;
  const line = ({ vendor, operation, came, ms }: Call) =>
    html`<li><code>${vendor} ${operation}</code> · ${words.came[came] ?? came} · ${String(ms)} ms</li>`;
  return html`<ul class="muted">
    ${joined(calls.map(line))}
  </ul>`;
}

function eventText(event: StoryEvent, { words, lang }: Pick<Visit, "words" | "lang">): string {
  const { events } = words;
  switch (event.what) {
    case "died":
      return events.died;
    case "waits":
      return events.waits(causeIn(lang, event.failure).title);
    case "retrying":
    case "failed":
      return events[event.what](event.attempt, causeIn(lang, event.failure).title);
    case "settled": {
      const { by, step, happened, why } = event;
      if (step === undefined || happened === undefined) return events.settled(by, why); // an earlier version wrote it
      return events[happened ? "saidYes" : "saidNo"](by, step, why);
    }
    case "retried":
    case "edited":
    case "revealed":
    case "discarded":
      return events[event.what](event.by, event.why);
  }
}

function askedOf({ view, asked, opened }: JobFile, visit: Visit, shown: "hidden" | "revealed"): Html {
  const { words } = visit;
  const value = shown === "revealed" ? opened : asShown(asked);
  const text = html`<pre>${JSON.stringify(value, null, 2)}</pre>`;
  if (shown === "revealed")
    return html`${text}
      <p class="muted">${words.revealed}</p>`;
  if (!mayAct(visit) || !isHidden({ asked, opened })) return text;
  return html`${text}
    <details>
      <summary>${words.reveal}</summary>
      <form class="action" method="post" action="${jobUrl(view.id)}">
        <label>${words.why}<input name="why" required maxlength="300" /></label>
        <p class="buttons"><button type="submit" name="what" value="reveal" class="quiet">${words.reveal}</button></p>
      </form>
    </details>`;
}

/** Whether something of what was asked is hidden that can be shown. */
const isHidden = ({ asked, opened }: Pick<JobFile, "asked" | "opened">) =>
  opened !== null && JSON.stringify(asked).includes("sealed:v");

function recordsOf({ ids, view, steps }: JobFile, urls: RecordUrls, { words }: Visit): Html {
  const made = Object.fromEntries(steps.flatMap((step) => Object.entries(step.made)));
  const known = { ...Object.fromEntries(ids.map((id) => [id, id])), ...made, ...view.result };
  const links = recordLinks(known, urls);
  if (links.length === 0) return NOTHING;
  const accounts = new Set(
    Object.values(known)
      .map(String)
      .filter((id) => accountId.safeParse(id).success),
  );
  return html`<h2>${words.records}</h2>
    <ul>
      ${joined([...accounts].map((id) => html`<li><a href="${accountUrl(id)}">${words.customerStory}</a></li>`))}
      ${joined(links.map(({ text, url }) => (url === null ? html`<li>${text}</li>` : html`<li><a href="${url}" rel="noreferrer">${text}</a></li>`)))}
    </ul>`;
}
