import type { Request } from "express";
import * as z from "zod";
import { html, type Html, joined } from "../../domain/html.ts";
import { retryFailed, rewriteFailed } from "../../queues/failed-job.ts";
import type { AnyJobKind } from "../../queues/job-kind.ts";
import { isSealed, sealPersonal } from "../../queues/sealing.ts";
import { tellDeed } from "../../queues/story.ts";
import { NOTHING } from "../page.ts";
import type { DeskContext } from "./context.ts";
import { jobUrl } from "./group-page.ts";
import { type JobFile, readJobFile } from "./job-file.ts";
import { faultIn, refuse } from "./refusal.ts";
import { type Reply, sendDeskPage, sendWord, type Visit } from "./visit.ts";

/**
 * Mends a typo in what a failed job was asked to do, and retries it: in the fields that its kind names, and only where
 * nothing was written yet, for what an effect was done for must not become another thing. Personal values are not shown; one
 * that is left empty stays as it was.
 */

type Scalar = string | number | boolean;

interface Field {
  readonly name: string;
  /** Empty where it is personal. */
  readonly value: string;
  readonly isPersonal: boolean;
}

const scalars = z.record(z.string(), z.unknown());
const form = z.object({
  why: z.string().trim().max(300),
  confirmed: z.literal("yes").optional(),
});

/** Whether what it was asked can still be changed: it failed, it can be read, and no effect has begun, as far as anybody knows. */
export function mayBeEdited(file: JobFile): boolean {
  const { view, steps, opened, suspect } = file;
  if (view.state !== "failed" || opened === null || suspect || steps.some(({ effect }) => effect)) return false;
  return fieldsOf(file).length > 0;
}

function fieldsOf({ asked, opened, editable }: JobFile): Field[] {
  const stored = scalars.parse(asked);
  return Object.entries(scalars.parse(opened)).flatMap(([name, value]) => {
    if (!isScalar(value) || !editable.includes(name)) return [];
    const isPersonal = isSealed(stored[name]);
    return [{ name, value: isPersonal ? "" : String(value), isPersonal }];
  });
}

const isScalar = (value: unknown): value is Scalar => ["string", "number", "boolean"].includes(typeof value);

/** What was typed, over what was asked before; a field that is personal and empty stays as it was. */
function edited({ opened }: JobFile, fields: readonly Field[], typed: Readonly<Record<string, unknown>>) {
  const before = scalars.parse(opened);
  const changes = fields.flatMap(({ name, isPersonal }) => {
    const text = typed[`field ${name}`];
    if (typeof text !== "string" || (isPersonal && text === "")) return [];
    const value = likeBefore(text.trim(), before[name]);
    return value === before[name] ? [] : [{ name, isPersonal, from: before[name], to: value }];
  });
  return { changes, payload: { ...before, ...Object.fromEntries(changes.map(({ name, to }) => [name, to])) } };
}

function likeBefore(text: string, before: unknown): Scalar {
  if (typeof before === "number" && text !== "" && Number.isFinite(Number(text))) return Number(text);
  if (typeof before === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}

export async function editJob(desk: DeskContext, id: string, request: Request, response: Reply): Promise<void> {
  const { words, user } = response.locals;
  const file = await readJobFile(desk, id);
  const kind = desk.kinds.find(({ name }) => name === file?.view.kind);
  if (file === null || kind === undefined) return sendWord(response, 404, words.unknownJob);
  if (!mayBeEdited(file)) return sendWord(response, 409, words.notEditable, jobUrl(id));
  const fields = fieldsOf(file);
  const asked = form.safeParse(request.body);
  const show = (shown: Omit<EditShown, "id" | "fields">) =>
    sendDeskPage(response, { title: words.edit, body: editPage({ id, fields, ...shown }, response.locals) });
  if (request.method === "GET") return show({ problems: [] });
  const typed = scalars.parse(request.body);
  if (!asked.success) return show({ problems: [faultIn(asked.error, words, words.nothingChanged)], typed });

  const { changes, payload } = edited(file, fields, typed);
  const parsed = kind.payload.safeParse(payload);
  if (parsed.success && isOtherWork(kind, file.opened, parsed.data)) {
    const names = changes.map(({ name }) => name).join(", ");
    return show({ problems: [`${names} ${words.otherWork}`], typed });
  }
  const broken = parsed.success
    ? kind.routes.flatMap(({ rule }) => rule?.broken(parsed.data, new Date(file.view.createdAt)) ?? [])
    : parsed.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`);
  if (!parsed.success || broken.length > 0) return show({ problems: [...new Set(broken)], typed });
  if (changes.length === 0) return show({ problems: [words.nothingChanged], typed });
  if (asked.data.confirmed === undefined) return show({ problems: [], typed, changes, why: asked.data.why });

  const queue = desk.queues()?.get(kind.name);
  if (queue === undefined) return sendWord(response, 404, words.unknownJob);
  const shown = (which: "from" | "to") =>
    Object.fromEntries(
      changes.map((change) => [change.name, change.isPersonal ? words.sealed : String(change[which])]),
    );
  const deed = { by: user.name, why: asked.data.why };
  const audited = { what: "job edited and retried", to: { job: id, kind: kind.name } };
  await desk.audit.record({
    who: user.name,
    ...audited,
    why: deed.why,
    before: shown("from"),
    after: shown("to"),
  });
  const sealed = sealPersonal(desk.sealing, kind.payload, parsed.data, id);
  const isWritten = await rewriteFailed({ redis: desk.redis, prefix: desk.prefix, queue, id }, sealed);
  if (!isWritten) return await refuse(desk, response, audited, "notEditable", jobUrl(id));
  await tellDeed(desk.redis, desk.prefix, id, { what: "edited", ...deed });
  await retryFailed(queue, id);
  response.redirect(303, jobUrl(id));
}

/** Its natural key or its account would be another: callers' keys, sweeps and other jobs go by these. */
function isOtherWork(kind: AnyJobKind, before: unknown, after: unknown): boolean {
  return kind.key(before) !== kind.key(after) || kind.account?.(before) !== kind.account?.(after);
}

interface EditShown {
  readonly id: string;
  readonly fields: readonly Field[];
  readonly problems: readonly string[];
  readonly typed?: Readonly<Record<string, unknown>>;
  /** To be confirmed. */
  readonly changes?: readonly {
    readonly name: string;
    readonly isPersonal: boolean;
    readonly from: unknown;
    readonly to: Scalar;
  }[];
  readonly why?: string;
}

function editPage({ id, fields, problems, typed = {}, changes, why = "" }: EditShown, { words }: Visit): Html {
  const action = `${jobUrl(id)}/edit`;
  const typedInto = ({ name, value }: Field) => {
    const text = typed[`field ${name}`];
    return typeof text === "string" ? text : value;
  };
  const alerts =
    problems.length === 0
      ? NOTHING
      : html`<div role="alert">
          <ul>
            ${joined(problems.map((problem) => html`<li>${problem}</li>`))}
          </ul>
        </div>`;
  const back = html`<p><a href="${jobUrl(id)}">${words.back}</a></p>`;
  if (changes !== undefined) {
    return html`<h1>${words.edit}</h1>
      <dl class="diff">
        ${joined(
          changes.map(
            (change) =>
              html`<dt>${change.name}</dt>
                <dd>
                  <del>${change.isPersonal ? words.hiddenNow : String(change.from)}</del> →
                  <ins>${String(change.to)}</ins>
                </dd>`,
          ),
        )}
      </dl>
      <form class="action" method="post" action="${action}">
        ${joined(fields.map((field) => html`<input type="hidden" name="field ${field.name}" value="${typedInto(field)}" />`))}
        <input type="hidden" name="why" value="${why}" /><input type="hidden" name="confirmed" value="yes" />
        <p class="buttons"><button type="submit">${words.saveAndRetry}</button></p>
      </form>
      ${back}`;
  }
  return html`<h1>${words.edit}</h1>
    <p class="muted">${words.editHelp}</p>
    ${alerts}
    <form class="action" method="post" action="${action}">
      ${joined(
        fields.map(
          (field) =>
            html`<label
              >${field.name}<input
                name="field ${field.name}"
                value="${typedInto(field)}"
                autocomplete="off"
                spellcheck="false"
                ${field.isPersonal ? html` placeholder="${words.sealed}"` : NOTHING}
            /></label>`,
        ),
      )}
      <label>${words.whyIfAny}<input name="why" value="${why}" maxlength="300" /></label>
      <p class="buttons"><button type="submit">${words.seeChange}</button></p>
    </form>
    ${back}`;
}
