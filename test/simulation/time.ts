import type { Random } from "../chaos/experiment.ts";

/** The moment at which every simulated world begins. */
export const BEGINNING_MS = Date.parse("2026-11-24T00:00:00.000Z");

/** A process of the simulated world. */
export interface Process {
  readonly name: string;
  /** A dead one hears nothing any more: what it waits for never comes. */
  alive: boolean;
  /** Until then it stands still, as by SIGSTOP. */
  stillUntilMs: number;
  /** How far its wall clock is ahead. */
  clockAheadMs: number;
}

interface Happening {
  atMs: number;
  readonly turn: number;
  /** Whom it reaches; null: somebody whom we do not break. */
  readonly process: Process | null;
  readonly what: string;
  readonly run: () => void;
  isOver: boolean;
}

/** A time of its own: whatever happens is set down for a moment, and happens alone. */
export type Time = ReturnType<typeof openTime>;

export function openTime(random: Random) {
  const waiting: Happening[] = [];
  let nowMs = 0;
  let turns = 0;
  let current: Process | null = null;
  let hash = 0x811c9dc5;
  const said: string[] = [];
  const made = new Map<string, string>();
  const isBefore = (one: Happening, other: Happening) =>
    one.atMs < other.atMs || (one.atMs === other.atMs && one.turn < other.turn);

  const push = (happening: Happening): void => {
    let at = waiting.push(happening) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = waiting[above];
      if (parent === undefined || !isBefore(happening, parent)) break;
      waiting[at] = parent;
      at = above;
    }
    waiting[at] = happening;
  };
  const pop = (): Happening | undefined => {
    const [first] = waiting;
    const last = waiting.pop();
    if (first === undefined || last === undefined || waiting.length === 0) return first;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      let next = left;
      const [one, other] = [waiting[left], waiting[left + 1]];
      if (one === undefined) break;
      if (other !== undefined && isBefore(other, one)) next = left + 1;
      const child = waiting[next];
      if (child === undefined || !isBefore(child, last)) break;
      waiting[at] = child;
      at = next;
    }
    waiting[at] = last;
    return first;
  };

  const note = (words: string): void => {
    const text = words.replace(MADE_UP, (name) => {
      const known = made.get(name) ?? `#${String(made.size)}`;
      made.set(name, known);
      return known;
    });
    said.push(text);
    for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  };

  return {
    random,
    nowMs: () => nowMs,
    /** Who is running. */
    current: () => current,
    /** Sets down what happens in `delayMs`. */
    after(delayMs: number, process: Process | null, what: string, run: () => void): Happening {
      const happening = { atMs: nowMs + Math.max(0, delayMs), turn: (turns += 1), process, what, run, isOver: false };
      push(happening);
      return happening;
    },
    /** Another word for the record by which two runs are compared. */
    note: (text: string) => note(`${String(Math.round(nowMs * 1000) / 1000)} ${text}`),
    /** Everything that happened, a line each, and a number that stands for it. */
    record: () => ({ said, hash: hash >>> 0 }),
    /** Lets time pass until `isOver`, or until nothing can happen, `limitMs` is reached or too much has happened: then false. */
    async passUntil(isOver: () => boolean, limitMs: number): Promise<boolean> {
      while (!isOver()) {
        if (said.length > MOST) return false;
        const next = pop();
        if (next === undefined) return false;
        if (next.atMs > limitMs) {
          push(next);
          nowMs = limitMs;
          return isOver();
        }
        nowMs = Math.max(nowMs, next.atMs);
        if (next.isOver || next.process?.alive === false) continue;
        if (next.process !== null && next.process.stillUntilMs > nowMs) {
          // What came by wire meanwhile is heard before any clock of its own rings: libuv does it in this order.
          next.atMs = next.process.stillUntilMs + (next.what === RING ? 0.001 : 0);
          push(next);
          continue;
        }
        note(`${String(nowMs)} ${next.process?.name ?? ""} ${next.what}`);
        current = next.process;
        next.isOver = true;
        next.run();
        await quiet();
        current = null;
      }
      return true;
    },
  };
}

/** Ids, seals and the names of claims are made up anew each time: the record has them by their turn. */
const MADE_UP = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|sealed:v1:[\w:-]+|worker \d+:\d+ \d+/g;

/** No world is so busy. */
const MOST = 40_000;

const RING = "rings";
/** Resolves once nothing more follows by itself from what happened: every promise that could go on has. */
async function quiet(): Promise<void> {
  await new Promise<void>((resolve) => process.nextTick(resolve));
}

/** Puts `time` in the place of the clocks, timers and chance that the program asks; gives what puts them back. */
export function takeOver(time: Time): () => void {
  const kept = {
    Date,
    setTimeout,
    clearTimeout,
    setImmediate,
    random: Math.random,
    stackTraceLimit: Error.stackTraceLimit,
    timeout: AbortSignal.timeout.bind(AbortSignal),
    any: AbortSignal.any.bind(AbortSignal),
  };
  const wallMs = () => BEGINNING_MS + time.nowMs() + (time.current()?.clockAheadMs ?? 0);
  const rings = new Map<number, Happening>();
  let ids = 0;
  const ring = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
    const id = (ids += 1);
    rings.set(
      id,
      time.after(Math.max(1, ms), time.current(), RING, () => run(...args)),
    );
    return id;
  };
  const replaced: unknown = {
    Date: class extends kept.Date {
      constructor(...args: [] | [number | string | Date]) {
        super(...((args.length === 0 ? [Math.floor(wallMs())] : args) as [number]));
      }
      static override now = () => Math.floor(wallMs());
    },
    setTimeout: ring,
    setImmediate: (run: () => void) => time.after(0, time.current(), "goes on", run),
    clearTimeout: (id: number) => {
      const happening = rings.get(id);
      if (happening !== undefined) happening.isOver = true;
    },
  };
  Object.assign(globalThis, replaced);
  Math.random = time.random.next;
  Error.stackTraceLimit = 0; // faults are many here, and nobody reads where they come from
  AbortSignal.timeout = (ms) => {
    const controller = new AbortController();
    ring(() => controller.abort("the deadline"), ms);
    return controller.signal;
  };
  // Node's own would keep each world for ever in which somebody died while waiting for a signal.
  AbortSignal.any = (signals) => {
    const controller = new AbortController();
    for (const signal of signals) signal.addEventListener("abort", () => controller.abort(signal.reason));
    return controller.signal;
  };
  performance.now = time.nowMs;
  return () => {
    const { random, timeout, any, stackTraceLimit, ...globals } = kept;
    Object.assign(globalThis, globals);
    Math.random = random;
    Error.stackTraceLimit = stackTraceLimit;
    AbortSignal.timeout = timeout;
    AbortSignal.any = any;
    Reflect.deleteProperty(performance, "now"); // the real one is its prototype's
  };
}
