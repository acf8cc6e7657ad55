import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { ROOT } from "./command.mjs";

/**
 * Starts a program that runs beside this one, in a process group of its own: a Ctrl-C in the terminal reaches this
 * process alone, which then stops its children in order. `onLine` gets each line that it prints.
 */
export function startChild(name, program, args, { env = process.env, onLine = () => {} } = {}) {
  const child = spawn(program, args, { cwd: ROOT, env, stdio: ["pipe", "pipe", "pipe"], detached: true });
  const lastLines = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      lastLines.push(line);
      if (lastLines.length > 20) lastLines.shift();
      onLine(line);
    });
  }
  // Closed by the child's end; nothing is lost by what was not read.
  child.stdin.on("error", () => {});
  const ended = new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(signal === null ? `exit code ${code}` : signal));
  });

  return {
    name,
    pid: child.pid,
    lastLines,
    /** Resolves, never rejects, once it has ended and all it printed was read: to how it ended. */
    ended,
    /** SIGTERM, and SIGKILL where it is still there after `graceMs`. */
    async stop(graceMs) {
      const impatient = setTimeout(() => child.kill("SIGKILL"), graceMs);
      child.kill("SIGTERM");
      await ended;
      clearTimeout(impatient);
    },
    /** Ends it at once, without a farewell. */
    kill: () => child.kill("SIGKILL"),
  };
}

/**
 * Stops the children if this process is killed without a word (SIGKILL, a crash), which no handler of ours can see: a
 * small shell reads their process ids to the end of its standard input, then stops them, the youngest first.
 */
export function watchOver() {
  const script = `pids=
while read -r pid; do pids="$pid $pids"; done
for pid in $pids; do
  kill -TERM "$pid" 2>/dev/null
  tries=0
  while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 30 ]; do tries=$((tries + 1)); sleep 1; done
done`;
  const watcher = spawn("sh", ["-c", script], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  watcher.unref();
  return {
    over: ({ pid }) => watcher.stdin.write(`${pid}\n`),
    dismiss: () => watcher.kill("SIGKILL"),
  };
}
