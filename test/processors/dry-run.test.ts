import { randomUUID } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { UnavailableError, type Vendor } from "../../src/domain/errors.ts";
import { personalFields } from "../../src/domain/personal.ts";
import { approvalSweep } from "../../src/processors/approval-sweep.ts";
import { kinds, provisioning } from "../../src/processors/index.ts";
import { HIDDEN, type Plan } from "../../src/queues/plan.ts";
import { mapMarked, sealPersonal } from "../../src/queues/sealing.ts";
import { SEALING } from "../queues/engine.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Fields, type Line, openLine, type SandboxState } from "./line.ts";
import { requests } from "./requests.ts";

/** A dry run against the sandbox: it changes nothing, and says what the job then does. */

interface Received {
  readonly system: string;
  readonly to: string;
  readonly fields: Fields;
}

let redis: TestRedis;
let line: Line;
let post: Post;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  post = openPost();
  line = await openLine({ redis, through: post.listen, environment: { VENDOR_TIMEOUT_MS: "5000" } }); // nobody waits for it
});
afterEach(async () => {
  await line.close();
  await post.close();
  await redis.flush();
});

const provision = { kind: provisioning, payload: { orderId: "8015g0000000001AAA" } };

/** What a dry run of a new request asks a worker. */
const asked = (kind: (typeof kinds)[number], payload: unknown, id: string = randomUUID()) => ({
  kind: kind.name,
  id,
  data: sealPersonal(SEALING, kind.payload, kind.payload.parse(payload), id),
  lookFirst: false,
});

it.each(kinds.filter(({ routes }) => routes.some((route) => "body" in route)).map(({ name }) => name))(
  "%s has a request that is tried out here",
  (name) => {
    expect(Object.values(requests).map(({ kind }) => kind.name)).toContain(name);
  },
);

describe.each(Object.entries(requests))("%s", (_, { kind, payload: given, prepare }) => {
  it("changes nothing when tried out, and then does what was shown", async () => {
    const payload = kind.payload.parse((await prepare?.(line)) ?? given);
    // One failure each of two that are only written to: what was not sent must not make it forgotten.
    for (const vendor of ["mail", "freebit"] as const) await line.engine.breakers[vendor].report(awayNow(vendor));
    const before = { vendors: await line.state(), redis: await keysIn(redis) };

    const plan = await line.dryRun(asked(kind, payload));

    expect(plan.ending).toMatchObject({ state: "completed", failure: null });
    expect(
      plan.writes
        .filter(({ system }) => system === "handoff")
        .map(({ fields }) => JSON.stringify(fields))
        .join(),
    ).not.toContain(
      "null", // of what is not there
    );
    expect(recordsOf(await line.state())).toEqual(recordsOf(before.vendors));
    expect(await keysIn(redis)).toEqual(before.redis);
    const written = await redis.contents();
    const people = before.vendors.salesforce;
    const known = [
      ...personalIn(kind, payload),
      ...people.Account.map(({ Name }) => String(Name)),
      ...people.Contact.map(({ Email }) => String(Email)),
    ];
    expect(known.filter((text) => written.includes(text) || JSON.stringify(plan).includes(text))).toEqual([]);
    expect(post.writes()).toEqual([]);

    line.engine.work();
    const job = await line.carry(kind, payload);
    await line.rest();
    expect(job.outcome).toBe(plan.ending.outcome);
    expect(Object.keys(plan.ending.result ?? {}).toSorted()).toEqual(Object.keys(job.result ?? {}).toSorted());
    expect(job.steps.map(({ name }) => name)).toEqual(plan.steps.map(({ name }) => name));
    const handed = plan.writes.filter(({ operation }) => operation === "hand on").map(({ to }) => to);
    expect(handed.toSorted()).toEqual((await otherJobs(job.id)).toSorted());
    if (kind.schedule !== undefined) return; // what its jobs then write is theirs
    expectSame(
      plan.writes.filter(({ system }) => ["salesforce", "whmcs", "freebit"].includes(system)),
      post.writes(),
    );
  });
});

it("goes on where an earlier attempt stopped, and leaves that job as it was", async () => {
  const { kind, payload } = provision;
  await line.fault({ vendor: "whmcs", operation: "AcceptOrder", mode: "error", body: "Order ID not found" });
  line.engine.work();
  const job = await line.carry(kind, payload);
  expect(job).toMatchObject({ state: "failed" });
  const queue = line.engine.queues.get(kind.name);
  const data: unknown = (await queue?.getJob(job.id))?.data;
  while ((await queue?.getJobState(job.id)) !== "failed") await new Promise((resolve) => setImmediate(resolve)); // the ledger hears first
  const [state, keys, sent] = [await line.state(), await keysIn(redis), post.writes().length];

  const plan = await line.dryRun({ kind: kind.name, id: job.id, data, lookFirst: false });

  expect(plan.steps.map(({ name, how }) => [name, how])).toEqual([
    ["read the order", "remembered"],
    ["add the order", "remembered"],
    ["keep one order", "remembered"],
    ["accept the order", "gone-through"],
    ["link and activate", "gone-through"],
  ]);
  const [order] = state.whmcs.orders.slice(-1);
  const vendors = plan.writes.filter(({ system }) => system !== "handoff");
  expect(vendors.map(({ to }) => to.split("/")[0])).toEqual(["AcceptOrder", "PATCH Opportunity"]);
  expect(vendors[0]?.fields).toEqual({ orderid: String(order?.id) });
  expect(plan.ending.result).toMatchObject({ whmcsOrderId: order?.id });
  expect(recordsOf(await line.state())).toEqual(recordsOf(state));
  expect(await keysIn(redis)).toEqual(keys);
  expect(post.writes().length).toBe(sent);
});

it("looks before a write where what was done is not known", async () => {
  const { kind, payload } = provision;
  line.engine.work();
  const job = await line.carry(kind, payload);
  const { orderId } = payload;
  const { whmcsServiceId, opportunityId } = job.result ?? {};
  await line.edit("Opportunity", String(opportunityId), { StageName: "Post Processing", WHMCS_Service_ID__c: null });

  const plan = await line.dryRun({ ...asked(kind, { orderId }), lookFirst: true });

  expect(plan.steps.map(({ how }) => how)).toEqual(["gone-through", "found", "found", "gone-through"]);
  expect(plan.writes.at(-1)?.fields).toMatchObject({ WHMCS_Service_ID__c: whmcsServiceId });
});

describe("what a job would find when it begins is found", () => {
  const stepsOf = ({ steps }: Plan) => steps.map(({ name, how }) => [name, how]);

  it("where an earlier job of the same work has failed half way", async () => {
    const { kind, payload } = provision;
    await line.fault({ vendor: "whmcs", operation: "AcceptOrder", mode: "error", body: "Order ID not found" });
    line.engine.work();
    expect(await line.carry(kind, payload)).toMatchObject({ state: "failed" });
    const plan = await line.dryRun(asked(kind, payload));
    expect(stepsOf(plan)).toContainEqual(["add the order", "found"]);
    expect(plan.writes.map(({ operation }) => operation)).not.toContain("AddOrder");
    const sent = post.writes().length;
    await line.carry(kind, payload);
    expect(
      post
        .writes()
        .slice(sent)
        .map(({ to }) => to),
    ).not.toContain("AddOrder");
  });

  it("where Redis has been restarted within the day", async () => {
    const { kind, payload } = provision;
    const { redis: connection, prefix } = line.engine;
    const straight = await line.dryRun(asked(kind, payload));
    await connection.hset(`${prefix}:era`, "run", "an earlier one", "since", 0);
    const looking = await line.dryRun(asked(kind, payload));
    expect(looking.writes).toEqual(straight.writes);
    expect(looking.reads.length).toBeGreaterThan(straight.reads.length);
  });

  it("where another job is at the same work, and where it has done it", async () => {
    const { kind, payload } = provision;
    await line.fault({ vendor: "whmcs", operation: "AddOrder", mode: "error", body: "Client ID Not Found" });
    line.engine.work();
    const failed = await line.carry(kind, payload);
    expect(failed).toMatchObject({ state: "failed" });
    const queue = line.engine.queues.get(kind.name);
    const data: unknown = (await queue?.getJob(failed.id))?.data;
    const again = { kind: kind.name, id: failed.id, data, lookFirst: false };
    await queue?.pause();
    const other = await line.engine.accept(kind, payload);
    expect((await line.dryRun(again)).ending).toMatchObject({
      state: "retrying",
      failure: { code: "another-at-work" },
    });
    await queue?.resume();
    const { outcome, result } = await line.engine.until(other.how === "new" ? other.job.id : "", "completed");
    const plan = await line.dryRun(again);
    expect(plan).toMatchObject({ steps: [], writes: [], ending: { state: "completed", outcome, result } });
  });

  it("where what was sent may still arrive, and where nothing can tell", async () => {
    const { kind, payload } = provision;
    await line.fault({ vendor: "whmcs", operation: "AddOrder", mode: "drop-before" });
    line.engine.work();
    const taken = await line.engine.accept(kind, payload);
    const { id } = await line.engine.until(taken.how === "new" ? taken.job.id : "", "retrying");
    const data: unknown = (await line.engine.queues.get(kind.name)?.getJob(id))?.data;
    const plan = await line.dryRun({ kind: kind.name, id, data, lookFirst: false });
    expect(stepsOf(plan).at(-1)).toEqual(["add the order", "in-doubt"]);
    expect(plan).toMatchObject({ writes: [], ending: { state: "retrying", failure: { code: "may-still-arrive" } } });
  });

  it("and what a sweep has handed on before is not handed on anew", async () => {
    const sweep = asked(approvalSweep, {});
    const handedOn = async () => (await line.dryRun(sweep)).writes.map(({ operation, to }) => `${operation} ${to}`);
    expect(await handedOn()).toContain("hand on provisioning");
    await line.fault({ vendor: "whmcs", operation: "AddOrder", mode: "error", body: "Client ID Not Found", times: 10 });
    line.engine.work();
    await line.carry(approvalSweep, {});
    await line.rest();
    expect(await handedOn()).toEqual([]);
  });
});

it("signs in once, however often something is tried out", async () => {
  const { kind, payload } = provision;
  for (let time = 0; time < 3; time++) await line.dryRun(asked(kind, payload));
  expect((await line.calls()).filter(({ operation }) => operation === "token")).toHaveLength(1);
});

it("says that it would be tried again where a vendor is away, and that a person would be needed where one is", async () => {
  const { kind, payload } = provision;
  await line.fault({ vendor: "salesforce", operation: "query", mode: "fail-before", times: 1 });
  expect((await line.dryRun(asked(kind, payload))).ending).toMatchObject({ state: "retrying", outcome: null });
  const { orderId } = payload;
  const order = (await line.state()).salesforce.Order.find(({ Id }) => Id === orderId);
  await line.edit("Account", String(order?.["AccountId"]), { WH_Account__c: null });
  expect((await line.dryRun(asked(kind, payload))).ending).toMatchObject({
    state: "failed",
    failure: { code: "no-whmcs-client" },
  });
});

const awayNow = (vendor: Vendor) =>
  new UnavailableError({ code: "away", title: "Away.", detail: "", vendor, scope: "vendor" });

/** Every key of Redis, and what it holds; how much of Salesforce's allowance is used is no more than was read. */
async function keysIn(server: TestRedis): Promise<Readonly<Record<string, string>>> {
  const all = await server.each(async (one) => {
    const held: [string, string][] = [];
    for (const key of await one.keys("*")) {
      // Of a hash the dump follows an order that changes as it is read.
      const isHash = (await one.type(key)) === "hash";
      const fields = isHash
        ? Object.entries(await one.hgetall(key))
            .map((field) => field.join(" "))
            .toSorted()
        : await one.dumpBuffer(key);
      held.push([key, JSON.stringify(fields)]);
    }
    return held;
  });
  return Object.fromEntries(all.flat().filter(([key]) => !key.includes(":allowance:")));
}

const recordsOf = ({ salesforce, whmcs, freebit, mails }: SandboxState) => ({ salesforce, whmcs, freebit, mails });

function personalIn(kind: (typeof kinds)[number], payload: unknown): string[] {
  const found: string[] = [];
  const collect = (value: unknown): void => {
    if (typeof value === "string") found.push(value);
    else if (typeof value === "object" && value !== null) Object.values(value).forEach(collect);
  };
  mapMarked(personalFields, kind.payload, payload, "", (value) => {
    collect(value);
    return value;
  });
  return found;
}

/** The kinds of the jobs that there are beside `id`, without those that schedules made. */
async function otherJobs(id: string): Promise<string[]> {
  const all = await Promise.all(
    [...line.engine.queues.values()].map(async (queue) =>
      (await queue.getJobs()).map((job) => ({ id: job.id, name: queue.name })),
    ),
  );
  return all
    .flat()
    .filter((job) => job.id !== id)
    .map(({ name }) => name);
}

/** Each write as it was shown, but for what is hidden or did not exist yet, and for the moment of it. */
function expectSame(shown: Plan["writes"], received: readonly Received[]): void {
  const pairs = shown.map((write, at) => ({ write, got: received[at] }));
  expect(shown.map(({ system }) => system)).toEqual(received.map(({ system }) => system));
  for (const { write, got } of pairs) {
    expect(write.to.replace(/<.*>/, "")).toBe(got?.to.slice(0, write.to.replace(/<.*>/, "").length));
    expect(alike(write.fields, got?.fields), `${write.to}: ${JSON.stringify([write.fields, got?.fields])}`).toBe(true);
  }
}

function alike(shown: unknown, got: unknown): boolean {
  if (shown === HIDDEN) return typeof got === "string" && got !== "";
  if (typeof shown === "string" && /^<.+>$/.test(shown)) return got !== undefined && got !== null;
  if (typeof shown === "string" && /^\d{4}-\d\d-\d\dT.*\.\d{3}Z$/.test(shown))
    return Math.abs(Date.parse(shown) - Date.parse(String(got))) < 60_000;
  if (typeof shown !== "object" || shown === null) return shown === got;
  if (typeof got !== "object" || got === null) return false;
  const theirs = got as Fields; // an object, as was just seen
  const names = new Set([...Object.keys(shown), ...Object.keys(theirs)]);
  return [...names].every((name) => alike((shown as Fields)[name], theirs[name]));
}

type Post = ReturnType<typeof openPost>;

/** Stands before the sandbox and takes down what would write, from the bytes that came. */
function openPost() {
  const seen: Received[] = [];
  let own = "";
  let sandbox = "";
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      seen.push(...writesIn(request.method ?? "", request.url ?? "", request.headers, body));
      const headers = Object.entries(request.headers).filter(([name]) =>
        ["authorization", "content-type"].includes(name),
      );
      fetch(sandbox + (request.url ?? ""), {
        method: request.method ?? "",
        headers: headers.map(([name, value]) => [name, String(value)] as [string, string]),
        ...(body.length > 0 && { body }),
      })
        .then(async (answer) => {
          response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "text/plain" });
          response.end((await answer.text()).replaceAll(sandbox, own));
        })
        .catch(() => response.destroy()); // as the sandbox did
    });
  });
  return {
    writes: () => seen,
    listen: async (url: string) => {
      sandbox = url;
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      own = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`; // it listens on TCP
      return own;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Composite {
  readonly compositeRequest?: readonly { method: string; url: string; body?: Fields }[];
}

const CREDENTIALS = new Set(["identifier", "secret", "accesskey", "responsetype", "action"]);

function writesIn(method: string, url: string, headers: IncomingHttpHeaders, body: Buffer): Received[] {
  const text = body.toString("utf8");
  if (url.startsWith("/whmcs/")) {
    const form = [...new URLSearchParams(text)];
    const [, action = ""] = form.find(([name]) => name === "action") ?? [];
    const fields = Object.fromEntries(form.filter(([name]) => !CREDENTIALS.has(name)));
    return action.startsWith("Get") ? [] : [{ system: "whmcs", to: action, fields }];
  }
  if (url.startsWith("/freebit/")) {
    if (!url.includes("cnclAcnt")) return [];
    const { authKey: _, ...fields } = JSON.parse(new URLSearchParams(text).get("json") ?? "{}") as Fields;
    return [{ system: "freebit", to: "cnclAcnt", fields }];
  }
  if (method === "GET" || !url.includes("/services/data/")) return [];
  const below = (of: string) => of.replace(/^.*\/sobjects\//, "");
  if (String(headers["content-type"]).startsWith("multipart/")) {
    const [, record = "{}"] = /\r\n\r\n(\{.*?\})\r\n/s.exec(text) ?? [];
    const [, content = ""] = /octet-stream\r\n\r\n(.*?)\r\n--/s.exec(body.toString("latin1")) ?? [];
    const fields = { ...(JSON.parse(record) as Fields), VersionData: `(${String(content.length)} bytes)` };
    return [{ system: "salesforce", to: `${method} ${below(url)}`, fields }];
  }
  const json = JSON.parse(text) as Composite & Fields;
  const parts = json.compositeRequest ?? [{ method, url, body: json }];
  return parts
    .filter((part) => part.method !== "GET")
    .map((part) => ({ system: "salesforce", to: `${part.method} ${below(part.url)}`, fields: part.body ?? {} }));
}
