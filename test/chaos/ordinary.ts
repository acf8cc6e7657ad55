import { isProper } from "../processors/line.ts";
import { requests } from "../processors/requests.ts";
import type { TestRedis } from "../redis.ts";
import { type Exchange, namesOfExchanges } from "./exchanges.ts";
import type { Random, Scale } from "./experiment.ts";
import { startWorkers } from "./several.ts";
import { choose } from "./turns.ts";
import { closeWorld, environmentOf, openWorld, take } from "./world.ts";

/** Of so many requests, chosen by the seed, a short run hears. */
const CHOSEN = 3;

/** Long enough for every call: one that is made twice would be a boundary that is not there the next time. */
const DEADLINE_MS = 2_400;

/** What a worker says to others in an ordinary run of each request, watched from outside. `request`: its name. */
export async function ordinaryExchanges(
  redis: TestRedis,
  scale: Scale,
  random: Random,
): Promise<readonly { readonly request: string; readonly exchange: Exchange }[]> {
  const all = Object.entries(requests);
  const runs = await Promise.all(
    (scale === "full" ? all : choose(all, CHOSEN, random)).map(async ([name, request]) => {
      const exchanges: Exchange[] = [];
      const world = await openWorld(redis, request, DEADLINE_MS, (prefix) => {
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
