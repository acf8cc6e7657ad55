import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { Redis } from "ioredis";

/** Looking for what must be nowhere. All text here is bytes, seen as Latin-1. */

const latin1 = (bytes: string | Uint8Array) => Buffer.from(bytes).toString("latin1");

/** The ways in which `secret` could stand somewhere: as it is, or as JSON, HTML, a URL, hexadecimal or base64 write it. */
export function formsOf(secret: string | Uint8Array): readonly string[] {
  const bytes = Buffer.from(secret);
  const hex = bytes.toString("hex");
  const forms = [latin1(bytes), hex, hex.toUpperCase(), ...inBase64(bytes), ...inBase64(bytes, "base64url")];
  if (typeof secret === "string") {
    const html = secret.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
    const json = JSON.stringify(secret).slice(1, -1);
    const ascii = json.replaceAll(
      /[^ -~]/g,
      (unit) => String.raw`\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
    const inUrl = encodeURIComponent(secret);
    const inForm = new URLSearchParams([["", secret]]).toString().slice(1);
    forms.push(
      ...[html, json, ascii, inUrl, inUrl.toLowerCase(), inForm].map(latin1),
      latin1(Buffer.from(secret, "utf16le")),
    );
  }
  return [...new Set(forms)];
}

/** The middle of what base64 makes of it, wherever among other bytes it stands: the first and last characters depend on those. */
function inBase64(bytes: Buffer, encoding: "base64" | "base64url" = "base64"): readonly string[] {
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString(encoding)
      .replaceAll("=", "");
    return text.slice(before === 0 ? 0 : before + 1, (before + bytes.length) % 3 === 0 ? undefined : -1);
  });
}

/** Which of `secrets` stand in `place`, by their names. */
export function foundIn(
  place: string | Uint8Array,
  secrets: Readonly<Record<string, string | Uint8Array>>,
): readonly string[] {
  const text = latin1(place);
  return Object.entries(secrets)
    .filter(([, secret]) => formsOf(secret).some((form) => text.includes(form)))
    .map(([name]) => name);
}

/** Every key and value of a Redis. */
export async function valuesIn(url: string): Promise<Buffer> {
  const redis = new Redis(url);
  try {
    const all: (Buffer | string)[] = [];
    for (const key of await redis.keysBuffer("*")) {
      const type = await redis.type(key);
      if (type === "none") continue; // it has run out since it was listed
      const read = READ[type];
      if (read === undefined) throw new Error(`the test cannot read a ${type}`);
      all.push(key, ...flat(await redis.callBuffer(read[0], key, ...read.slice(1))));
    }
    return Buffer.concat(all.flatMap((part) => [Buffer.from(part), Buffer.from("\n")]));
  } finally {
    redis.disconnect();
  }
}

/** A Redis's append-only files, as they are on disk. */
export async function appendedBy(url: string): Promise<Buffer> {
  const redis = new Redis(url);
  try {
    const [, folder] = (await redis.config("GET", "dir")) as [string, string]; // its name and its value
    return await everythingBelow(path.join(folder, "appendonlydir"));
  } finally {
    redis.disconnect();
  }
}

/** Every file of a folder and its folders. */
export async function everythingBelow(folder: string): Promise<Buffer> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return Buffer.concat(await Promise.all(files.map((file) => readFile(file))));
}

function flat(answer: unknown): readonly (Buffer | string)[] {
  if (Array.isArray(answer)) return answer.flatMap(flat);
  return Buffer.isBuffer(answer) ? [answer] : [String(answer)];
}

const READ: Readonly<Record<string, readonly [command: string, ...rest: string[]]>> = {
  string: ["GET"],
  hash: ["HGETALL"],
  list: ["LRANGE", "0", "-1"],
  set: ["SMEMBERS"],
  zset: ["ZRANGE", "0", "-1"],
  stream: ["XRANGE", "-", "+"],
};
