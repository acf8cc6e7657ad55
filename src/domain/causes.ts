import { IN_JAPANESE } from "./causes-in-japanese.ts";
import type { Reason, Vendor } from "./errors.ts";

/** Who can mend what failed. */
export const OWNERS = ["operator", "salesforce-admin", "whmcs-admin", "developer"] as const;
export type Owner = (typeof OWNERS)[number];

export const OWNER_NAMES: Readonly<Record<"en" | "ja", Readonly<Record<Owner, string>>>> = {
  en: {
    operator: "Operator",
    "salesforce-admin": "Salesforce admin",
    "whmcs-admin": "WHMCS admin",
    developer: "Developer",
  },
  ja: {
    operator: "オペレーター",
    "salesforce-admin": "Salesforce 管理者",
    "whmcs-admin": "WHMCS 管理者",
    developer: "開発者",
  },
};

/** Faults of our own programs, and of what one of them sent. */
const OF_DEVELOPERS: ReadonlySet<string> = new Set([
  "unexpected-error",
  "unknown-step",
  "unreadable-payload",
  "unreadable-result",
  "crashes-its-worker",
  "given-up",
]);

/** What our own rules found wrong in Salesforce's records. */
const OF_SALESFORCE: ReadonlySet<string> = new Set([
  "no-opportunity",
  "opportunity-not-in-post-processing",
  "no-whmcs-client",
  "no-whmcs-product",
  "addon-quantity",
  "no-service-item",
  "no-service-link",
  "service-not-active",
  "order-taken-back",
  "linked-to-another-service",
  "no-pricebook",
]);

const OF_WHMCS: ReadonlySet<string> = new Set([
  "no-whmcs-service",
  "whmcs-order-cancelled",
  "two-whmcs-orders",
  "sim-number-differs",
]);

/** Whose job it is: by our own rule where it was one, else the vendor's admin. */
export function ownerOf({ code, vendor }: { readonly code: string; readonly vendor: Vendor | null }): Owner {
  if (OF_DEVELOPERS.has(code)) return "developer";
  if (OF_SALESFORCE.has(code)) return "salesforce-admin";
  if (OF_WHMCS.has(code)) return "whmcs-admin";
  return adminOf(vendor);
}

/** Who runs a vendor, as far as that is one of us. */
export function adminOf(vendor: Vendor | null): Owner {
  if (vendor === "salesforce") return "salesforce-admin";
  return vendor === "whmcs" ? "whmcs-admin" : "operator";
}

/** What only a person can tell has one code, whoever was asked: what to do about it goes by that. */
const IN_DOUBT_AT: Partial<Record<Vendor, string>> = { freebit: "freebit-read-back-unclear" };

/** What happened and what to do about it. Of what has no words of its own in Japanese, the English ones are shown. */
export function causeIn(
  lang: "en" | "ja",
  failure: Reason & { readonly vendor?: Vendor | null },
): { title: string; detail: string } {
  const inDoubtAt = failure.code === "in-doubt" && failure.vendor ? IN_DOUBT_AT[failure.vendor] : undefined;
  const translated = lang === "ja" ? IN_JAPANESE.get(inDoubtAt ?? failure.code) : undefined;
  if (translated === undefined) return { title: failure.title, detail: failure.detail };
  return { title: translated[0], detail: translated[1] };
}
