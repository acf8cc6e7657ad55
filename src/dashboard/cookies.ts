import type { CookieOptions } from "express";

/** The dashboard's cookies. */
export interface Cookies {
  /** Who is signed in. */
  readonly session: string;
  /** Which browser a sign-in form was made for. */
  readonly form: string;
  /** In which browser somebody has signed in before. */
  readonly browser: string;
  /** What somebody is to bring back from the identity provider. */
  readonly errand: string;
  /** In which language the desk speaks. */
  readonly lang: string;
  readonly options: CookieOptions;
}

/**
 * `__Host-` makes browsers refuse the cookie from a subdomain or over plain HTTP; it needs HTTPS, which is known from
 * PUBLIC_URL.
 *
 * SameSite is Lax, not Strict: a link in a mail to the administrator must find an operator signed in, and Strict would
 * show the sign-in page; nor would whoever comes back from the identity provider bring the errand along. Nothing is lost by
 * it: Lax sends the cookie along only where a link is followed, a GET changes nothing, and whatever else comes is asked where
 * it came from (`cross-site.ts`).
 */
export function cookiesFor(publicUrl: string | undefined): Cookies {
  const secure = publicUrl?.startsWith("https://") ?? false;
  const prefix = secure ? "__Host-" : "";
  return {
    session: `${prefix}handoff-session`,
    form: `${prefix}handoff-form`,
    browser: `${prefix}handoff-browser`,
    errand: `${prefix}handoff-errand`,
    lang: `${prefix}handoff-lang`,
    options: { httpOnly: true, secure, sameSite: "lax", path: "/" },
  };
}

/** The value of the cookie `name` in a request's Cookie header. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  for (const pair of (header ?? "").split(";")) {
    const at = pair.indexOf("=");
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}
