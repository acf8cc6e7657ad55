import * as z from "zod";
import { trouble } from "./alert.ts";
import { OWNERS } from "./causes.ts";
import { findable } from "./findable.ts";
import { line, paragraph } from "./free-text.ts";
import { personal } from "./personal.ts";

/**
 * The letters that Handoff writes: what each is about, without a word of their text, which stands in `templates/`.
 * A letter is the payload of a mail job, so what is personal is marked and sealed with it.
 */

/**
 * An address that one mail goes to: no control character fits in, so it cannot forge a header. The browsers' own rule,
 * since Japanese carriers gave out addresses that stricter ones refuse (`hanako..s.@docomo.ne.jp`).
 */
export const mailAddress = z
  .email({ pattern: z.regexes.html5Email, error: "must be an e-mail address" })
  .max(254, "must be at most 254 characters") // the longest that SMTP carries (RFC 5321)
  .meta({ examples: ["hanako@customer.example"] });

/** Whoever `ADMIN_EMAIL` names when the mail is sent. */
const administrator = z.literal("administrator");

const salesforceId = findable(z.string().regex(/^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$/, "must be a Salesforce id"));
/** What a person may quote: the number of a Case, or a job's id. */
const reference = z.string().regex(/^[\w-]{1,64}$/, "must be a Case number or a job's id");
const whmcsId = z.int().positive();
/** A day in Japan. */
const day = z.iso.date();
/** As Freebit writes it, `400-356`. */
const resultCode = z.string().regex(/^[\w-]{1,32}$/, "must be a result code");

/** What a customer ended, and the last day in Japan on which it can be used. */
const ended = {
  service: z.enum(["Internet", "SIM", "VPN"]),
  /** The WHMCS service id, which customers know as their service's number. */
  serviceId: findable(z.int().positive()),
  lastDay: day,
};
/** Where the administrator finds it. */
const whereabouts = {
  accountId: salesforceId,
  whmcsClientId: whmcsId,
  /** Absent where no Opportunity carries this service. */
  opportunityId: salesforceId.optional(),
};

/** To the customer, once everything is written down: what was cancelled, and until when it can be used. */
const cancellationConfirmed = z.strictObject({
  template: z.literal("cancellation-confirmed"),
  to: personal(mailAddress),
  name: personal(line(200)).optional(),
  ...ended,
  reference,
});

/** To the administrator: every SIM, with Freebit's answer, and whatever had no Opportunity or no address to write to. */
const cancellationAdmin = z.strictObject({
  template: z.literal("cancellation-admin"),
  to: administrator,
  ...ended,
  ...whereabouts,
  caseId: salesforceId,
  jobId: reference,
  /**
   * SIM only: the day from which the SIM is off, and the code with which Freebit accepted; without it where that answer was
   * lost, and the line itself shows the day, or somebody said so (`told`).
   */
  freebit: z.strictObject({ code: resultCode.optional(), told: z.literal(true).optional(), runDate: day }).optional(),
  /** The account has no address that mail can go to. */
  noAddress: z.literal(true).optional(),
});

/** To the administrator: Freebit said no for good, so nothing was written and the customer still waits. */
const cancellationRefusedAdmin = z.strictObject({
  template: z.literal("cancellation-refused-admin"),
  to: administrator,
  serviceId: findable(z.int().positive()),
  lastDay: day,
  ...whereabouts,
  jobId: reference,
  simNumber: personal(line(40)),
  /** There is no Case yet that could tell. */
  comments: personal(paragraph(5000)).optional(),
  /** The failure's own, and its words: plain, without personal data. They quote Freebit's result code where it gave one. */
  code: z.string().regex(/^[\w-]{1,64}$/, "must be a failure's code"),
  reason: line(1000),
});

/** One service whose last day has passed and that WHMCS still runs. */
const dueService = z.strictObject({
  service: z.enum(["Internet", "VPN"]),
  /** Absent where the Opportunity names none. */
  serviceId: whmcsId.optional(),
  lastDay: day,
  /** Absent where the account names none. */
  whmcsClientId: whmcsId.optional(),
  opportunityId: salesforceId,
  /** Internet only: `LineReturn__c` as Salesforce has it. */
  lineReturn: line(255).optional(),
});

/** More than so many would make a mail that nobody reads and Gmail cuts off: `more` counts the rest. */
export const DUE_SHOWN_AT_MOST = 100;

/** To the administrator, once a day: what has to be ended in WHMCS by hand. */
const dueTodayAdmin = z.strictObject({
  template: z.literal("due-today-admin"),
  to: administrator,
  today: day,
  due: z.array(dueService).min(1).max(DUE_SHOWN_AT_MOST),
  /** How many are due beside those listed. */
  more: z.int().nonnegative(),
});

/** To whoever can mend it: a trouble began, or is over. */
const alert = z.strictObject({
  template: z.literal("alert"),
  /** Whoever `ALERT_EMAILS` names for them when the mail is sent, or else `ADMIN_EMAIL`. */
  to: z.enum(OWNERS),
  since: z.iso.datetime(),
  /** Present where it is over. */
  until: z.iso.datetime().optional(),
  trouble,
});

/** One letter to one recipient. Several recipients are several letters, so that each is retried by itself. */
export const letter = z.discriminatedUnion("template", [
  cancellationConfirmed,
  cancellationAdmin,
  cancellationRefusedAdmin,
  dueTodayAdmin,
  alert,
]);

export type Letter = z.infer<typeof letter>;
export type Template = Letter["template"];
