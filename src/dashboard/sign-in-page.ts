import type { Response } from "express";
import { type Html, html } from "../domain/html.ts";
import { NOTHING, sendPage } from "./page.ts";
import { LONGEST_PASSWORD } from "./password.ts";
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

export function sendSignInPage(response: Response, page: SignInPage): void {
  const { status, next, token, provider, problem } = page;
  const alert = problem === undefined ? NOTHING : html`<p role="alert" id="problem">${problem}</p>`;
  const leading =
    provider === undefined
      ? NOTHING
      : html`<p class="instead">
          <a class="button" href="/sign-in/provider?next=${encodeURIComponent(next)}">Sign in with ${provider}</a>
        </p>`;
  const or = provider === undefined || token === undefined ? NOTHING : html`<p class="or">or with a password</p>`;
  const body = html`<div class="card">
    <h1>Sign in</h1>
    <p class="muted">to see what Handoff is working on.</p>
    ${alert}${leading}${or}${token === undefined ? NOTHING : passwordForm(page, token)}
  </div>`;
  sendPage(response, { status, title: "Sign in", body });
}

function passwordForm({ next, name = "", problem }: SignInPage, token: string): Html {
  const described = problem === undefined ? NOTHING : html` aria-describedby="problem"`;
  return html`<form method="post" action="/sign-in">
    <input type="hidden" name="token" value="${token}" />
    <input type="hidden" name="next" value="${next}" />
    <label
      >Name<input
        name="name"
        value="${name}"
        autocomplete="username"
        autocapitalize="none"
        spellcheck="false"
        maxlength="200"
        required${described}${name === "" ? html` autofocus` : NOTHING}
    /></label>
    <label
      >Password<input
        name="password"
        type="password"
        autocomplete="current-password"
        maxlength="${String(LONGEST_PASSWORD)}"
        required${described}${name === "" ? NOTHING : html` autofocus`}
    /></label>
    <button type="submit">Sign in</button>
  </form>`;
}

/** `provider`: its host, where the person signed in with it. */
export function sendSignOutPage(response: Response, user: User, provider: string | undefined): void {
  const stays =
    user.by === "provider" && provider !== undefined
      ? html`<p class="muted">You stay signed in at ${provider}: on a machine of others, sign out there, too.</p>`
      : NOTHING;
  const body = html`<div class="card">
    <h1>Sign out?</h1>
    <p class="muted">You are signed in as ${user.name}, ${user.role}.</p>
    ${stays}
    <form method="post" action="/sign-out"><button type="submit">Sign out</button></form>
    <p class="below"><a href="/desk">Back to the desk</a></p>
  </div>`;
  sendPage(response, { status: 200, title: "Sign out", body });
}
