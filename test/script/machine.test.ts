import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { brotliCompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

/**
 * The scripts on machines that lack one thing or another. A machine is a folder here: the scripts are copied into a
 * small project, and the PATH holds only the programs that the story says are there.
 */

let machine: string;
const project = (...names: string[]) => path.join(machine, "project", ...names);

beforeEach(async () => {
  machine = await mkdtemp(path.join(tmpdir(), "handoff-machine-"));
  await cp(path.join(import.meta.dirname, "../../script"), project("script"), { recursive: true });
  await writeFile(project("package.json"), `{ "name": "small", "type": "module" }`);
  await writeFile(project("package-lock.json"), `{ "lockfileVersion": 3 }`);
  await writeFile(project("hello.ts"), `const who: string = process.argv[2] ?? "";\nconsole.log("hello", who);\n`);
  await mkdir(path.join(machine, "bin"));
  for (const program of ["sh", "dirname", "mkdir", "chmod", "printf", "cat"]) {
    await symlink(`/bin/${program}`, path.join(machine, "bin", program));
  }
});
afterEach(() => rm(machine, { recursive: true, force: true }));

describe("packages", () => {
  it("are installed once, and again when the lock file changes", async () => {
    await npmThat(`mkdir -p "$HOME/project/node_modules"`);
    expect((await script("run.mjs", "hello.ts", "world")).stdout).toBe("hello world\n");
    await script("run.mjs", "hello.ts");
    expect(await asked("npm")).toHaveLength(1);

    await writeFile(project("package-lock.json"), `{ "lockfileVersion": 3, "packages": {} }`);
    await script("run.mjs", "hello.ts");
    expect(await asked("npm")).toHaveLength(2);
  });

  it("are installed as the lock file says, without scripts of their own, whatever the environment", async () => {
    await npmThat(`mkdir -p "$HOME/project/node_modules"`);
    await script("run.mjs", "hello.ts");
    const [command] = await asked("npm");
    for (const word of ["ci", "--ignore-scripts", "--include=dev", "--include=optional"])
      expect(command).toContain(word);
  });

  it("show npm's words only where it fails", async () => {
    await npmThat(`mkdir -p "$HOME/project/node_modules"; echo chatter`);
    expect((await script("run.mjs", "hello.ts")).stderr).toBe("Installing packages (npm ci) …\n");

    await rm(project("node_modules"), { recursive: true });
    await npmThat(`echo "no space left on device" >&2; exit 1`);
    const failed = await script("run.mjs", "hello.ts");
    expect(failed).toMatchObject({ code: 1, stdout: "" });
    expect(failed.stderr).toContain("no space left on device");
    expect(failed.stderr).not.toContain("    at "); // a message, not a stack
  });
});

describe("Redis", () => {
  const findRedis = `import { asProgram } from "./command.mjs";
import { ensureRedisServer } from "./redis.mjs";
await asProgram(async () => console.log(await ensureRedisServer()) ?? 0);
`;
  beforeEach(() => writeFile(project("script", "find-redis.mjs"), findRedis));

  it("is the one on the PATH, by either name", async () => {
    await program("valkey-server", "exit 0");
    expect((await script("find-redis.mjs")).stdout).toBe("valkey-server\n");
    await program("redis-server", "exit 0");
    expect((await script("find-redis.mjs")).stdout).toBe("redis-server\n");
  });

  it("is the one that REDIS_SERVER names, or none", async () => {
    await program("redis-server", "exit 0");
    await program("mine", "exit 0");
    const mine = path.join(machine, "bin", "mine");
    expect((await script({ REDIS_SERVER: mine }, "find-redis.mjs")).stdout).toBe(`${mine}\n`);

    const wrong = await script({ REDIS_SERVER: "/nowhere/redis-server" }, "find-redis.mjs");
    expect(wrong).toMatchObject({ code: 1, stdout: "" });
    expect(wrong.stderr).toContain("REDIS_SERVER is /nowhere/redis-server");
  });

  it("is unpacked below .tools on Debian, where the machine's own package lists are of no use: with fresh ones", async () => {
    await program(
      "apt-get",
      `case "$*" in
  --version) exit 0 ;;
  *update*) exit 0 ;;
  *Dir::State::lists=*--print-uris*) printf "'http://deb/liblzf1.deb' liblzf1_3.6_amd64.deb 9 SHA256:0\\n" ;;
  *Dir::State::lists=*download*) for name in redis-server redis-tools liblzf1; do cat /dev/null > "$name.deb"; done ;;
  *) echo "E: Unable to locate package redis-server"; exit 100 ;;
esac`,
    );
    await program(
      "dpkg",
      `[ "$1" = -x ] || exit 0
mkdir -p "$3/usr/bin" "$3/usr/lib/x86_64-linux-gnu"
printf '#!/bin/sh\\n[ -n "$LD_LIBRARY_PATH" ]\\n' > "$3/usr/bin/redis-server"
chmod 755 "$3/usr/bin/redis-server"`,
    );
    const unpacked = `${project(".tools", "redis", "redis-server")}\n`;
    expect(await script("find-redis.mjs")).toMatchObject({ code: 0, stdout: unpacked });
    expect((await asked("dpkg")).filter((command) => command.startsWith("-x"))).toHaveLength(3);
    const installs = (await asked("apt-get")).filter((command) => / install /.test(command));
    expect(installs.filter((command) => !command.includes("--print-uris"))).toEqual([]);

    expect(await script("find-redis.mjs")).toMatchObject({ code: 0, stdout: unpacked, stderr: "" });
  });

  it("is asked of the person where there is no way to fetch one", async () => {
    const { code, stderr } = await script("find-redis.mjs");
    expect(code).toBe(1);
    expect(stderr).toContain("No Redis server was found");
    expect(stderr).toContain("REDIS_URL=redis://");
  });
});

describe("Chromium", () => {
  const findChromium = `import { asProgram } from "./command.mjs";
import { ensureChromium } from "./chromium.mjs";
await asProgram(async () => console.log(JSON.stringify(await ensureChromium())) ?? 0);
`;
  const found = async (...words: readonly (string | Record<string, string>)[]) => {
    const { stdout } = await script(...words);
    return stdout === "" ? null : (JSON.parse(stdout) as Record<string, string>); // the line above prints it
  };
  beforeEach(() => writeFile(project("script", "find-chromium.mjs"), findChromium));

  it("is the one on the PATH, by any of its names", async () => {
    await program("google-chrome", "exit 0");
    expect(await found("find-chromium.mjs")).toEqual({ program: path.join(machine, "bin", "google-chrome") });
    await program("chromium-browser", `echo "please install the snap" >&2; exit 1`);
    expect(await found("find-chromium.mjs")).toEqual({ program: path.join(machine, "bin", "google-chrome") });
    await program("chromium", "exit 0");
    expect(await found("find-chromium.mjs")).toEqual({ program: path.join(machine, "bin", "chromium") });
  });

  it("is the one that CHROMIUM names, or none", async () => {
    await program("chromium", "exit 0");
    await program("mine", "exit 0");
    const mine = path.join(machine, "bin", "mine");
    expect(await found({ CHROMIUM: mine }, "find-chromium.mjs")).toEqual({ program: mine });
    const wrong = await script({ CHROMIUM: "/nowhere/chromium" }, "find-chromium.mjs");
    expect(wrong).toMatchObject({ code: 1, stdout: "" });
    expect(wrong.stderr).toContain("CHROMIUM is /nowhere/chromium");
  });

  it.runIf(process.platform === "linux" && process.arch === "x64")(
    "comes with npm where there is none, and is unpacked once",
    async () => {
      await npmThat("exit 0");
      await program("tar", "exit 0");
      const packages = project("tools", "chromium", "node_modules");
      const packed = path.join(packages, "@sparticuz", "chromium", "bin");
      await mkdir(packed, { recursive: true });
      await mkdir(path.join(packages, "@expo-google-fonts", "biz-udpgothic"), { recursive: true });
      await writeFile(project("tools", "chromium", "package-lock.json"), "{}");
      const shell = `#!/bin/sh\n[ -n "$LD_LIBRARY_PATH" ] && [ -n "$FONTCONFIG_FILE" ]\n`;
      for (const name of ["chromium", "al2023.tar", "fonts.tar"])
        await writeFile(path.join(packed, `${name}.br`), brotliCompressSync(shell));

      const launcher = path.join(packages, ".unpacked", "chromium");
      const first = await script("find-chromium.mjs");
      expect(first.stderr).toMatch(/^Fetching Chromium .*\n$/);
      expect(JSON.parse(first.stdout)).toEqual({ program: launcher });
      expect((await asked("npm"))[0]).toContain(`--prefix=${project("tools", "chromium")}`);
      expect(await script("find-chromium.mjs")).toMatchObject({ stdout: first.stdout, stderr: "" });
      expect(await asked("npm")).toHaveLength(1);
    },
  );

  it("is done without where none can be had, and npm's last word says why", async () => {
    await mkdir(project("tools", "chromium"), { recursive: true });
    await writeFile(project("tools", "chromium", "package-lock.json"), "{}");
    await npmThat(`echo "the network is down" >&2; exit 1`);
    const { obstacle = "" } = (await found("find-chromium.mjs")) ?? {};
    expect(obstacle).toMatch(/the network is down|for this machine/);
  });
});

describe("npm run serve", () => {
  it("says what to do where nothing is built, and sets nothing up", async () => {
    const { code, stderr } = await script("serve.mjs");
    expect(code).toBe(1);
    expect(stderr).toContain("npm ci && npm run build");
  });

  it("ends as the program ends", async () => {
    await built(`process.exit(78);`);
    expect(await script("serve.mjs")).toMatchObject({ code: 78 });
  });

  it("hands the supervisor's signal to the program, which ends in its own way", async () => {
    await built(`setInterval(() => {}, 1000);
process.on("SIGTERM", () => { console.log("bye"); process.exit(0); });
console.log("up");`);
    const child = spawn(process.execPath, [project("script", "serve.mjs")], { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (text) => (said += String(text)));
    await once(child.stdout, "data");
    child.kill("SIGTERM");
    expect(await once(child, "close")).toEqual([0, null]);
    expect(said).toBe("up\nbye\n");
  });

  async function built(source: string): Promise<void> {
    await mkdir(project("dist"));
    await writeFile(project("dist", "main.js"), source);
  }
});

/** Puts a program on this machine's PATH that writes down how it was called, then does what `body` says. */
async function program(name: string, body: string): Promise<void> {
  const file = path.join(machine, "bin", name);
  await writeFile(file, `#!/bin/sh\necho "$*" >> "$HOME/${name}.asked"\n${body}\n`);
  await chmod(file, 0o755);
}

const npmThat = (body: string) => program("npm", body);

async function asked(name: string): Promise<readonly string[]> {
  return (await readFile(path.join(machine, `${name}.asked`), "utf8")).trim().split("\n");
}

/** Runs one of the scripts on this machine to its end. */
async function script(...words: readonly (string | Record<string, string>)[]) {
  const [first, ...rest] = words;
  const [environment, args] = typeof first === "object" ? [first, rest] : [{}, words];
  const [name = "", ...others] = args.map(String);
  const child = spawn(process.execPath, [project("script", name), ...others], {
    env: { PATH: path.join(machine, "bin"), HOME: machine, ...environment },
  });
  const said = { stdout: "", stderr: "" };
  child.stdout.on("data", (text) => (said.stdout += String(text)));
  child.stderr.on("data", (text) => (said.stderr += String(text)));
  await once(child, "close");
  return { code: child.exitCode, ...said };
}
