/** How many API calls were made in the last day, and how many may be. */
export interface Usage {
  /** Counts a call; false if there are none left. */
  readonly spend: () => boolean;
  readonly used: () => number;
  readonly dailyMax: () => number;
  readonly setDailyMax: (calls: number) => void;
  readonly setUsed: (calls: number) => void;
}

const DAILY_CALLS = 100_000;
const DAY_MS = 24 * 60 * 60 * 1000;

/** `now` is milliseconds since 1970. The day begins anew 24 hours after its first call, where the real one rolls on. */
export function usage(now: () => number): Usage {
  let used = 0;
  let since = now();
  let dailyMax = DAILY_CALLS;
  const today = () => {
    if (now() - since >= DAY_MS) {
      used = 0;
      since = now();
    }
    return used;
  };
  return {
    spend: () => {
      if (today() >= dailyMax) return false;
      used += 1;
      return true;
    },
    used: today,
    dailyMax: () => dailyMax,
    setUsed: (calls) => {
      [used, since] = [calls, now()];
    },
    setDailyMax: (calls) => {
      dailyMax = calls;
    },
  };
}
