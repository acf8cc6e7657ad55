import type { Fault } from "../processors/line.ts";
import { requests } from "../processors/requests.ts";
import type { TestRedis } from "../redis.ts";
import { compare, type Difference, effectsSince } from "./effects.ts";
import { startWorkers } from "./several.ts";
import { closeWorld, environmentOf, openWorld, take } from "./world.ts";

/** A request, by its name, and the fault that one of its calls meets. */
export interface Hit {
  readonly request: string;
  readonly fault: Fault;
}

export interface Came {
  readonly difference: Difference;
  /** Until the job had ended. */
  readonly ms: number;
}

/** Carries each request through in a line of its own, all at the same time, and compares what came to be with what was asked for. */
export async function carryThrough(
  redis: TestRedis,
  hits: readonly Hit[],
  deadlineMs: number,
): Promise<readonly Came[]> {
  const worlds = await Promise.all(
    hits.map(async ({ request: name, fault }) => {
      const request = requests[name];
      if (request === undefined) throw new Error(`no request is called ${name}`);
      const world = await openWorld(redis, request, deadlineMs);
      await world.line.fault(fault);
      return world;
    }),
  );
  try {
    const workers = await startWorkers(worlds.map(environmentOf));
    try {
      return await Promise.all(
        worlds.map(async (world, at) => {
          const from = performance.now();
          const { line, request, before } = world;
          const { state } = await line.engine.until((await take(world)).id, "completed", "failed");
          const came = await effectsSince.end(line, before);
          const difference = compare(came, request.effects, await line.state());
          if (state !== "completed" || difference.lost + difference.doubled > 0)
            process.stderr.write(`\n${JSON.stringify({ ...hits[at], state, difference })}\n`);
          const lost = state === "completed" ? difference.lost : Math.max(1, difference.lost);
          return { difference: { ...difference, lost }, ms: performance.now() - from };
        }),
      );
    } finally {
      await workers.kill();
    }
  } finally {
    await Promise.all(worlds.map(closeWorld));
  }
}
