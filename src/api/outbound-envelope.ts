import { SaxesParser } from "saxes";
import { to18 } from "../domain/salesforce-id.ts";

/** What one notification of an outbound message says. Whatever else it holds is not looked at: the worker reads the Order itself. */
export interface OrderNotification {
  /** The notification's own id, `04l…` with 18 characters: a message that is sent again carries it again. */
  readonly id: string;
  /** As it came; the kind's schema judges it. */
  readonly orderId: string;
  readonly status: string;
}

export type Refusal = "malformed" | "doctype" | "another-org" | "unknown-object" | "missing-status" | "too-many";

/** The envelope was refused. The message is plain words for a Salesforce administrator and holds nothing of the body. */
export class EnvelopeError extends Error {
  readonly refusal: Refusal;
  /** The first 8 characters of the sender's organization id, where one could be read. */
  readonly orgPrefix: string | null;

  constructor(refusal: Refusal, detail: string, orgPrefix: string | null = null) {
    super(detail);
    this.name = "EnvelopeError";
    this.refusal = refusal;
    this.orgPrefix = orgPrefix;
  }
}

const SOAP = "http://schemas.xmlsoap.org/soap/envelope/";
const OUTBOUND = "http://soap.sforce.com/2005/09/outbound";
const SOBJECT = "urn:sobject.enterprise.soap.sforce.com";
const XSI = "http://www.w3.org/2001/XMLSchema-instance";

/** A real message is 7 levels deep. */
const MOST_LEVELS = 20;
/** Salesforce's own limit. */
const MOST_NOTIFICATIONS = 100;

const ORG_ID = /^00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?$/;
const NOTIFICATION_ID = /^04l[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?$/;

/**
 * The Order notifications of a Salesforce outbound message (`vendors/salesforce.md`, section 5). `organizationId` is the
 * only org that may speak; ids of 15 and of 18 characters are the same. Throws `EnvelopeError`.
 */
export function readEnvelope(xml: string, organizationId: string): OrderNotification[] {
  // Before parsing: what declares no entity cannot have any expanded, and no parser has to be trusted with it.
  if (/<!(?:DOCTYPE|ENTITY)/i.test(xml))
    throw new EnvelopeError("doctype", "The message must not have a DOCTYPE or an ENTITY.");

  const envelope = parse(xml);
  if (!is(envelope, SOAP, "Envelope")) throw malformed("The message must be a SOAP 1.1 Envelope.");
  const notifications = only(only(envelope, SOAP, "Body"), OUTBOUND, "notifications");

  const sender = only(notifications, OUTBOUND, "OrganizationId").text.trim();
  if (!ORG_ID.test(sender)) throw malformed("OrganizationId must be a Salesforce organization id.");
  const orgPrefix = sender.slice(0, 8);
  if (sender.slice(0, 15) !== organizationId.slice(0, 15)) {
    throw new EnvelopeError(
      "another-org",
      "The message comes from another Salesforce org than the one that is set up here.",
      orgPrefix,
    );
  }

  try {
    const found = notifications.children.filter((child) => is(child, OUTBOUND, "Notification"));
    if (found.length === 0) throw malformed("The message must hold at least one Notification.");
    if (found.length > MOST_NOTIFICATIONS) {
      throw new EnvelopeError("too-many", `The message must hold ${String(MOST_NOTIFICATIONS)} Notifications at most.`);
    }
    return found.map(readNotification);
  } catch (error) {
    if (error instanceof EnvelopeError) throw new EnvelopeError(error.refusal, error.message, orgPrefix);
    throw error;
  }
}

function readNotification(notification: Element): OrderNotification {
  const id = only(notification, OUTBOUND, "Id").text.trim();
  if (!NOTIFICATION_ID.test(id)) throw malformed("A Notification's Id must be a Salesforce id that begins with 04l.");
  const record = only(notification, OUTBOUND, "sObject");
  if (record.type?.uri !== SOBJECT || record.type.local !== "Order") {
    throw new EnvelopeError(
      "unknown-object",
      "Only outbound messages of the object Order, in its enterprise form, are taken here.",
    );
  }
  const [status, ...more] = record.children.filter((child) => is(child, SOBJECT, "Status"));
  if (more.length > 0) throw malformed("An Order must have one Status.");
  if (status === undefined || status.text.trim() === "") {
    throw new EnvelopeError(
      "missing-status",
      "The message does not say the Order's Status: in Salesforce's Setup, open the outbound message and add Status to its selected fields.",
    );
  }
  return { id: to18(id), orderId: only(record, SOBJECT, "Id").text.trim(), status: status.text.trim() };
}

interface Element {
  readonly uri: string;
  readonly local: string;
  /** `xsi:type`, with its prefix resolved. */
  readonly type: { readonly uri: string; readonly local: string } | null;
  readonly children: Element[];
  text: string;
}

/** The document as elements in their namespaces. */
function parse(xml: string): Element {
  const parser = new SaxesParser({ xmlns: true, position: false });
  const open: Element[] = [];
  let root: Element | undefined;

  parser.on("xmldecl", ({ encoding }) => {
    if (encoding !== undefined && !/^utf-?8$/i.test(encoding)) throw malformed("The message must be in UTF-8.");
  });
  parser.on("opentag", (tag) => {
    const parent = open.at(-1);
    if (open.length >= MOST_LEVELS)
      throw malformed(`The message is nested more than ${String(MOST_LEVELS)} levels deep.`);
    const type = Object.values(tag.attributes).find((attribute) => attribute.uri === XSI && attribute.local === "type");
    const element: Element = {
      uri: tag.uri,
      local: tag.local,
      type: type === undefined ? null : qualified(type.value, (prefix) => parser.resolve(prefix)),
      children: [],
      text: "",
    };
    if (parent === undefined) root = element;
    else parent.children.push(element);
    open.push(element);
  });
  parser.on("closetag", () => void open.pop());
  const addText = (text: string) => {
    const current = open.at(-1);
    if (current !== undefined) current.text += text;
  };
  parser.on("text", addText);
  parser.on("cdata", addText);

  try {
    parser.write(xml).close();
  } catch (error) {
    if (error instanceof EnvelopeError) throw error;
    throw malformed("The message is not well-formed XML."); // the parser's own words quote the body
  }
  if (root === undefined) throw malformed("The message is empty.");
  return root;
}

function qualified(name: string, resolve: (prefix: string) => string | undefined): { uri: string; local: string } {
  const [local = "", prefix = ""] = name.trim().split(":").toReversed();
  return { uri: resolve(prefix) ?? "", local };
}

function only(parent: Element, uri: string, local: string): Element {
  const [first, ...more] = parent.children.filter((child) => is(child, uri, local));
  if (first === undefined) throw malformed(`${parent.local} must have a ${local} in the namespace ${uri}.`);
  if (more.length > 0) throw malformed(`${parent.local} must have only one ${local}.`);
  return first;
}

const is = (element: Element, uri: string, local: string) => element.local === local && element.uri === uri;

const malformed = (detail: string) => new EnvelopeError("malformed", detail);
