import { dayInJapan, minuteInJapan } from "../../domain/japan-calendar.ts";

/** The languages that letters are written in. */
export type Language = "ja" | "en";

/** A moment as a clock in Japan shows it: 2026年12月31日 23:59, 31 December 2026, 23:59. */
export function momentIn(language: Language, moment: Date): string {
  const minute = minuteInJapan(moment);
  const clock = [Math.floor(minute / 60), minute % 60].map((part) => String(part).padStart(2, "0")).join(":");
  return `${dayIn(language, dayInJapan(moment))}${language === "ja" ? " " : ", "}${clock}`;
}

const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** `2026-12-31` as people write it: 2026年12月31日, 31 December 2026. */
export function dayIn(language: Language, day: string): string {
  return language === "ja"
    ? `${monthIn("ja", day)}${Number(day.slice(8, 10))}日`
    : `${Number(day.slice(8, 10))} ${monthIn("en", day)}`;
}

/** The month of `2026-12-31`: 2026年12月, December 2026. */
export function monthIn(language: Language, day: string): string {
  const month = Number(day.slice(5, 7));
  return language === "ja" ? `${day.slice(0, 4)}年${month}月` : `${MONTHS[month - 1] ?? ""} ${day.slice(0, 4)}`;
}
