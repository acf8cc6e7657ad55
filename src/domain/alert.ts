import * as z from "zod";
import { adminOf, type Owner, ownerOf } from "./causes.ts";
import { DESK_PATH, groupUrl } from "./desk-path.ts";
import { type Reason, type Vendor, VENDOR_NAMES } from "./errors.ts";
import { line } from "./free-text.ts";
import { minuteInJapan } from "./japan-calendar.ts";

/**
 * What somebody has to hear of, and when: each trouble once as it begins, and once when it is over. Ids, codes, counts and
 * failures' own words, which are plain: nothing personal.
 */

const name = line(500);
const ms = z.number().nonnegative();
const VENDORS = Object.keys(VENDOR_NAMES) as [Vendor, ...Vendor[]]; // an object literal has no other keys
const vendor = z.enum(VENDORS);
export const trouble = z.discriminatedUnion("what", [
  /** Jobs failed for one cause. */
  z.strictObject({
    what: z.literal("failures"),
    /** The failure group's id. */
    group: name,
    kind: name,
    step: name.nullable(),
    code: name,
    vendor: vendor.nullable(),
    title: line(500),
    detail: line(1000),
    jobs: z.int().positive(),
    customers: z.int().positive(),
  }),
  /** A vendor's breaker has been open for long. */
  z.strictObject({ what: z.literal("away"), vendor }),
  /** A job has waited longer than is promised. `sweep`: one that comes by itself. */
  z.strictObject({ what: z.literal("late"), kind: name, promisedMs: ms, sweep: z.boolean() }),
]);
export type Trouble = z.infer<typeof trouble>;

/** Vendors go and come: what is shorter mends itself before anybody could do a thing. */
const AWAY_MS = 5 * 60_000;

/** So many customers have no common fault of their own. */
const MANY_CUSTOMERS = 10;

/** A group that is being retried is empty for a moment, and a vendor may come back for one call: that is not the end of it. */
const OVER_AFTER_MS = 5 * 60_000;

const followed = z.strictObject({
  trouble,
  /** When it was first seen (ms). */
  since: ms,
  /** Whether somebody was told. */
  told: z.boolean(),
  /** Since when it is no more (ms); null while it lasts. */
  goneSince: ms.nullable(),
});
/** A trouble that lasts, or that somebody has yet to be told is over. */
export type Followed = z.infer<typeof followed>;
/** As another version of Handoff wrote it, it may not be readable: what lasts is then told once more. */
export const followedList = z.array(followed).catch([]);

/** A failure group, as far as it is told. */
export interface FailuresSeen {
  readonly id: string;
  readonly kind: string;
  readonly step: string | null;
  readonly jobs: number;
  readonly customers: number;
  readonly failure: Reason & { readonly vendor: Vendor | null };
}

/** How the jobs of a kind wait. */
export interface WaitSeen {
  readonly kind: string;
  readonly oldestMs: number | null;
  readonly promisedMs: number;
  readonly sweep: boolean;
}

/** What of how things stand is trouble. `awayMs`: for how long each vendor's breaker has been open. */
export function troubles(
  failures: readonly FailuresSeen[],
  awayMs: Readonly<Record<string, number>>,
  waits: readonly WaitSeen[],
): Trouble[] {
  return [
    ...failures.map(({ id, kind, step, jobs, customers, failure: { code, vendor, title, detail } }) => {
      const words = { title: inOneLine(title, 500), detail: inOneLine(detail, 1000) };
      return { what: "failures" as const, group: id, kind, step, code, vendor, ...words, jobs, customers };
    }),
    ...VENDORS.filter((vendor) => (awayMs[vendor] ?? 0) > AWAY_MS).map((vendor) => ({ what: "away" as const, vendor })),
    ...waits
      .filter(({ oldestMs, promisedMs }) => (oldestMs ?? 0) > promisedMs)
      .map(({ kind, promisedMs, sweep }) => ({ what: "late" as const, kind, promisedMs, sweep })),
  ];
}

/** A failure's words as a letter takes them, whoever wrote them. */
function inOneLine(text: string, most: number): string {
  const line = text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").slice(0, most);
  return line.toWellFormed().trim() || "–";
}

/** `known` as it is now that `found` is what was found. What was over before anybody was told of it is forgotten. */
export function follow(known: readonly Followed[], found: readonly Trouble[], now: number): Followed[] {
  const before = new Map(known.map((one) => [idOf(one.trouble), one]));
  const lasting = found.map((trouble) => {
    const { since = now, told = false } = before.get(idOf(trouble)) ?? {};
    before.delete(idOf(trouble));
    return { trouble, since, told, goneSince: null };
  });
  const gone = [...before.values()].map((one) => ({ ...one, goneSince: one.goneSince ?? now }));
  return [...lasting, ...gone.filter((one) => one.told || !isOver(one, now))];
}

export type News = "begun" | "over";

/** What somebody is to be told of it now. */
export function newsOf(one: Followed, now: number, isQuiet: boolean): News | null {
  if (isQuiet && canWait(one.trouble)) return null;
  if (one.told) return isOver(one, now) ? "over" : null;
  return one.goneSince === null ? "begun" : null;
}

const isOver = ({ goneSince }: Followed, now: number) => goneSince !== null && now - goneSince >= OVER_AFTER_MS;

/** Whether nothing gets worse until the morning: a failed job stays as it is, and sweeps make up for what they missed. */
function canWait(trouble: Trouble): boolean {
  switch (trouble.what) {
    case "failures":
      return trouble.customers < MANY_CUSTOMERS;
    case "away":
      return false;
    case "late":
      return trouble.sweep;
  }
}

/** Tells one trouble from another. */
export function idOf(trouble: Trouble): string {
  switch (trouble.what) {
    case "failures":
      return `failures ${trouble.group}`;
    case "away":
      return `away ${trouble.vendor}`;
    case "late":
      return `late ${trouble.kind}`;
  }
}

/** Whose job it is to look. */
export function ownerOfTrouble(trouble: Trouble): Owner {
  switch (trouble.what) {
    case "failures":
      return ownerOf(trouble);
    case "away":
      return adminOf(trouble.vendor);
    case "late":
      return "operator";
  }
}

/** Where the desk shows it. */
export const pageOf = (trouble: Trouble) => (trouble.what === "failures" ? groupUrl(trouble.group) : DESK_PATH);

/** Hours of a day in Japan, in minutes since midnight; they may go past it. */
export interface QuietHours {
  readonly from: number;
  readonly to: number;
}

export function isWithin({ from, to }: QuietHours, at: Date): boolean {
  const minute = minuteInJapan(at);
  return from <= to ? minute >= from && minute < to : minute >= from || minute < to;
}
