import * as fc from "fast-check";
import type { HostileRequest } from "./hostile-requests.ts";
import { bytesOf, inHeader, MARK, text } from "./hostile-texts.ts";

/** What comes to the door of Salesforce's outbound messages from whoever knows its address, or guesses it. */

const SOAP = "http://schemas.xmlsoap.org/soap/envelope/";
const escaped = (value: string) => value.toWellFormed().replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** Mostly `right`, and else something that a stranger would try. */
const mostly = (right: string, ...others: readonly string[]) =>
  fc.oneof(
    { weight: 15, arbitrary: fc.constant(right) },
    { weight: 1, arbitrary: fc.constantFrom("", ...others) },
    { weight: 1, arbitrary: text.map(escaped) },
  );

/** One Order's. There are 30 orders and 300 notifications in all, so that most messages come again. */
const notification = fc
  .record({
    id: fc.nat(299).chain((number) => mostly(`04l5g0000${String(number).padStart(6, "0")}AAA`, "001", "04l")),
    order: fc
      .nat(29)
      .chain((number) => mostly(`8015g0000${String(number).padStart(6, "0")}`, "801", "001000000000000")),
    type: mostly("sf:Order", "sf:Account", "Order", "xsd:string", "none:Order"),
    status: fc.oneof(mostly("Approved", "approved", " Approved "), fc.constant("Pending Review")),
    note: text.map((value) => escaped(value)),
    more: mostly(
      "<sf:MNP__c>false</sf:MNP__c>",
      "<sf:Status>Approved</sf:Status>",
      "<![CDATA[<sf:Id>x</sf:Id>]]>",
      "<a><b/></a>",
      "&unknown;",
      "&#0;",
      "&#x110000;",
    ),
  })
  .map(
    ({ id, order, type, status, note, more }) =>
      `<Notification><Id>${id}</Id><sObject xsi:type="${type}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>${order}</sf:Id><sf:Note__c>${note}</sf:Note__c><sf:Status>${status}</sf:Status>${more}</sObject></Notification>`,
  );

const ENTITIES = Array.from(
  { length: 9 },
  (_, at) => `<!ENTITY l${String(at + 1)} "${`&l${String(at)};`.repeat(10)}">`,
);
const DOCTYPES = [
  `<!DOCTYPE x [<!ENTITY l0 "lol">${ENTITIES.join("")}]>`,
  `<!DOCTYPE x [<!ENTITY l0 "${"a".repeat(50_000)}"><!ENTITY l9 "${"&l0;".repeat(5000)}">]>`,
  '<!DOCTYPE x [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>',
  '<!DOCTYPE x [<!ENTITY % r SYSTEM "http://127.0.0.1:1/x.dtd">%r;]>',
  '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">',
  "<!doctype html>",
];

function envelope(organization: string): fc.Arbitrary<string> {
  return fc
    .record({
      declaration: mostly(
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<?xml version="1.0" encoding="UTF-16"?>',
        '<?xml version="1.1"?>',
        ...DOCTYPES,
      ),
      soap: mostly(SOAP, "http://www.w3.org/2003/05/soap-envelope"),
      organization: mostly(organization, "00D000000000001", "00D5g000004AbCdEAL"),
      url: mostly("https://x.my.salesforce.com/services/Soap/c/62.0/00D5g000004AbCd", "http://127.0.0.1:1/", "&l9;"),
      notifications: fc.oneof(
        { weight: 20, arbitrary: fc.array(notification, { maxLength: 5 }) },
        { weight: 1, arbitrary: notification.map((one) => Array.from({ length: 101 }, () => one)) },
      ),
    })
    .map(
      ({ declaration, soap, organization, url, notifications }) =>
        `${declaration}<soapenv:Envelope xmlns:soapenv="${soap}" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>${organization}</OrganizationId><ActionId>04k5g000000TgZyAAK</ActionId><SessionId xsi:nil="true"/><EnterpriseUrl>${url}</EnterpriseUrl>${notifications.join("\n")}</notifications></soapenv:Body></soapenv:Envelope>`,
    );
}

/** A good envelope with something done to its text. */
function spoilt(good: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const place = fc.double({ min: 0, max: 1, noNaN: true });
  const junk = fc.oneof(
    text,
    fc.constantFrom("<", "</soapenv:Body>", "]]>", "<!--", "<?php", "<a xmlns:xsi='x'>", "&", '"', ...DOCTYPES),
  );
  return fc.oneof(
    fc
      .tuple(good, place, junk)
      .map(([xml, at, more]) => xml.slice(0, xml.length * at) + more + xml.slice(xml.length * at)),
    fc
      .tuple(good, place, fc.nat(60))
      .map(([xml, at, gone]) => xml.slice(0, xml.length * at) + xml.slice(xml.length * at + gone)),
    fc
      .tuple(good, place, fc.nat(200))
      .map(([xml, at, again]) => xml.slice(0, xml.length * at + again) + xml.slice(xml.length * at)),
  );
}

const LARGE = fc.constantFrom(
  `<a>${" ".repeat(1024 * 1024)}</a>`,
  `<a>${"x".repeat(1024 * 1024 - 8)}</a>`,
  `<a>${"<b/>".repeat(200_000)}</a>`,
  `<a ${Array.from({ length: 50_000 }, (_, at) => `b${String(at)}=""`).join(" ")}/>`,
  `<a ${Array.from({ length: 30_000 }, (_, at) => `xmlns:b${String(at)}="u:${String(at)}"`).join(" ")}/>`,
  "<a>".repeat(300_000),
  `<a>${"&amp;".repeat(200_000)}</a>`,
  `<a>${"<![CDATA[x]]>".repeat(70_000)}</a>`,
  "<".repeat(1024 * 1024),
  `<a b="${"&lt;".repeat(250_000)}"/>`,
);
const OTHER = fc.constantFrom(
  "",
  " ",
  "{}",
  "<",
  "<a/>",
  MARK,
  "\uFEFF",
  "<?xml version='1.0'?>",
  "%PDF-1.7",
  "<a>".repeat(25),
);

/** `path`: the door's, with its token. `large`: how often, of 1000, as much as the door takes, or more, for it costs the most. */
export function envelopeTo(path: string, organization: string): fc.Arbitrary<HostileRequest> {
  const good = envelope(organization);
  const body = fc.oneof(
    { weight: 100, arbitrary: bytesOf(good) },
    { weight: 60, arbitrary: bytesOf(spoilt(good)) },
    { weight: 10, arbitrary: OTHER.map((value) => Buffer.from(value)) },
    { weight: 1, arbitrary: LARGE.map((value) => Buffer.from(value)) },
  );
  const headers = fc.oneof(
    {
      weight: 15,
      arbitrary: fc.constant<Record<string, string>>({ "content-type": "text/xml; charset=utf-8", soapaction: '""' }),
    },
    {
      weight: 1,
      arbitrary: fc.oneof(
        fc.constantFrom<Record<string, string>>(
          {},
          { "content-type": "application/xml" },
          { "content-type": "text/xml; charset=utf-16" },
          { "content-type": "application/soap+xml" },
          { "content-type": "text/xml", "content-encoding": "gzip" },
        ),
        text.map((value) => ({ "content-type": inHeader(value) })),
      ),
    },
  );
  const target = fc.oneof(
    { weight: 30, arbitrary: fc.constant(path) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        `${path}x`,
        path.slice(0, -1),
        path.toUpperCase(),
        `${path}/`,
        `${path}%00`,
        `${path}?x=1`,
        `${path}%`,
      ),
    },
  );
  const method = fc.oneof(
    { weight: 30, arbitrary: fc.constant("POST") },
    { weight: 1, arbitrary: fc.constantFrom("GET", "HEAD", "PUT", "OPTIONS", "TRACE", "PATCH", "DELETE", "PROPFIND") },
  );
  return fc.record({ method, path: target, headers, body });
}
