import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import type { Redis } from "ioredis";

/** Every key and value of a Redis server, and its append-only files as they are on disk, as one text. */
export async function contentsOf(redis: Redis): Promise<string> {
  return Buffer.concat([await valuesIn(redis), await appendedBy(redis)]).toString();
}

/** Every key and value of a Redis server. */
export async function valuesIn(redis: Redis): Promise<Buffer> {
  const all: (Buffer | string)[] = [];
  for (const key of await redis.keysBuffer("*")) {
    const type = await redis.type(key);
    if (type === "none") continue; // it has run out since it was listed
    const read = READ[type];
    if (read === undefined) throw new Error(`the test cannot read a ${type}`);
    all.push(key, ...flat(await redis.callBuffer(read[0], key, ...read.slice(1))));
  }
  return Buffer.concat(all.flatMap((part) => [Buffer.from(part), Buffer.from("\n")]));
}

/** A Redis server's append-only files, as they are on disk. */
export async function appendedBy(redis: Redis): Promise<Buffer> {
  const [, folder] = (await redis.config("GET", "dir")) as [string, string]; // its name and its value
  return await everythingBelow(path.join(folder, "appendonlydir"));
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
