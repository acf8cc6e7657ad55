import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { describe, expect, onTestFinished, test } from "vitest";
import { RejectedError, UnavailableError, UnknownOutcomeError } from "../../../src/domain/errors.ts";
import { mailClient, type MailSettings } from "../../../src/integrations/mail/client.ts";
import { Secret } from "../../../src/settings.ts";
import { sendIt } from "../../../src/domain/vendor-call.ts";
import { callWithin, deserted } from "../vendor.ts";

const message = {
  to: "hanako@customer.example",
  subject: "ご解約を承りました",
  text: "渋谷 花子 様",
  messageId: "<cancel.0065g00000AbCdEAAV.customer.v1@sonixnet.example>",
};

async function smtpServer(options: Partial<SMTPServerOptions> = {}) {
  const mails: string[] = [];
  const server = new SMTPServer({
    disabledCommands: ["STARTTLS", "AUTH"],
    onData(stream, _session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        mails.push(Buffer.concat(chunks).toString("utf8"));
        done();
      });
    },
    ...options,
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return { url: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`, mails };
}

const settingsFor = (url: string): MailSettings => ({
  SMTP_URL: new Secret(url),
  MAIL_FROM: "SonixNet <portal@sonixnet.example>",
});
const mailTo = (url: string, deadlineMs = 5_000) =>
  mailClient({ settings: settingsFor(url), call: callWithin(deadlineMs) });
const reply = (responseCode: number) => Object.assign(new Error("no"), { responseCode });

describe("a mail", () => {
  test("arrives with its own Message-ID, a date and a sender", async () => {
    const { url, mails } = await smtpServer();
    await mailTo(url).send({ ...message, html: "<p>渋谷 花子 様</p>" });
    expect(mails).toHaveLength(1);
    expect(mails[0]).toContain(`Message-ID: ${message.messageId}`);
    expect(mails[0]).toMatch(/^Date: \w{3}, \d/m);
    expect(mails[0]).toContain("From: SonixNet <portal@sonixnet.example>");
    expect(mails[0]).toContain("To: hanako@customer.example");
    expect(mails[0]).toContain("text/html");
  });

  test.for([
    ["an address", { ...message, to: "hanako@customer.example\r\nBcc: all@customer.example" }],
    ["a subject", { ...message, subject: "hello\nBcc: all@customer.example" }],
    ["a Message-ID", { ...message, messageId: "<x@y>\r\nBcc: all@customer.example" }],
  ] as const)("with a line break in %s is not sent", async ([, forged]) => {
    const { url, mails } = await smtpServer();
    await expect(mailTo(url).send(forged)).rejects.toMatchObject({
      constructor: RejectedError,
      code: "mail-header-line-break",
    });
    expect(mails).toHaveLength(0);
  });

  test("goes to one address, even where the text looks like two", async () => {
    const recipients: string[] = [];
    const { url } = await smtpServer({
      onRcptTo: (address, _session, done) => (recipients.push(address.address), done()),
    });
    await mailTo(url)
      .send({ ...message, to: "a@customer.example, b@customer.example" })
      .catch(() => undefined);
    expect(recipients.length).toBeLessThanOrEqual(1);
  });

  test.for([
    [550, RejectedError, "mail-address-refused"],
    [450, UnavailableError, "mail-put-off"],
  ] as const)("to an address that the server answers with %i", async ([code, constructor, reason]) => {
    const { url } = await smtpServer({ onRcptTo: (_address, _session, done) => done(reply(code)) });
    await expect(mailTo(url).send(message)).rejects.toMatchObject({ constructor, code: reason });
  });

  test.for([
    [554, RejectedError, "mail-refused"],
    [451, UnavailableError, "mail-put-off"],
  ] as const)("whose content the server answers with %i", async ([code, constructor, reason]) => {
    const { url } = await smtpServer({
      onData(stream, _session, done) {
        stream.resume();
        stream.on("end", () => done(reply(code)));
      },
    });
    await expect(mailTo(url).send(message)).rejects.toMatchObject({ constructor, code: reason });
  });

  test("that was taken without a word in time may have arrived", async () => {
    const { url } = await smtpServer({ onData: (stream) => void stream.resume() });
    await expect(mailTo(url, 1_000).send(message)).rejects.toMatchObject({
      constructor: UnknownOutcomeError,
      code: "mail-timeout",
    });
  });

  test("whose connection breaks may have arrived", async () => {
    const server = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
    const url = `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(mailTo(url).send(message)).rejects.toBeInstanceOf(UnknownOutcomeError);
  });

  test("waits where nobody is there, or no server was named", async () => {
    const nobody = (await deserted()).replace("http:", "smtp:");
    await expect(mailTo(nobody).send(message)).rejects.toMatchObject({
      constructor: UnavailableError,
      code: "mail-not-reached",
    });
    const unset = mailClient({ settings: { SMTP_URL: undefined, MAIL_FROM: undefined }, call: callWithin(5_000) });
    await expect(unset.send(message)).rejects.toMatchObject({ constructor: UnavailableError, code: "mail-not-set-up" });
  });

  test("whose time was over before it began was not sent", async () => {
    const { url, mails } = await smtpServer();
    const mail = mailClient({
      settings: settingsFor(url),
      call: (_, perform) => perform(AbortSignal.abort(), () => undefined, sendIt),
    });
    await expect(mail.send(message)).rejects.toBeInstanceOf(UnavailableError);
    expect(mails).toHaveLength(0);
  });
});
