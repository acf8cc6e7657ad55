import { createTransport } from "nodemailer";
import { RejectedError, UnavailableError } from "../../domain/errors.ts";
import type { VendorCall } from "../../domain/vendor-call.ts";
import type { Settings } from "../../settings.ts";
import { mailError } from "./errors.ts";

/** One mail to one address. */
export interface Message {
  /** A bare address. Several recipients are several mails, so that each is retried by itself. */
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
  /** Without or with angle brackets. SMTP never de-duplicates: the same mail sent again carries the same id. */
  readonly messageId: string;
}

/** What is read of the server's answer. */
interface Sent {
  readonly rejected: readonly unknown[];
  readonly rejectedErrors?: readonly unknown[] | undefined;
}

/** What the business asks of mail. Throws errors of `domain/errors.ts` only. */
export interface Mail {
  /** Resolves once the server has taken the mail. */
  send(message: Message): Promise<void>;
}

export type MailSettings = Pick<Settings, "SMTP_URL" | "MAIL_FROM">;

/** The client for one mail server. Without SMTP_URL and MAIL_FROM it may be made, but sends nothing: mail waits. */
export function mailClient({ settings, call }: { settings: MailSettings; call: VendorCall }): Mail {
  const { SMTP_URL: url, MAIL_FROM: from } = settings;
  // No pool: it would send again by itself. `smtps:` in the URL asks for TLS from the first byte.
  const transport =
    url === undefined ? null : createTransport({ url: url.reveal(), disableFileAccess: true, disableUrlAccess: true });

  return {
    send: ({ to, subject, text, html, messageId }) =>
      call("send", async (signal, _tellUsed, send) => {
        if (transport === null || from === undefined) throw notSetUp();
        if ([to, subject, messageId].some((header) => /[\r\n]/.test(header))) throw lineBreak();
        // A deadline that passed before anything was sent leaves nothing in doubt.
        if (signal.aborted) throw mailError({ timeoutType: "CONNECT_TIMEOUT" });
        const mail = {
          from,
          to: { name: "", address: to },
          subject,
          text,
          ...(html === undefined ? {} : { html }),
          messageId,
          headers: { "Auto-Submitted": "auto-generated" }, // so that nobody's holiday notice answers it (RFC 3834)
          date: new Date(),
          signal,
        };
        let sent: Sent;
        try {
          sent = await send<Sent>(
            {
              writes: true,
              parts: () => [{ to: "send", fields: { from, to, subject, text, messageId } }],
              isPlain: (field) => field === "from" || field === "messageId",
              taken: () => ({ rejected: [] }),
            },
            () => transport.sendMail(mail),
          );
        } catch (error) {
          throw mailError(error);
        }
        // A rejected recipient does not always fail the sending.
        if (sent.rejected.length > 0)
          throw mailError(sent.rejectedErrors?.[0] ?? { command: "RCPT TO", permanent: true });
      }),
  };
}

function notSetUp(): UnavailableError {
  return new UnavailableError({
    vendor: "mail",
    scope: "vendor",
    code: "mail-not-set-up",
    title: "There is no mail server to send by.",
    detail: "Set SMTP_URL and MAIL_FROM. Mail waits meanwhile.",
  });
}

function lineBreak(): RejectedError {
  return new RejectedError({
    vendor: "mail",
    code: "mail-header-line-break",
    title: "An address or subject held a line break.",
    detail: "Nothing was sent, since it could forge further headers. Correct the value where it came from.",
  });
}
