import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";

/** A file that holds `contents`, until the test ends. */
export function profileFile(contents: unknown): string {
  const folder = mkdtempSync(path.join(tmpdir(), "freebit-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, "freebit.json");
  writeFileSync(file, typeof contents === "string" ? contents : JSON.stringify(contents));
  return file;
}
