import { causeIn } from "../../domain/causes.ts";
import { html, type Html } from "../../domain/html.ts";
import { NOTHING } from "../page.ts";
import type { Visit } from "./visit.ts";

/** The failure's own words, in Japanese beside the translated ones: they name what it is about (which product, which code). */
export function ownWords(failure: Parameters<typeof causeIn>[1], { lang }: Pick<Visit, "lang">): Html {
  if (causeIn(lang, failure).title === failure.title) return NOTHING;
  return html`<p class="muted" lang="en">${failure.title} ${failure.detail}</p>`;
}
