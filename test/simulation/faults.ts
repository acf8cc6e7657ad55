import type { Random } from "../chaos/experiment.ts";
import type { Process } from "./time.ts";

/** What may go wrong with one exchange with a vendor. */
export type VendorFault =
  | "none"
  /** It was never reached, or is busy with something else, or has had enough of us: nothing happened, and we know. */
  | "not reached"
  | "busy"
  | "asks for patience"
  /** They say no. */
  | "refused"
  /** It happened, and the answer was lost. */
  | "answer lost"
  /** The request was lost, and nobody can tell. */
  | "request lost"
  /** It is carried out long after we gave it up. */
  | "late"
  /** An answer that says nothing ended the exchange; it happened, or not. */
  | "unclear, done"
  | "unclear, not done";

/** The chances of one world: one where workers die is not always one where vendors are away. */
export interface Weather {
  readonly vendor: number;
  readonly kill: number;
  readonly stall: number;
  readonly cut: number;
  readonly wireMs: number;
  readonly deadlineMs: number;
}

export interface Faults {
  readonly wireMs: number;
  /** Anything may happen before, during and after what is awaited here. */
  at(what: string, process: Process, line: { cut(backInMs: number): void } | null): void;
  vendorFault(vendor: string): VendorFault;
  /** From now on nothing breaks any more. */
  stop(): void;
}

export interface Hands {
  kill(process: Process): void;
  after(delayMs: number, what: string, run: () => void): void;
  nowMs(): number;
}

export function weatherOf(random: Random, deadlineMs: number): Weather {
  const chance = (most: number) => (random.next() < 0.35 ? 0 : random.next() * most);
  return {
    vendor: chance(0.45),
    kill: chance(0.03),
    stall: chance(0.03),
    cut: chance(0.03),
    wireMs: random.oneOf([2, 20, 0.04 * deadlineMs]),
    deadlineMs,
  };
}

/** In deadlines: long enough for an answer, a claim, and until the last request has landed. */
const STALLS = [0.01, 0.3, 1.2, 2.5, 17] as const;

/** Longer than a lock. */
const LONG_STALL_MS = 45_000;

export function faultsOf(random: Random, weather: Weather, hands: Hands): Faults {
  let isOver = false;
  const away = new Map<string, number>();
  return {
    wireMs: weather.wireMs,
    at(what, process, line) {
      if (isOver || process.name.startsWith("person")) return;
      const soonMs = random.oneOf([0, 0, random.next() * 2 * weather.wireMs, random.next() * weather.deadlineMs]);
      const chance = random.next();
      if (chance < weather.kill) {
        if (soonMs === 0) hands.kill(process);
        else hands.after(soonMs, `${process.name} is killed at ${what}`, () => hands.kill(process));
      } else if (chance < weather.kill + weather.stall) {
        const forMs =
          random.oneOf([LONG_STALL_MS, random.oneOf(STALLS) * weather.deadlineMs]) * (0.7 + 0.6 * random.next());
        const stall = () => {
          process.stillUntilMs = Math.max(process.stillUntilMs, hands.nowMs() + forMs);
        };
        if (soonMs === 0) stall();
        else hands.after(soonMs, `${process.name} stands still at ${what}`, stall);
      } else if (line !== null && chance < weather.kill + weather.stall + weather.cut) {
        const backInMs =
          random.oneOf([1, 200, 2 * weather.deadlineMs, 15 * weather.deadlineMs, 60_000]) * random.next();
        hands.after(soonMs, `${process.name} loses Redis at ${what}`, () => line.cut(backInMs));
      }
    },
    vendorFault(vendor) {
      if (isOver) return "none";
      if ((away.get(vendor) ?? 0) > hands.nowMs())
        return random.oneOf(["not reached", "asks for patience", "answer lost"]);
      if (random.next() >= weather.vendor) return "none";
      if (random.next() < 0.03) away.set(vendor, hands.nowMs() + random.next() * 12 * weather.deadlineMs);
      return random.oneOf([
        "not reached",
        "busy",
        "asks for patience",
        "refused",
        "answer lost",
        "request lost",
        "late",
        "late",
        "unclear, done",
        "unclear, not done",
      ]);
    },
    stop() {
      isOver = true;
    },
  };
}
