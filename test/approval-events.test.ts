import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { pino } from "pino";
import { followApprovalEvents } from "../src/approval-events.ts";
import { type Services } from "../src/processors/index.ts";
import { provisioning } from "../src/processors/provisioning.ts";
import { streamPosition } from "../src/queues/stream-position.ts";
import { type Line, openLine } from "./processors/line.ts";
import { startRedis, type TestRedis } from "./redis.ts";

let redis: TestRedis;
let line: Line;
let services: Services;
let followers: { readonly stop: () => Promise<void> }[];

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  followers = [];
  line = await openLine({
    redis,
    around: (made) => {
      services = made;
      return made;
    },
  });
});
afterEach(async () => {
  await Promise.all(followers.map(({ stop }) => stop()));
  await line.close();
});

/** A process that follows the events. */
function follow() {
  const leaving = new AbortController();
  const { redis: connection, prefix, intake } = line.engine;
  const position = streamPosition(connection, prefix, "approvals");
  const over = followApprovalEvents(
    { salesforce: services.salesforce, intake, provisioning, position, log: pino({ level: "silent" }) },
    leaving.signal,
  );
  const follower = {
    position,
    stop: async () => {
      leaving.abort();
      await over;
    },
  };
  followers.push(follower);
  return follower;
}

const orderId = async (name: string) => (await line.state()).seed.orders[name] ?? "";

/** Resolves once so many provisioning jobs were taken in. */
async function jobsTakenIn(count: number) {
  const queue = line.engine.queues.get("provisioning");
  for (;;) {
    const jobs = (await queue?.getJobs()) ?? [];
    if (jobs.length >= count) return await Promise.all(jobs.map(({ id }) => line.engine.job(id ?? "")));
    await new Promise((resolve) => setTimeout(resolve, 10)); // between looks, not instead of them
  }
}

async function untilPlace(follower: ReturnType<typeof follow>, place: number) {
  while ((await follower.position.read()) !== place) await new Promise((resolve) => setTimeout(resolve, 10)); // as above
}

it("an approval that Salesforce publishes becomes a provisioning job, which says so", async () => {
  follow();
  await line.publish(await orderId("approvedApartment"));
  const [job] = await jobsTakenIn(1);
  expect(job?.doors).toEqual([expect.stringMatching(/^event \d+$/)]);
});

it("the same order by message and by event is one job", async () => {
  const id = await orderId("approvedApartment");
  await line.engine.accept(provisioning, { orderId: id }, { door: "outbound message 1", unless: ["done"] });
  const follower = follow();
  await line.publish(id);
  while ((await follower.position.read()) === null) await new Promise((resolve) => setTimeout(resolve, 10)); // as above
  const [job] = await jobsTakenIn(1);
  expect(job?.doors).toEqual(["outbound message 1", expect.stringMatching(/^event \d+$/)]);
  expect(await line.engine.queues.get("provisioning")?.getJobCountByTypes()).toBe(1);
});

it("what is published while nobody follows is heard by whoever follows next", async () => {
  const first = follow();
  await line.publish(await orderId("approvedApartment"));
  await jobsTakenIn(1);
  await first.stop();
  await line.publish(await orderId("approvedVpn"));
  follow();
  expect(await jobsTakenIn(2)).toHaveLength(2);
});

it("an event's place is written down once its job is safe, and an event that names no order is passed over", async () => {
  const follower = follow();
  const { replayId } = await line.publish("not an order");
  await untilPlace(follower, replayId);
  await line.publish(await orderId("approvedApartment"));
  expect(await jobsTakenIn(1)).toHaveLength(1);
});

it("only one of several processes follows, and another takes over when it leaves", async () => {
  const first = follow();
  await line.publish(await orderId("approvedApartment"));
  await jobsTakenIn(1);
  const second = streamPosition(line.engine.redis, line.engine.prefix, "approvals");
  expect(await second.take()).toBe(false);
  await first.stop();
  expect(await second.take()).toBe(true);
  await second.leave();
});

it("a session that ends is followed by another", async () => {
  follow();
  await line.publish(await orderId("approvedApartment"));
  await jobsTakenIn(1);
  await line.expireSessions();
  await line.publish(await orderId("approvedVpn"));
  expect(await jobsTakenIn(2)).toHaveLength(2);
});
