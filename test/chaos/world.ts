import type { JobView } from "../../src/queues/job-view.ts";
import { type Effects, type Line, openLine } from "../processors/line.ts";
import type { Request } from "../processors/requests.ts";
import type { TestRedis } from "../redis.ts";
import { effectsSince } from "./effects.ts";
import { type Command, type Passage, type RedisProxy, startRedisProxy } from "./redis-proxy.ts";

/** Worlds of a line each, whose workers share a process (`several.ts`). */

const A_DAY_MS = 86_400_000;

/** A line, and the proxy by which a worker of its own reaches Redis. */
export interface World {
  readonly request: Request;
  readonly line: Line;
  readonly proxy: RedisProxy;
  readonly payload: unknown;
  readonly before: Effects;
}

/** `watch` is told the line's prefix, and judges what its worker says to Redis. */
export async function openWorld(
  redis: TestRedis,
  request: Request,
  deadlineMs: number,
  watch?: (prefix: string) => (command: Command) => Passage,
): Promise<World> {
  const line = await openLine({
    redis,
    environment: {
      VENDOR_TIMEOUT_MS: String(deadlineMs),
      RETRY_ATTEMPTS: "20",
      RETRY_BASE_MS: "20",
      SWEEP_INTERVAL_MS: String(A_DAY_MS),
      PORT: "0",
    },
  });
  const proxy = await startRedisProxy(redis.port, watch?.(line.engine.prefix));
  await keepQuiet(line);
  const payload = (await request.prepare?.(line)) ?? request.payload;
  await line.forgetCalls();
  return { request, line, proxy, payload, before: await effectsSince.start(line) };
}

/** No sweep begins by itself, and nobody looks whether the vendors are set up: only the request's own work is seen. */
async function keepQuiet({ engine }: Line): Promise<void> {
  await engine.redis.set(`${engine.prefix}:org-check-turn`, "taken");
  for (const kind of ["approval-sweep", "document-sweep"])
    await engine.queues
      .get(kind)
      ?.upsertJobScheduler(kind, { every: A_DAY_MS, startDate: Date.now() + A_DAY_MS }, { name: kind, data: {} });
}

/** How the world's worker is to be started. */
export function environmentOf({ line, proxy }: World): Readonly<Record<string, string>> {
  return { ...line.environment, REDIS_URL: proxy.url };
}

export async function closeWorld({ line, proxy }: World): Promise<void> {
  await line.close();
  await proxy.close();
}

export async function take({ line, request, payload }: World): Promise<JobView> {
  const taken = await line.engine.accept(request.kind, payload);
  if (taken.how === "key-reused") throw new Error("no key was given");
  return taken.job;
}
