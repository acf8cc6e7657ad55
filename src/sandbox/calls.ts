import type { FaultMode, Vendor } from "./faults.ts";

/** One call that a vendor got. */
interface Call {
  readonly vendor: Vendor;
  readonly operation: string;
  /** ISO 8601. */
  readonly at: string;
  /** The HTTP status or SMTP code answered; null while there is no answer. */
  readonly status: number | null;
  readonly summary: string;
  /** The fault that hit it. */
  readonly fault?: FaultMode;
}

/** The arrival of a call: the rest is noted on it as it happens. */
interface CallNote {
  readonly answered: (status: number) => void;
  readonly hitBy: (mode: FaultMode) => void;
}

export interface CallLog {
  readonly arrived: (vendor: Vendor, operation: string, summary: string) => CallNote;
  /** Newest last. */
  readonly all: () => readonly Call[];
  readonly clear: () => void;
}

/** Beyond this many the oldest calls are forgotten: a benchmark must not fill the memory. */
const KEPT = 50_000;

export function callLog(): CallLog {
  let calls: { -readonly [K in keyof Call]: Call[K] }[] = [];
  return {
    arrived: (vendor, operation, summary) => {
      const call: (typeof calls)[number] = {
        vendor,
        operation,
        at: new Date().toISOString(),
        status: null,
        summary: summary.slice(0, 500),
      };
      if (calls.length >= 2 * KEPT) calls = calls.slice(-KEPT);
      calls.push(call);
      return {
        answered: (status) => {
          call.status = status;
        },
        hitBy: (mode) => {
          call.fault = mode;
        },
      };
    },
    all: () => calls.slice(-KEPT),
    clear: () => {
      calls = [];
    },
  };
}
