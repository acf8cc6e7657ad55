import * as z from "zod";

/**
 * The calendar of every rule (`spec/rules.md`, first section): Japan's, nine hours ahead of UTC without daylight saving.
 * Reckoned on days and months, never on the host's own time zone.
 */

/** `YYYY-MM-DD`. */
export type Day = string & z.$brand<"Day">;

/** `YYYY-MM`. */
export const month = z
  .string()
  .regex(/^20\d{2}-(0[1-9]|1[0-2])$/, "must be a month: YYYY-MM")
  .meta({ description: "A month in Japan", examples: ["2026-12"] })
  .brand<"Month">();
export type Month = z.infer<typeof month>;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const AHEAD_MS = 9 * HOUR_MS;

/** The day it is in Japan `days` after `moment`. */
export function dayInJapan(moment: Date, days = 0): Day {
  return new Date(moment.getTime() + AHEAD_MS + days * DAY_MS).toISOString().slice(0, 10) as Day; // what ISO dates begin with
}

/** How many minutes after midnight it is in Japan. */
export function minuteInJapan(moment: Date): number {
  return Math.floor(((moment.getTime() + AHEAD_MS) % DAY_MS) / 60_000);
}

/** The month it is in Japan at `moment`. */
export function monthInJapan(moment: Date): Month {
  return dayInJapan(moment).slice(0, 7) as Month; // what a day begins with
}

export function monthsAfter(start: Month, months: number): Month {
  const [year, number] = partsOf(start);
  return new Date(Date.UTC(year, number - 1 + months)).toISOString().slice(0, 7) as Month; // as above
}

/** The last second of a month in Japan: 31 December 2026 ends at 14:59:59 UTC. */
export function lastSecondOf(of: Month): Date {
  const [year, number] = partsOf(of);
  return new Date(Date.UTC(year, number) - AHEAD_MS - 1000);
}

/** The last day of a month. */
export function lastDayOf(of: Month): Day {
  return dayInJapan(lastSecondOf(of));
}

/** The first day of the month after, as `YYYYMMDD`: from that day on a line that ends with the month is cancelled. */
export function runDateAfter(of: Month): string {
  return `${monthsAfter(of, 1).replace("-", "")}01`;
}

function partsOf(of: Month): [year: number, number: number] {
  return [Number(of.slice(0, 4)), Number(of.slice(5, 7))];
}
