import { describe, expect, it } from "vitest";
import { EnvelopeError, readEnvelope } from "../../src/api/outbound-envelope.ts";
import { envelope, notification, notificationId, orderIdOf } from "./salesforce.ts";
import { ORG } from "./doors.ts";

const refusalOf = (xml: string): string => {
  try {
    readEnvelope(xml, ORG);
  } catch (error) {
    if (error instanceof EnvelopeError) return error.refusal;
    throw error;
  }
  return "taken";
};

describe("an outbound message that is taken", () => {
  it("gives the notification's id, the order's id and its status, whatever else the Order holds", () => {
    expect(readEnvelope(envelope([notification(1)]), ORG)).toEqual([
      { id: notificationId(1), orderId: orderIdOf(1), status: "Approved" },
    ]);
  });

  it("may come with a byte order mark, CDATA, comments, other prefixes and an id of 15 characters", () => {
    const xml = envelope([notification(1)])
      .replaceAll("soapenv:", "S:")
      .replaceAll("xmlns:soapenv", "xmlns:S")
      .replaceAll("sf:", "q1:")
      .replaceAll("xmlns:sf", "xmlns:q1")
      .replace("<q1:Status>Approved</q1:Status>", "<q1:Status><!-- yes --><![CDATA[Approved]]></q1:Status>")
      .replace(notificationId(1), notificationId(1).slice(0, 15));
    expect(readEnvelope(`\ufeff${xml}`, ORG)).toEqual([
      { id: notificationId(1), orderId: orderIdOf(1), status: "Approved" },
    ]);
  });

  it("may hold 100 notifications, in their order", () => {
    const read = readEnvelope(envelope(Array.from({ length: 100 }, (_, at) => notification(at))), ORG);
    expect(read.map(({ orderId }) => orderId)).toEqual(Array.from({ length: 100 }, (_, at) => orderIdOf(at)));
  });

  it("may be written down with either form of the org's id", () => {
    expect(readEnvelope(envelope([notification(1)]), `${ORG}EAK`)).toHaveLength(1);
    expect(readEnvelope(envelope([notification(1)], { org: ORG }), ORG)).toHaveLength(1);
  });
});

describe("an outbound message that is refused", () => {
  const good = envelope([notification(1)]);
  const bomb = `<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>`;

  it.each<[string, string, string]>([
    ["an entity bomb", good.replace("<soapenv:Envelope", `${bomb}<soapenv:Envelope`), "doctype"],
    [
      "an external entity",
      good.replace("<soapenv:Envelope", `<!DOCTYPE x SYSTEM "file:///etc/passwd"><soapenv:Envelope`),
      "doctype",
    ],
    ["a doctype in small letters", good.replace("<soapenv:Envelope", "<!doctype x><soapenv:Envelope"), "doctype"],
    ["an entity that nobody declared", good.replace("Approved", "&approved;"), "malformed"],
    ["no notification", envelope([]), "malformed"],
    ["101 notifications", envelope(Array.from({ length: 101 }, (_, at) => notification(at))), "too-many"],
    ["another org", envelope([notification(1)], { org: "00D5g000009ZzZzEAK" }), "another-org"],
    [
      "an org whose id differs in the case of one letter",
      envelope([notification(1)], { org: ORG.toLowerCase().replace("00d", "00D") }),
      "another-org",
    ],
    ["an org's id that is none", envelope([notification(1)], { org: "" }), "malformed"],
    ["two orgs", good.replace("<ActionId>", `<OrganizationId>${ORG}</OrganizationId><ActionId>`), "malformed"],
    ["two Bodies", good.replace("</soapenv:Body>", "</soapenv:Body><soapenv:Body/>"), "malformed"],
    [
      "two lists of notifications",
      good.replace(
        "</soapenv:Body>",
        `<notifications xmlns="http://soap.sforce.com/2005/09/outbound"/></soapenv:Body>`,
      ),
      "malformed",
    ],
    ["another object", good.replace('"sf:Order"', '"sf:Account"'), "unknown-object"],
    ["an Order of another namespace", good.replace("urn:sobject.enterprise", "urn:sobject.partner"), "unknown-object"],
    ["an Order whose prefix is not bound", good.replace('"sf:Order"', '"zz:Order"'), "unknown-object"],
    ["a record without a type", good.replace(' xsi:type="sf:Order"', ""), "unknown-object"],
    ["no Status", envelope([notification(1, null)]), "missing-status"],
    ["an empty Status", envelope([notification(1, "")]), "missing-status"],
    ["a Status of another namespace", good.replaceAll("sf:Status", "xsd:Status"), "missing-status"],
    ["two Statuses", good.replace("<sf:Status>", "<sf:Status>Draft</sf:Status><sf:Status>"), "malformed"],
    [
      "a notification whose id is no notification's",
      good.replace(notificationId(1), "8015g00000ZxCvBAAV"),
      "malformed",
    ],
    [
      "SOAP 1.2",
      good.replace("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"),
      "malformed",
    ],
    ["notifications of another namespace", good.replace("2005/09/outbound", "2006/09/outbound"), "malformed"],
    ["another encoding", good.replace("UTF-8", "Shift_JIS"), "malformed"],
    ["a message cut in the middle", good.slice(0, 700), "malformed"],
    ["two roots", `${good}<x/>`, "malformed"],
    ["a page", "<html><body>hello</body></html>", "malformed"],
    ["nothing", "", "malformed"],
    ["JSON", '{"orderId":"8015g00000ZxCvB"}', "malformed"],
    ["10,000 levels", good.replace("Approved", `${"<a>".repeat(10_000)}${"</a>".repeat(10_000)}`), "malformed"],
  ])("%s", (_, xml, refusal) => {
    expect(refusalOf(xml)).toBe(refusal);
  });

  it("is refused in words that hold nothing of the message", () => {
    const xml = envelope([notification(1)]).replace("</sf:Status>", "</sf:Status>SECRET & SECRET");
    expect(() => readEnvelope(xml, ORG)).toThrow(/^The message is not well-formed XML\.$/);
  });

  it("without a Status tells the administrator what to do", () => {
    expect(() => readEnvelope(envelope([notification(1, null)]), ORG)).toThrow(/add Status to its selected fields/);
  });
});
