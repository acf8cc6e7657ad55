import type { ReadBack } from "./profile.ts";

/** What accountDetail's answer tells of one line: YYYYMMDD, nothing booked, or neither. */
export type Booking = { readonly bookedFor: string } | "none" | "unclear";

/**
 * Reads the booked cancellation of `account` from accountDetail's answer, as the profile says where it stands. Whatever
 * is not as the profile says is `unclear`, never `none`: on `none` the cancellation is sent again.
 */
export function bookingOf(account: string, body: unknown, readBack: ReadBack | null): Booking {
  if (readBack === null) return "unclear";
  const found = within(body, readBack.list);
  const lines: readonly unknown[] = Array.isArray(found) ? found : [found];
  const line = lines.find((each) => String(within(each, readBack.account)) === account);
  if (line === undefined) return "unclear";
  const value = within(line, readBack.field);
  if (value === undefined) return readBack.absent;
  if (value === null) return "none";
  const text = typeof value === "string" || typeof value === "number" ? String(value).trim() : "?";
  if (/^[0/-]*$/.test(text)) return "none";
  const [, year, month, day] = /^(\d{4})[/-]?(\d{2})[/-]?(\d{2})(?:\D.*)?$/.exec(text) ?? [];
  return day === undefined ? "unclear" : { bookedFor: `${year}${month}${day}` };
}

/** What stands at `path`, names with dots between; undefined where there is nothing. */
function within(value: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>(
      (at, name) =>
        typeof at === "object" && at !== null ? new Map<string, unknown>(Object.entries(at)).get(name) : undefined,
      value,
    );
}
