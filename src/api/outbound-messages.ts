import { SALESFORCE_CLIENT } from "../domain/clients.ts";
import type { Secret } from "../settings.ts";
import type { Intake } from "../queues/intake.ts";
import type { AnyJobKind } from "../queues/job-kind.ts";
import { secretMatcher } from "./authentication.ts";
import { BodyError, type BodyFault, type BodyRules, readText } from "./body.ts";
import type { Handler, Reply } from "./exchange.ts";
import { EnvelopeError, readEnvelope, type Refusal } from "./outbound-envelope.ts";
import { send } from "./send.ts";

/** 100 Orders with every field selected stay well below it. */
const MOST_BYTES = 1024 * 1024;

/** The status that Customer Service's approval gives an Order (`spec/rules.md`). */
const APPROVED = "Approved";

const ACKNOWLEDGEMENT =
  '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>';

const STATUS_OF_REFUSAL: Record<Refusal, number> = {
  malformed: 400,
  doctype: 400,
  "another-org": 403,
  "unknown-object": 400,
  "missing-status": 400,
  "too-many": 400,
};

const STATUS_OF_BODY: Record<BodyFault, number> = {
  type: 415,
  encoding: 415,
  "too-large": 413,
  "too-slow": 408,
  "cut-off": 400,
  "not-utf8": 400,
  "malformed-multipart": 400, // none is read here
};

export interface OutboundDoor {
  readonly intake: Intake;
  /** The kind that an approved Order becomes; its payload is `{orderId}`. */
  readonly provisioning: AnyJobKind;
  /** `SALESFORCE_OUTBOUND_TOKEN`. */
  readonly token: Secret;
  /** `SALESFORCE_ORG_ID`. */
  readonly organizationId: string;
  readonly bodyDeadlineMs: number;
}

/**
 * `POST /salesforce/outbound-messages/:token`. One acknowledgement answers the whole message, so it is sent only once
 * every approved Order is safe in Redis; anything else makes Salesforce send the message again for 24 hours.
 *
 * A wrong token answers 404, like any address that does not exist: the token is part of the address, and a stranger
 * learns nothing about how near a guess came. It is checked before a byte of the body is read.
 */
export function takeOutboundMessage({
  intake,
  provisioning,
  token,
  organizationId,
  bodyDeadlineMs,
}: OutboundDoor): Handler {
  const isToken = secretMatcher(token);
  const rules: BodyRules = {
    types: ["text/xml", "application/xml"],
    typeRequired: false,
    mostBytes: MOST_BYTES,
    deadlineMs: bodyDeadlineMs,
  };
  return async (request, response) => {
    const given = request.params["token"];
    if (typeof given !== "string" || !isToken(given)) {
      return sendFault(
        response,
        404,
        "wrong-token",
        "Nothing is at this address: check the last part of the outbound message's endpoint URL.",
      );
    }
    try {
      const xml = await readText(request, rules);
      const notifications = readEnvelope(xml, organizationId);
      const approved = notifications.filter(({ status }) => status === APPROVED);
      response.locals.facts = { notifications: notifications.length, approved: approved.length };
      const announced = approved.map(({ id, orderId }) => ({ id, payload: payloadOf(provisioning, orderId) })); // all are looked at before any is taken
      const jobs = await Promise.all(announced.map(({ id, payload }) => announce(intake, provisioning, id, payload)));
      response.locals.facts = { ...response.locals.facts, jobs: [...new Set(jobs)].join(" ") };
      sendXml(response, 200, ACKNOWLEDGEMENT);
    } catch (error) {
      refuse(response, error);
    }
  };
}

/** Every method but POST. */
export const refuseMethod: Handler = (_request, response) => {
  sendFault(response, 405, "method-not-allowed", "Outbound messages come by POST.", { allow: "POST" });
};

/** Takes one announcement in; gives the id of the job that answers it. */
async function announce(
  intake: Intake,
  provisioning: AnyJobKind,
  notification: string,
  payload: unknown,
): Promise<string> {
  const request = { door: `outbound message ${notification}`, unless: ["done"] as const };
  const idempotency = { client: SALESFORCE_CLIENT, key: notification };
  let taken = await intake.accept(provisioning, payload, { ...request, idempotency });
  // An id that stood for another Order before tells nothing; the Order itself must not be lost for that.
  if (taken.how === "key-reused") taken = await intake.accept(provisioning, payload, request);
  if (taken.how === "key-reused") throw new Error("a request without a key cannot reuse one");
  return taken.job.id;
}

function payloadOf(provisioning: AnyJobKind, orderId: string): unknown {
  const parsed = provisioning.payload.safeParse({ orderId });
  if (!parsed.success)
    throw new EnvelopeError("malformed", "An Order's Id must be a Salesforce id that begins with 801.");
  return parsed.data;
}

function refuse(response: Reply, error: unknown): void {
  if (error instanceof EnvelopeError) {
    if (error.orgPrefix !== null) response.locals.facts = { ...response.locals.facts, orgPrefix: error.orgPrefix };
    return sendFault(response, STATUS_OF_REFUSAL[error.refusal], error.refusal, error.message);
  }
  if (error instanceof BodyError) {
    const headers = error.fault === "too-slow" ? { connection: "close" } : {}; // the rest is not waited for
    return sendFault(response, STATUS_OF_BODY[error.fault], error.fault, error.message, headers);
  }
  response.locals.fault = error;
  sendFault(response, 500, "not-accepted", "Not everything in this message could be kept safe. Send it again.");
}

/** A SOAP 1.1 fault. `code` is for our log. */
function sendFault(
  response: Reply,
  status: number,
  code: string,
  words: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.locals.code = code;
  const blame = status >= 500 ? "Server" : "Client";
  sendXml(
    response,
    status,
    `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><soapenv:Fault><faultcode>soapenv:${blame}</faultcode><faultstring>${escapeXml(words)}</faultstring></soapenv:Fault></soapenv:Body></soapenv:Envelope>`,
    headers,
  );
}

function sendXml(response: Reply, status: number, xml: string, headers: Readonly<Record<string, string>> = {}): void {
  send(response, { status, type: "text/xml; charset=utf-8", body: xml, headers });
}

const escapeXml = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
