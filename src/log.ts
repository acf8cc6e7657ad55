import { type Logger, pino } from "pino";
import { loggableError } from "./domain/loggable-error.ts";

/** What must never be logged, should somebody do so all the same: the net below the rule. */
const HIDDEN = ["password", "secret", "token", "authorization", "address", "notes", "email"];

/**
 * The program's log, as JSON lines on stdout, written without holding up the work. `flush` before the process ends.
 *
 * What is logged in one turn of the event loop is written together, for a write costs more than making the line does.
 */
export function openLog(level: string): { log: Logger; flush: () => void } {
  const destination = pino.destination({ dest: 1, sync: false });
  let lines = "";
  const write = () => {
    if (lines === "") return;
    destination.write(lines);
    lines = "";
  };
  const flush = () => {
    write();
    destination.flushSync();
  };
  process.once("exit", flush); // a crash has its last words, too

  const log = pino(
    {
      level,
      base: null,
      timestamp,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: loggableError },
      redact: { paths: HIDDEN, censor: "[redacted]" },
    },
    {
      write(line: string) {
        if (lines === "") setImmediate(write);
        lines += line;
      },
    },
  );
  return { log, flush };
}

let stamped = { at: 0, text: "" };

/** As pino's own ISO time. Making one takes as long as the rest of a line, and a busy process writes several in a millisecond. */
function timestamp(): string {
  const at = Date.now();
  if (at !== stamped.at) stamped = { at, text: `,"time":"${new Date(at).toISOString()}"` };
  return stamped.text;
}
