import { built } from "../built.ts";
import { startRedis } from "../redis.ts";
import { median, type Row } from "./figures.ts";
import { startServer } from "./server.ts";

const ROUNDS = 11;

/**
 * The processor time that a worker takes until it answers /readyz, as it is deployed and from its sources, in turn. Compiled code
 * is kept (NODE_COMPILE_CACHE), as npm run has it.
 */
export async function benchStart(): Promise<Row[]> {
  const redis = await startRedis();
  const times = { built: [] as number[], sources: [] as number[] };
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [form, program] of [
        ["built", built("main")],
        ["sources", "src/main.ts"],
      ] as const) {
        const worker = await startServer(program, { ...redis.environment, ...NO_VENDOR_ANSWERS });
        if (round > 0) times[form].push(worker.cpuMs()); // the first compiles
        await worker.stop();
      }
    }
  } finally {
    await redis.stop();
  }
  const [ours, sources] = [median(times.built), median(times.sources)];
  return [
    {
      what: "start of a worker, compiled code kept",
      figure: `${ours.toFixed(0)} ms of processor time`,
      beside: `${sources.toFixed(0)} ms (from its sources, file by file)`,
      ratio: (ours / sources).toFixed(2),
      goal: "",
    },
  ];
}

/** What a worker must be told before it starts. */
const NO_VENDOR_ANSWERS = {
  ROLES: "worker",
  DATA_KEY: Buffer.alloc(32, 1).toString("base64"),
  SALESFORCE_LOGIN_URL: "http://127.0.0.1:9",
  SALESFORCE_CLIENT_ID: "bench",
  SALESFORCE_CLIENT_SECRET: "bench",
  WHMCS_URL: "http://127.0.0.1:9",
  WHMCS_IDENTIFIER: "bench",
  WHMCS_SECRET: "bench",
};
