import type { Logger } from "pino";
import type { Audit } from "./audit.ts";
import { fromRedis } from "./redis-away.ts";
import type { User } from "./users.ts";

/** Who comes and who goes. Every such event passes `Tell`, and nothing else takes it down. */
export type AccessEvent =
  | { readonly what: "signed in"; readonly user: User; readonly from: string | undefined }
  | { readonly what: "signed out"; readonly user: User }
  | {
      readonly what: "sign-in refused";
      readonly why: "wrong" | "too many tries" | "access ended" | "no role" | "name taken";
      /** Undefined where nobody is called so: what was typed may be a password. */
      readonly name: string | undefined;
      readonly from: string | undefined;
    };

/** Resolves once it is written down. */
export type Tell = (event: AccessEvent) => Promise<void>;

/** Comings and goings are in the audit log; a refusal is in the program's alone, since strangers could fill the other one, which nothing trims. */
export function tellTo(log: Logger, audit: Pick<Audit, "record">): Tell {
  return async (event) => {
    if (event.what === "sign-in refused") {
      log.warn({ user: event.name, why: event.why, from: event.from }, event.what);
      return;
    }
    const { name, role, by } = event.user;
    await fromRedis(audit.record({ who: name, what: event.what, to: { role, by } }));
    log.info({ user: name, role, by, ...(event.what === "signed in" && { from: event.from }) }, event.what);
  };
}
