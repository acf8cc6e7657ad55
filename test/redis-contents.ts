import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import type { Redis } from "ioredis";

/** Every key and value of a Redis server, and its append-only files as they are on disk, as one text. */
export async function contentsOf(redis: Redis): Promise<string> {
  const all: unknown[] = [];
  for (const key of await redis.keys("*")) {
    const type = await redis.type(key);
    if (type === "none") continue; // it has run out since it was listed
    const read = READ[type];
    if (read === undefined) throw new Error(`the test cannot read a ${type}: ${key}`);
    all.push(key, await redis.call(read[0], key, ...read.slice(1)));
  }
  const [, folder] = (await redis.config("GET", "dir")) as [string, string]; // its name and its value
  const files = path.join(folder, "appendonlydir");
  for (const file of await readdir(files)) all.push(await readFile(path.join(files, file), "utf8"));
  return all.flat(9).map(String).join("\n");
}

const READ: Readonly<Record<string, readonly [command: string, ...rest: string[]]>> = {
  string: ["GET"],
  hash: ["HGETALL"],
  list: ["LRANGE", "0", "-1"],
  set: ["SMEMBERS"],
  zset: ["ZRANGE", "0", "-1"],
  stream: ["XRANGE", "-", "+"],
};
