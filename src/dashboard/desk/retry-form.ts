import { html, type Html } from "../../domain/html.ts";
import { NOTHING } from "../page.ts";
import { jobUrl } from "./group-page.ts";
import type { JobFile } from "./job-file.ts";
import { askingStep, whereToLook } from "./verdict.ts";
import type { Visit } from "./visit.ts";
import { systemIn } from "./words.ts";

/** The one button of a failed job; a quiet one while a question is open, which a retry by itself would only ask again. */
export function retryForm(file: JobFile, { words }: Visit): Html {
  const asking = askingStep(file);
  const look = asking === null ? NOTHING : html` class="quiet"`;
  return html`<form class="action" method="post" action="${jobUrl(file.view.id)}">
    <p class="buttons"><button type="submit" name="what" value="retry" ${look}>${words.retry}</button></p>
    ${asking === null ? NOTHING : html`<p class="muted">${words.retryAsksAgain(systemIn(words, whereToLook(file, asking.name)))}</p>`}
    <label>${words.whyIfAny}<input name="why" maxlength="300" /></label>
  </form>`;
}
