import { spawn } from "node:child_process";
import { describe, expect, it } from "vitest";
import { readPasswordHash, verifyPassword } from "../../src/dashboard/password.ts";
import { readSettings } from "../../src/settings.ts";
import { built } from "../built.ts";

const PROGRAM = built("user-add");

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly said: string;
}

/** Runs the program with `typed` on its standard input, which is no terminal here. */
async function userAdd(args: readonly string[], typed: string): Promise<Run> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: "pipe" });
  const [out, said]: [string[], string[]] = [[], []];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => said.push(chunk.toString()));
  child.stdin.end(typed);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, out: out.join(""), said: said.join("") };
}

describe("npm run user:add", () => {
  it("prints an entry that the settings accept and that the password opens", async () => {
    const { code, out, said } = await userAdd(["olga", "operator"], "correct horse battery\nanother line\n");
    expect(code).toBe(0);
    expect(out).toMatch(/^olga:operator:\$scrypt\$[^\n]+\n$/);
    expect(said).not.toContain("correct horse");

    const environment = {
      ROLES: "dashboard",
      REDIS_URL: "redis://127.0.0.1",
      SESSION_SECRET: "x".repeat(32),
      DASHBOARD_USERS: `${out.trim()};${out.trim()}`,
    };
    const [user] = readSettings(environment).DASHBOARD_USERS ?? [];
    expect(user).toMatchObject({ name: "olga", role: "operator" });
    expect(await verifyPassword("correct horse battery", readPasswordHash(user?.hash.reveal() ?? ""))).toBe(true);
  });

  it.each([
    ["a password that is too short", ["olga", "operator"], "short\n", "at least 12 characters"],
    ["a password that never ends", ["olga", "operator"], "x".repeat(2000), "at most 1024 characters"],
    ["no password", ["olga", "operator"], "", "at least 12 characters"],
    ["a role that does not exist", ["olga", "boss"], "correct horse battery\n", "ROLE: viewer, operator or admin"],
    ["a name that the settings could not hold", ["ol:ga", "admin"], "correct horse battery\n", "Usage:"],
    ["no arguments", [], "correct horse battery\n", "Usage:"],
    ["too many", ["olga", "admin", "correct horse battery"], "", "Usage:"],
  ])("makes nothing of %s, and says why", async (_what, args, typed, why) => {
    const { code, out, said } = await userAdd(args, typed);
    expect([code, out]).toEqual([1, ""]);
    expect(said).toContain(why);
  });
});
