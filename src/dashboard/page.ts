import { createHash } from "node:crypto";
import type { Response } from "express";
import { type Html, html } from "../domain/html.ts";
import type { User } from "./users.ts";
import { STYLE } from "./style.ts";

/** The layout of every page of our own, made on the server, without scripts. */

export const NOTHING: Html = { text: "" };

const MARK = `<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="M3 8h13m-4-4 4 4-4 4M21 16H8m4-4-4 4 4 4"/></svg>`;

/** Not written inside a template, whose white space a formatter may change: the policy below allows exactly this text. */
const STYLE_ELEMENT: Html = { text: `<style>${STYLE}</style>` };

/** The mark as an icon that needs no request. */
export const ICON = `data:image/svg+xml,${encodeURIComponent(MARK.replace("currentColor", "#2a9c86"))}`;

/** What our own pages may load: their one style, the icon, and nothing else. Directives as helmet takes them. */
export const PAGE_POLICY = {
  "default-src": ["'none'"],
  "style-src": [`'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`],
  "img-src": ["data:"],
  "form-action": ["'self'"],
  "base-uri": ["'none'"],
  "frame-ancestors": ["'none'"],
};

/** The desk's pages ask for themselves again, by one script of their own. */
export const DESK_POLICY = { ...PAGE_POLICY, "script-src": ["'self'"], "connect-src": ["'self'"] };

export interface Page {
  readonly status: number;
  readonly title: string;
  readonly body: Html;
  /** Who is signed in, shown at the top. */
  readonly user?: Pick<User, "name" | "role">;
  /** Ask for the page again after so many seconds. */
  readonly refreshSeconds?: number;
  /** For a page of the desk: its language, its menu, and room for tables. */
  readonly desk?: {
    readonly lang: "en" | "ja";
    readonly menu: Html;
    readonly script: string;
    readonly signOut: string;
    /** What it says where it could not renew itself. */
    readonly stale: string;
  };
}

export function sendPage(response: Response, { status, title, body, user, refreshSeconds, desk }: Page): void {
  const refresh =
    refreshSeconds === undefined ? NOTHING : html`<meta http-equiv="refresh" content="${String(refreshSeconds)}" />`;
  const page = html`<!DOCTYPE html>
    <html lang="${desk?.lang ?? "en"}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        ${refresh}
        <title>${title} · Handoff</title>
        <link rel="icon" href="${ICON}" />
        ${STYLE_ELEMENT}
        ${desk === undefined ? NOTHING : html`<script src="${desk.script}" defer></script>`}
      </head>
      <body${desk === undefined ? NOTHING : html` class="desk" data-when-stale="${desk.stale}"`}>
        <header>
          <a class="brand" href="/desk">${{ text: MARK }}Handoff</a>${desk?.menu ?? NOTHING}${user === undefined ? NOTHING : html`<a class="who" href="/sign-out">${user.name}, ${user.role} · ${desk?.signOut ?? "Sign out"}</a>`}
        </header>
        <main>${body}</main>
      </body>
    </html> `;
  response.status(status).type("html").send(page.text);
}

/** A page that says one thing. */
export function sendMessage(response: Response, status: number, title: string, text: string): void {
  const body = html`<div class="card">
    <h1>${title}</h1>
    <p class="muted">${text}</p>
    <p><a href="/desk">To the desk</a></p>
  </div>`;
  sendPage(response, { status, title, body });
}

/** Sends the browser on. Express's own way says the address once more in a body, and part of it may be the visitor's words. */
export function seeOther(response: Response, path: string): void {
  response.status(303).location(path).end();
}
