import { createWriteStream } from "node:fs";
import { rename, stat } from "node:fs/promises";

const LARGE = 50 * 1024 * 1024;
const SAY_AGAIN_AFTER_MS = 10_000;
const WARN = 40;
const LEVELS = { 10: "TRACE", 20: "DEBUG", 30: "INFO ", 40: "WARN ", 50: "ERROR", 60: "FATAL" };

/**
 * Keeps the program's log (JSON, one object a line) in `file`, and gives `show` what a person at the terminal should
 * see: warnings and worse in readable form, and whatever is not JSON, such as a crash.
 */
export async function openLog(file, show) {
  const { size } = await stat(file).catch(() => ({ size: 0 }));
  if (size > LARGE) await rename(file, `${file}.1`);
  const stream = createWriteStream(file, { flags: "a", mode: 0o600 });
  stream.on("error", (error) => show(`The log cannot be written: ${error.message}`));
  const shownAt = new Map();
  return (line) => {
    stream.write(`${line}\n`);
    const entry = parse(line);
    if (entry === null) return show(line);
    if (entry.level < WARN) return;
    // A vendor that is away is remarked on at every call: once in a while is enough here, the file has them all.
    const now = Date.now();
    if (now - (shownAt.get(entry.msg) ?? 0) < SAY_AGAIN_AFTER_MS) return;
    shownAt.set(entry.msg, now);
    show(readable(line));
  };
}

/** A line of the log as a person reads it; any other line as it is. */
export function readable(line) {
  const entry = parse(line);
  if (entry === null) return line;
  const at = new Date(entry.time ?? Date.now()).toTimeString().slice(0, 8);
  const why = entry.err?.message ? ` (${entry.err.message})` : "";
  return `${at} ${LEVELS[entry.level] ?? entry.level} ${entry.msg ?? ""}${why}`;
}

/** The entry, or null where the line is none. */
function parse(line) {
  if (!line.startsWith("{")) return null;
  try {
    const entry = JSON.parse(line);
    return typeof entry.level === "number" ? entry : null;
  } catch {
    return null;
  }
}
