import { type Logger, pino } from "pino";
import { loggableError } from "./domain/loggable-error.ts";

/** The program's log, as JSON lines on stdout. `redact` is a net below the rule that no such field is ever logged. */
export function openLog(level: string): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: loggableError },
    redact: {
      paths: ["*.password", "*.secret", "*.token", "*.authorization", "*.address", "*.notes", "*.email"],
      censor: "[redacted]",
    },
  });
}
