import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { chmod, cp, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";
import { ROOT, SetupError, run } from "./command.mjs";
import { ensurePackages } from "./packages.mjs";

/**
 * Finds a Chromium for the tests that look at pages, and brings one where there is none, as packages of npm: a Chromium
 * with the libraries that it needs, and letters for Japanese. Nothing is installed system-wide.
 */

const FOLDER = path.join(ROOT, "tools", "chromium");
const PACKAGES = path.join(FOLDER, "node_modules");
/** Among the packages, so that a new version of them takes it away. */
const UNPACKED = path.join(PACKAGES, ".unpacked");
const LAUNCHER = path.join(UNPACKED, "chromium");

/**
 * Resolves to the command that starts a Chromium, or to why there is none. Throws `SetupError` where CHROMIUM names one that
 * does not run.
 */
export async function ensureChromium() {
  const given = process.env.CHROMIUM;
  if (given) {
    if (await runs(given)) return { program: given };
    throw new SetupError(`CHROMIUM is ${given}, which does not run as a Chromium.`);
  }
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    // Who drives it looks at no PATH.
    for (const folder of (process.env.PATH ?? "").split(path.delimiter)) {
      const program = path.join(folder, name);
      if (existsSync(program) && (await runs(program))) return { program };
    }
  }
  const { glibcVersionRuntime } = process.report.getReport().header;
  if (process.platform !== "linux" || process.arch !== "x64" || glibcVersionRuntime === undefined)
    return { obstacle: "none can be fetched for this machine" };
  try {
    // Most tests need no Chromium, so that nobody waits for minutes where there is no network.
    await ensurePackages(FOLDER, "Fetching Chromium into tools/chromium, for the tests …", ["--fetch-retries=1"]);
    if (!(await runs(LAUNCHER))) await unpack();
    return (await runs(LAUNCHER)) ? { program: LAUNCHER } : { obstacle: "the one that was fetched does not run here" };
  } catch (error) {
    return { obstacle: `none could be fetched: ${reasonOf(error)}` };
  }
}

async function runs(program) {
  return (await run(program, ["--version"])).code === 0;
}

async function unpack() {
  const folder = await mkdtemp(path.join(PACKAGES, ".unpacking-"));
  try {
    const packed = path.join(PACKAGES, "@sparticuz", "chromium", "bin");
    await inflate(path.join(packed, "chromium.br"), path.join(folder, "chromium-shell"));
    await chmod(path.join(folder, "chromium-shell"), 0o755);
    for (const name of ["al2023.tar", "fonts.tar"]) {
      await inflate(path.join(packed, `${name}.br`), path.join(folder, name));
      await untar(folder, name);
    }
    await cp(path.join(PACKAGES, "@expo-google-fonts", "biz-udpgothic"), path.join(folder, "fonts", "japanese"), {
      recursive: true,
    });
    await writeFile(path.join(folder, "fonts.conf"), FONTS);
    await writeFile(path.join(folder, "chromium"), START, { mode: 0o755 });
    await rm(UNPACKED, { recursive: true, force: true });
    await rename(folder, UNPACKED);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

const inflate = (from, to) => pipeline(createReadStream(from), createBrotliDecompress(), createWriteStream(to));

async function untar(folder, name) {
  const { code, output } = await run("tar", ["-xf", name], { cwd: folder });
  if (code !== 0) throw new SetupError(`tar failed: ${output}`);
  await rm(path.join(folder, name));
}

const FONTS = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir>${path.join(UNPACKED, "fonts-cache")}</cachedir>
  <alias><family>sans-serif</family><prefer><family>Open Sans</family><family>BIZ UDPGothic</family></prefer></alias>
</fontconfig>
`;

/** Lets Chromium find its libraries and letters, wherever the folder lies. */
const START = `#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
export LD_LIBRARY_PATH="$here/lib" FONTCONFIG_FILE="$here/fonts.conf"
exec "$here/chromium-shell" "$@"
`;

/** npm's code for it, else the last word. */
function reasonOf({ message }) {
  return /npm error code (\S+)/.exec(message)?.[1] ?? message.trim().split("\n").at(-1);
}
