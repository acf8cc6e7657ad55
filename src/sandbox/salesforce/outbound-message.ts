import type { Timers } from "../timers.ts";
import { nthId } from "./ids.ts";
import type { Records } from "./records.ts";
import type { Fields } from "./schema.ts";
import { fieldNamed, objectNamed } from "./schema.ts";
import { ORGANIZATION_ID } from "./token.ts";

/** Outbound messages about Orders: the SOAP envelope, and its delivery until the other side acknowledges it. */

interface Delivery {
  /** One `04l…` id for each order. */
  readonly notificationIds: readonly string[];
  readonly orderIds: readonly string[];
  readonly url: string;
  readonly tries: number;
  readonly state: "waiting" | "acknowledged" | "given up";
  /** The last answer's HTTP status; null where there was none. */
  readonly status: number | null;
}

export interface OutboundMessages {
  readonly url: () => string | null;
  readonly setUrl: (url: string | null) => void;
  /** Sends one envelope; resolves after the first try. Without an acknowledgement more tries follow by themselves. */
  readonly send: (orderIds: readonly string[], url: string) => Promise<Delivery>;
  readonly deliveries: () => readonly Delivery[];
  /** Breaks off what is under way and forgets it. */
  readonly cancelAll: () => void;
}

/** How long to wait before each further try: ten tries in all. */
export const REDELIVERY_MS: readonly number[] = [2, 5, 10, 20, 40, 80, 160, 320, 640].map((seconds) => seconds * 1000);
const ANSWER_WITHIN_MS = 60_000;
const SHOWN = [
  "AccountId",
  "EffectiveDate",
  "LastModifiedDate",
  "MNP__c",
  "Note__c",
  "OpportunityId",
  "OrderNumber",
  "Status",
];

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function element(records: Records, order: Fields, name: string): string {
  const type = objectNamed("Order");
  const field = type === undefined ? undefined : fieldNamed(type, name);
  const value = field === undefined ? null : records.value(order, field);
  if (value === null) return "";
  const text =
    typeof value === "number" && Number.isInteger(value) ? value.toFixed(1) : String(value).replace("+0000", "Z");
  return `<sf:${name}>${escaped(text)}</sf:${name}>`;
}

function envelope(
  records: Records,
  orders: readonly { readonly notificationId: string; readonly order: Fields }[],
  instanceUrl: string,
): string {
  const org15 = ORGANIZATION_ID.slice(0, 15);
  const notifications = orders.map(
    ({ notificationId, order }) => `<Notification><Id>${notificationId}</Id>
<sObject xsi:type="sf:Order" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
${["Id", ...SHOWN].map((name) => element(records, order, name)).join("")}
</sObject></Notification>`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">
<OrganizationId>${ORGANIZATION_ID}</OrganizationId>
<ActionId>04k5g000000TgZyAAK</ActionId>
<SessionId xsi:nil="true"/>
<EnterpriseUrl>${instanceUrl}/services/Soap/c/62.0/${org15}</EnterpriseUrl>
<PartnerUrl>${instanceUrl}/services/Soap/u/62.0/${org15}</PartnerUrl>
${notifications.join("\n")}
</notifications></soapenv:Body></soapenv:Envelope>`;
}

/** `redeliveryMs` are the waits between tries; the messages hold the orders as they are when each try is sent. */
export function outboundMessages(
  records: Records,
  timers: Timers,
  instanceUrl: () => string,
  redeliveryMs: readonly number[],
  sentBefore: number,
): OutboundMessages {
  let configured: string | null = null;
  let deliveries: { -readonly [K in keyof Delivery]: Delivery[K] }[] = [];
  let stopped = new AbortController();
  let lastNotification = sentBefore;

  const attempt = async (delivery: (typeof deliveries)[number]): Promise<void> => {
    const type = objectNamed("Order");
    const orders = delivery.orderIds.flatMap((id, index) => {
      const order = type === undefined ? undefined : records.tables.row(type, id);
      return order === undefined ? [] : [{ notificationId: delivery.notificationIds[index] ?? "", order }];
    });
    if (orders.length === 0) {
      delivery.state = "given up"; // a deleted record sends no data
      return;
    }
    const { signal } = stopped;
    delivery.tries += 1;
    try {
      const response = await fetch(delivery.url, {
        method: "POST",
        headers: { "Content-Type": "text/xml; charset=utf-8", SOAPAction: '""' },
        body: envelope(records, orders, instanceUrl()),
        redirect: "manual",
        signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
      });
      const answer = await response.text();
      delivery.status = response.status;
      if (response.status === 200 && /<(?:\w+:)?Ack>\s*(?:true|1)\s*<\/(?:\w+:)?Ack>/.test(answer))
        delivery.state = "acknowledged";
    } catch {
      delivery.status = null; // no answer: delivered again, like any other without an acknowledgement
    }
    if (delivery.state === "acknowledged" || signal.aborted) return;
    const wait = redeliveryMs[delivery.tries - 1];
    if (wait === undefined) delivery.state = "given up";
    else timers.after(wait, () => void attempt(delivery));
  };

  return {
    url: () => configured,
    setUrl: (url) => {
      configured = url;
    },
    send: async (orderIds, url) => {
      const notificationIds = orderIds.map(() => nthId("04l", ++lastNotification));
      const delivery = { notificationIds, orderIds, url, tries: 0, state: "waiting" as const, status: null };
      deliveries = [...deliveries.slice(-999), delivery];
      await attempt(delivery);
      return delivery;
    },
    deliveries: () => deliveries,
    cancelAll: () => {
      stopped.abort();
      stopped = new AbortController();
      deliveries = [];
    },
  };
}

/** Sends a message for each order that becomes Approved while an address is configured, as the org's flow does. */
export function announceApprovals(records: Records, messages: OutboundMessages): void {
  records.tables.onCommit((changes) => {
    const url = messages.url();
    if (url === null) return;
    for (const { type, id, before, after } of changes) {
      if (type.name === "Order" && after?.["Status"] === "Approved" && before?.["Status"] !== "Approved")
        void messages.send([id], url);
    }
  });
}
