import { spawn } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** The project's folder, with whatever name it was cloned into. */
export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** A fault that a person can mend: its message is all they need, so it is shown without a stack. */
export class SetupError extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** One line of progress. On stderr, so that what a program prints on stdout can be piped. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/**
 * Runs a program to its end, out of sight. Resolves to its exit code (127 where there is no such program) and all that
 * it printed.
 */
export function run(program, args, { cwd = ROOT, env = process.env } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    // What we started does not go on without us.
    const end = () => child.kill();
    process.once("exit", end);
    child.on("close", () => process.off("exit", end));
    let stdout = "";
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => (output += text));
    child.on("error", (error) => resolve({ code: 127, stdout, output: error.message }));
    child.on("close", (code) => resolve({ code: code ?? 1, stdout, output }));
  });
}

const PASSED_ON = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Runs a program in the place of this one: same terminal, signals passed on. Resolves to the exit code to end with
 * (128 + the signal's number where a signal ended it, as a shell says it).
 */
export function stepAside(program, args, env = process.env) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: ROOT, env, stdio: "inherit" });
    for (const signal of PASSED_ON) {
      process.on(signal, () => {
        // A Ctrl-C reaches the child from the terminal as well.
        if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
      });
    }
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(code ?? 128 + (SIGNAL_NUMBERS[signal] ?? 0)));
  });
}

const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

/** Ends this process with what `main` resolves to; a fault that a person can mend is one message. */
export async function asProgram(main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`\n${error.message}`);
    process.exitCode = error.exitCode;
  }
}

/** The path of a program that `npm ci` brought. */
export function packageBin(relative) {
  return path.join(ROOT, "node_modules", relative);
}
