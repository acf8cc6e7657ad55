import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import { built } from "../built.ts";
import { call, inside } from "./running-sandbox.ts";

/** The program, once it has said where it listens. */
async function program(environment: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [built("sandbox/main")], {
    env: { SANDBOX_PORT: "0", SANDBOX_SMTP_PORT: "0", ...environment },
    stdio: ["pipe", "pipe", "ignore"],
  });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await lines.next();
  const said: unknown = JSON.parse(String(first.value));
  return {
    child,
    exited,
    url: String(inside(said, "sandbox", "url")),
    smtpUrl: String(inside(said, "sandbox", "smtpUrl")),
  };
}

it.each(["SIGTERM", "SIGINT"] as const)(
  "the sandbox says in one line where it listens, and %s ends it at once",
  async (signal) => {
    const { child, exited, url, smtpUrl } = await program();
    expect((await call(`${url}/control/state`, {})).status).toBe(200);
    expect(smtpUrl).toMatch(/^smtp:\/\/127\.0\.0\.1:\d+$/);
    child.kill(signal);
    expect(await exited).toEqual([0, null]);
  },
);

it("the sandbox ends when its parent has gone, where it was told to", async () => {
  const { child, exited } = await program({ SANDBOX_EXIT_WITH_PARENT: "1" });
  child.stdin.end();
  expect(await exited).toEqual([0, null]);
});

it("a port that is none is refused in plain words", async () => {
  const child = spawn(process.execPath, [built("sandbox/main")], {
    env: { SANDBOX_PORT: "many" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (said += chunk));
  expect(await once(child, "close")).toEqual([78, null]);
  expect(said).toBe("SANDBOX_PORT must be a port, 0 to 65535\n");
});
