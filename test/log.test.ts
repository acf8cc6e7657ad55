import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import * as z from "zod";

/** What a process of its own prints when it logs by `statements`, where `log`, `flush` and `RejectedError` are known. */
async function printed(statements: string, level = "info") {
  const at = (file: string) => JSON.stringify(path.join(import.meta.dirname, "../src", file));
  const program = `
    import { openLog } from ${at("log.ts")};
    import { RejectedError } from ${at("domain/errors.ts")};
    const { log, flush } = openLog(${JSON.stringify(level)});
    ${statements}
    flush();`;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program]);
  expect(stderr).toBe("");
  return stdout
    .split("\n")
    .filter((text) => text !== "")
    .map((text) => z.record(z.string(), z.unknown()).parse(JSON.parse(text)));
}

describe("the log", () => {
  it("is one JSON object a line, with the time and the level in words", async () => {
    const [line, ...others] = await printed(`log.info({ job: "job-1" }, "completed");`);
    expect(others).toEqual([]);
    expect(line).toEqual({ level: "info", time: expect.any(String), job: "job-1", msg: "completed" });
    expect(new Date(String(line?.["time"])).toISOString()).toBe(line?.["time"]);
  });

  it("says no more than its level asks for", async () => {
    const lines = await printed(`for (const level of ["trace", "info", "warn", "error"]) log[level](level);`, "warn");
    expect(lines).toHaveLength(2);
    expect(lines).toContainEqual(expect.objectContaining({ level: "warn", msg: "warn" }));
    expect(lines).toContainEqual(expect.objectContaining({ level: "error", msg: "error" }));
  });

  it("is whole when the process ends right after it", async () => {
    const lines = await printed(
      `for (let n = 0; n < 5000; n++) log.info({ n }, "x".repeat(100)); flush(); process.exit(0);`,
    );
    // What is being written as the process ends may come after later lines; none is lost, and none comes twice.
    expect(lines).toHaveLength(5000);
    expect(new Set(lines.map(({ n }) => n)).size).toBe(5000);
  });

  it("hides what must not be in it, should somebody log it all the same", async () => {
    const lines = await printed(`
      log.child({ kind: "eligibility" }).info({
        password: "planted", secret: "planted", token: "planted", authorization: "Bearer planted",
        address: { street: "planted" }, notes: "planted", email: "planted@customer.example", job: "job-1",
      }, "taken");`);
    expect(JSON.stringify(lines)).not.toContain("planted");
    expect(lines).toMatchObject([{ kind: "eligibility", job: "job-1", address: "[redacted]", notes: "[redacted]" }]);
  });

  it("shows our own errors' words, and of others only what they are", async () => {
    const lines = await printed(`
      const answer = Object.assign(new Error("planted: taro@customer.example"), { config: { data: "secret=planted" } });
      log.error({ err: new RejectedError({
        code: "whmcs-refused", title: "WHMCS refused AddOrder.", detail: "Look there.", vendor: "whmcs", cause: answer,
      }) }, "failed");`);
    expect(JSON.stringify(lines)).not.toContain("planted");
    expect(lines).toMatchObject([
      { err: { name: "RejectedError", code: "whmcs-refused", message: "WHMCS refused AddOrder. Look there." } },
    ]);
  });
});
