import { pageOf } from "../../domain/alert.ts";
import { causeIn, OWNER_NAMES } from "../../domain/causes.ts";
import { type Vendor, VENDOR_NAMES } from "../../domain/errors.ts";
import type { Letter, Template } from "../../domain/letter.ts";
import { type Language, dayIn, momentIn, monthIn } from "./dates.ts";

/**
 * What a template may say: each variable, and of what sort it is. Templates are checked against this at start, and the
 * views that fill them have their types from it.
 *
 * - `always`: one line that is always there.
 * - `maybe`: one line that may be absent, so it stands inside `{{#name}}…{{/name}}`.
 * - `private`, `maybe private`: the same, but personal or of several lines: never in a subject.
 * - `flag`: true or false, for `{{#flag}}` and `{{^flag}}`.
 * - `ready`: finished text of ours, which only the layout puts in, as `{{{body}}}`.
 * - `each`: a list, with what is said of each entry.
 */
export interface Words {
  readonly [name: string]: Sort;
}
export type Sort = "always" | "maybe" | "private" | "maybe private" | "flag" | "ready" | { readonly each: Words };

export type View<Said extends Words> = {
  readonly [Name in keyof Said]: Said[Name] extends { readonly each: infer Entry extends Words }
    ? readonly View<Entry>[]
    : Said[Name] extends "flag"
      ? boolean
      : Said[Name] extends "maybe" | "maybe private"
        ? string | null
        : string;
};

/** The view of any template. */
type AnyView = Readonly<Record<string, string | boolean | null | readonly object[]>>;

export interface Page {
  /** In this order, one below the other in one mail. */
  readonly languages: readonly Language[];
  readonly says: Words;
  /** Without these a letter would not serve its purpose: each stands in the text and in the HTML. */
  readonly mustSay: readonly string[];
}

const SERVICE = {
  brand: "always",
  service: "always",
  serviceId: "always",
  lastDay: "always",
  month: "always",
  internet: "flag",
  sim: "flag",
  vpn: "flag",
} as const;
const LINKS = {
  accountId: "always",
  accountUrl: "always",
  opportunityId: "maybe",
  opportunityUrl: "maybe",
  whmcsUrl: "always",
  whmcsClientId: "always",
} as const;

export const PAGES = {
  "cancellation-confirmed": {
    languages: ["ja", "en"],
    says: { ...SERVICE, customer: "maybe private", reference: "always" },
    mustSay: ["service", "serviceId", "lastDay", "reference"],
  },
  "cancellation-admin": {
    languages: ["en"],
    says: {
      ...SERVICE,
      ...LINKS,
      caseId: "always",
      caseUrl: "always",
      jobId: "always",
      jobUrl: "always",
      freebitCode: "maybe",
      freebitTold: "flag",
      runDate: "maybe",
      noAddress: "flag",
    },
    mustSay: [
      "service",
      "serviceId",
      "lastDay",
      "runDate",
      "freebitCode",
      "freebitTold",
      "opportunityUrl",
      "whmcsUrl",
      "caseUrl",
      "noAddress",
    ],
  },
  "cancellation-refused-admin": {
    languages: ["en"],
    says: {
      brand: "always",
      serviceId: "always",
      lastDay: "always",
      month: "always",
      ...LINKS,
      jobId: "always",
      jobUrl: "always",
      simNumber: "private",
      comments: "maybe private",
      code: "always",
      reason: "always",
    },
    mustSay: ["serviceId", "lastDay", "code", "reason", "jobId", "simNumber", "comments"],
  },
  "due-today-admin": {
    languages: ["en"],
    says: {
      brand: "always",
      today: "always",
      count: "always",
      several: "flag",
      more: "maybe",
      due: {
        each: {
          service: "always",
          serviceId: "maybe",
          lastDay: "always",
          lineReturn: "maybe",
          opportunityUrl: "always",
          whmcsUrl: "always",
          whmcsClientId: "maybe",
        },
      },
    },
    mustSay: ["due", "service", "serviceId", "lastDay", "lineReturn", "opportunityUrl", "whmcsUrl", "more"],
  },
  alert: {
    languages: ["ja", "en"],
    says: {
      brand: "always",
      over: "flag",
      failures: "flag",
      inDoubt: "flag",
      away: "flag",
      late: "flag",
      name: "always",
      promised: "maybe",
      title: "maybe",
      detail: "maybe",
      code: "maybe",
      step: "maybe",
      jobs: "maybe",
      customers: "maybe",
      since: "always",
      until: "maybe",
      owner: "always",
      url: "always",
    },
    mustSay: ["over", "failures", "away", "late", "inDoubt", "name", "title", "detail", "since", "owner", "url"],
  },
} as const satisfies Record<Template, Page>;

/** What surrounds every letter: `layout.txt` and `layout.html`. */
export const LAYOUT = {
  brand: "always",
  subject: "always",
  language: "always",
  toCustomer: "flag",
  parts: { each: { language: "always", first: "flag", later: "flag", body: "ready" } },
} as const satisfies Words;

/** What letters need to know of where they are sent from. */
export interface Surroundings {
  readonly brand: string;
  /** Where a link to a Salesforce record, to WHMCS and to the dashboard begins, without a slash at its end. */
  readonly salesforceUrl: string;
  readonly whmcsUrl: string;
  readonly dashboardUrl: string;
}

/** The values that fill `letter`'s template in one language. */
export function viewOf(letter: Letter, language: Language, around: Surroundings): AnyView {
  const { brand } = around;
  switch (letter.template) {
    case "cancellation-confirmed":
      return {
        brand,
        ...serviceIn(language, letter),
        customer: letter.name ?? null,
        reference: letter.reference,
      } satisfies View<(typeof PAGES)["cancellation-confirmed"]["says"]>;
    case "cancellation-admin":
      return {
        brand,
        ...serviceIn(language, letter),
        ...linksTo(letter, around),
        caseId: letter.caseId,
        caseUrl: `${around.salesforceUrl}/${letter.caseId}`,
        jobId: letter.jobId,
        jobUrl: jobUrl(letter.jobId, around),
        freebitCode: letter.freebit?.code ?? null,
        freebitTold: letter.freebit?.told ?? false,
        runDate: letter.freebit === undefined ? null : dayIn(language, letter.freebit.runDate),
        noAddress: letter.noAddress ?? false,
      } satisfies View<(typeof PAGES)["cancellation-admin"]["says"]>;
    case "cancellation-refused-admin":
      return {
        brand,
        serviceId: String(letter.serviceId),
        lastDay: dayIn(language, letter.lastDay),
        month: monthIn(language, letter.lastDay),
        ...linksTo(letter, around),
        jobId: letter.jobId,
        jobUrl: jobUrl(letter.jobId, around),
        simNumber: letter.simNumber,
        comments: letter.comments ?? null,
        code: letter.code,
        reason: letter.reason,
      } satisfies View<(typeof PAGES)["cancellation-refused-admin"]["says"]>;
    case "due-today-admin":
      return {
        brand,
        today: dayIn(language, letter.today),
        count: String(letter.due.length + letter.more),
        several: letter.due.length + letter.more > 1,
        more: letter.more === 0 ? null : String(letter.more),
        due: letter.due.map((due) => ({
          service: due.service,
          serviceId: due.serviceId?.toString() ?? null,
          lastDay: dayIn(language, due.lastDay),
          lineReturn: due.lineReturn ?? null,
          whmcsUrl: around.whmcsUrl,
          whmcsClientId: due.whmcsClientId?.toString() ?? null,
          opportunityUrl: `${around.salesforceUrl}/${due.opportunityId}`,
        })),
      } satisfies View<(typeof PAGES)["due-today-admin"]["says"]>;
    case "alert":
      return alertView(letter, language, around);
  }
}

function alertView(letter: Extract<Letter, { template: "alert" }>, language: Language, around: Surroundings) {
  const { trouble, since, until } = letter;
  const failures = trouble.what === "failures" ? trouble : null;
  const cause = failures === null ? null : causeIn(language, failures);
  return {
    brand: around.brand,
    over: until !== undefined,
    failures: failures !== null,
    inDoubt: failures?.code === "in-doubt",
    away: trouble.what === "away",
    late: trouble.what === "late",
    name: trouble.what === "away" ? VENDOR_NAMES_IN[language][trouble.vendor] : trouble.kind,
    promised: trouble.what === "late" ? String(Math.round(trouble.promisedMs / 60_000)) : null,
    title: cause?.title ?? null,
    detail: cause?.detail ?? null,
    code: failures?.code ?? null,
    step: failures?.step ?? null,
    jobs: failures?.jobs.toString() ?? null,
    customers: failures?.customers.toString() ?? null,
    since: momentIn(language, new Date(since)),
    until: until === undefined ? null : momentIn(language, new Date(until)),
    owner: OWNER_NAMES[language][letter.to],
    url: around.dashboardUrl + pageOf(trouble),
  } satisfies View<(typeof PAGES)["alert"]["says"]>;
}

const VENDOR_NAMES_IN: Record<Language, Readonly<Record<Vendor, string>>> = {
  ja: { ...VENDOR_NAMES, mail: "メールサーバー" },
  en: VENDOR_NAMES,
};

interface Ended {
  readonly service: "Internet" | "SIM" | "VPN";
  readonly serviceId: number;
  readonly lastDay: string;
}

const SERVICE_NAMES: Record<Language, Record<Ended["service"], string>> = {
  ja: { Internet: "インターネット", SIM: "SIM", VPN: "VPN" },
  en: { Internet: "Internet", SIM: "SIM", VPN: "VPN" },
};

function serviceIn(language: Language, { service, serviceId, lastDay }: Ended) {
  return {
    service: SERVICE_NAMES[language][service],
    serviceId: String(serviceId),
    lastDay: dayIn(language, lastDay),
    month: monthIn(language, lastDay),
    internet: service === "Internet",
    sim: service === "SIM",
    vpn: service === "VPN",
  };
}

interface Whereabouts {
  readonly accountId: string;
  readonly opportunityId?: string | undefined;
  readonly whmcsClientId: number;
}

function linksTo({ accountId, opportunityId, whmcsClientId }: Whereabouts, around: Surroundings) {
  const { salesforceUrl, whmcsUrl } = around;
  return {
    accountId,
    accountUrl: `${salesforceUrl}/${accountId}`,
    opportunityId: opportunityId ?? null,
    opportunityUrl: opportunityId === undefined ? null : `${salesforceUrl}/${opportunityId}`,
    // The root alone: installations may call their admin folder otherwise, so its pages are named in the templates.
    whmcsUrl,
    whmcsClientId: String(whmcsClientId),
  };
}

/** The page of a cancellation on the board. */
const jobUrl = (jobId: string, { dashboardUrl }: Surroundings) =>
  `${dashboardUrl}/admin/queues/queue/cancellation/${jobId}`;
