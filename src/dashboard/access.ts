import type { Logger } from "pino";
import type { DashboardRole } from "../settings.ts";
import type { User } from "./users.ts";

/** Who comes and who goes. Every such event passes `Tell`, and nothing else takes it down. */
export type AccessEvent =
  | { readonly what: "signed in"; readonly user: User; readonly from: string | undefined }
  | {
      readonly what: "sign-in refused";
      readonly why: "wrong" | "too many tries" | "access ended" | "no role" | "name taken";
      /** Undefined where nobody is called so: what was typed may be a password. */
      readonly name: string | undefined;
      readonly from: string | undefined;
    }
  | { readonly what: "signed out"; readonly name: string; readonly role: DashboardRole };

export type Tell = (event: AccessEvent) => void;

export function tellTo(log: Logger): Tell {
  return (event) => {
    switch (event.what) {
      case "signed in":
        log.info({ user: event.user.name, role: event.user.role, by: event.user.by, from: event.from }, "signed in");
        return;
      case "sign-in refused":
        log.warn({ user: event.name, why: event.why, from: event.from }, "sign-in refused");
        return;
      case "signed out":
        log.info({ user: event.name, role: event.role }, "signed out");
    }
  };
}
