import autocannon from "autocannon";
import { to18 } from "../../src/domain/salesforce-id.ts";
import { built } from "../built.ts";
import { startRedis } from "../redis.ts";
import { median, type Row } from "./figures.ts";
import { cpuMsOf, type ServerProcess, startServer } from "./server.ts";

const ROUNDS = 5;
const SECONDS = 4;
const KEY = "bench-key-0123456789";

/** What one server did in one round. */
interface Round {
  /** Answers a second. */
  readonly rate: number;
  /** Processor time per answer, in microseconds: of the server, and of Redis on its behalf. */
  readonly serverUs: number;
  readonly redisUs: number;
}

/**
 * Requests a second at the door, beside a bare server's: the two in turn, on the same Redis with `appendfsync always`.
 * The processor time beside each rate says the same on a machine that is busy with other things.
 */
export async function benchDoor(): Promise<Row[]> {
  const redis = await startRedis();
  const eraser = redis.connect();
  const bare = await startServer("test/bench/bare-server.ts", { REDIS_URL: redis.url });
  const ours = await startServer(built("main"), {
    ...redis.environment,
    ROLES: "api",
    API_KEYS: `bench:${KEY}`,
    API_RATE_PER_MINUTE: "10000000",
    SALESFORCE_ORG_ID: "00D5g000004AbCdEAK",
    SALESFORCE_OUTBOUND_TOKEN: "not-used-in-this-benchmark",
    DATA_KEY: Buffer.alloc(32, 1).toString("base64"),
  });
  const rows: Row[] = [];
  try {
    for (const connections of [64, 256]) {
      const rounds: { ours: Round; bare: Round }[] = [];
      const run = async (server: ServerProcess) => {
        await eraser.flushall();
        return await load(server, redis.pid, connections);
      };
      for (let round = 0; round <= ROUNDS; round++) {
        // Whichever comes second finds the machine as the first left it, so they change places.
        const bareFirst = round % 2 === 0 ? await run(bare) : undefined;
        const one = { ours: await run(ours), bare: bareFirst ?? (await run(bare)) };
        if (round > 0) rounds.push(one); // the first one warms up
      }
      rows.push({
        what: `door, ${connections} connections`,
        figure: inWords(rounds.map((round) => round.ours)),
        beside: `${inWords(rounds.map((round) => round.bare))} (Express 5 + zod + queue.add)`,
        ratio: median(rounds.map((round) => round.ours.rate / round.bare.rate)).toFixed(2),
        goal: "at least 0.80",
      });
    }
  } finally {
    await Promise.all([bare.stop(), ours.stop()]);
    eraser.disconnect();
    await redis.stop();
  }
  return rows;
}

function inWords(rounds: readonly Round[]): string {
  const middle = (pick: (round: Round) => number) => Math.round(median(rounds.map(pick)));
  const times = Number.isNaN(rounds[0]?.serverUs)
    ? ""
    : `; ${middle(({ serverUs }) => serverUs)} µs of CPU each, Redis ${middle(({ redisUs }) => redisUs)} µs`;
  return `${middle(({ rate }) => rate)} requests/s${times}`;
}

let account = 0;

/** Posts for one account each, so that every one of them is new work. */
async function load(server: ServerProcess, redisPid: number, connections: number): Promise<Round> {
  const before = { server: server.cpuMs(), redis: cpuMsOf(redisPid) };
  const result = await autocannon({
    url: `${server.url}/api/services/internet/eligibility-request`,
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
  const each = (ms: number) => (ms * 1000) / result["2xx"];
  return {
    rate: result["2xx"] / result.duration,
    serverUs: each(server.cpuMs() - before.server),
    redisUs: each(cpuMsOf(redisPid) - before.redis),
  };
}
