import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { RejectedError } from "../../src/domain/errors.ts";
import { connectDoor } from "../../src/queues/connection.ts";
import { openFollow } from "../../src/queues/follow.ts";
import { openIntake } from "../../src/queues/intake.ts";
import { type AnyJobKind, defineJobKind } from "../../src/queues/job-kind.ts";
import { openLedger, timingFor } from "../../src/queues/ledger.ts";
import { openQueues } from "../../src/queues/queues.ts";
import { sealingWith } from "../../src/queues/sealing.ts";
import { type Engine, openEngine } from "../queues/engine.ts";
import { onCluster, startRedis, type TestRedis } from "../redis.ts";
import { ask, asPortal, openDoors } from "./doors.ts";
import { type HeardEvent, listen } from "./event-stream.ts";

let server: TestRedis;
let engine: Engine;
let api: Api;
/** Lets the steps of these names, which a job has begun or will begin, come to their ends. */
let goOn: (...steps: readonly string[]) => void;
let outcome: () => void;

let gates: Map<string, { readonly passed: Promise<void>; readonly open: () => void }>;
const gate = (name: string) => {
  let known = gates.get(name);
  if (known === undefined) {
    const { promise, resolve } = Promise.withResolvers<void>();
    known = { passed: promise, open: resolve };
    gates.set(name, known);
  }
  return known;
};

/** A kind of two steps, each of which waits for the test. */
const parcel: AnyJobKind = defineJobKind({
  name: "parcel",
  purpose: "Send a parcel",
  payload: z.strictObject({ to: z.string() }),
  key: ({ to }) => to,
  routes: [],
  async run(_payload, step) {
    await step("send", { find: async () => undefined }, async () => await gate("send").passed);
    await step("write", { find: async () => undefined }, async () => await gate("write").passed);
    outcome();
    return { outcome: "done", result: { parcelId: 7 } };
  },
});

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  gates = new Map();
  goOn = (...names) => names.forEach((name) => gate(name).open());
  outcome = () => undefined;
  engine = await openEngine({
    redis: server,
    kinds: [parcel],
    services: () => ({}),
    timing: { leaseMs: 20_000, settleMs: 600 }, // on a busy machine an answer of Redis may take a while
  });
  engine.redis.on("error", () => undefined); // a Redis that a test kills is no news
  for (const queue of engine.queues.values()) queue.on("error", () => undefined);
  api = await openApi();
});
afterEach(async () => {
  await api.close();
  await engine.close();
});

type Api = Awaited<ReturnType<typeof openApi>>;

/** An api process in small: doors with connections of their own. */
async function openApi(mostStreams?: number) {
  const redis = connectDoor(server.address);
  redis.on("error", () => undefined);
  await once(redis, "ready");
  const sealing = sealingWith([Buffer.alloc(32, 7)]);
  const ledger = openLedger({ redis, prefix: engine.prefix, sealing, timing: timingFor(1000) });
  const queues = await openQueues([parcel], redis, engine.prefix);
  for (const queue of queues.values()) queue.on("error", () => undefined);
  const intake = openIntake({ redis, ledger, sealing, queues: () => queues });
  const read = (id: string) => intake.job(id);
  const follow = openFollow({ redis, channel: ledger.channel, read, complain: () => undefined });
  const doors = await openDoors(intake, {
    follow,
    list: [parcel],
    ...(mostStreams !== undefined && { mostStreams }),
  });
  return {
    doors,
    follow,
    eventsOf: (id: string) => `${doors.url}/api/jobs/${id}/events`,
    async close() {
      follow.close();
      await doors.close();
      await Promise.all([...queues.values()].map((queue) => queue.close()));
      redis.disconnect();
    },
  };
}

async function accepted(to: string): Promise<string> {
  const taken = await engine.accept(parcel, { to });
  if (taken.how === "key-reused") throw new Error("no key was given");
  return taken.job.id;
}

const isStep = (name: string, state: string) => (event: HeardEvent) =>
  event.event === "step" && event.data["name"] === name && event.data["state"] === state;
const inWords = ({ event, data }: HeardEvent) =>
  [event, ...(event === "step" ? [data["name"]] : []), data["state"]].join(" ");
const WHOLE_STORY = [
  "state queued",
  "state active",
  "step send active",
  "step send done",
  "step write active",
  "step write done",
  "state completed",
  "end completed",
];

describe("following a job", () => {
  it("tells its whole story, and ends with the whole job", async () => {
    const id = await accepted("Naoko");
    const hearing = await listen(api.eventsOf(id));
    await hearing.until(({ event }) => event === "state");
    engine.work();
    await hearing.until(isStep("send", "active"));
    goOn("send");
    await hearing.until(isStep("write", "active"));
    goOn("write");
    const heard = await hearing.ended;
    expect(heard.map(inWords)).toEqual(WHOLE_STORY);
    expect(heard.at(-1)?.data).toEqual(await engine.job(id));
    expect(heard[1]?.data).toEqual({ state: "active", attempts: 1 });
    expect(heard[3]?.data).toEqual({ name: "send", state: "done", at: expect.any(String) });
  });

  it("is a stream that nothing on the way keeps or changes, and says when to come back", async () => {
    const hearing = await listen(api.eventsOf(await accepted("Naoko")));
    expect(hearing.status).toBe(200);
    expect(hearing.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(hearing.headers.get("cache-control")).toBe("no-store, no-transform");
    expect(hearing.headers.get("content-encoding")).toBeNull();
    expect(hearing.headers.get("x-request-id")).toBeTruthy();
    await hearing.until(() => true);
    expect(hearing.text()).toMatch(/^retry: 2000\n\n/);
    hearing.leave();
  });

  it("goes on where it was cut off, by any process, with no event twice and none missing", async () => {
    const other = await openApi();
    const id = await accepted("Naoko");
    const all: HeardEvent[] = [];
    /** Listens by one process and then the other, and each time leaves after the first event that is new. */
    let turn = 0;
    const hearOne = async () => {
      const process = turn++ % 2 === 0 ? api : other;
      const hearing = await listen(process.eventsOf(id), { last: all.at(-1)?.id });
      const event = await hearing.until(() => true);
      hearing.leave();
      await hearing.ended;
      all.push(event);
    };
    await hearOne();
    engine.work();
    await hearOne();
    await hearOne();
    goOn("send");
    await hearOne();
    await hearOne();
    goOn("write");
    while (all.at(-1)?.event !== "end") await hearOne();
    expect(all.map(inWords)).toEqual(WHOLE_STORY);
    await other.close();
  });

  it("of a job that has ended replays what is missing, and says to whoever heard the end that there is no more", async () => {
    goOn("send", "write");
    engine.work();
    const id = await accepted("Naoko");
    await engine.until(id, "completed");
    const heard = await (await listen(api.eventsOf(id))).ended;
    expect(heard.map(inWords)).toEqual(["step send done", "step write done", "state completed", "end completed"]);
    const rest = await (await listen(api.eventsOf(id), { last: heard[0]?.id })).ended;
    expect(rest).toEqual(heard.slice(1));
    const again = await listen(api.eventsOf(id), { last: heard.at(-1)?.id });
    expect(again.status).toBe(204);
    expect((await (await listen(api.eventsOf(id), { last: "nonsense" })).ended).length).toBe(heard.length);
  });

  it("ends with a failure, and can be taken up anew once an operator retried it", async () => {
    goOn("send", "write");
    outcome = () => {
      throw new RejectedError({ code: "no-stamps", title: "No stamps.", detail: "Buy some.", vendor: null });
    };
    const stop = engine.work();
    const id = await accepted("Naoko");
    const first = await (await listen(api.eventsOf(id))).ended;
    expect(first.at(-1)).toMatchObject({ event: "end", data: { state: "failed", failure: { code: "no-stamps" } } });

    outcome = () => undefined;
    const queue = engine.queues.get("parcel");
    await stop();
    await (await queue?.getJob(id))?.retry("failed");
    const hearing = await listen(api.eventsOf(id), { last: first.at(-1)?.id });
    await hearing.until(() => true);
    engine.work();
    const second = (await hearing.ended).map(inWords).filter((words) => words !== "state active");
    expect(second).toEqual(["state queued", "state completed", "end completed"]);
  });

  it("survives that Redis is killed and started again meanwhile", async () => {
    const id = await accepted("Naoko");
    const hearing = await listen(api.eventsOf(id));
    engine.work();
    await hearing.until(isStep("send", "active"));
    await server.kill();
    goOn("send", "write");
    await server.restart();
    expect((await hearing.ended).at(-1)).toMatchObject({ event: "end", data: { state: "completed" } });
  });

  // A cluster's client opens connections to its servers as it needs them.
  it.skipIf(onCluster)("costs one connection to Redis for a hundred listeners", async () => {
    const admin = server.connect();
    await once(admin, "ready");
    const connections = async () =>
      String(await admin.call("CLIENT", "LIST"))
        .trim()
        .split("\n").length;
    const before = await connections();
    const ids = await Promise.all(Array.from({ length: 10 }, (_, at) => accepted(`customer ${String(at)}`)));
    const hearings = await Promise.all(
      Array.from({ length: 100 }, async (_, at) => await listen(api.eventsOf(ids[at % 10] ?? ""))),
    );
    await Promise.all(hearings.map((hearing) => hearing.until(() => true)));
    expect(await connections()).toBe(before + 1);
    admin.disconnect();
    for (const hearing of hearings) hearing.leave();
  });
});

describe("a stream that is not to be", () => {
  it("is answered as a read of the job is", async () => {
    expect(await ask(api.eventsOf("none"), { headers: asPortal })).toMatchObject({
      status: 404,
      json: { code: "unknown-job" },
    });
    expect((await ask(api.eventsOf("none"))).status).toBe(401);
    const post = await ask(api.eventsOf("none"), { method: "POST", headers: asPortal });
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    const id = await accepted("Naoko");
    const head = await ask(api.eventsOf(id), { method: "HEAD", headers: asPortal });
    expect([head.status, head.headers.get("content-type")]).toEqual([200, "text/event-stream; charset=utf-8"]);

    await server.kill();
    const away = await ask(api.eventsOf(id), { headers: asPortal });
    await server.restart();
    expect(away).toMatchObject({ status: 503, json: { code: "unavailable" } });
    expect(Number(away.headers.get("retry-after"))).toBeGreaterThan(0);
  });

  it("is one too many: those who listen go on, and the next one may have the place of one who left", async () => {
    const small = await openApi(3);
    const url = small.eventsOf(await accepted("Naoko"));
    const hearings = [await listen(url), await listen(url), await listen(url)];
    const refused = await ask(url, { headers: asPortal });
    expect(refused).toMatchObject({ status: 503, json: { code: "unavailable" } });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    hearings[0]?.leave();
    await expect
      .poll(async () => {
        const hearing = await listen(url);
        hearing.leave();
        return hearing.status;
      })
      .toBe(200);
    for (const hearing of hearings) hearing.leave();
    await small.close();
  });

  it("is ended when the process stops, so that its server can close", async () => {
    const hearing = await listen(api.eventsOf(await accepted("Naoko")));
    await hearing.until(() => true);
    api.follow.close();
    expect((await hearing.ended).map(inWords)).toEqual(["state queued"]);
  });

  it("is cut where its listener does not read", async () => {
    const id = await accepted("Naoko");
    const admin = server.connect();
    const asking = request(api.eventsOf(id), { headers: asPortal }).end();
    const [response] = (await once(asking, "response")) as [IncomingMessage]; // as Node says of it
    response.pause();
    const requestId = String(response.headers["x-request-id"]);
    const isCut = () => api.doors.log.some((line) => line["requestId"] === requestId);
    // More than all the buffers between us hold.
    for (let at = 0; !isCut() && at < 1000; at++) {
      const step = { n: 1, state: "active", at, filler: "" };
      await admin.hset(engine.ledger.channel(id), `step ${"x".repeat(100_000)} ${String(at)}`, JSON.stringify(step));
      await admin.hdel(engine.ledger.channel(id), `step ${"x".repeat(100_000)} ${String(at - 1)}`);
      await admin.publish(engine.ledger.channel(id), "");
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await api.doors.logged(requestId)).toMatchObject({ status: 499, route: "/api/jobs/:id/events" });
    response.destroy();
    admin.disconnect();
  });
});
