import { describe, expect, it } from "vitest";
import { earliestMonth, isOpenMonth, latestMonth, openMonths } from "../../src/domain/cancellation-month.ts";
import {
  dayInJapan,
  lastDayOf,
  lastSecondOf,
  month,
  monthsAfter,
  runDateAfter,
} from "../../src/domain/japan-calendar.ts";

/** `vendors/calendar-and-mail.md`: now, the earliest month, its last day, and from when a line that ends with it is cancelled. */
const TABLE = [
  ["2026-01-24T14:59:59Z", "2026-01", "2026-01-31", "20260201"],
  ["2026-01-24T15:00:00Z", "2026-02", "2026-02-28", "20260301"],
  ["2026-12-24T15:00:00Z", "2027-01", "2027-01-31", "20270201"],
  ["2028-02-24T14:59:59Z", "2028-02", "2028-02-29", "20280301"],
] as const;

describe("the 25th rule", () => {
  it.for(TABLE)("at %s: %s, which ends on %s and at Freebit on %s", ([now, earliest, end, runDate]) => {
    expect(earliestMonth(new Date(now))).toBe(earliest);
    expect(lastDayOf(month.parse(earliest))).toBe(end);
    expect(runDateAfter(month.parse(earliest))).toBe(runDate);
  });

  it("lets this month be chosen until the 24th has ended in Japan, and not a moment longer", () => {
    const thisMonth = month.parse("2026-12");
    expect(isOpenMonth(thisMonth, new Date("2026-12-24T23:59:59.999+09:00"))).toBe(true);
    expect(isOpenMonth(thisMonth, new Date("2026-12-25T00:00:00.000+09:00"))).toBe(false);
  });

  it("never lets a month that is over be chosen, nor one more than twelve months ahead", () => {
    const now = new Date("2026-11-24T03:00:00Z");
    expect(isOpenMonth(month.parse("2026-10"), now)).toBe(false);
    expect(latestMonth(now)).toBe("2027-11");
    expect(isOpenMonth(month.parse("2027-11"), now)).toBe(true);
    expect(isOpenMonth(month.parse("2027-12"), now)).toBe(false);
  });

  it("offers the months from the earliest on, as far as they are open", () => {
    expect(openMonths(new Date("2026-11-24T03:00:00Z"), 3)).toEqual(["2026-11", "2026-12", "2027-01"]);
    expect(openMonths(new Date("2026-11-25T03:00:00Z"), 50)).toHaveLength(12);
    expect(openMonths(new Date("2026-11-24T03:00:00Z"), 50)).toHaveLength(13);
  });
});

describe("the calendar in Japan", () => {
  it("ends a month at 14:59:59 UTC of its last day", () => {
    expect(lastSecondOf(month.parse("2026-12")).toISOString()).toBe("2026-12-31T14:59:59.000Z");
    expect(lastSecondOf(month.parse("2028-02")).toISOString()).toBe("2028-02-29T14:59:59.000Z");
  });

  it("begins a day at 15:00 UTC", () => {
    expect(dayInJapan(new Date("2026-12-31T14:59:59Z"))).toBe("2026-12-31");
    expect(dayInJapan(new Date("2026-12-31T15:00:00Z"))).toBe("2027-01-01");
    expect(dayInJapan(new Date("2026-12-31T15:00:00Z"), 60)).toBe("2027-03-02");
  });

  it("counts months over the turn of a year", () => {
    expect(monthsAfter(month.parse("2026-12"), 1)).toBe("2027-01");
    expect(monthsAfter(month.parse("2026-01"), -1)).toBe("2025-12");
  });

  it("takes nothing for a month that is none", () => {
    for (const text of ["2026-13", "2026-1", "2026-00", "26-12", "2026-12-01", ""]) {
      expect(month.safeParse(text).success).toBe(false);
    }
  });
});
