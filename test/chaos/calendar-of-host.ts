import * as calendar from "../../src/domain/japan-calendar.ts";
import * as rule from "../../src/domain/cancellation-month.ts";

/**
 * A program of its own, as a host's time zone is set before one starts: reads moments (ms, one a line) and says what the
 * calendar makes of each: first open month, last one, the six that are offered, and the last second and the run date of the first.
 */
let text = "";
process.stdin.setEncoding("utf8");
for await (const part of process.stdin) text += String(part);

const lines = text.split("\n").map((line) => {
  const now = new Date(Number(line));
  const earliest = rule.earliestMonth(now);
  const latest = rule.latestMonth(now);
  const open = rule.openMonths(now, 20);
  const bounds = [calendar.monthsAfter(earliest, -1), earliest, latest, calendar.monthsAfter(latest, 1)];
  const judged = bounds.map((month) => (rule.isOpenMonth(month, now) ? "open" : "shut")).join(",");
  const end = calendar.lastSecondOf(earliest).getTime();
  return [
    calendar.dayInJapan(now),
    earliest,
    latest,
    open.join(","),
    judged,
    String(end),
    calendar.lastDayOf(earliest),
    calendar.runDateAfter(earliest),
  ].join(" ");
});
process.stdout.write(lines.join("\n"));
