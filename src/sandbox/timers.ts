/** Work put off, all of which can be called off at once: when the sandbox is reset or closed. */
export interface Timers {
  readonly after: (delayMs: number, work: () => void) => void;
  /** How much is still to come. */
  readonly pending: () => number;
  readonly cancelAll: () => void;
}

export function timers(): Timers {
  const pending = new Set<NodeJS.Timeout>();
  return {
    after: (delayMs, work) => {
      const timer = setTimeout(() => {
        pending.delete(timer);
        work();
      }, delayMs);
      pending.add(timer);
    },
    pending: () => pending.size,
    cancelAll: () => {
      for (const timer of pending) clearTimeout(timer);
      pending.clear();
    },
  };
}
