import type { Response } from "express";
import { type Html, html } from "../domain/html.ts";
import { NOTHING, sendPage } from "./page.ts";
import type { Lang } from "./desk/words.ts";
import { LONGEST_PASSWORD } from "./password.ts";
import { SIGN_IN_WORDS, type SignInWords } from "./sign-in-words.ts";
import type { User } from "./users.ts";

/** The pages of signing in and out. */

export interface SignInPage {
  readonly status: number;
  /** The path to go on to. */
  readonly next: string;
  /** Where there are people with passwords: what proves that the form is ours. */
  readonly token?: string | undefined;
  /** The identity provider's host, where there is one. */
  readonly provider?: string | undefined;
  readonly name?: string | undefined;
  readonly problem?: string | undefined;
}

export function sendSignInPage(response: Response, page: SignInPage, lang: Lang): void {
  const { status, next, token, provider, problem } = page;
  const words = SIGN_IN_WORDS[lang];
  const other = lang === "en" ? "ja" : "en";
  const alert = problem === undefined ? NOTHING : html`<p role="alert" id="problem">${problem}</p>`;
  const leading =
    provider === undefined
      ? NOTHING
      : html`<p class="instead">
          <a class="button" href="/sign-in/provider?next=${encodeURIComponent(next)}">${words.signInWith(provider)}</a>
        </p>`;
  const or = provider === undefined || token === undefined ? NOTHING : html`<p class="or">${words.orPassword}</p>`;
  const body = html`<div class="card">
    <h1>${words.signIn}</h1>
    <p class="muted">${words.toSee}</p>
    ${alert}${leading}${or}${token === undefined ? NOTHING : passwordForm(page, token, words)}
    <p class="below">
      <a href="/sign-in/lang/${other}?next=${encodeURIComponent(next)}" lang="${other}">${words.otherLanguage}</a>
    </p>
  </div>`;
  sendPage(response, { status, title: words.signIn, body, lang });
}

function passwordForm({ next, name = "", problem }: SignInPage, token: string, words: SignInWords): Html {
  const described = problem === undefined ? NOTHING : html` aria-describedby="problem"`;
  return html`<form method="post" action="/sign-in">
    <input type="hidden" name="token" value="${token}" />
    <input type="hidden" name="next" value="${next}" />
    <label
      >${words.name}<input
        name="name"
        value="${name}"
        autocomplete="username"
        autocapitalize="none"
        spellcheck="false"
        maxlength="200"
        required${described}${name === "" ? html` autofocus` : NOTHING}
    /></label>
    <label
      >${words.password}<input
        name="password"
        type="password"
        autocomplete="current-password"
        maxlength="${String(LONGEST_PASSWORD)}"
        required${described}${name === "" ? NOTHING : html` autofocus`}
    /></label>
    <button type="submit">${words.signIn}</button>
  </form>`;
}

/** `provider`: its host, where the person signed in with it. */
export function sendSignOutPage(response: Response, user: User, provider: string | undefined, lang: Lang): void {
  const words = SIGN_IN_WORDS[lang];
  const stays =
    user.by === "provider" && provider !== undefined ? html`<p class="muted">${words.staysAt(provider)}</p>` : NOTHING;
  const body = html`<div class="card">
    <h1>${words.signOutNow}</h1>
    <p class="muted">${words.signedInAs(user.name, user.role)}</p>
    ${stays}
    <form method="post" action="/sign-out"><button type="submit">${words.signOut}</button></form>
    <p class="below"><a href="/desk">${words.backToDesk}</a></p>
  </div>`;
  sendPage(response, { status: 200, title: words.signOut, body, lang });
}
