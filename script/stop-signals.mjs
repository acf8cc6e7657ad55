/** npm passes on to us the Ctrl-C that the terminal gave us already: two this close together are one. */
const SAME_KEYSTROKE_MS = 1500;

/**
 * Resolves once this process is asked to stop: by a signal, or by the death of the npm that started it. `again` is
 * called when someone asks once more, because it takes them too long.
 */
export function onStopAsked({ again }) {
  return new Promise((resolve) => {
    let firstAt = null;
    const ask = () => {
      if (firstAt === null) {
        firstAt = Date.now();
        resolve();
      } else if (Date.now() - firstAt > SAME_KEYSTROKE_MS) {
        again();
      }
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, ask);

    // Only inside npm: a shell that started this directly may well go away and leave it running (nohup).
    if (process.env.npm_lifecycle_event === undefined) return;
    const parent = process.ppid;
    const look = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(look);
      ask();
    }, 1000);
    look.unref();
  });
}
