import { hash, timingSafeEqual } from "node:crypto";
import type { EndedNames } from "../ended-access.ts";
import type { ApiKey, Secret } from "../settings.ts";
import type { Handler } from "./exchange.ts";
import { Problem } from "./problem.ts";

const digestOf = (text: string): Buffer => hash("sha256", text, "buffer");

/** Tells whether a text is `secret`, in a time that says nothing about either. */
export function secretMatcher(secret: Secret): (candidate: string) => boolean {
  const digest = digestOf(secret.reveal());
  return (candidate) => timingSafeEqual(digest, digestOf(candidate));
}

/**
 * Lets only callers with a key of `keys` through, and notes whose key it is. Every key is compared on every request, by
 * its digest, so that the time tells neither which key came close nor how long it is. A client whose access was `ended` has none that is known.
 */
export function authentication(keys: readonly ApiKey[], ended: Pick<EndedNames, "has">): Handler {
  const known = keys.map(({ client, key }) => ({ client, digest: digestOf(key.reveal()) }));
  return (request, response, next) => {
    const [, given] = /^Bearer +(.+)$/i.exec(request.headers.authorization ?? "") ?? [];
    if (given === undefined) {
      throw new Problem("unauthenticated", "Send the header Authorization: Bearer KEY.", {
        headers: { "www-authenticate": 'Bearer realm="handoff"' },
      });
    }
    const digest = digestOf(given);
    let client: string | null = null;
    for (const one of known) if (timingSafeEqual(one.digest, digest)) client = one.client;
    if (client === null || ended.has(client)) {
      throw new Problem("unauthenticated", "This key is not known here.", {
        headers: { "www-authenticate": 'Bearer realm="handoff", error="invalid_token"' },
      });
    }
    response.locals.client = client;
    next();
  };
}

/** The client that `authentication` let through. */
export function clientOf({ client }: { readonly client: string | null }): string {
  if (client === null) throw new Error("this route stands before authentication");
  return client;
}
