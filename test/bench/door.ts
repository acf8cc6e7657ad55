import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import autocannon from "autocannon";
import { Redis } from "ioredis";
import { to18 } from "../../src/domain/salesforce-id.ts";
import { startRedis } from "../redis.ts";
import { median, type Row } from "./figures.ts";

const ROUNDS = 5;
const SECONDS = 4;
const KEY = "bench-key-0123456789";

/** Requests a second at the door, beside a bare server's: the two in turn, on the same Redis with `appendfsync always`. */
export async function benchDoor(): Promise<Row[]> {
  const redis = await startRedis();
  const eraser = new Redis(redis.url);
  const bare = await start(["test/bench/bare-server.ts"], { REDIS_URL: redis.url });
  const ours = await start(["src/main.ts"], {
    REDIS_URL: redis.url,
    ROLES: "api",
    PORT: "0",
    API_KEYS: `bench:${KEY}`,
    API_RATE_PER_MINUTE: "10000000",
    SALESFORCE_ORG_ID: "00D5g000004AbCdEAK",
    SALESFORCE_OUTBOUND_TOKEN: "not-used-in-this-benchmark",
    DATA_KEY: Buffer.alloc(32, 1).toString("base64"),
  });
  const rows: Row[] = [];
  try {
    for (const connections of [64, 256]) {
      const rates: { ours: number; bare: number }[] = [];
      for (let round = 0; round <= ROUNDS; round++) {
        const rate = { bare: await load(bare.url, connections), ours: await load(ours.url, connections) };
        if (round > 0) rates.push(rate); // the first one warms up
        await eraser.flushall();
      }
      const ratio = median(rates.map((rate) => rate.ours / rate.bare));
      rows.push({
        what: `door, ${connections} connections`,
        figure: `${Math.round(median(rates.map((rate) => rate.ours)))} requests/s`,
        beside: `${Math.round(median(rates.map((rate) => rate.bare)))} requests/s (Express 5 + zod + queue.add)`,
        ratio: ratio.toFixed(2),
        goal: "at least 0.80",
      });
    }
  } finally {
    bare.process.kill();
    ours.process.kill();
    eraser.disconnect();
    await redis.stop();
  }
  return rows;
}

let account = 0;

/** Posts for one account each, so that every one of them is new work. */
async function load(url: string, connections: number): Promise<number> {
  const result = await autocannon({
    url: `${url}/api/services/internet/eligibility-request`,
    connections,
    duration: SECONDS,
    requests: [
      {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${KEY}` },
        setupRequest: (request) => {
          account += 1;
          const accountId = to18(`001${account.toString().padStart(12, "0")}`);
          request.body = `{"accountId":"${accountId}","address":{"postalCode":"150-0002","prefecture":"東京都","city":"渋谷区","street":"渋谷2-21-1"}}`;
          return request;
        },
      },
    ],
  });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${result.non2xx} answers were not 2xx, ${result.errors} requests failed`);
  return result["2xx"] / result.duration;
}

async function start(
  script: readonly string[],
  environment: Record<string, string>,
): Promise<{ process: ChildProcess; url: string }> {
  const child = spawn(process.execPath, script, {
    env: { PATH: process.env["PATH"], NODE_ENV: "production", ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    const { url } = JSON.parse(line) as { url?: string };
    if (url !== undefined) {
      child.stdout.resume();
      await untilReady(url);
      return { process: child, url };
    }
  }
  throw new Error(
    `${script.join(" ")} ended before it listened (${String(child.exitCode ?? (await once(child, "exit")))})`,
  );
}

async function untilReady(url: string): Promise<void> {
  while ((await fetch(`${url}/readyz`)).status === 503) await new Promise((resolve) => setTimeout(resolve, 20));
}
