import { ALERTS_CLIENT } from "../../domain/clients.ts";
import { type ClassifiedError, RejectedError, UnavailableError } from "../../domain/errors.ts";

/** What came of a post: a status with the receiver's `Retry-After`, or what was thrown before there was one. */
export type Answer =
  | { readonly status: number; readonly retryAfter: string | undefined }
  | { readonly thrown: unknown };

/** Where its address stands. */
export const settingOf = (client: string) => (client === ALERTS_CLIENT ? "ALERT_WEBHOOK" : "CALLBACK_URLS");

/** Thrown where a receiver's name stands for an address that callbacks may not go to. */
export class PrivateAddressError extends Error {
  constructor() {
    super("not an address of the public net");
    this.name = "PrivateAddressError";
  }
}

/**
 * The error that stands for a callback that was not taken. One whose answer was lost is posted again as well: receivers
 * know it by its `webhook-id`. Its words name the client, never the URL, which may hold a secret.
 */
export function callbackError(client: string, answer: Answer, now: Date): ClassifiedError {
  if ("thrown" in answer) return errorOfThrown(client, answer.thrown);
  const { status, retryAfter } = answer;
  const code = `HTTP ${String(status)}`;
  if (status === 410) {
    return new RejectedError({
      vendor: null,
      code: "callback-gone",
      title: `The receiver of ${client} wants no more callbacks (${code}).`,
      detail: `Take it out of ${settingOf(client)}, or set its new address there and retry.`,
    });
  }
  if (status === 408 || status === 429 || status >= 500) {
    return new UnavailableError({
      vendor: null,
      scope: "call",
      code: "callback-put-off",
      title: `The receiver of ${client} cannot take callbacks at the moment (${code}).`,
      detail: "Nothing needs to be done: it is tried again.",
      retryAfterMs: waitOf(retryAfter, now),
    });
  }
  return new UnavailableError({
    vendor: null,
    scope: "call",
    code: "callback-refused",
    title: `The receiver of ${client} refused a callback (${code}).`,
    detail: `Check its address in ${settingOf(client)} (redirects are not followed) and that it verifies with the secret that stands beside it. It is tried again meanwhile.`,
  });
}

function errorOfThrown(client: string, cause: unknown): ClassifiedError {
  if (cause instanceof PrivateAddressError) {
    return new RejectedError({
      vendor: null,
      code: "callback-private-address",
      title: `The receiver of ${client} is not on the public net.`,
      detail: `Its name stands for a private address, to which nothing was sent. Correct its DNS entry or ${settingOf(client)}, or set CALLBACK_PRIVATE=on where that is meant, then retry.`,
      cause,
    });
  }
  return new UnavailableError({
    vendor: null,
    scope: "call",
    code: "callback-not-answered",
    title: `The receiver of ${client} did not answer.`,
    detail: `It is tried again. If this goes on, check its address in ${settingOf(client)}, its certificate and the firewall.`,
    cause,
  });
}

/** `Retry-After` is a number of seconds or a date. */
function waitOf(retryAfter: string | undefined, now: Date): number | null {
  if (retryAfter === undefined) return null;
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - now.getTime();
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}
