import { access } from "node:fs/promises";
import path from "node:path";
import { ROOT, SetupError, run } from "./command.mjs";
import { ensurePackages } from "./packages.mjs";

/** Where the project keeps a Node of its own, for machines whose Node is too old. */
const FOLDER = path.join(ROOT, "tools", "node");
const OWN = path.join(FOLDER, "node_modules", `node-linux-${process.arch}`, "bin", "node");

const NEEDED = "22.19";

/** Older ones cannot run .ts files, and lack what jsforce's HTTP client imports. */
export function isNewEnough(version) {
  const [major, minor] = version.replace(/^v/, "").split(".").map(Number);
  return (major === 22 && minor >= 19) || major >= 24;
}

/** The Node that runs the project, if it is here already; else null. */
export async function findNode() {
  if (isNewEnough(process.version)) return process.execPath;
  return (await access(OWN).then(
    () => true,
    () => false,
  ))
    ? OWN
    : null;
}

/** The Node that runs the project; fetched where this one is too old. Throws `SetupError` where none can be fetched. */
export async function ensureNode() {
  if (isNewEnough(process.version)) return process.execPath;
  const obstacle = whyNoneCanBeFetched();
  if (obstacle !== null) throw new SetupError(obstacle);
  await ensurePackages(FOLDER, `Fetching Node (this one is ${process.version}, Handoff needs ${NEEDED} or newer) …`);
  const { code, output } = await run(OWN, ["--version"]);
  if (code !== 0) throw new SetupError(`The Node that was fetched does not run:\n${output}\n\n${tooOld()}`);
  return OWN;
}

export function tooOld() {
  return `Handoff needs Node ${NEEDED} or newer; this is ${process.version}. https://nodejs.org has it.`;
}

function whyNoneCanBeFetched() {
  if (process.platform === "darwin") return `${tooOld()}\nOn macOS: brew install node`;
  if (process.platform !== "linux") return `${tooOld()}\nOn Windows, run Handoff inside WSL 2 or by Docker Compose.`;
  if (process.report.getReport().header.glibcVersionRuntime === undefined) {
    return `${tooOld()}\nOn Alpine: apk add nodejs npm redis`;
  }
  if (process.arch !== "x64" && process.arch !== "arm64") return tooOld();
  return null;
}
