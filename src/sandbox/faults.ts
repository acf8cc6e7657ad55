/**
 * Faults to order: what goes wrong between the system and a vendor, told in advance and used up call by call.
 * The vendors ask `take` as each call arrives; what a mode means on the wire is theirs to carry out.
 */

export const VENDORS = ["salesforce", "whmcs", "freebit", "mail"] as const;
export type Vendor = (typeof VENDORS)[number];

/** What each mode does; `before` and `after` say on which side of the write the fault falls. */
export const FAULT_MODES = {
  "fail-before": "answers with status and body, writes nothing",
  "fail-after": "writes, then answers with status and body",
  "hang-before": "writes nothing and never answers",
  "hang-after": "writes, then never answers",
  "drop-before": "cuts the connection, writes nothing",
  "drop-after": "writes, then cuts the connection",
  cut: "writes, then cuts the connection in the middle of the answer",
  endless: "writes, then answers without ever ending",
  slow: "waits delayMs, then answers as usual",
  late: "never answers, and writes delayMs later",
  error: "answers with an error in the vendor's own shape, writes nothing",
} as const;
export type FaultMode = keyof typeof FAULT_MODES;

interface FaultOrder {
  readonly vendor: Vendor;
  /** An operation's name, or `*` for every call to the vendor. */
  readonly operation: string;
  readonly mode: FaultMode;
  /** How many calls it hits. */
  readonly times: number;
  /** How many calls it lets pass first. */
  readonly skip: number;
  /** Milliseconds, for `slow` and `late`. */
  readonly delayMs: number;
  readonly status?: number | undefined;
  readonly body?: unknown;
  /** Salesforce's errorCode or Freebit's codes (`400-356`), for `error`. */
  readonly code?: string | undefined;
}

export interface Fault extends FaultOrder {
  readonly id: number;
  /** How many calls it will still hit. */
  readonly left: number;
}

export interface Faults {
  readonly add: (order: FaultOrder) => Fault;
  /** The oldest fault that fits this call; one of its times is spent. */
  readonly take: (vendor: Vendor, operation: string) => Fault | undefined;
  /** Like `take` for a part of a call (a subrequest of a composite): only `error`, and only by the operation's own name. */
  readonly takeForPart: (vendor: Vendor, operation: string) => Fault | undefined;
  readonly active: () => readonly Fault[];
  readonly clear: () => void;
}

export function faultList(): Faults {
  let active: Fault[] = [];
  let lastId = 0;
  const spend = (fits: (fault: Fault) => boolean): Fault | undefined => {
    const fault = active.find((one) => fits(one) && one.skip === 0);
    active = active.map((one) => (fits(one) && one.skip > 0 ? { ...one, skip: one.skip - 1 } : one));
    if (fault === undefined) return undefined;
    const spent = { ...fault, left: fault.left - 1 };
    active = active.flatMap((other) => (other.id !== fault.id ? [other] : spent.left > 0 ? [spent] : []));
    return spent;
  };
  return {
    add: (order) => {
      const fault = { ...order, id: ++lastId, left: order.times };
      active.push(fault);
      return fault;
    },
    take: (vendor, operation) =>
      spend((fault) => fault.vendor === vendor && (fault.operation === operation || fault.operation === "*")),
    takeForPart: (vendor, operation) =>
      spend((fault) => fault.vendor === vendor && fault.operation === operation && fault.mode === "error"),
    active: () => active,
    clear: () => {
      active = [];
    },
  };
}
