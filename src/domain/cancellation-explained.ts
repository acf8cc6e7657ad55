import { type Cancellation, endOf } from "./cancellation.ts";
import { earliestMonth } from "./cancellation-month.ts";
import { monthInJapan, monthsAfter } from "./japan-calendar.ts";

/** Why a service ends when it does, for whoever a customer asks (`spec/rules.md`, Cancellation). */
export function explainedEnd(
  asked: Cancellation,
  acceptedAt: Date,
): readonly { readonly en: string; readonly ja: string }[] {
  const { month, lastDay } = endOf(asked, acceptedAt);
  const at = clockInJapan(acceptedAt);
  if (asked.service === "VPN") {
    return [
      {
        en: `Accepted ${at} in Japan. A VPN ends as it is asked for, so its last day is ${lastDay}.`,
        ja: `日本時間 ${at} に受け付けました。VPN は依頼と同時に終了するため、最終日は ${lastDay} です。`,
      },
    ];
  }
  const first = earliestMonth(acceptedAt);
  const isBefore = first === monthInJapan(acceptedAt);
  const said = {
    en: `Accepted ${at} in Japan, ${isBefore ? "before the 25th" : "on the 25th or later"}, so ${first} was the first month to choose from. ${month} was chosen: the last day is ${lastDay}.`,
    ja: `日本時間 ${at} に受け付けました（25 日${isBefore ? "より前" : "以降"}）。選べる最初の月は ${first} でした。${month} が選ばれたため、最終日は ${lastDay} です。`,
  };
  if (asked.service !== "SIM") return [said];
  const off = `${monthsAfter(month, 1)}-01`;
  return [
    said,
    { en: `Freebit switches the line off from ${off} on.`, ja: `Freebit の回線は ${off} から停止します。` },
  ];
}

/** `2026-12-24 23:59`. */
function clockInJapan(moment: Date): string {
  return new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "short", timeZone: "Asia/Tokyo" }).format(
    moment,
  );
}
