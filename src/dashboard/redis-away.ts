import type { Response } from "express";
import { UnavailableError } from "../domain/errors.ts";
import { html } from "../domain/html.ts";
import { sendPage } from "./page.ts";
import type { User } from "./users.ts";

/** What the dashboard does where Redis does not answer: it lets nobody in, says so, and looks again. */

export const AWAY = {
  title: "Waiting for Redis",
  detail: "Redis, which keeps jobs and sessions, cannot be reached.",
} as const;
const FULL = {
  title: "Redis is full",
  detail: "Redis takes nothing more down, so nobody can sign in until it has room. Who is signed in goes on.",
} as const;

/** Gives what Redis answers. Throws an `UnavailableError` where it does not. */
export async function fromRedis<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (cause) {
    const isFull = cause instanceof Error && cause.message.includes("OOM");
    throw new UnavailableError({
      code: isFull ? "redis-full" : "redis-away",
      ...(isFull ? FULL : AWAY),
      vendor: null,
      scope: "call",
      cause,
    });
  }
}

export function isRedisAway(error: unknown): error is UnavailableError {
  return error instanceof UnavailableError && error.code.startsWith("redis-");
}

/** A page that asks again by itself for what was asked for. */
export function sayThatRedisIsAway(
  response: Response,
  { title, detail }: { readonly title: string; readonly detail: string },
  user?: User,
): void {
  const body = html`<div class="card">
    <h1><span class="pulse" aria-hidden="true"></span>${title}</h1>
    <p>${detail}</p>
    <p class="muted">
      This page looks again every five seconds. Where it stays, check that Redis runs and that REDIS_URL names it.
    </p>
  </div>`;
  response.setHeader("Retry-After", "5");
  sendPage(response, { status: 503, title, body, refreshSeconds: 5, ...(user !== undefined && { user }) });
}
