import { dayInJapan, type Month, monthInJapan, monthsAfter } from "./japan-calendar.ts";

/** From this day of a month on, that month can no longer be chosen (`spec/rules.md`, Cancellation: the 25th rule). */
const CLOSES_ON_DAY = 25;

/** How far ahead a customer may choose. */
const MONTHS_AHEAD = 12;

/** The first month that a cancellation which is accepted at `now` may end with. */
export function earliestMonth(now: Date): Month {
  const today = dayInJapan(now);
  return monthsAfter(monthInJapan(now), Number(today.slice(8)) >= CLOSES_ON_DAY ? 1 : 0);
}

/** The last one: twelve months ahead of the month it is, whatever the day. */
export function latestMonth(now: Date): Month {
  return monthsAfter(monthInJapan(now), MONTHS_AHEAD);
}

/** Whether a cancellation that is accepted at `now` may end with `month`. */
export function isOpenMonth(month: Month, now: Date): boolean {
  return month >= earliestMonth(now) && month <= latestMonth(now); // such texts sort as the months they stand for
}

/** The first `count` months that may be chosen at `now`, as far as there are so many. */
export function openMonths(now: Date, count: number): Month[] {
  const earliest = earliestMonth(now);
  const latest = latestMonth(now);
  return Array.from({ length: count }, (_, at) => monthsAfter(earliest, at)).filter((month) => month <= latest);
}
