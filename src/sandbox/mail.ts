import type { Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";
import type { SMTPServerSession } from "smtp-server";
import type { Stage } from "./exchange.ts";
import type { Fault } from "./faults.ts";

/** The mail server: takes every mail, keeps it, delivers none. */

interface Mail {
  readonly at: string;
  /** The envelope's addresses. */
  readonly from: string;
  readonly to: readonly string[];
  /** The Message-ID header; empty where there is none. */
  readonly messageId: string;
  readonly subject: string;
  readonly raw: string;
}

export interface MailServer {
  readonly port: number;
  /** Oldest first. */
  readonly received: () => readonly Mail[];
  readonly forget: () => void;
  readonly close: () => Promise<void>;
}

type Reply = (error?: Error | null) => void;

function header(raw: string, name: string): string {
  const head = raw.split(/\r?\n\r?\n/, 1)[0] ?? "";
  const unfolded = head.replace(/\r?\n[ \t]+/g, " ");
  return new RegExp(`^${name}:[ \\t]*(.*)$`, "im").exec(unfolded)?.[1]?.trim() ?? "";
}

/** Encoded words (RFC 2047) in UTF-8, as nodemailer writes Japanese subjects. */
function decodedWords(text: string): string {
  const joined = text.replace(/(\?=)\s+(=\?)/g, "$1$2");
  return joined.replace(/(?:=\?utf-8\?[bq]\?[^?]*\?=)+/gi, (run) =>
    Buffer.concat(
      [...run.matchAll(/=\?utf-8\?([bq])\?([^?]*)\?=/gi)].map(([, encoding = "", word = ""]) => {
        if (encoding.toLowerCase() === "b") return Buffer.from(word, "base64");
        const bytes = word
          .replaceAll("_", " ")
          .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
        return Buffer.from(bytes, "latin1");
      }),
    ).toString("utf8"),
  );
}

function smtpError(fault: Fault): Error {
  const text = typeof fault.body === "string" ? fault.body : "The sandbox was told to refuse this";
  return Object.assign(new Error(text), { responseCode: fault.status ?? 451 });
}

/** Listens for SMTP, without TLS or sign-in; port 0 takes a free one. */
export async function startMailServer(stage: Stage, host: string, port: number): Promise<MailServer> {
  let received: Mail[] = [];
  const sockets = new Map<string, Socket>();
  const socketName = (address: string | undefined, remotePort: number | undefined) =>
    `${(address ?? "").replace(/^::ffff:/, "")} ${String(remotePort)}`;

  /** One phase of a mail's way in, with its fault. `keep` is what the phase leaves behind. */
  const phase = (operation: string, summary: string, session: SMTPServerSession, keep: () => void, reply: Reply) => {
    const note = stage.calls.arrived("mail", operation, summary);
    const answer = (error?: Error & { readonly responseCode?: number }) => {
      note.answered(error === undefined ? (operation === "connect" ? 220 : 250) : (error.responseCode ?? 451));
      reply(error);
    };
    const cut = () => sockets.get(socketName(session.remoteAddress, session.remotePort))?.destroy();
    const done = () => {
      keep();
      answer();
    };
    const fault = stage.faults.take("mail", operation);
    if (fault === undefined) {
      done();
      return;
    }
    note.hitBy(fault.mode);
    switch (fault.mode) {
      case "error":
      case "fail-before":
        answer(smtpError(fault));
        return;
      case "fail-after":
        keep();
        answer(smtpError(fault));
        return;
      case "hang-before":
        return;
      case "hang-after":
      case "endless":
        keep();
        return;
      case "drop-before":
        cut();
        return;
      case "drop-after":
      case "cut":
        keep();
        cut();
        return;
      case "slow":
        stage.timers.after(fault.delayMs, done);
        return;
      case "late":
        stage.timers.after(fault.delayMs, keep);
        return;
    }
  };
  const nothing = () => undefined;

  const server = new SMTPServer({
    banner: "Handoff sandbox",
    disabledCommands: ["STARTTLS", "AUTH"],
    disableReverseLookup: true,
    logger: false,
    onConnect: (session, reply) => phase("connect", "", session, nothing, reply),
    onMailFrom: ({ address }, session, reply) => phase("mail", address, session, nothing, reply),
    onRcptTo: ({ address }, session, reply) => phase("rcpt", address, session, nothing, reply),
    onData: (stream, session, reply) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const raw = Buffer.concat(chunks).toString("utf8");
        const { mailFrom, rcptTo } = session.envelope;
        const mail: Mail = {
          at: new Date().toISOString(),
          from: mailFrom === false ? "" : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          messageId: header(raw, "message-id"),
          subject: decodedWords(header(raw, "subject")),
          raw,
        };
        phase("data", `${mail.subject} ${mail.messageId}`, session, () => received.push(mail), reply);
      });
    },
  });
  server.on("error", () => undefined); // a client that breaks off: the sandbox has nothing to add
  server.server.on("connection", (socket: Socket) => {
    const name = socketName(socket.remoteAddress, socket.remotePort);
    sockets.set(name, socket);
    socket.on("close", () => sockets.delete(name));
  });
  await new Promise<void>((resolve, reject) => {
    server.server.once("error", reject);
    server.listen(port, host, () => {
      server.server.off("error", reject);
      resolve();
    });
  });
  const address: AddressInfo | string | null = server.server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    received: () => received,
    forget: () => {
      received = [];
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets.values()) socket.destroy();
      }),
  };
}
