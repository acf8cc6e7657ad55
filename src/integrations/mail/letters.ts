import { hash } from "node:crypto";
import { findPackageJSON } from "node:module";
import path from "node:path";
import mustache from "mustache";
import { publicUrlOf } from "../../domain/desk-path.ts";
import { RejectedError } from "../../domain/errors.ts";
import type { Letter } from "../../domain/letter.ts";
import type { Settings } from "../../settings.ts";
import type { Message } from "./client.ts";
import { readTemplates } from "./templates.ts";
import { type LAYOUT, PAGES, type Surroundings, type View, viewOf } from "./views.ts";

/** Letters become mails here. */
export interface Letters {
  /**
   * The finished mail. `key` is the mail job's natural key: the same key gives the same Message-ID, so that a mail that
   * is sent again can be told from a second one. Throws `RejectedError` where whoever of us it is for has no address.
   */
  render(letter: Letter, key: string): Message;
}

export type LetterSettings = Pick<
  Settings,
  "MAIL_FROM" | "ADMIN_EMAIL" | "ALERT_EMAILS" | "SALESFORCE_LOGIN_URL" | "WHMCS_URL" | "PUBLIC_URL" | "HOST" | "PORT"
>;

/** `templates/` of the package, wherever in it the build puts this code. */
const TEMPLATES = path.join(path.dirname(findPackageJSON(import.meta.url) ?? "."), "templates");

/** Reads and checks the templates. Throws `TemplateError`, or an `Error` where MAIL_FROM is no sender. */
export function openLetters({ settings, folder = TEMPLATES }: { settings: LetterSettings; folder?: string }): Letters {
  const templates = readTemplates(folder);
  const sender = senderOf(settings.MAIL_FROM);
  const around: Surroundings = {
    brand: sender.name,
    salesforceUrl: settings.SALESFORCE_LOGIN_URL ?? "",
    whmcsUrl: settings.WHMCS_URL ?? "",
    dashboardUrl: publicUrlOf(settings),
  };

  return {
    render(letter, key) {
      const parts = templates.written[letter.template].map((written) => {
        const view = viewOf(letter, written.language, around);
        return {
          language: written.language,
          subject: fillText(written.subject, view).trim(),
          text: fillText(written.text, view).trim(),
          html: mustache.render(written.html, view).trim(),
        };
      });
      const subject = parts.map((part) => part.subject).join(" / ");
      const [first] = PAGES[letter.template].languages;
      const layout = (form: "text" | "html"): View<typeof LAYOUT> => ({
        brand: sender.name,
        subject,
        language: first,
        toCustomer: letter.template === "cancellation-confirmed",
        parts: parts.map((part, at) => ({
          language: part.language,
          first: at === 0,
          later: at > 0,
          body: part[form],
        })),
      });
      return {
        to: addressOf(letter, settings),
        subject,
        text: `${withoutGaps(fillText(templates.layout.text, layout("text"))).trim()}\n`,
        html: mustache.render(templates.layout.html, layout("html")),
        messageId: messageIdOf(key, sender.domain),
      };
    },
  };
}

/** Fixed for a mail job; a hash, for a Message-ID passes through many servers' logs. */
export function messageIdOf(key: string, domain: string): string {
  return `<handoff.${hash("sha256", key, "hex").slice(0, 32)}@${domain}>`;
}

/** Who the mail is from, as `SonixNet <portal@sonixnet.example>` or a bare address says: the name is also the brand's in the text. */
function senderOf(from: string | undefined): { readonly name: string; readonly domain: string } {
  // Such a mail never leaves: without MAIL_FROM the client lets it wait.
  if (from === undefined) return { name: "Handoff", domain: "handoff.invalid" };
  const [, name = "", inBrackets, bare] = /^(?:(.*?)\s*<([^<>\s]+)>|([^<>\s]+))$/.exec(from.trim()) ?? [];
  const [, domain] = /^[^@]+@([A-Za-z0-9.-]+)$/.exec(inBrackets ?? bare ?? "") ?? [];
  if (domain === undefined)
    throw new Error("MAIL_FROM must be an address, or a name with one: SonixNet <portal@example.com>");
  return { name: name.replace(/^"(.*)"$/, "$1").replaceAll(/\\(.)/g, "$1") || domain, domain };
}

function addressOf(letter: Letter, { ADMIN_EMAIL: administrator, ALERT_EMAILS: owners }: LetterSettings): string {
  if (letter.template === "cancellation-confirmed") return letter.to;
  const address = (letter.template === "alert" ? owners?.get(letter.to) : undefined) ?? administrator;
  if (address !== undefined) return address;
  throw new RejectedError({
    vendor: "mail",
    code: "no-administrator-address",
    title: "There is no address to write to the administrator at.",
    detail: "Set ADMIN_EMAIL, restart the worker, then retry.",
  });
}

const fillText = (template: string, view: object) => mustache.render(template, view, {}, { escape: String });

/** Sections that do not apply leave empty lines behind. */
const withoutGaps = (text: string) => text.replaceAll(/\n{3,}/g, "\n\n");
