import { isProper } from "../processors/line.ts";
import { requests } from "../processors/requests.ts";
import type { TestRedis } from "../redis.ts";
import { type Exchange, namesOfExchanges } from "./exchanges.ts";
import { startWorkers } from "./several.ts";
import { closeWorld, environmentOf, openWorld, take } from "./world.ts";

/** What a worker says to others in an ordinary run of each request, watched from outside. `request`: its name. */
export async function ordinaryExchanges(
  redis: TestRedis,
  deadlineMs: number,
): Promise<readonly { readonly request: string; readonly exchange: Exchange }[]> {
  const runs = await Promise.all(
    Object.entries(requests).map(async ([name, request]) => {
      const exchanges: Exchange[] = [];
      const world = await openWorld(redis, request, deadlineMs, (prefix) => {
        const nameOf = namesOfExchanges(prefix);
        return (command) => {
          const exchange = nameOf(command);
          if (exchange !== undefined) exchanges.push(exchange);
          return "pass";
        };
      });
      return { name, world, exchanges };
    }),
  );
  const worker = await startWorkers(runs.map(({ world }) => environmentOf(world)));
  try {
    const found = await Promise.all(
      runs.map(async ({ name, world, exchanges }) => {
        const { id } = await take(world);
        const { state, failure } = await world.line.engine.until(id, "completed", "failed");
        if (state !== "completed") throw new Error(`an ordinary ${name} failed: ${JSON.stringify(failure)}`);
        await world.line.rest();
        const calls = (await world.line.calls()).filter(isProper);
        const ofVendors = calls.map(({ vendor, operation }, at): Exchange => {
          const nth = calls.slice(0, at).filter((one) => one.vendor === vendor && one.operation === operation).length;
          return { with: "vendor", vendor, operation, nth };
        });
        return [...exchanges, ...ofVendors].map((exchange) => ({ request: name, exchange }));
      }),
    );
    return found.flat();
  } finally {
    await worker.kill();
    await Promise.all(runs.map(({ world }) => closeWorld(world)));
  }
}
