/** What Freebit keeps: the lines, by the SIM's number. In memory. */

export interface Line {
  readonly account: string;
  readonly state: "active" | "cancelled";
  /** `YYYYMMDD`: the day from which it is, or will be, cancelled. */
  readonly cancelDate: string | null;
}

export interface Lines {
  readonly all: () => readonly Line[];
  readonly line: (account: string) => Line | undefined;
  /** From the beginning of `runDate` in Japan; null: at once. */
  readonly cancel: (account: string, runDate: string | null) => void;
  /** `YYYYMMDD` in Japan. */
  readonly today: () => string;
}

const JAPAN_MS = 9 * 60 * 60 * 1000;
const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10).replaceAll("-", "");

/** Whether `text` is a day of the calendar, `YYYYMMDD`. */
export function isDay(text: string): boolean {
  const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})$/.exec(text) ?? [];
  return day !== undefined && dayOf(Date.UTC(Number(year), Number(month) - 1, Number(day))) === text;
}

/** `now`: milliseconds since 1970. */
export function lines(accounts: readonly string[], now: () => number): Lines {
  const cancelDates = new Map<string, string | null>(accounts.map((account) => [account, null]));
  const today = () => dayOf(now() + JAPAN_MS);
  const line = (account: string): Line | undefined => {
    const cancelDate = cancelDates.get(account);
    if (cancelDate === undefined) return undefined;
    return { account, cancelDate, state: cancelDate !== null && cancelDate <= today() ? "cancelled" : "active" };
  };
  return {
    all: () => [...cancelDates.keys()].flatMap((account) => line(account) ?? []),
    line,
    cancel: (account, runDate) => void cancelDates.set(account, runDate ?? today()),
    today,
  };
}
