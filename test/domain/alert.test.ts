import { describe, expect, it } from "vitest";
import {
  type FailuresSeen,
  follow,
  type Followed,
  isWithin,
  newsOf,
  ownerOfTrouble,
  pageOf,
  type Trouble,
  troubles,
} from "../../src/domain/alert.ts";

/** What is told of trouble, and when, moment by moment. */

const MINUTE_MS = 60_000;
const at = (minute: number) => minute * MINUTE_MS;

const group: FailuresSeen = {
  id: "provisioning~order in WHMCS~whmcs-payment-method",
  kind: "provisioning",
  step: "order in WHMCS",
  jobs: 47,
  customers: 3,
  failure: { code: "whmcs-payment-method", title: "Not valid.", detail: "Set another.", vendor: "whmcs" },
};
const failures = (seen: Partial<FailuresSeen> = {}) => troubles([{ ...group, ...seen }], {}, []);
const away: Trouble = { what: "away", vendor: "whmcs" };
const late = { what: "late", kind: "order", promisedMs: 900_000, sweep: false } as const;

/** What is told at each moment where this is found then. */
function toldAt(
  found: Readonly<Record<number, readonly Trouble[]>>,
  quietUntil = 0,
): Readonly<Record<number, string[]>> {
  let known: readonly Followed[] = [];
  const told: Record<number, string[]> = {};
  for (const [minute, troubles] of Object.entries(found)) {
    const now = at(Number(minute));
    known = follow(known, troubles, now).flatMap((one) => {
      const news = newsOf(one, now, Number(minute) < quietUntil);
      if (news !== null) (told[Number(minute)] ??= []).push(`${one.trouble.what} ${news}`);
      return news === "over" ? [] : [{ ...one, told: one.told || news === "begun" }];
    });
  }
  return told;
}

describe("somebody is told", () => {
  it("once as trouble begins, and once when it has been over for five minutes", () => {
    const found = { 0: failures(), 1: failures({ jobs: 90 }), 2: [], 6: [], 7: [], 8: [] };
    expect(toldAt(found)).toEqual({ 0: ["failures begun"], 7: ["failures over"] });
  });

  it("nothing where it comes again at once, as a group does whose jobs are being retried", () => {
    expect(toldAt({ 0: [away], 1: [], 5: [away], 6: [], 9: [away] })).toEqual({ 0: ["away begun"] });
  });

  it("anew where it comes again later", () => {
    const found = { 0: [away], 1: [], 6: [], 20: [away] };
    expect(toldAt(found)).toEqual({ 0: ["away begun"], 6: ["away over"], 20: ["away begun"] });
  });
});

describe("in quiet hours", () => {
  it("a failed job waits until they end, and is not told at all where it was over by then", () => {
    expect(toldAt({ 0: failures(), 60: failures() }, 60)).toEqual({ 60: ["failures begun"] });
    expect(toldAt({ 0: failures(), 10: [], 20: [], 60: [] }, 60)).toEqual({});
    expect(toldAt({ 0: failures(), 10: [], 20: [], 60: [] }, 5)).toEqual({});
  });

  it("that it is over waits, too", () => {
    const followed = follow([{ trouble: failures()[0] ?? away, since: 0, told: true, goneSince: 0 }], [], at(10));
    expect(followed.map((one) => newsOf(one, at(10), true))).toEqual([null]);
    expect(followed.map((one) => newsOf(one, at(10), false))).toEqual(["over"]);
  });

  it("a vendor that is away, late work of customers, and a failure of ten customers do not wait", () => {
    expect(toldAt({ 0: [away, late], 1: [], 6: [] }, 60)).toEqual({
      0: ["away begun", "late begun"],
      6: ["away over", "late over"],
    });
    expect(toldAt({ 0: failures({ customers: 9 }), 1: failures({ customers: 10 }) }, 60)).toEqual({
      1: ["failures begun"],
    });
    expect(toldAt({ 0: [{ ...late, sweep: true }] }, 60)).toEqual({});
  });

  it.each([
    ["22:00-07:00", { from: 22 * 60, to: 7 * 60 }, ["22:00", "03:00", "06:59"], ["07:00", "12:00", "21:59"]],
    ["01:00-05:30", { from: 60, to: 5 * 60 + 30 }, ["01:00", "05:29"], ["00:59", "05:30", "23:00"]],
  ])("which are %s in Japan", (_name, hours, quiet, loud) => {
    const moment = (time: string) => new Date(`2026-11-22T${time}:00+09:00`);
    for (const time of quiet) expect(isWithin(hours, moment(time)), time).toBe(true);
    for (const time of loud) expect(isWithin(hours, moment(time)), time).toBe(false);
  });
});

describe("trouble is", () => {
  it("a vendor that has been away for more than five minutes, and a wait past its promise", () => {
    const wait = { kind: "order", promisedMs: at(15), sweep: false };
    expect(troubles([], { whmcs: at(5) }, [{ ...wait, oldestMs: at(15) }])).toEqual([]);
    expect(troubles([], { whmcs: at(5) + 1 }, [{ ...wait, oldestMs: at(15) + 1 }])).toEqual([away, late]);
    expect(troubles([], {}, [{ ...wait, oldestMs: null }])).toEqual([]);
  });

  it("told to whose job it is, with the page of the desk that shows it", () => {
    const whose = (seen: Partial<FailuresSeen["failure"]>) =>
      failures({ failure: { ...group.failure, ...seen } }).map(ownerOfTrouble);
    expect(whose({})).toEqual(["whmcs-admin"]);
    expect(whose({ code: "no-opportunity", vendor: null })).toEqual(["salesforce-admin"]);
    expect(whose({ code: "unexpected-error" })).toEqual(["developer"]);
    expect(whose({ code: "freebit-refused", vendor: "freebit" })).toEqual(["operator"]);
    expect([away, late, { what: "away", vendor: "salesforce" } as const].map(ownerOfTrouble)).toEqual([
      "whmcs-admin",
      "operator",
      "salesforce-admin",
    ]);
    expect([...failures(), away].map(pageOf)).toEqual([
      "/desk/groups/provisioning~order%20in%20WHMCS~whmcs-payment-method",
      "/desk",
    ]);
  });

  it("told in one line, whatever the failure's words are like", () => {
    const words = { title: "One\nline\u2028more\uD800", detail: "x".repeat(2000) };
    expect(failures({ failure: { ...group.failure, ...words } })).toMatchObject([
      { title: "One line more\uFFFD", detail: "x".repeat(1000) },
    ]);
  });
});
