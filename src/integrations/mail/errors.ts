import * as z from "zod";
import { RejectedError, UnavailableError, UnknownOutcomeError, type ClassifiedError } from "../../domain/errors.ts";

/** What nodemailer tells of a failure, without the texts: a server's reply often repeats the address. */
const smtpFailure = z.object({
  code: z.string().optional(),
  originalCode: z.string().optional(),
  command: z.string().optional(),
  responseCode: z.number().optional(),
  permanent: z.boolean().optional(),
  timeoutType: z.string().optional(),
  syscall: z.string().optional(),
});
export type SmtpFailure = z.infer<typeof smtpFailure>;

/** The error that stands for what nodemailer threw: the one place where SMTP's replies get a meaning (vendors/calendar-and-mail.md). */
export function mailError(thrown: unknown): ClassifiedError {
  const failure = smtpFailure.safeParse(thrown).data ?? {};
  const { code, command, responseCode } = failure;
  const reply = responseCode === undefined ? "" : ` (SMTP ${responseCode})`;

  if (neverConnected(failure)) {
    return unavailable("vendor", {
      code: "mail-not-reached",
      title: "The mail server could not be reached.",
      detail: "Nothing was sent. It is tried again; check SMTP_URL, DNS and the firewall if this goes on.",
    });
  }
  // Faults of ours or the server's that every mail meets: they wait for whoever mends it, instead of failing by hundreds.
  if (code === "EAUTH" || code === "ENOAUTH" || code === "ETLS" || code === "EREQUIRETLS") {
    return unavailable("vendor", {
      code: "mail-sign-in-refused",
      title: `The mail server did not sign us in${reply}.`,
      detail:
        "Check the user, password and scheme (smtp: or smtps:) in SMTP_URL, and the server's certificate. Mail waits meanwhile.",
    });
  }
  if (failure.permanent === true && (code === "EPROTOCOL" || command === "MAIL FROM")) {
    return unavailable("vendor", {
      code: "mail-sender-refused",
      title: `The mail server does not take mail from us${reply}.`,
      detail: "Check MAIL_FROM and whether the server lets this machine send. Mail waits meanwhile.",
    });
  }
  if (command === "API" || (failure.permanent === true && command === "RCPT TO")) {
    return new RejectedError({
      vendor: "mail",
      code: "mail-address-refused",
      title: `The mail server does not take mail to this address${reply}.`,
      detail: "Ask the customer for the right address and correct it where it is kept.",
    });
  }
  if (failure.permanent === true) {
    return new RejectedError({
      vendor: "mail",
      code: "mail-refused",
      title: `The mail server refused this mail${reply}.`,
      detail: "Its log says why: size, content or policy.",
    });
  }
  // A reply of refusal, even a passing one, is an answer: the mail was not taken.
  if (responseCode !== undefined && responseCode >= 400) {
    const isOne = command === "RCPT TO" || code === "EMESSAGE";
    return unavailable(isOne ? "call" : "vendor", {
      code: "mail-put-off",
      title: `The mail server put this mail off${reply}.`,
      detail: "Nothing needs to be done: it is tried again.",
    });
  }
  return new UnknownOutcomeError({
    vendor: "mail",
    code: code === "EABORT" || code === "ETIMEDOUT" ? "mail-timeout" : "mail-connection-lost",
    title: "The mail server took the mail, or did not: its answer never came.",
    detail: "It is sent again with the same Message-ID, by which a mail program shows the two as one.",
    mayStillLand: true,
  });
}

function neverConnected({ code, originalCode, timeoutType, syscall }: SmtpFailure): boolean {
  return (
    code === "EDNS" ||
    originalCode === "ECONNREFUSED" ||
    syscall === "connect" ||
    timeoutType === "CONNECT_TIMEOUT" ||
    timeoutType === "GREETING_TIMEOUT"
  );
}

function unavailable(
  scope: "call" | "vendor",
  reason: { code: string; title: string; detail: string },
): UnavailableError {
  return new UnavailableError({ vendor: "mail", scope, ...reason });
}
