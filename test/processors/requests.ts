import { monthInJapan, monthsAfter } from "../../src/domain/japan-calendar.ts";
import { cancellation } from "../../src/processors/cancellation.ts";
import { eligibility } from "../../src/processors/eligibility.ts";
import type { Services } from "../../src/processors/index.ts";
import { mail } from "../../src/processors/mail.ts";
import { provisioning } from "../../src/processors/provisioning.ts";
import type { AnyJobKind } from "../../src/queues/job-kind.ts";
import { ADDRESS, ADMINISTRATOR, type Effects, NO_EFFECTS } from "./line.ts";

interface Request {
  readonly kind: AnyJobKind<Services>;
  readonly payload: unknown;
  readonly effects: Effects;
  /** Calls to vendors in the ordinary case, those of the jobs that it hands on among them. */
  readonly calls: number;
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
  provisioning: {
    kind: provisioning,
    payload: { orderId: "8015g0000000001AAA" },
    effects: { ...NO_EFFECTS, whmcsOrders: 1, whmcsServices: 2 },
    calls: 4,
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
};
