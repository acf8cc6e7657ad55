import { freebitError } from "./errors.ts";

export interface AuthKeys {
  /** The key in use, or a new one. */
  current(signal: AbortSignal): Promise<string>;
  /** A new one, whether one is held or not. */
  renewed(signal: AbortSignal): Promise<string>;
  /** `refused` is used no more. */
  forget(refused: string): void;
}

/**
 * Keeps one authKey for all calls, for `lifeMs`. At most one sign-in is under way, and all calls that need a key share
 * its end, good or bad; it ends with the signal of the call that began it. `now`: milliseconds.
 */
export function keepAuthKeys({
  signIn,
  lifeMs,
  now,
}: {
  signIn: (signal: AbortSignal) => Promise<string>;
  lifeMs: number;
  now: () => number;
}): AuthKeys {
  let held: { readonly key: string; readonly until: number } | null = null;
  let underWay: Promise<string> | null = null;

  async function begin(signal: AbortSignal): Promise<string> {
    const until = now() + lifeMs; // counted from before the answer, as Freebit may count
    try {
      const key = await signIn(signal);
      held = { key, until };
      return key;
    } finally {
      underWay = null;
    }
  }

  function renewed(signal: AbortSignal): Promise<string> {
    underWay ??= begin(signal);
    return orAborted(underWay, signal);
  }

  return {
    renewed,
    current: async (signal) => (held !== null && now() < held.until ? held.key : await renewed(signal)),
    forget(refused) {
      if (held?.key === refused) held = null;
    },
  };
}

/** `promise`, or the end of patience when `signal` aborts first. */
function orAborted(promise: Promise<string>, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const giveUp = () =>
      reject(
        freebitError({
          operation: "authOem",
          writes: false,
          trouble: { kind: "network", failure: "deadline" },
          cause: signal.reason,
        }),
      );
    if (signal.aborted) giveUp();
    signal.addEventListener("abort", giveUp, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
  });
}
