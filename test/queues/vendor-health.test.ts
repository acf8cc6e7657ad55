import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { connectDoor, type Connection } from "../../src/queues/connection.ts";
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

describe("what came of calls", () => {
  const noon = Date.parse("2026-11-24T03:00:00Z");
  let stopping: AbortController;
  let complaints: unknown[];
  const counting = (by = redis) =>
    countCalls({
      redis: by,
      prefix,
      stopping: stopping.signal,
      complain: (error) => complaints.push(error),
    });
  /** Five seconds go by, after which everything is written down. */
  const pass = () => vi.advanceTimersByTime(5000);
  const health = async () => (await readHealth(redis, prefix, ["whmcs"])).get("whmcs");

  beforeEach(async () => {
    await server.flush();
    [stopping, complaints] = [new AbortController(), []];
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"], now: noon });
  });
  afterEach(() => {
    stopping.abort();
    vi.useRealTimers();
  });

  it("is told for a quarter of an hour; when a vendor last answered well, for good", async () => {
    counting()("whmcs", true);
    pass();
    const lastWellAt = new Date(noon);
    vi.setSystemTime(noon + 14 * 60_000);
    expect(await health()).toEqual({ lastWellAt, calls: 1, ill: 0 });
    vi.setSystemTime(noon + 15 * 60_000);
    expect(await health()).toEqual({ lastWellAt, calls: 0, ill: 0 });
  });

  it("is kept as long as it is told, and not much longer", async () => {
    counting()("whmcs", true);
    pass();
    const left = await redis.pttl(`${prefix}:calls:${String(noon / 60_000)}`);
    expect(left).toBeGreaterThan(15 * 60_000);
    expect(left).toBeLessThan(20 * 60_000);
  });

  it("is written down once, and nothing is where nobody was called, nor once the process stops", async () => {
    const count = counting();
    count("whmcs", false);
    pass();
    pass();
    expect(await health()).toMatchObject({ calls: 1 });
    stopping.abort();
    count("whmcs", false);
    pass();
    expect(await health()).toMatchObject({ calls: 1 });
  });

  it("is complained about where it cannot be written, and only then", async () => {
    const gone = connectDoor(server.address);
    gone.disconnect();
    const count = counting(gone);
    pass();
    count("whmcs", true);
    pass();
    await vi.waitFor(() => expect(complaints).toEqual([expect.any(Error)]));
  });
});
