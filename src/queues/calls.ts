import { AsyncLocalStorage } from "node:async_hooks";

/**
 * The calls that a step makes to vendors, for its job's story. They are kept as text, a line each, beside what the step gave:
 * `whmcs AddOrder done 213`. Names, a word and milliseconds; nothing of what was asked or answered.
 */

export interface Call {
  readonly vendor: string;
  readonly operation: string;
  /** What came of it, in the metrics' words: `done`, `rejected`, `unknown-outcome` … */
  readonly came: string;
  readonly ms: number;
}

/** A sweep makes hundreds: of a step, the last ones are kept. */
const MOST_CALLS = 10;

const listening = new AsyncLocalStorage<string[]>();

/** Runs `perform`; the calls that it makes are added to `lines` as they end. */
export function listenTo<T>(lines: string[], perform: () => Promise<T>): Promise<T> {
  return listening.run(lines, perform);
}

/** Tells whoever listens that a call has ended. */
export function tellCall({ vendor, operation, came, ms }: Call): void {
  const lines = listening.getStore();
  if (lines === undefined) return;
  lines.push(`${vendor} ${operation} ${came} ${String(Math.round(ms))}`);
  if (lines.length > MOST_CALLS) lines.shift();
}

/** The calls in `text`, the first one first. */
export function callsIn(text: string): Call[] {
  return text.split("\n").flatMap((line) => {
    const [vendor = "", operation = "", came, ms] = line.split(" ");
    if (came === undefined) return [];
    return [{ vendor, operation, came, ms: Number(ms) }];
  });
}
