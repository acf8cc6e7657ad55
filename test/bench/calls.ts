import { isProper, openLine } from "../processors/line.ts";
import { requests } from "../processors/requests.ts";
import { startRedis } from "../redis.ts";
import type { Row } from "./figures.ts";

/** The calls to vendors that one request of each sort makes, with the jobs that it hands on, in the ordinary case. */
export async function benchCalls(): Promise<Row[]> {
  const redis = await startRedis();
  try {
    const rows: Row[] = [];
    for (const [name, { kind, payload, prepare = async () => undefined, calls }] of Object.entries(requests)) {
      const line = await openLine({ redis });
      const prepared = await prepare(line);
      await line.forgetCalls();
      line.engine.work();
      await line.carry(kind, prepared ?? payload);
      await line.rest();
      const made = (await line.calls()).filter(isProper);
      await line.close();
      rows.push({
        what: `calls to vendors, ${name}`,
        figure: String(made.length),
        beside: made.map(({ vendor, operation }) => `${vendor} ${operation}`).join(", "),
        ratio: "",
        goal: String(calls),
      });
    }
    return rows;
  } finally {
    await redis.stop();
  }
}
