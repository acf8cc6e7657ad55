// npm run serve: the deployed program, strictly. No set-up, no defaults, no sandbox: what is missing is said.
import { access } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT, SetupError, asProgram, stepAside } from "./command.mjs";
import { findNode, tooOld } from "./node.mjs";

await asProgram(async () => {
  const main = path.join(ROOT, "dist", "main.js");
  const node = await findNode();
  if (node === null) throw new SetupError(tooOld());
  await access(main).catch(() => {
    throw new SetupError("There is no dist/main.js yet: npm ci && npm run build");
  });
  if (node !== process.execPath) return stepAside(node, [main]);
  // Already under the right Node: become the program, so that a supervisor's signals reach it first hand.
  await import(pathToFileURL(main).href);
  return process.exitCode;
});
