import { describe, expect, it } from "vitest";
import {
  customerView,
  type CustomerFacts,
  type LeavingFacts,
  type OrderFacts,
} from "../../src/domain/customer-view.ts";
import type { Day } from "../../src/domain/japan-calendar.ts";
import { orderNotes } from "../../src/domain/order-notes.ts";
import { orderId } from "../../src/domain/salesforce-id.ts";

/** The tables "What Customer Sees" of `spec/opportunity-lifecycle.txt`, row by row, and what `spec/rules.md` adds. */

const NOBODY: CustomerFacts = {
  eligibility: { value: null, status: null, requestedAt: null, checkedAt: null },
  verification: { status: null, submittedAt: null, message: null },
  orders: [],
  leaving: [],
};
const seen = (facts: Partial<CustomerFacts>) => customerView({ ...NOBODY, ...facts }, ["Not Eligible", "No Line"]);
const AT = new Date("2026-11-22T01:02:03.004Z");

it("a customer who has done nothing yet sees two forms and no list", () => {
  expect(seen({})).toEqual({
    eligibility: { view: "address-form", value: null, requestedAt: null, checkedAt: null },
    verification: { view: "upload-form", message: null, submittedAt: null },
    orders: [],
    cancellations: [],
  });
});

describe("the address check", () => {
  it.each([
    ["nobody has asked: the address form", null, null, "address-form"],
    ["a check is under way: checking", null, "Pending", "checking"],
    ["an offer is known: plans can be chosen", "Home 1G", "Checked", "plan-selection"],
    ["the answer is no: not available", "Not Eligible", "Checked", "not-available"],
    ["the answer is no, in another of its words", "No Line", "Checked", "not-available"],
    ["the answer is no, typed otherwise", " not eligible", "Checked", "not-available"],
    ["an offer decides, though a status was left behind", "Apartment 1G", "Pending", "plan-selection"],
    ["a no decides, whatever the status", "Not Eligible", null, "not-available"],
    ["checked, but nobody wrote what came of it: the address form", null, "Checked", "address-form"],
  ])("%s", (_, value, status, view) => {
    const { eligibility } = seen({ eligibility: { value, status, requestedAt: AT, checkedAt: null } });
    expect(eligibility).toEqual({ view, value, requestedAt: "2026-11-22T01:02:03.004Z", checkedAt: null });
  });
});

describe("the identity", () => {
  it.each([
    ["nothing was uploaded: the upload form", null, "upload-form", null],
    ["Pending: verifying", "Pending", "verifying", null],
    ["Submitted is shown as pending: verifying", "Submitted", "verifying", null],
    ["Verified: on to the checkout, and no old message", "Verified", "verified", null],
    ["Rejected: the reason, and the upload again", "Rejected", "resubmit", "住所が読み取れません。"],
    ["a status that only Customer Service knows: the upload form", "Escalated", "upload-form", null],
  ])("%s", (_, status, view, message) => {
    const { verification } = seen({ verification: { status, submittedAt: AT, message: "住所が読み取れません。" } });
    expect(verification).toEqual({ view, message, submittedAt: "2026-11-22T01:02:03.004Z" });
  });
});

describe("an order", () => {
  const id = orderId.parse("8015g00000ZxCvBAAV");
  const job = "b9f5c0a2-7d58-4c3e-9a34-6f0e1d2c3b4a";
  const notes = orderNotes({ isPriority: true, notes: "犬がいます", job });
  const order = (facts: Partial<OrderFacts>) =>
    seen({ orders: [{ orderId: id, status: "Pending Review", notes, stage: "Post Processing", ...facts }] }).orders;

  it.each([
    ["waits for Customer Service: processing", { status: "Pending Review" }, "processing", "Pending Review"],
    ["is a draft: processing", { status: "Draft" }, "processing", "Pending Review"],
    ["has a status that only the org knows: processing", { status: "Fraud check" }, "processing", "Pending Review"],
    ["is approved, and being provisioned: approved", { status: "Approved" }, "approved", "Approved"],
    ["is approved and has no Opportunity: approved", { status: "Approved", stage: null }, "approved", "Approved"],
    ["has an active service: active", { status: "Approved", stage: "Active" }, "active", "Approved"],
    ["is Activated by itself: active", { status: "Activated" }, "active", "Activated"],
    ["has a service that ends soon: still active", { status: "Approved", stage: "△Cancelling" }, "active", "Approved"],
    ["has a service that has ended: still active", { status: "Approved", stage: "△Cancelled" }, "active", "Approved"],
  ])("%s", (_, facts, view, status) => {
    expect(order(facts)).toEqual([{ orderId: id, status, view, message: null }]);
  });

  it("is rejected: the reason that Customer Service wrote for the customer, and nothing else of the notes", () => {
    const rejection = `${notes} お申し込みの建物では提供できません。`;
    expect(order({ status: "Cancelled", notes: rejection })).toEqual([
      { orderId: id, status: "Cancelled", view: "rejected", message: "お申し込みの建物では提供できません。" },
    ]);
    for (const untold of [notes, `on the fraud list\n${notes}`, "on the fraud list", null])
      expect(order({ status: "Cancelled", notes: untold })).toMatchObject([{ view: "rejected", message: null }]);
  });

  it("shows no reason before it is rejected", () => {
    expect(order({ notes: `${notes} 下書き` })).toMatchObject([{ view: "processing", message: null }]);
  });

  it("stands in the order in which Salesforce gave them", () => {
    const other = orderId.parse("8015g00000ZxCvCAAV");
    const facts = { status: "Draft", notes: null, stage: null };
    const { orders } = seen({ orders: [other, id].map((one) => ({ orderId: one, ...facts })) });
    expect(orders.map((one) => one.orderId)).toEqual([other, id]);
  });
});

describe("a cancellation", () => {
  const leaving: LeavingFacts = {
    serviceId: 1234,
    stage: "△Cancelling",
    commodity: "Personal SonixNet Home Internet",
    scheduledAt: new Date("2026-12-31T14:59:59Z"),
    simScheduledAt: new Date("2027-01-31T14:59:59Z"),
    lineReturn: "NotYet",
    returnDeadline: "2027-01-15" as Day,
  };
  const cancellation = (facts: Partial<LeavingFacts>) => seen({ leaving: [{ ...leaving, ...facts }] }).cancellations;

  it("of Internet shows its last day in Japan, and what becomes of the equipment", () => {
    expect(cancellation({})).toEqual([
      {
        serviceId: 1234,
        type: "Internet",
        view: "cancelling",
        endDate: "2026-12-31",
        returnDeadline: "2027-01-15",
        kitStatus: "not-sent",
      },
    ]);
  });

  it.each([
    ["SIM", "2027-01-31"],
    ["VPN", "2026-12-31"],
  ])("of a %s has no equipment, and its own date", (commodity, endDate) => {
    expect(cancellation({ commodity })).toEqual([
      { serviceId: 1234, type: commodity, view: "cancelling", endDate, returnDeadline: null, kitStatus: null },
    ]);
  });

  it.each<[string, Partial<LeavingFacts>, object]>([
    ["is over", { stage: "△Cancelled" }, { view: "cancelled" }],
    ["of a company's line is Internet too", { commodity: "Corporate SonixNet Home Internet" }, { type: "Internet" }],
    [
      "ends on the day that it is in Japan",
      { scheduledAt: new Date("2026-12-31T15:00:00Z") },
      { endDate: "2027-01-01" },
    ],
    ["has no date yet", { scheduledAt: null }, { endDate: null }],
    ["has no deadline where the org knows none", { returnDeadline: null }, { returnDeadline: null }],
    ["the kit was sent", { lineReturn: "SentKit" }, { kitStatus: "sent" }],
    ["the kit came back", { lineReturn: "Returned" }, { kitStatus: "returned" }],
    ["no kit is needed", { lineReturn: "不要" }, { kitStatus: "not-needed" }],
    ["nothing is known of a kit", { lineReturn: null }, { kitStatus: null }],
    ["the kit is in a state that only Customer Service knows", { lineReturn: "Lost1" }, { kitStatus: null }],
  ])("%s", (_, facts, shown) => {
    expect(cancellation(facts)).toMatchObject([shown]);
  });

  it.each<[string, Partial<LeavingFacts>]>([
    ["is in no stage of a cancellation", { stage: "Active" }],
    ["is about something that the portal does not sell", { commodity: "電話" }],
    ["is about nothing that is known", { commodity: null }],
  ])("is not shown where it %s", (_, facts) => {
    expect(cancellation(facts)).toEqual([]);
  });
});

it("no stage, field or note of ours is ever in it", () => {
  const notes = orderNotes({ isPriority: true, notes: "メモ", job: "job-1" });
  const orders = ["Draft", "Approved", "Cancelled"].map((status) => ({
    orderId: orderId.parse("8015g00000ZxCvBAAV"),
    status,
    notes: `internal\n${notes}`,
    stage: "Post Processing",
  }));
  const text = JSON.stringify(seen({ orders, leaving: [] }));
  expect(text).not.toMatch(/Post Processing|△|__c|internal|job-1|メモ|Draft|PRIORITY/);
});
