import process from "node:process";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { hashPassword, LONGEST_PASSWORD } from "./password.ts";

/**
 * `npm run user:add NAME ROLE`: asks for a password and prints the entry for DASHBOARD_USERS. Everything else it says
 * goes to stderr, so that its output can be redirected. The password is not shown, kept or passed on the command line.
 */

const ROLES: ReadonlySet<string> = new Set(["viewer", "operator", "admin"]);
const SHORTEST_PASSWORD = 12;

async function main([name = "", role = "", ...more]: readonly string[]): Promise<string> {
  if (!/^[\w.@-]{1,64}$/.test(name) || !ROLES.has(role) || more.length > 0) {
    throw new Error(
      "Usage: npm run user:add NAME ROLE\n  NAME: letters, digits and . _ @ -\n  ROLE: viewer, operator or admin",
    );
  }
  const password = process.stdin.isTTY ? await askTwice() : await firstLine();
  if (password.length < SHORTEST_PASSWORD)
    throw new Error(`The password must have at least ${String(SHORTEST_PASSWORD)} characters.`);
  if (password.length > LONGEST_PASSWORD)
    throw new Error(`The password must have at most ${String(LONGEST_PASSWORD)} characters.`);
  return `${name}:${role}:${await hashPassword(password)}`;
}

async function askTwice(): Promise<string> {
  const password = await askHidden(`Password (at least ${String(SHORTEST_PASSWORD)} characters): `);
  if ((await askHidden("The same again: ")) !== password) throw new Error("The two passwords differ.");
  return password;
}

/** Asks on the terminal; what is typed is written nowhere. */
async function askHidden(question: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  process.stderr.write(question);
  const stopped = new AbortController();
  terminal.once("close", () => stopped.abort());
  try {
    return await terminal.question("", { signal: stopped.signal });
  } catch (error) {
    throw new Error("Stopped: nothing was made.", { cause: error });
  } finally {
    terminal.close();
    process.stderr.write("\n");
  }
}

async function firstLine(): Promise<string> {
  for await (const line of createInterface({ input: process.stdin })) return line;
  return "";
}

try {
  const entry = await main(process.argv.slice(2));
  process.stdout.write(`${entry}\n`);
  process.stderr.write(
    "Add this entry to DASHBOARD_USERS (entries are separated by ;), in single quotes where a shell reads it.\n",
  );
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
