import { RejectedError, UnavailableError, UnknownOutcomeError, type Vendor } from "../../src/domain/errors.ts";
import { timingFor } from "../../src/queues/ledger.ts";
import type { Faults } from "./faults.ts";
import type { Process, Time } from "./time.ts";

/** Something that a job wants to be true out there. */
export interface Effect {
  /** The same key is the same effect. */
  readonly key: string;
  readonly job: string;
  /** Whose turn it must be; null where nobody takes turns. */
  readonly account: string | null;
  /** Twice is the same as once. */
  readonly isIdempotent: boolean;
  /** When the attempt that wants it read what it goes by; null where it goes by what an earlier one read. */
  readonly readAtMs: number | null;
}

/** A request that was sent; it lands, later or never. */
interface Sent extends Effect {
  readonly sentAtMs: number;
  readonly landsAtMs: number | null;
}

/** All that the vendors were sent and did. */
export type Vendors = ReturnType<typeof openVendors>;

export function openVendors(
  time: Time,
  { faults, deadlineMs, accuse }: { faults: Faults; deadlineMs: number; accuse: (violation: string) => void },
) {
  const { random } = time;
  /** A vendor's own limit on a request (`ledger.ts`). */
  const { settleMs } = timingFor(deadlineMs);
  const sent: Sent[] = [];
  const landed = new Map<string, number>();

  const land = ({ key, isIdempotent }: Effect): void => {
    const times = (landed.get(key) ?? 0) + 1;
    landed.set(key, times);
    time.note(`${key} lands`);
    if (!isIdempotent && times > 1) accuse(`${key} happened ${String(times)} times`);
  };

  /** What one account's jobs must not do to each other. */
  const judge = (mine: Sent): void => {
    if (mine.isIdempotent || mine.account === null) return;
    for (const other of sent) {
      if (other.account !== mine.account || other.isIdempotent || other.job === mine.job) continue;
      if (other.landsAtMs === null) continue;
      if (other.landsAtMs > mine.sentAtMs)
        accuse(`${mine.key} was sent while ${other.key} of another job of the account was on its way`);
      else if (mine.readAtMs !== null && other.landsAtMs > mine.readAtMs)
        accuse(`${mine.key} went by what was read before ${other.key} of another job of the account landed`);
    }
  };

  const trip = () => {
    const thereMs = 1 + random.next() * random.oneOf([20, 20, 0.4 * deadlineMs]);
    return { thereMs, backMs: thereMs + 1 + random.next() * random.oneOf([20, 20, 0.8 * deadlineMs]) };
  };

  return {
    nowMs: time.nowMs,
    sent,
    landed,
    /** Sends what makes `effect` true; resolves with the vendor's id of it. */
    async write(vendor: Vendor, effect: Effect, process: Process, signal: AbortSignal): Promise<string> {
      if (!process.alive) return await new Promise(() => undefined); // it was killed just now
      const fault = faults.vendorFault(vendor);
      const { thereMs, backMs } = trip();
      const landsInMs =
        fault === "none" || fault === "answer lost" || fault === "unclear, done"
          ? thereMs
          : fault === "late"
            ? settleMs * (1 - random.next() ** 2)
            : null;
      const sentAtMs = time.nowMs();
      const request = { ...effect, sentAtMs, landsAtMs: landsInMs === null ? null : sentAtMs + landsInMs };
      sent.push(request);
      judge(request);
      time.note(`${process.name} sends ${effect.key}: ${fault}`);
      if (landsInMs !== null) time.after(landsInMs, null, "it lands", () => land(effect));
      return await new Promise<string>((resolve, reject) => {
        signal.addEventListener("abort", () =>
          reject(new UnknownOutcomeError({ ...words(vendor), mayStillLand: true })),
        );
        const refusal = refusalOf(vendor, fault);
        if (fault === "none" || refusal !== null) {
          time.after(backMs, process, `< ${vendor}`, () => {
            if (refusal === null) resolve(idOf(effect.key));
            else reject(refusal);
          });
        }
      });
    },
    /** Asks `vendor` something that changes nothing; `answer` is what it says when it is asked. */
    async ask<T>(vendor: Vendor, process: Process, signal: AbortSignal, answer: () => T): Promise<T> {
      const fault = faults.vendorFault(vendor);
      const { thereMs, backMs } = trip();
      const silence = () => new UnavailableError({ ...words(vendor), scope: "vendor" });
      time.note(`${process.name} asks ${vendor}: ${fault}`);
      return await new Promise<T>((resolve, reject) => {
        signal.addEventListener("abort", () => reject(silence()));
        if (fault !== "none") {
          const refusal = fault === "busy" || fault === "refused" ? refusalOf(vendor, "busy") : silence();
          time.after(backMs, process, `< ${vendor}`, () => reject(refusal ?? silence()));
          return;
        }
        time.after(thereMs, null, `${vendor} is asked`, () => {
          const said = answer();
          time.note(`${vendor} says ${JSON.stringify(said) ?? "nothing"}`);
          time.after(backMs - thereMs, process, `< ${vendor}`, () => resolve(said));
        });
      });
    },
    /** The vendor's id of what has landed. */
    found: (key: string): string | undefined => (landed.has(key) ? idOf(key) : undefined),
  };
}

function idOf(key: string): string {
  return `id of ${key}`;
}

function words(vendor: Vendor) {
  return { code: `${vendor}-trouble`, title: "Something.", detail: "Do something.", vendor };
}

/** What an answer other than yes comes to in our clients; null where there is none. */
function refusalOf(vendor: Vendor, fault: string): Error | null {
  switch (fault) {
    case "not reached":
      return new UnavailableError({ ...words(vendor), scope: "vendor" });
    case "busy":
      return new UnavailableError({ ...words(vendor), scope: "call" });
    case "asks for patience":
      return new UnavailableError({ ...words(vendor), scope: "vendor", retryAfterMs: 5000 });
    case "refused":
      return new RejectedError({ ...words(vendor), code: "refused" });
    case "unclear, done":
    case "unclear, not done":
      return new UnknownOutcomeError({ ...words(vendor), mayStillLand: false });
    default:
      return null;
  }
}
