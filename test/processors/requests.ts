import { monthInJapan, monthsAfter } from "../../src/domain/japan-calendar.ts";
import { approvalSweep } from "../../src/processors/approval-sweep.ts";
import { cancellation } from "../../src/processors/cancellation.ts";
import { dailySweep } from "../../src/processors/daily-sweep.ts";
import { documentSweep } from "../../src/processors/document-sweep.ts";
import { eligibility } from "../../src/processors/eligibility.ts";
import type { Services } from "../../src/processors/index.ts";
import { mail } from "../../src/processors/mail.ts";
import { order } from "../../src/processors/order.ts";
import { provisioning } from "../../src/processors/provisioning.ts";
import { termination } from "../../src/processors/termination.ts";
import { verification } from "../../src/processors/verification.ts";
import type { AnyJobKind } from "../../src/queues/job-kind.ts";
import { ADDRESS, ADMINISTRATOR, type Effects, type Line, NO_EFFECTS } from "./line.ts";

export interface Request {
  readonly kind: AnyJobKind<Services>;
  readonly payload?: unknown;
  /** What has to be there first; gives the payload where only that can tell it. */
  readonly prepare?: (line: Line) => Promise<unknown>;
  readonly effects: Effects;
  /** Calls to vendors in the ordinary case, those of the jobs that it hands on among them. */
  readonly calls: number;
  /** Of these, the first ones, which the job makes itself; all of them where absent. */
  readonly ownCalls?: number;
  /** The mails that come beside those where Freebit refused first. */
  readonly mailsOfRefusal?: Readonly<Record<string, number>>;
}

/** By its name: a request that does all that its kind can do. A kind that works in several ways has several. */
export const requests: Readonly<Record<string, Request>> = {
  eligibility: {
    kind: eligibility,
    payload: { accountId: "0015g0000000001AAA", address: ADDRESS, notes: "犬がいます" },
    effects: { ...NO_EFFECTS, opportunities: 1, cases: 1 },
    calls: 2,
  },
  order: {
    kind: order,
    payload: {
      accountId: "0015g0000000003AAA",
      orderType: "Internet",
      items: [{ productId: "01t5g0000000002AAA" }, { productId: "01t5g0000000003AAA", quantity: 2 }],
      priority: true,
      notes: "午前中に連絡してください",
    },
    effects: { ...NO_EFFECTS, opportunities: 1, orders: 1 },
    calls: 2,
  },
  provisioning: {
    kind: provisioning,
    payload: { orderId: "8015g0000000001AAA" },
    effects: { ...NO_EFFECTS, whmcsOrders: 1, whmcsServices: 2 },
    calls: 5,
  },
  "cancellation of Internet": {
    kind: cancellation,
    payload: {
      service: "Internet",
      accountId: "0015g000000000DAAQ",
      serviceId: 801,
      month: monthsAfter(monthInJapan(new Date()), 1),
      comments: "引っ越しのため",
    },
    effects: { ...NO_EFFECTS, cases: 1, mails: { "activeinternet1013@customer.example": 1 } },
    calls: 4,
  },
  "cancellation of a SIM": {
    kind: cancellation,
    payload: {
      service: "SIM",
      accountId: "0015g000000000EAAQ",
      serviceId: 802,
      month: monthsAfter(monthInJapan(new Date()), 1),
      simNumber: "080-0000-1014",
    },
    effects: {
      ...NO_EFFECTS,
      cases: 1,
      lineEnds: 1,
      mails: { "activesim1014@customer.example": 1, [ADMINISTRATOR]: 1 },
    },
    calls: 6,
    mailsOfRefusal: { [ADMINISTRATOR]: 1 },
  },
  mail: {
    kind: mail,
    payload: {
      key: "a-job customer",
      letter: {
        template: "cancellation-confirmed",
        to: "hanako@customer.example",
        service: "VPN",
        serviceId: 803,
        lastDay: "2026-11-24",
        reference: "00001042",
      },
    },
    effects: { ...NO_EFFECTS, mails: { "hanako@customer.example": 1 } },
    calls: 1,
  },
  verification: {
    kind: verification,
    prepare: async (line) => {
      const put = await line.documents.put(residenceCard());
      return {
        accountId: "0015g0000000001AAA",
        autoApproved: false,
        document: { ...put, extension: "pdf" },
      };
    },
    effects: { ...NO_EFFECTS, documents: 1 },
    calls: 3,
  },
  termination: {
    kind: termination,
    prepare: async (line) => ({
      opportunityId: await dueAnHourAgo(line, "activeSim", "SIMScheduledCancellationDateAndTime__c"),
    }),
    effects: { ...NO_EFFECTS, terminated: 1 },
    calls: 5,
  },
  "sweep for approvals": {
    kind: approvalSweep,
    payload: {},
    prepare: async (line) => {
      await line.edit("Order", (await line.state()).seed.orders["approvedApartment"] ?? "", { Status: "Cancelled" });
    },
    effects: { ...NO_EFFECTS, whmcsOrders: 1, whmcsServices: 1 },
    calls: 9, // its provisioning looks before each of its three writes
    ownCalls: 1,
  },
  "sweep of the day": {
    kind: dailySweep,
    payload: {},
    prepare: async (line) => {
      await dueAnHourAgo(line, "activeVpn", "ScheduledCancellationDateAndTime__c");
    },
    effects: { ...NO_EFFECTS, mails: { [ADMINISTRATOR]: 1 } },
    calls: 4,
    ownCalls: 3,
  },
  "sweep for documents": { kind: documentSweep, payload: {}, effects: NO_EFFECTS, calls: 0 },
};

async function* residenceCard() {
  yield Buffer.from("%PDF-1.7 a residence card");
}

/** Makes an active service one whose last day has just passed; gives its Opportunity. */
async function dueAnHourAgo(line: Line, name: string, dateField: string): Promise<string> {
  const id = (await line.state()).seed.opportunities[name] ?? "";
  await line.edit("Opportunity", id, {
    StageName: "△Cancelling",
    [dateField]: new Date(Date.now() - 3_600_000).toISOString(),
  });
  await line.make("Case", { Type: "Cancellation Request", OpportunityId: id, Status: "New" });
  return id;
}
