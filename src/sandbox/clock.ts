/** The time that the vendors go by: the real one, until it is set to another, from which it runs on. */
export interface Clock {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Sets the clock to this moment (milliseconds since 1970); null goes back to the real time. */
  readonly set: (epochMs: number | null) => void;
  readonly isSet: () => boolean;
}

export function clock(): Clock {
  let aheadMs: number | null = null;
  return {
    now: () => Date.now() + (aheadMs ?? 0),
    set: (epochMs) => {
      aheadMs = epochMs === null ? null : epochMs - Date.now();
    },
    isSet: () => aheadMs !== null,
  };
}
