/** One line of the table in docs/reliability.md. */
export interface Finding {
  /** What was done to the system. */
  readonly what: string;
  /** How often. */
  readonly times: number;
  /** Accepted work that never had its effect. */
  readonly lost: number;
  /** Effects that happened more than once. */
  readonly doubled: number;
  /** The longest time until all was well again, in milliseconds; null where that is not what it is about. */
  readonly convergedMs: number | null;
  /** What else is to be said: plainly, where something cannot be promised. */
  readonly remark?: string;
}

/** `short` is part of the test suite: some ten seconds. `full` is what `npm run chaos` does: a few minutes. */
export type Scale = "short" | "full";

/** Breaks the system in one way, many times over, and counts. The same seed makes the same choices. */
export interface Experiment {
  readonly name: string;
  /**
   * Of two that run at a time, where absent. One that mostly waits, or gives way, runs beside all; one that times something,
   * beside none.
   */
  readonly beside?: "all" | "none";
  readonly run: (scale: Scale, random: Random) => Promise<readonly Finding[]>;
}

/** Numbers that follow from a seed. */
export interface Random {
  readonly seed: number;
  /** From 0 up to 1. */
  readonly next: () => number;
  /** A whole number from `least` to `most`. */
  readonly between: (least: number, most: number) => number;
  readonly oneOf: <T>(choices: readonly [T, ...T[]]) => T;
}

/** Mulberry32: small, and good enough to choose what breaks next. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (least: number, most: number) => least + Math.floor(next() * (most - least + 1));
  return { seed, next, between, oneOf: (choices) => choices[between(0, choices.length - 1)] ?? choices[0] };
}
