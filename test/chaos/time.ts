import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { ofNode } from "../e2e/process.ts";
import type { Experiment, Finding, Random } from "./experiment.ts";
import { choose } from "./turns.ts";

/** Hosts on both sides of Japan, at its own time, at the edges of the world, and where clocks jump. */
const ZONES = ["UTC", "Asia/Tokyo", "America/Los_Angeles", "Pacific/Kiritimati", "Europe/Berlin"] as const;

const PROGRAM = path.join(import.meta.dirname, "calendar-of-host.ts");
const MINUTE_MS = 60_000;

/**
 * The 25th rule and the calendar, minute by minute around every moment at which their answer changes, in host time zones all
 * over the world. What is right is counted here by hand: on a clock of Japan that the time zone database gives, with the
 * lengths of the months written out.
 */
export const time: Experiment = {
  name: "time",
  run: async (scale, random) =>
    scale === "full"
      ? await Promise.all(ZONES.map(async (zone) => await compared(zone, 60, random)))
      : await Promise.all(choose(ZONES, 2, random).map(async (zone) => await compared(zone, 2, random))),
};

async function compared(zone: string, minutesAround: number, random: Random): Promise<Finding> {
  const moments = momentsAround(minutesAround, random);
  const said = (await answersOf(zone, moments)).split("\n");
  const different = moments.filter((moment, at) => said[at] !== expected(moment));
  const [first] = different;
  return {
    what: `every minute around the changes of 2024 to 2032, on a host in ${zone}`,
    times: moments.length,
    lost: different.length + Math.abs(said.length - moments.length),
    doubled: 0,
    convergedMs: null,
    ...(first !== undefined && { remark: `first difference: ${new Date(first).toISOString()}` }),
  };
}

/** The minutes (and their last and first milliseconds) around each day's beginning that matters, and some moments by chance. */
function momentsAround(minutes: number, random: Random): number[] {
  const moments: number[] = [];
  for (let year = 2024; year <= 2032; year += 1) {
    for (let month = 1; month <= 12; month += 1) {
      const begins = [1, 24, 25, 26, lengthOf(year, month)].map((day) => inJapan(year, month, day));
      for (const begin of [...begins, ...(month === 2 ? [inJapan(year, 2, 28)] : [])]) {
        for (let at = -minutes; at <= minutes; at += 1) {
          const moment = begin + at * MINUTE_MS;
          moments.push(moment - 1, moment);
        }
      }
      moments.push(inJapan(year, month, random.between(1, 28)) + random.between(0, 86_399_999));
    }
  }
  return moments;
}

async function answersOf(zone: string, moments: readonly number[]): Promise<string> {
  const child = spawn(process.execPath, [PROGRAM], {
    env: { ...ofNode, TZ: zone },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.stdin.end(moments.join("\n"));
  await ended;
  return said;
}

const LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** 2024, 2028 and 2032 are the leap years; none of these years is one of a century. */
const lengthOf = (year: number, month: number) => (LENGTHS[month - 1] ?? 0) + (month === 2 && year % 4 === 0 ? 1 : 0);

const two = (number: number) => String(number).padStart(2, "0");
const named = (year: number, month: number) => `${String(year)}-${two(month)}`;

const inJapan = (year: number, month: number, day: number) =>
  Date.parse(`${named(year, month)}-${two(day)}T00:00:00+09:00`);

/** The time zone database's Japan. */
const CLOCK = new Intl.DateTimeFormat("en-GB", {
  timeZone: "Asia/Tokyo",
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
});

const days = new Map<number, string>();

/** The day in Japan as `DD/MM/YYYY`; asked once for each minute, as asking is slow. */
function dayAt(moment: number): string {
  const minute = Math.floor(moment / MINUTE_MS);
  const known = days.get(minute);
  if (known !== undefined) return known;
  const day = CLOCK.format(minute * MINUTE_MS);
  days.set(minute, day);
  return day;
}

const saidOf = new Map<string, string>();

/** What the rules say of a moment: the same all day. */
function expected(moment: number): string {
  const day = dayAt(moment);
  const known = saidOf.get(day);
  if (known !== undefined) return known;
  const said = expectedOn(day);
  saidOf.set(day, said);
  return said;
}

/** What the rules say of a day (`DD/MM/YYYY`), counted by hand. */
function expectedOn(today: string): string {
  const [day = 0, month = 0, year = 0] = today.split("/").map(Number);
  const months: [year: number, month: number][] = [];
  let [y, m] = [year, month];
  const next = () => {
    m += 1;
    if (m === 13) [y, m] = [y + 1, 1];
  };
  for (let ahead = 0; ahead <= 12; ahead += 1, next()) if (ahead > 0 || day <= 24) months.push([y, m]);
  const [ey, em] = months[0] ?? [0, 0];
  const [ly, lm] = months.at(-1) ?? [0, 0];
  const [ry, rm] = em === 12 ? [ey + 1, 1] : [ey, em + 1];
  const lastDay = `${named(ey, em)}-${two(lengthOf(ey, em))}`;
  return [
    `${named(year, month)}-${two(day)}`,
    named(ey, em),
    named(ly, lm),
    months.map(([of, at]) => named(of, at)).join(","),
    "shut,open,open,shut",
    String(Date.parse(`${lastDay}T23:59:59+09:00`)),
    lastDay,
    `${String(ry)}${two(rm)}01`,
  ].join(" ");
}
