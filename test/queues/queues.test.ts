import { once } from "node:events";
import { Cluster } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";
import type { Connection } from "../../src/queues/connection.ts";
import { type AnyJobKind, defineJobKind } from "../../src/queues/job-kind.ts";
import { openQueues } from "../../src/queues/queues.ts";
import { onCluster, startRedis, type TestRedis } from "../redis.ts";

let server: TestRedis;
let redis: Connection;

const kinds: readonly AnyJobKind[] = ["letter", "parcel"].map((name) =>
  defineJobKind({
    name,
    purpose: "Send it",
    payload: z.strictObject({}),
    key: () => name,
    routes: [],
    run: async () => ({ outcome: "done", result: {} }),
  }),
);

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  redis = server.connect();
  redis.on("error", () => undefined); // whoever opens a connection hears of it
  await once(redis, "ready");
});
afterEach(() => redis.disconnect());

/** Redis answers the first word that BullMQ says to it, or refuses. */
async function answering(yes: boolean): Promise<void> {
  const servers = redis instanceof Cluster ? redis.nodes() : [redis];
  await Promise.all(servers.map((one) => one.call("ACL", "SETUSER", "default", yes ? "+info" : "-info")));
}

describe("the queues", () => {
  it("are one a kind, each ready to take a job", async () => {
    const queues = await openQueues(kinds, redis, "{test}");
    expect([...queues.keys()]).toEqual(["letter", "parcel"]);
    await queues.get("parcel")?.add("parcel", {});
    expect(await redis.llen("{test}:parcel:wait")).toBe(1);
  });

  it("are not given out where Redis refuses their first words, leave nothing behind, and can be opened again", async () => {
    const heard = () => ["error", "close", "ready"].map((event) => redis.listenerCount(event));
    const before = heard();
    await answering(false);
    await expect(openQueues(kinds, redis, "{test}")).rejects.toThrow("NOPERM");
    expect(heard()).toEqual(before);
    await answering(true);
    expect((await openQueues(kinds, redis, "{test}")).size).toBe(2);
  });

  // A cluster's connection says nothing while it looks for its servers.
  it.skipIf(onCluster)(
    "print nothing of what their connection meets, for whoever opened that hears of it",
    async () => {
      await openQueues(kinds, redis, "{test}");
      const printed = vi.spyOn(console, "error").mockReturnValue();
      const met = once(redis, "error");
      await server.kill();
      await met;
      expect(printed).not.toHaveBeenCalled();
      printed.mockRestore();
      await server.restart();
    },
  );
});
