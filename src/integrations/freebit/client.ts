import { UnknownOutcomeError } from "../../domain/errors.ts";
import { dayInJapan } from "../../domain/japan-calendar.ts";
import type { VendorCall } from "../../domain/vendor-call.ts";
import type { Settings } from "../../settings.ts";
import { freebitApi, type ApiSettings } from "./api.ts";
import { bookedOtherwise, noFutureDate, noLine, refusedForGood, unclear, UNLISTED } from "./errors.ts";
import { freebitProfile, type Codes } from "./profile.ts";
import { bookingOf, type Booking } from "./read-back.ts";

/** What Freebit answered, for people to read: `100`, or `400` with `356`. */
export interface FreebitAnswer {
  readonly resultCode: string;
  readonly statusCode?: string;
}

/** What the business asks of Freebit. Throws errors of `domain/errors.ts` only. */
export interface Freebit {
  /**
   * Books the end of a line. `account`: the SIM's number, digits with their leading 0. `runDate`: YYYYMMDD, a day that
   * lies ahead in Japan; any other is refused before anything is sent, for Freebit may end a line without one at once.
   * Resolves once Freebit has accepted it, which is not yet carried out.
   */
  cancelLine(line: { readonly account: string; readonly runDate: string }): Promise<FreebitAnswer>;
  /**
   * The day for which the line's cancellation is booked, YYYYMMDD; null where none is. Throws an `InDoubtError` where
   * Freebit's answer tells neither.
   */
  bookedCancellation(account: string): Promise<string | null>;
  /** Signs in and does nothing else: whether Freebit can be reached and lets us in. */
  check(): Promise<void>;
}

export type FreebitSettings = ApiSettings & Pick<Settings, "FREEBIT_PROFILE">;

/**
 * The client for one Freebit. Without FREEBIT_URL, FREEBIT_OEM_ID and FREEBIT_OEM_KEY it may be made, but every call
 * says so: cancellations of SIMs wait. Throws where FREEBIT_PROFILE cannot be used. `now`: milliseconds since 1970.
 */
export function freebitClient({
  settings,
  call,
  now = Date.now,
}: {
  settings: FreebitSettings;
  call: VendorCall;
  now?: () => number;
}): Freebit {
  const profile = freebitProfile(settings.FREEBIT_PROFILE);
  const { perform, signIn } = freebitApi({ settings, profile, call, now });
  const { kind, detailVersion, cancelAccount } = profile;

  async function booking(account: string): Promise<Booking> {
    const { body } = await perform("accountDetail", {
      version: detailVersion,
      requestDatas: [{ kind, account }],
    });
    return bookingOf(account, body, cancelAccount.readBack);
  }

  return {
    async cancelLine({ account, runDate }) {
      if (!isLine(account)) throw noLine();
      if (cancelAccount.dateField === null || !isAhead(runDate, now())) throw noFutureDate();
      let answer;
      try {
        answer = await perform("cancelAccount", { kind, account, [cancelAccount.dateField]: runDate });
      } catch (error) {
        if (!(error instanceof UnknownOutcomeError) || error.code !== UNLISTED) throw error;
        const found = await booking(account).catch(() => {
          throw error; // it may have happened, whatever the look met: the next attempt looks again
        });
        if (found === "unclear") throw unclear(error);
        if (found === "none") throw refusedForGood(error);
        if (found.bookedFor !== runDate) throw bookedOtherwise(found.bookedFor);
        throw error; // it happened, as the step's own look will find: an unlisted code is no success by itself
      }
      if (answer.meaning === "alreadyDone") {
        // So it is, whatever the look says, unless it names another day.
        const found = await booking(account).catch(() => "unclear" as const);
        if (typeof found === "object" && found.bookedFor !== runDate) throw bookedOtherwise(found.bookedFor);
      }
      return shown(answer.codes);
    },

    async bookedCancellation(account) {
      if (!isLine(account)) throw noLine();
      const found = await booking(account);
      if (found === "unclear") throw unclear();
      return found === "none" ? null : found.bookedFor;
    },

    check: signIn,
  };
}

const shown = ({ resultCode, statusCode }: Codes): FreebitAnswer => ({
  resultCode,
  ...(statusCode === null ? {} : { statusCode }),
});

const isLine = (account: string): boolean => /^\d+$/.test(account);

/** Whether `runDate` is a day of the calendar, YYYYMMDD, later than today in Japan. */
function isAhead(runDate: string, nowMs: number): boolean {
  const [, year, month, date] = /^(\d{4})(\d{2})(\d{2})$/.exec(runDate) ?? [];
  const midnight = new Date(Date.UTC(Number(year), Number(month) - 1, Number(date)));
  const day = `${year}-${month}-${date}`;
  return Number.isFinite(midnight.getTime()) && dayInJapan(midnight) === day && day > dayInJapan(new Date(nowMs));
}
