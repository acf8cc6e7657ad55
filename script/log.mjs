import { createWriteStream } from "node:fs";
import { rename, stat } from "node:fs/promises";

const LARGE = 50 * 1024 * 1024;
const SAY_AGAIN_AFTER_MS = 10_000;
const SEVERITY = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 };
/** Told elsewhere in the line, or of use to programs alone. */
const NOT_SHOWN = new Set(["level", "time", "msg", "pid", "hostname", "requestId"]);

/**
 * Keeps the program's log (JSON, one object a line) in `file`, and gives `show` what a person at the terminal should
 * see: entries of at least `leastLevel()` in readable form, and whatever is not JSON, such as a crash.
 */
export async function openLog(file, { show, leastLevel }) {
  const { size } = await stat(file).catch(() => ({ size: 0 }));
  if (size > LARGE) await rename(file, `${file}.1`);
  const stream = createWriteStream(file, { flags: "a", mode: 0o600 });
  stream.on("error", (error) => show(`The log cannot be written: ${error.message}`));
  const shownAt = new Map();
  return (line) => {
    stream.write(`${line}\n`);
    const entry = parse(line);
    if (entry === null) return show(line);
    if (SEVERITY[entry.level] < SEVERITY[leastLevel()]) return;
    // A vendor that is away is remarked on at every call: once in a while is enough here, the file has them all.
    const now = Date.now();
    const saying = `${entry.msg} ${entry.vendor} ${entry.route}`;
    if (now - (shownAt.get(saying) ?? 0) < SAY_AGAIN_AFTER_MS) return;
    shownAt.set(saying, now);
    show(readable(line));
  };
}

/** A line of the log as a person reads it; any other line as it is. */
export function readable(line) {
  const entry = parse(line);
  if (entry === null) return line;
  const at = new Date(entry.time).toTimeString().slice(0, 8);
  const facts = Object.entries(entry)
    .filter(([name, value]) => !NOT_SHOWN.has(name) && value !== null && typeof value !== "object")
    .map(([name, value]) => ` ${name}=${value}`);
  const why = entry.err?.message ? `: ${entry.err.message}` : "";
  return `${at} ${entry.level.toUpperCase().padEnd(5)} ${entry.msg ?? ""}${facts.join("")}${why}`;
}

/** The entry, or null where the line is none. */
function parse(line) {
  if (!line.startsWith("{")) return null;
  try {
    const entry = JSON.parse(line);
    return entry.level in SEVERITY ? entry : null;
  } catch {
    return null;
  }
}
