import { readdir } from "node:fs/promises";
import path from "node:path";
import { kinds } from "../../src/processors/index.ts";
import type { TestRedis } from "../redis.ts";

/** What Redis says of the life of a key that has run out since it was listed. */
const GONE = -2;

/** What signing in leaves for hours at most: sessions, and counts of wrong tries. */
const OF_THE_SIGN_IN = /^(?:session|sessions-of|sign-in-tries):/;

/** Parts of a queue that are there however many jobs it has. */
const OF_A_QUEUE = /:(?:meta|id|events|marker|wait|paused|delayed|prioritized|pc|repeat)$/;

/**
 * What is in Redis and in the document store that no accepted job has, by its name. `accepted`: the jobs that callers were
 * told of; outbound messages are acknowledged without a word about theirs.
 */
export async function leftBehind(
  server: TestRedis,
  dataDir: string,
  accepted: ReadonlySet<string>,
): Promise<readonly string[]> {
  const redis = server.connect();
  try {
    const keys = (await server.each((one) => one.keys("*"))).flat();
    const ledgers = keys.filter((key) => key.includes(":ledger:"));
    const jobs = new Set(ledgers.map((key) => key.slice(key.lastIndexOf(":") + 1)));
    const left: string[] = [];
    let documents = 0;
    for (const key of keys) {
      const name = key.slice(key.indexOf(":") + 1);
      if (
        name === "era" ||
        name === "audit" ||
        name === "audit:head" ||
        name.startsWith("breaker:") ||
        OF_A_QUEUE.test(name)
      )
        continue;
      if (OF_THE_SIGN_IN.test(name) && (await redis.pttl(key)) > 0) continue;
      const [group = "", id = ""] = name.split(":");
      if (group === "ledger" && (await redis.hget(key, "kind")) !== "provisioning" && !accepted.has(id)) left.push(key);
      if (group === "ledger" || (kinds.some((kind) => kind.name === group) && jobs.has(id))) {
        if (group === "verification") documents += 1;
        continue;
      }
      if ((await redis.pttl(key)) === GONE) continue;
      const values = Object.values(await redis.hgetall(key));
      if (!values.some((value) => jobs.has(value))) left.push(key);
    }
    const files = await readdir(path.join(dataDir, "documents")).catch(() => []);
    if (files.length !== documents) left.push(`${String(files.length)} documents for ${String(documents)} jobs`);
    return left;
  } finally {
    redis.disconnect();
  }
}
