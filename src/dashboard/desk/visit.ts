import type { Request, Response } from "express";
import { DESK_PATH } from "../../domain/desk-path.ts";
import { html, type Html } from "../../domain/html.ts";
import { type Cookies, readCookie } from "../cookies.ts";
import { NOTHING, sendPage } from "../page.ts";
import type { User } from "../users.ts";
import type { Lang, Words } from "./words.ts";

/** Who looks, and in which language. */
export interface Visit {
  readonly user: User;
  readonly lang: Lang;
  readonly words: Words;
}
export type Reply = Response<unknown, Visit>;

/** The language that was chosen, or else the one that the browser asks for. */
export function langOf(request: Request, cookies: Cookies): Lang {
  const chosen = readCookie(request.headers.cookie, cookies.lang);
  if (chosen === "en" || chosen === "ja") return chosen;
  return request.acceptsLanguages("en", "ja") === "ja" ? "ja" : "en";
}

export function chooseLang(response: Response, lang: Lang, cookies: Cookies): void {
  response.cookie(cookies.lang, lang, { ...cookies.options, maxAge: 365 * 86_400_000 });
}

/** Whether they may change something, and not only look. */
export const mayAct = ({ user }: Visit) => user.role !== "viewer";

interface DeskPage {
  readonly status?: number;
  readonly title: string;
  readonly body: Html;
  /** Where it stands in the menu. */
  readonly at?: "now" | "find" | "audit";
}

export function sendDeskPage(response: Reply, { status = 200, title, body, at }: DeskPage): void {
  const { user, lang, words } = response.locals;
  const entry = (name: DeskPage["at"], href: string, text: string) =>
    html`<a href="${href}" ${name !== undefined && name === at ? html` aria-current="page"` : NOTHING}>${text}</a>`;
  const menu = html`<nav aria-label="Handoff">
    ${entry("now", DESK_PATH, words.now)}${entry("find", `${DESK_PATH}/find`, words.find)}${entry(undefined, "/admin/queues", words.queues)}${user.role === "admin" ? entry("audit", `${DESK_PATH}/audit`, words.auditLog) : NOTHING}<a
      href="${DESK_PATH}/lang/${lang === "en" ? "ja" : "en"}"
      lang="${lang === "en" ? "ja" : "en"}"
      >${words.otherLanguage}</a
    >
  </nav>`;
  sendPage(response, {
    status,
    title,
    body,
    user,
    lang,
    desk: { menu, script: `${DESK_PATH}/live.js`, signOut: words.signOut, stale: words.stale },
  });
}

/** A page that says one thing. */
export function sendWord(response: Reply, status: number, text: string, back: string = DESK_PATH): void {
  const { words } = response.locals;
  const body = html`<h1>${text}</h1>
    <p><a href="${back}">${words.back}</a></p>`;
  sendDeskPage(response, { status, title: text, body });
}

const IN_JAPAN: Readonly<Record<Lang, Intl.DateTimeFormat>> = {
  en: new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium", timeZone: "Asia/Tokyo" }),
  ja: new Intl.DateTimeFormat("ja-JP", { dateStyle: "medium", timeStyle: "medium", timeZone: "Asia/Tokyo" }),
};

/** A moment as a clock in Japan shows it. */
export function moment(at: Date | string, lang: Lang): Html {
  const date = new Date(at);
  return html`<time datetime="${date.toISOString()}">${clock(date, lang)}</time>`;
}
export const clock = (at: Date, lang: Lang) => `${IN_JAPAN[lang].format(at)} JST`;

/** `90 s`, `12 min`, `3 h`, `5 d`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${String(seconds)} s`;
  if (seconds < 7200) return `${String(Math.round(seconds / 60))} min`;
  if (seconds < 48 * 3600) return `${String(Math.round(seconds / 3600))} h`;
  return `${String(Math.round(seconds / 86_400))} d`;
}
