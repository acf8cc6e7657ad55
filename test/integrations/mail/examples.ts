import type { LetterSettings } from "../../../src/integrations/mail/letters.ts";
import { letter, type Letter } from "../../../src/domain/letter.ts";

const whereabouts = {
  accountId: "0015g00000HjKlMAAV",
  whmcsClientId: 7,
  opportunityId: "0065g00000AbCdEAAV",
};
const { accountId: __, ...place } = whereabouts;
const toCustomer = {
  template: "cancellation-confirmed",
  to: "hanako@customer.example",
  name: "渋谷 花子",
  serviceId: 1234,
  lastDay: "2026-12-31",
  reference: "00001042",
} as const;
const toAdministrator = {
  template: "cancellation-admin",
  to: "administrator",
  serviceId: 1234,
  lastDay: "2026-12-31",
  ...whereabouts,
  caseId: "5005g00000QwErTAAV",
  jobId: "mZ3vKx0aQ9sT",
} as const;
const { opportunityId: _, ...withoutOpportunity } = toAdministrator;
const PAYMENT_METHOD = {
  what: "failures",
  group: "provisioning~AddOrder~whmcs-payment-method",
  kind: "provisioning",
  step: "AddOrder",
  code: "whmcs-payment-method",
  vendor: "whmcs",
  title: "WHMCS does not take the payment method.",
  detail: "Set WHMCS_PAYMENT_METHOD to one that WHMCS knows, then retry.",
  jobs: 47,
  customers: 12,
} as const;

/** Letters of every template, with and without whatever may be absent. */
export const EXAMPLES: Readonly<Record<string, Letter>> = {
  "confirmed-internet": { ...toCustomer, service: "Internet" },
  "confirmed-sim": { ...toCustomer, service: "SIM" },
  "confirmed-vpn-nameless": { ...toCustomer, service: "VPN", name: undefined, lastDay: "2026-11-05" },
  "admin-sim": { ...toAdministrator, service: "SIM", freebit: { code: "100", runDate: "2027-01-01" } },
  "admin-sim-no-opportunity": {
    ...withoutOpportunity,
    service: "SIM",
    freebit: { code: "100", runDate: "2027-01-01" },
  },
  "admin-sim-answer-lost": { ...toAdministrator, service: "SIM", freebit: { runDate: "2027-01-01" } },
  "admin-sim-told": { ...toAdministrator, service: "SIM", freebit: { told: true, runDate: "2027-01-01" } },
  "admin-internet-no-opportunity": { ...withoutOpportunity, service: "Internet" },
  "admin-internet-no-address": { ...toAdministrator, service: "Internet", noAddress: true },
  refused: {
    template: "cancellation-refused-admin",
    to: "administrator",
    serviceId: 1234,
    lastDay: "2026-12-31",
    ...whereabouts,
    jobId: "mZ3vKx0aQ9sT",
    simNumber: "07012345678",
    comments: "引っ越しのため解約します。\nThank you & goodbye.",
    code: "freebit-refused",
    reason: "Freebit refused the cancellation (400-356). Nothing was changed there.",
  },
  "refused-bare": {
    template: "cancellation-refused-admin",
    to: "administrator",
    serviceId: 1234,
    lastDay: "2026-12-31",
    accountId: whereabouts.accountId,
    whmcsClientId: 7,
    jobId: "mZ3vKx0aQ9sT",
    simNumber: "07012345678",
    code: "freebit-refused",
    reason: "Freebit refused the cancellation (400-356). Nothing was changed there.",
  },
  "due-one": {
    template: "due-today-admin",
    to: "administrator",
    today: "2027-01-01",
    due: [{ service: "VPN", serviceId: 1236, lastDay: "2026-12-30", ...place }],
    more: 0,
  },
  "due-many": {
    template: "due-today-admin",
    to: "administrator",
    today: "2027-01-01",
    due: [
      { service: "Internet", serviceId: 1234, lastDay: "2026-12-31", lineReturn: "SentKit", ...place },
      { service: "Internet", serviceId: 1235, lastDay: "2026-12-31", lineReturn: "不要", ...place },
      { service: "VPN", lastDay: "2026-12-30", opportunityId: place.opportunityId },
    ],
    more: 4,
  },
  "alert-failures": {
    template: "alert",
    to: "whmcs-admin",
    since: "2026-11-24T03:00:00.000Z",
    trouble: PAYMENT_METHOD,
  },
  "alert-in-doubt": {
    template: "alert",
    to: "operator",
    since: "2026-11-24T03:00:00.000Z",
    trouble: {
      ...PAYMENT_METHOD,
      group: "cancellation~cancel the line~in-doubt",
      kind: "cancellation",
      step: "cancel the line",
      code: "in-doubt",
      title: "Nobody can tell whether it happened.",
      detail: "Look there, and say so on the job's page.",
      jobs: 1,
      customers: 1,
    },
  },
  "alert-over": {
    template: "alert",
    to: "whmcs-admin",
    since: "2026-11-24T03:00:00.000Z",
    until: "2026-11-24T15:05:00.000Z",
    trouble: { ...PAYMENT_METHOD, step: null },
  },
  "alert-away": {
    template: "alert",
    to: "operator",
    since: "2026-11-24T03:00:00.000Z",
    trouble: { what: "away", vendor: "mail" },
  },
  "alert-late": {
    template: "alert",
    to: "operator",
    since: "2026-11-24T03:00:00.000Z",
    trouble: { what: "late", kind: "provisioning", promisedMs: 900_000, sweep: false },
  },
};

export const SETTINGS: LetterSettings = {
  MAIL_FROM: "SonixNet <portal@sonixnet.example>",
  ADMIN_EMAIL: "operations@sonixnet.example",
  ALERT_EMAILS: new Map([["whmcs-admin", "billing@sonixnet.example"]]),
  SALESFORCE_LOGIN_URL: "https://sonixnet.my.salesforce.com",
  WHMCS_URL: "https://billing.sonixnet.example",
  PUBLIC_URL: "https://handoff.sonixnet.example",
  HOST: "127.0.0.1",
  PORT: 3000,
};

/** A letter as it comes back out of a job. */
export const example = (name: string): Letter => letter.parse(EXAMPLES[name]);
