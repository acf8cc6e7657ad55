import { beforeEach, describe, expect, it } from "vitest";
import type { Outgoing } from "../../src/domain/vendor-call.ts";
import { HIDDEN, type Plan, planWriter } from "../../src/queues/plan.ts";

const NEW_JOB = "6d0c8a54-0000-4000-8000-000000000001";
const DONE: Plan["ending"] = { state: "completed", outcome: "sent", result: {}, failure: null };
const WHMCS = { vendor: "whmcs", operation: "add the order" };

let writer: ReturnType<typeof planWriter>;
beforeEach(() => {
  writer = planWriter(NEW_JOB);
});

/** A write that the vendor would take without a word. */
function write(
  fields: Readonly<Record<string, unknown>>,
  isPlain: (field: string, value: string) => boolean = () => false,
) {
  return { writes: true, parts: () => [{ to: "AddOrder", fields }], isPlain, taken: () => "taken" };
}
const read: Outgoing<string> = { ...write({}), writes: false };
const neverSent = async (): Promise<string> => {
  throw new Error("it was sent");
};

/** How the plan shows what would be written. */
async function shown(fields: Readonly<Record<string, unknown>>, isPlain?: (field: string, value: string) => boolean) {
  await writer.gate(WHMCS, write(fields, isPlain), neverSent);
  return writer.plan(DONE).writes.at(-1)?.fields;
}

describe("what leaves a client in a dry run", () => {
  it("is read for real, and caught where it would write, and stands in the plan with its step", async () => {
    writer.enter("look for the order");
    expect(await writer.gate({ ...WHMCS, operation: "look" }, read, async () => "what is there")).toBe("what is there");
    writer.enter("add the order");
    expect(await writer.gate(WHMCS, write({ pid: 7 }), neverSent)).toBe("taken");
    writer.enter(null);
    await writer.gate({ ...WHMCS, operation: "look" }, read, async () => "");

    const { reads, writes } = writer.plan(DONE);
    expect(reads).toEqual([
      { step: "look for the order", system: "whmcs", operation: "look" },
      { step: null, system: "whmcs", operation: "look" },
    ]);
    expect(writes).toEqual([
      {
        step: "add the order",
        system: "whmcs",
        operation: "add the order",
        call: 1,
        to: "AddOrder",
        fields: { pid: 7 },
      },
    ]);
  });

  it("may be several writes in one call", async () => {
    const parts = async () => [
      { to: "POST Case", fields: { Priority: null } },
      { to: "PATCH Opportunity", fields: { Closed: true } },
    ];
    await writer.gate(WHMCS, { ...write({}), parts }, neverSent);
    await writer.gate(WHMCS, write({ pid: 7 }), neverSent);
    writer.own("hand on", "mail", {});
    expect(writer.plan(DONE).writes.map(({ call, to, fields }) => [call, to, fields])).toEqual([
      [1, "POST Case", { Priority: null }],
      [1, "PATCH Opportunity", { Closed: true }],
      [2, "AddOrder", { pid: 7 }],
      [3, "mail", {}],
    ]);
  });

  it("is also what we keep ourselves", () => {
    writer.enter("hand the mail on");
    writer.own("hand on", "mail", { template: "cancelled", to: HIDDEN });
    expect(writer.plan(DONE).writes).toEqual([
      {
        step: "hand the mail on",
        system: "handoff",
        operation: "hand on",
        call: 1,
        to: "mail",
        fields: { template: "cancelled", to: HIDDEN },
      },
    ]);
  });
});

describe("of what would be written", () => {
  it("people see numbers, ids and moments, and whether something is set", async () => {
    const fields = {
      amount: 4200,
      closed: false,
      nothing: null,
      account: "0015g00000AbCdEAAV",
      reference: "@{newCase.id}",
      day: "2026-11-30",
      at: "2026-11-30T15:00:00.000Z",
      file: "(20480 bytes)",
    };
    expect(await shown({ ...fields, absent: undefined })).toEqual(fields); // nor would it be sent
  });

  it("they see no other words, however deep these stand, but those that the client says are plain", async () => {
    const fields = {
      name: "Sato Naoko",
      status: "Pending",
      lines: [{ status: "Active", street: "1-2-3 Jingumae" }, "Kyoto", 3],
      sim: "09012345678",
    };
    expect(await shown(fields, (field, value) => field === "status" && value !== "")).toEqual({
      name: HIDDEN,
      status: "Pending",
      lines: [{ status: "Active", street: HIDDEN }, HIDDEN, 3],
      sim: HIDDEN,
    });
  });

  it("they see no words that stand around an id, or in angle brackets", async () => {
    const number = writer.anew("the new order's id");
    const fields = { note: `order ${number}`, other: `${number} of Sato`, said: "<Sato>", two: `${number}${number}` };
    expect(await shown(fields)).toEqual({ note: HIDDEN, other: HIDDEN, said: HIDDEN, two: HIDDEN });
  });
});

describe("what does not exist yet", () => {
  it("is told apart, and called by what it will be", async () => {
    const [order, service] = [writer.anew("the new order's id"), writer.anew("the new service's id")];
    expect(order).not.toBe(service);
    expect(await shown({ order, service: String(service), both: [order, service] })).toEqual({
      order: "<the new order's id>",
      service: "<the new service's id>",
      both: ["<the new order's id>", "<the new service's id>"],
    });
  });

  it("is called so as an id of Salesforce, of 15 or of 18 signs", async () => {
    const id = `500${writer.anew("the new Case's id")}`;
    expect(await shown({ id, long: `${id}AAA`, checked: `${id}AB5` })).toEqual({
      id: "<the new Case's id>",
      long: "<the new Case's id>",
      checked: "<the new Case's id>",
    });
  });

  it("is called so within plain words, and takes none of them along", async () => {
    const order = writer.anew("the new order's id");
    const plain = async (text: string) => (await shown({ text }, () => true))?.["text"];
    expect(await plain(`WHMCS order ${order}, of the job ${NEW_JOB}.`)).toBe(
      "WHMCS order <the new order's id>, of the job <the new job's id>.",
    );
    expect(await plain(`/orders/${order}/lines`)).toBe("/orders/<the new order's id>/lines");
    expect(await plain(`${order}ABCD`)).toBe("<the new order's id>ABCD");
    expect(await plain(`${order} and ${order}`)).toBe("<the new order's id> and <the new order's id>");
  });

  it("is called so in the address that is written to", async () => {
    const to = `PATCH Opportunity/006${writer.anew("the new Opportunity's id")}`;
    await writer.gate(WHMCS, { ...write({}), parts: () => [{ to, fields: {} }] }, neverSent);
    expect(writer.plan(DONE).writes[0]?.to).toBe("PATCH Opportunity/<the new Opportunity's id>");
  });

  it("is not what only looks like it", async () => {
    const order = writer.anew("the new order's id");
    const plain = async (text: string) => (await shown({ text }, () => true))?.["text"];
    for (const other of [String(order + 1), `1${order}`, String(order).slice(1), "900000000000", NEW_JOB.slice(1)])
      expect(await plain(other), other).toBe(other);
    expect(await shown({ number: order + 1 })).toEqual({ number: order + 1 });
  });

  it("is not the job where there is one already", async () => {
    writer = planWriter(null);
    expect(await shown({ text: `null of ${NEW_JOB}` }, () => true)).toEqual({ text: `null of ${NEW_JOB}` });
  });

  it("is called so in the ending, and what exists stands there as it is", () => {
    const order = writer.anew("the new order's id");
    const failure = { code: "no-line", title: `No line for ${order}.`, detail: `Ask about ${order}.`, system: "whmcs" };
    expect(writer.plan({ state: "failed", outcome: null, result: null, failure }).ending).toEqual({
      state: "failed",
      outcome: null,
      result: null,
      failure: {
        code: "no-line",
        title: "No line for <the new order's id>.",
        detail: "Ask about <the new order's id>.",
        system: "whmcs",
      },
    });
    expect(writer.plan({ ...DONE, result: { order, service: 4711, mail: NEW_JOB } }).ending).toEqual({
      ...DONE,
      result: { order: "<the new order's id>", service: 4711, mail: "<the new job's id>" },
    });
  });
});

it("the steps stand in the order in which they were passed, each with the last word on it", () => {
  writer.passed("read the order", "remembered");
  writer.passed("add the order", "in-doubt");
  writer.passed("add the order", "found");
  writer.passed("accept the order", "gone-through");
  expect(writer.plan(DONE).steps).toEqual([
    { name: "read the order", how: "remembered" },
    { name: "add the order", how: "found" },
    { name: "accept the order", how: "gone-through" },
  ]);
});
