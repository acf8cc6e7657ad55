import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { Connection } from "../../src/queues/connection.ts";
import { countCalls, readHealth } from "../../src/queues/vendor-health.ts";
import { startRedis, type TestRedis } from "../redis.ts";

let server: TestRedis;
let redis: Connection;
const prefix = "{health}";

beforeAll(async () => {
  server = await startRedis();
  redis = server.connect();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

it("what came of calls is told of all processes together, and of each vendor by itself", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const stopping = new AbortController();
  const complain = (error: unknown) => {
    throw error;
  };
  const [one, other] = [0, 1].map(() => countCalls({ redis, prefix, stopping: stopping.signal, complain }));
  one?.("whmcs", true);
  one?.("whmcs", false);
  other?.("whmcs", false);
  other?.("freebit", false);
  vi.advanceTimersByTime(5000);
  vi.useRealTimers();
  await expect
    .poll(async () => await readHealth(redis, prefix, ["whmcs", "freebit", "mail"]))
    .toEqual(
      new Map([
        ["whmcs", { lastWellAt: expect.any(Date), calls: 3, ill: 2 }],
        ["freebit", { lastWellAt: null, calls: 1, ill: 1 }],
        ["mail", { lastWellAt: null, calls: 0, ill: 0 }],
      ]),
    );
  stopping.abort();
});
