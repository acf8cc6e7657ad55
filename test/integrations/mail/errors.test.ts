import { expect, test } from "vitest";
import { mailError, type SmtpFailure } from "../../../src/integrations/mail/errors.ts";
import { meaning, type Meaning } from "../vendor.ts";

const putOff = (scope: "call" | "vendor"): Meaning => ({ unavailable: scope, code: "mail-put-off" });
const lost: Meaning = { unknown: "mail-connection-lost", mayStillLand: true };
const late: Meaning = { unknown: "mail-timeout", mayStillLand: true };

const rows: readonly (readonly [string, SmtpFailure, Meaning])[] = [
  [
    "an address put off",
    { code: "EENVELOPE", command: "RCPT TO", responseCode: 450, permanent: false },
    putOff("call"),
  ],
  [
    "an address refused",
    { code: "EENVELOPE", command: "RCPT TO", responseCode: 550, permanent: true },
    { rejected: "mail-address-refused" },
  ],
  ["no address", { code: "EENVELOPE", command: "API" }, { rejected: "mail-address-refused" }],
  [
    "a mail put off at its end",
    { code: "EMESSAGE", command: "DATA", responseCode: 451, permanent: false },
    putOff("call"),
  ],
  [
    "a mail refused at its end",
    { code: "EMESSAGE", command: "DATA", responseCode: 554, permanent: true },
    { rejected: "mail-refused" },
  ],
  [
    "a bad sequence of commands, which is not for ever",
    { code: "EMESSAGE", command: "DATA", responseCode: 503, permanent: false },
    putOff("call"),
  ],
  [
    "a server that closes",
    { code: "ECONNECTION", command: "CONN", responseCode: 421, permanent: false },
    putOff("vendor"),
  ],
  [
    "a greeting that puts off",
    { code: "EPROTOCOL", command: "CONN", responseCode: 421, permanent: false },
    putOff("vendor"),
  ],
  [
    "a greeting that refuses us",
    { code: "EPROTOCOL", command: "CONN", responseCode: 554, permanent: true },
    { unavailable: "vendor", code: "mail-sender-refused" },
  ],
  [
    "a sender refused",
    { code: "EENVELOPE", command: "MAIL FROM", responseCode: 550, permanent: true },
    { unavailable: "vendor", code: "mail-sender-refused" },
  ],
  [
    "a sign-in put off",
    { code: "EAUTH", command: "AUTH PLAIN", responseCode: 454, permanent: false },
    { unavailable: "vendor", code: "mail-sign-in-refused" },
  ],
  [
    "a sign-in refused",
    { code: "EAUTH", command: "AUTH PLAIN", responseCode: 535, permanent: true },
    { unavailable: "vendor", code: "mail-sign-in-refused" },
  ],
  [
    "a certificate that does not hold",
    { code: "ETLS", command: "CONN" },
    { unavailable: "vendor", code: "mail-sign-in-refused" },
  ],
  [
    "nobody there",
    { code: "ESOCKET", originalCode: "ECONNREFUSED", command: "CONN" },
    { unavailable: "vendor", code: "mail-not-reached" },
  ],
  ["an unknown host", { code: "EDNS" }, { unavailable: "vendor", code: "mail-not-reached" }],
  [
    "no greeting",
    { code: "ETIMEDOUT", timeoutType: "GREETING_TIMEOUT" },
    { unavailable: "vendor", code: "mail-not-reached" },
  ],
  ["a silence", { code: "ETIMEDOUT", timeoutType: "SOCKET_TIMEOUT" }, late],
  ["our own deadline", { code: "EABORT" }, late],
  ["a dropped connection", { code: "ECONNECTION", command: "CONN" }, lost],
  ["a reset connection", { code: "ESOCKET", originalCode: "ECONNRESET", command: "CONN" }, lost],
  ["something never seen", {}, lost],
];

test.for(rows)("%s", ([, failure, expected]) => {
  expect(meaning(mailError(Object.assign(new Error("550 花子@customer.example"), failure)))).toEqual(expected);
  expect(mailError(Object.assign(new Error("550 花子@customer.example"), failure)).message).not.toContain(
    "customer.example",
  );
});
