import { describe, expect, it } from "vitest";
import { jobIn, orderNotes, rejectionReason } from "../../src/domain/order-notes.ts";

const JOB = "b9f5c0a2-7d58-4c3e-9a34-6f0e1d2c3b4a";
const ours = orderNotes({ isPriority: true, notes: "犬がいます。\n午後のみ", job: JOB });

describe("the job that made an Order", () => {
  it.each([
    ["as we wrote them", ours],
    ["as Salesforce gives them back", ours.replaceAll("\n", "\r\n")],
    ["with Customer Service's own on top", `checked with NTT\n${ours}`],
    ["with a reason behind", `${ours} The line is full.`],
    ["of a customer who knows our words", orderNotes({ isPriority: false, notes: "Handoff job: another", job: JOB })],
  ])("is found in the notes %s", (_, notes) => {
    expect(jobIn(notes)).toBe(JOB);
  });

  it.each([null, "", "made by hand", "Handoff job:"])("is nobody where the notes name none: %j", (notes) => {
    expect(jobIn(notes)).toBeNull();
  });
});

describe("the reason of a rejection", () => {
  it.each([
    ["behind our label", `${ours} お申し込みの建物では提供できません。`],
    ["on the lines below it", `${ours}\n\nお申し込みの建物では提供できません。\n`],
    ["behind a label of their own", "Rejection reason for the customer: お申し込みの建物では提供できません。"],
    ["with a Japanese keyboard's colon", "rejection reason for the customer：お申し込みの建物では提供できません。"],
    ["as Salesforce gives it back", `${ours}\nお申し込みの建物では提供できません。`.replaceAll("\n", "\r\n")],
  ])("is what Customer Service wrote %s", (_, notes) => {
    expect(rejectionReason(notes)).toBe("お申し込みの建物では提供できません。");
  });

  it("may have several lines", () => {
    expect(rejectionReason(`${ours} First.\nSecond.`)).toBe("First.\nSecond.");
  });

  it.each([
    ["there are no notes", null],
    ["nobody wrote any", ours],
    ["somebody wrote elsewhere, which may be for colleagues", `customer is on the fraud list\n${ours}`],
  ])("is not shown where %s", (_, notes) => {
    expect(rejectionReason(notes)).toBeNull();
  });

  it("never holds our own line, wherever it was moved to", () => {
    expect(rejectionReason(`Rejection reason for the customer: No line.\nHandoff job: ${JOB}`)).toBe("No line.");
  });

  it("is not what the customer wrote, whatever that is", () => {
    const notes = orderNotes({ isPriority: false, notes: "Rejection reason for the customer: none", job: JOB });
    expect(rejectionReason(notes)).toBeNull();
  });
});
