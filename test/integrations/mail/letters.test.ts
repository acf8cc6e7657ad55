import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { RejectedError } from "../../../src/domain/errors.ts";
import { mailClient } from "../../../src/integrations/mail/client.ts";
import { messageIdOf, openLetters } from "../../../src/integrations/mail/letters.ts";
import { TemplateError } from "../../../src/integrations/mail/templates.ts";
import { Secret } from "../../../src/settings.ts";
import { runningSandbox, inside } from "../../sandbox/running-sandbox.ts";
import { callWithin } from "../vendor.ts";
import { EXAMPLES, example, SETTINGS } from "./examples.ts";

const TEMPLATES = path.join(import.meta.dirname, "../../../templates");
const KEY = "mZ3vKx0aQ9sT.customer";
const letters = openLetters({ settings: SETTINGS });
const rendered = (name: string) => {
  const { html = "", ...message } = letters.render(example(name), KEY);
  return { ...message, html };
};

describe("every letter", () => {
  test.each(Object.keys(EXAMPLES))("%s reads well, with nothing left over", (name) => {
    const { subject, text, html } = rendered(name);
    for (const part of [subject, text, html]) expect(part).not.toMatch(/\{\{|\}\}|undefined|null|\[object|NaN/);
    expect(subject).toMatch(/^\P{Cc}{10,100}$/u);
    expect(text).not.toMatch(/\n{3}|[ \t]\n(?!SonixNet)|<\w|&\w+;/);
    expect(text).toMatch(/^\S[^]*\S\n$/);
    expect(html).toMatch(/^<!doctype html>/);
  });

  test.each(Object.keys(EXAMPLES))("%s fetches nothing when it is opened", (name) => {
    const { html } = rendered(name);
    expect(html).not.toMatch(/<(img|script|link|iframe|form)\b|url\(|@import|\bsrc=/i);
    for (const [, target] of html.matchAll(/href="([^"]*)"/g)) expect(target).toMatch(/^https:/);
  });
});

describe("the customer", () => {
  test("reads it in Japanese first and in English below", () => {
    const { to, subject, text, html } = rendered("confirmed-internet");
    expect(to).toBe("hanako@customer.example");
    expect(subject).toBe("【SonixNet】インターネットサービスのご解約を承りました / Your Internet cancellation");
    for (const part of [text, html]) {
      expect(part).toMatch(/渋谷 花子 様[^]*2026年12月31日[^]*Dear 渋谷 花子,[^]*31 December 2026/);
      expect(part).toMatch(/サービス番号[^]*1234[^]*受付番号[^]*00001042/);
    }
  });

  test("hears of rented equipment for Internet alone", () => {
    expect(rendered("confirmed-internet").text).toMatch(/返却用キット[^]*return kit/);
    for (const name of ["confirmed-sim", "confirmed-vpn-nameless"])
      expect(rendered(name).text).not.toMatch(/返却|return kit/);
  });

  test("of a VPN reads a day and no month", () => {
    const { text } = rendered("confirmed-vpn-nameless");
    expect(text).toMatch(/ご解約日: 2026年11月5日[^]*End of service: 5 November 2026/);
    expect(text).not.toMatch(/ご解約月|Cancellation month|ご利用最終日/);
  });

  test("whose name nobody knows is greeted all the same", () => {
    expect(rendered("confirmed-vpn-nameless").text).toMatch(/^お客様$[^]*^Dear customer,$/m);
  });
});

describe("whoever can mend a trouble", () => {
  test("gets it at the address of ALERT_EMAILS, and where there is none at ADMIN_EMAIL", () => {
    expect(rendered("alert-failures").to).toBe("billing@sonixnet.example");
    expect(rendered("alert-away").to).toBe("operations@sonixnet.example");
  });

  test("reads what failed, what to do and where, in both languages", () => {
    const { subject, text, html } = rendered("alert-failures");
    expect(subject).toBe("【SonixNet】provisioning の失敗 / [SonixNet] provisioning failed");
    expect(text).not.toContain("お送りしています");
    const url = "https://handoff.sonixnet.example/desk/groups/provisioning~AddOrder~whmcs-payment-method";
    for (const part of [text, html]) {
      expect(part).toMatch(
        /WHMCS が支払方法を受け付けません。[^]*47 件[^]*12 名[^]*2026年11月24日 12:00[^]*WHMCS 管理者/,
      );
      expect(part).toMatch(
        /does not take the payment method[^]*What to do: Set[^]*24 November 2026, 12:00[^]*WHMCS admin/,
      );
      expect(part.replaceAll("&#x2F;", "/").split(url)).toHaveLength(3);
    }
  });

  test("reads of a doubt that only a person can settle it", () => {
    expect(rendered("alert-in-doubt").text).toMatch(/人にしか判断できません[^]*Only a person can tell/);
    expect(rendered("alert-failures").text).not.toMatch(/人にしか|Only a person/);
  });

  test("reads that a vendor is away, that work is late, and that it is over", () => {
    expect(rendered("alert-away").text).toMatch(/メールサーバーが 5 分以上[^]*The mail server has not answered/);
    expect(rendered("alert-late").text).toMatch(/約束の時間（15 分）[^]*longer than is promised \(15 minutes\)/);
    const { subject, text } = rendered("alert-over");
    expect(subject).toBe("【SonixNet】解消: provisioning の失敗 / [SonixNet] Over: provisioning failed");
    expect(text).toMatch(/解消しました。[^]*2026年11月25日 00:05[^]*It is over\.[^]*Until: 25 November 2026, 00:05/);
    expect(text).not.toMatch(/What to do|Jobs:/);
  });
});

describe("the administrator", () => {
  test("gets mail at ADMIN_EMAIL, and the failure says so where there is none", () => {
    expect(rendered("admin-sim").to).toBe("operations@sonixnet.example");
    const without = openLetters({ settings: { ...SETTINGS, ADMIN_EMAIL: undefined } });
    expect(() => without.render(example("admin-sim"), KEY)).toThrow(
      expect.objectContaining({ constructor: RejectedError, code: "no-administrator-address" }),
    );
  });

  test("reads what Freebit answered", () => {
    const { subject, text } = rendered("admin-sim");
    expect(subject).toContain("accepted by Freebit");
    expect(text).toContain("accepted, result code 100; the SIM is off from 1 January 2027");
    const lost = rendered("admin-sim-answer-lost");
    expect(lost.subject).toContain("accepted by Freebit");
    for (const part of [lost.text, lost.html]) expect(part).toMatch(/as the line shows .* off from 1 January 2027/);
    const told = rendered("admin-sim-told");
    for (const part of [told.text, told.html]) {
      expect(part).toMatch(/as somebody said at the desk .* off from 1 January 2027/);
      expect(part).not.toContain("as the line shows");
    }
  });

  test("reads that a customer has no address, and what that asks for", () => {
    const { subject, text, html } = rendered("admin-internet-no-address");
    expect(subject).toContain("no address");
    for (const part of [text, html]) {
      expect(part).toContain("Tell the customer");
      expect(part).not.toContain("Nothing is left to do");
    }
  });

  test("reads that no Opportunity was found, and what that asks for", () => {
    const { subject, text, html } = rendered("admin-internet-no-opportunity");
    expect(subject).toContain("no Opportunity found");
    for (const part of [text, html]) expect(part).toMatch(/none found[^]*What to do/i);
    expect(rendered("admin-sim").text).not.toContain("What to do");
  });

  test("reads why Freebit refused, and what to do", () => {
    const { subject, text } = rendered("refused");
    expect(subject).toContain("freebit-refused");
    expect(text).toContain("400-356");
    expect(text).toMatch(/SIM: 07012345678[^]*引っ越しのため解約します。\nThank you & goodbye\.[^]*retry the job/);
  });

  test("finds every service that is due, with links", () => {
    const { subject, text, html } = rendered("due-many");
    expect(subject).toContain("7 cancelled services");
    for (const part of [text, html]) {
      for (const fact of ["1234", "SentKit", "1235", "不要", "without WHMCS_Service_ID__c", "4 more are due"])
        expect(part).toContain(fact);
    }
    expect(text).toContain("https://sonixnet.my.salesforce.com/0065g00000AbCdEAAV");
    expect(text).toContain("https://billing.sonixnet.example/admin/clientsservices.php?userid=7&id=1235");
    expect(rendered("due-one").subject).toContain("1 cancelled service to");
  });
});

describe("what a customer typed", () => {
  const typed = `<script>alert("1")</script> & '花子' {{brand}}`;

  test("is shown in HTML and never becomes part of it", () => {
    const greeting = letters.render({ ...example("confirmed-sim"), name: typed } as never, KEY); // a confirmed one has a name
    const comments = letters.render({ ...example("refused"), comments: typed } as never, KEY); // a refused one has comments
    for (const { text, html } of [greeting, comments]) {
      expect(html).toContain("&lt;script&gt;");
      expect(html).not.toContain("<script>");
      expect(text).toContain(typed);
    }
  });
});

describe("a Message-ID", () => {
  test("is the same for the same job and another for any other", () => {
    expect(rendered("admin-sim").messageId).toBe(messageIdOf(KEY, "sonixnet.example"));
    expect(messageIdOf(KEY, "sonixnet.example")).toMatch(/^<handoff\.[0-9a-f]{32}@sonixnet\.example>$/);
    expect(messageIdOf(KEY, "sonixnet.example")).not.toBe(messageIdOf(`${KEY}2`, "sonixnet.example"));
  });
});

describe("the sender", () => {
  test.each([
    ["SonixNet <portal@sonixnet.example>", "SonixNet", "sonixnet.example"],
    ['"Sonix Net, Inc." <portal@sonixnet.example>', "Sonix Net, Inc.", "sonixnet.example"],
    ["ソニックスネット <portal@mail.sonixnet.example>", "ソニックスネット", "mail.sonixnet.example"],
    ["portal@sonixnet.example", "sonixnet.example", "sonixnet.example"],
    ["<portal@sonixnet.example>", "sonixnet.example", "sonixnet.example"],
  ])("%s gives the brand its name", (from, brand, domain) => {
    const { subject, messageId } = openLetters({ settings: { ...SETTINGS, MAIL_FROM: from } }).render(
      example("confirmed-sim"),
      KEY,
    );
    expect(subject).toContain(`【${brand}】`);
    expect(messageId).toContain(`@${domain}>`);
  });

  test.each(["SonixNet", "SonixNet <portal>", "a@b.example, c@d.example"])("%s is none", (from) => {
    expect(() => openLetters({ settings: { ...SETTINGS, MAIL_FROM: from } })).toThrow(/MAIL_FROM/);
  });
});

describe("templates that a person edited", () => {
  async function edited(file: string, edit: (source: string) => string | Buffer): Promise<string> {
    const folder = await mkdtemp(path.join(tmpdir(), "templates-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await cp(TEMPLATES, folder, { recursive: true });
    const target = path.join(folder, file);
    await writeFile(target, edit(await readFile(target, "utf8")));
    return folder;
  }
  const ja = "cancellation-confirmed/ja";

  test.each([
    ["a variable that is misspelt", `${ja}.txt`, ["{{lastDay}}", "{{lastday}}"], ":13: there is no {{lastday}} here"],
    ["a fact of another letter", `${ja}.txt`, ["受付番号: ", "{{simNumber}} "], ": there is no {{simNumber}} here"],
    ["a fact that was lost", `${ja}.html`, [/\{\{lastDay\}\}/g, ""], ": {{lastDay}} is missing"],
    ["what may be absent", "cancellation-admin/en.txt", [/\{\{#runDate\}\}|\{\{\/runDate\}\}/g, ""], "may be absent"],
    ["what would not be escaped", `${ja}.html`, ["{{reference}}", "{{{reference}}}"], "would not be escaped"],
    ["what is no text", `${ja}.txt`, ["受付番号: ", "{{internet}} "], "{{internet}} is no text"],
    ["a section that stays open", `${ja}.html`, ["{{/internet}}", ""], "Unclosed section"],
    ["another file taken in", "layout.html", ["<body", "{{> head}}<body"], "partials"],
    ["other delimiters", "layout.txt", ["-- ", "{{=<% %>=}}"], "partials and other delimiters"],
    [
      "a fact of the list outside it",
      "due-today-admin/en.txt",
      ["What to do", "{{lineReturn}}"],
      "{{lineReturn}} here",
    ],
    [
      "a name in the subject",
      `${ja}.txt`,
      ["Subject: ", "Subject: {{#customer}}{{customer}}{{/customer}}"],
      "a subject",
    ],
    ["no subject", `${ja}.txt`, ["Subject: ", "件名: "], 'must begin with a line "Subject: …"'],
  ] as const)("with %s are named at start", async (_, file, [from, to], complaint) => {
    const folder = await edited(file, (source) => source.replaceAll(from, to));
    const open = () => openLetters({ settings: SETTINGS, folder });
    expect(open).toThrow(TemplateError);
    expect(open).toThrow(complaint);
    expect(open).toThrow(file);
  });

  test("that are not UTF-8 or not there are named at start, all at once", async () => {
    const folder = await edited("layout.txt", () => Buffer.from([0x93, 0xfa, 0x96, 0x7b])); // 日本 in Shift_JIS
    await rm(path.join(folder, `${ja}.html`));
    const open = () => openLetters({ settings: SETTINGS, folder });
    expect(open).toThrow(/layout\.txt: is not UTF-8/);
    expect(open).toThrow(/cancellation-confirmed\/ja\.html: is missing/);
  });

  test("with Windows's line ends and byte order mark give the same letter", async () => {
    const folder = await edited(`${ja}.txt`, (source) => `\uFEFF${source.replaceAll("\n", "\r\n")}`);
    const { text } = openLetters({ settings: SETTINGS, folder }).render(example("confirmed-internet"), KEY);
    expect(text).toBe(rendered("confirmed-internet").text);
  });
});

describe("on its way", () => {
  const { smtpUrl, state } = runningSandbox();

  test("a letter arrives readable in both of its forms", async () => {
    const mail = mailClient({ settings: { ...SETTINGS, SMTP_URL: new Secret(smtpUrl()) }, call: callWithin(5_000) });
    const sent = rendered("confirmed-internet");
    await mail.send(sent);
    const kept = await state("mails", "0");
    expect(kept).toMatchObject({
      to: ["hanako@customer.example"],
      subject: sent.subject,
      messageId: sent.messageId,
      from: "portal@sonixnet.example",
    });
    const raw = String(inside(kept, "raw"));
    expect(raw).toMatch(/^Auto-Submitted: auto-generated\r$/m);
    expect(formsOf(raw)).toEqual({ "text/plain": sent.text.trim(), "text/html": sent.html.trim() });
  });
});

/** The parts of a multipart/alternative mail, decoded, by type. */
function formsOf(raw: string): Record<string, string> {
  const boundary = /boundary="([^"]+)"/.exec(raw)?.[1] ?? "";
  const parts = raw.split(`--${boundary}`).slice(1, -1);
  return Object.fromEntries(
    parts.map((part) => {
      const [head = "", ...body] = part.trim().split("\r\n\r\n");
      const type = /^Content-Type: ([\w/]+); charset=utf-8/im.exec(head)?.[1] ?? "";
      const encoding = /^Content-Transfer-Encoding: (\S+)/im.exec(head)?.[1] ?? "";
      return [type, decoded(body.join("\r\n\r\n"), encoding).replaceAll("\r\n", "\n").trim()];
    }),
  );
}

function decoded(body: string, encoding: string): string {
  if (encoding === "base64") return Buffer.from(body, "base64").toString("utf8");
  const bytes = body
    .replaceAll("=\r\n", "")
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return encoding === "quoted-printable" ? Buffer.from(bytes, "latin1").toString("utf8") : body;
}
