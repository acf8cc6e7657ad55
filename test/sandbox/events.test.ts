import { EventEmitter, once } from "node:events";
import { Connection } from "jsforce";
import { StreamingExtension } from "jsforce/lib/api/streaming.js";
import { afterEach, describe, expect, it } from "vitest";
import { CREDENTIALS, call, inside, runningSandbox } from "./running-sandbox.ts";

const { url, control, rest, state, seeded } = runningSandbox();
const CHANNEL = "/event/OrderProvisionRequested__e";

/** What the tests use of faye's client. */
interface FayeClient {
  readonly subscribe: (channel: string, listener: (data: unknown) => void) => PromiseLike<unknown>;
  readonly disconnect: () => PromiseLike<unknown> | undefined;
  readonly addExtension: (extension: object) => void;
}

const open: FayeClient[] = [];
afterEach(async () => {
  await control("DELETE", "faults");
  await Promise.all(
    open.splice(0).map(async (client) => {
      await client.disconnect()?.then(undefined, () => undefined); // it may have been told to give up
    }),
  );
});

/** jsforce's own streaming client, listening from `replayId` on; `received` are the orders it was told of. */
async function listening(replayId: number) {
  const connection = new Connection({
    version: "62.0",
    oauth2: { loginUrl: url(), clientId: CREDENTIALS.client_id, clientSecret: CREDENTIALS.client_secret },
  });
  await connection.authorize({ grant_type: "client_credentials" });
  const client = connection.streaming.createClient([
    new StreamingExtension.Replay(CHANNEL, replayId),
  ]) as unknown as FayeClient; // its own types lack disconnect and addExtension
  open.push(client);
  const received: string[] = [];
  const news = new EventEmitter();
  const errors: string[] = [];
  client.addExtension({
    incoming: (message: object, pass: (message: object) => void) => {
      const error = inside(message, "error");
      if (typeof error === "string") {
        errors.push(error);
        news.emit("error-answer");
      }
      pass(message);
    },
  });
  const until = async (event: string, isSo: () => boolean) => {
    while (!isSo()) await once(news, event);
  };
  const subscribed = client.subscribe(CHANNEL, (data) => {
    received.push(String(inside(data, "payload", "Order_Id__c")));
    news.emit("event");
  });
  return {
    subscribed,
    received,
    errors,
    heard: (count: number) => until("event", () => received.length >= count),
    refused: (error: string) => until("error-answer", () => errors.includes(error)),
  };
}
const publish = (orderId: string) => control("POST", "events", { orderId });
const replayIds = async () => {
  const retained = await state("events", "retained");
  return (Array.isArray(retained) ? retained : []).map((event: unknown) =>
    Number(inside(event, "data", "event", "replayId")),
  );
};

describe("jsforce's streaming client, unchanged", () => {
  it("hears what is new from -1 on", async () => {
    await publish("before");
    const { subscribed, heard, received } = await listening(-1);
    await subscribed;
    await publish("after");
    await heard(1);
    expect(received).toEqual(["after"]);
  });

  it("hears everything retained from -2 on, and then what is new", async () => {
    await publish("one");
    await publish("two");
    const { subscribed, heard, received } = await listening(-2);
    await subscribed;
    await heard(2);
    await publish("three");
    await heard(3);
    expect(received).toEqual(["one", "two", "three"]);
  });

  it("resumes after the event that it names", async () => {
    for (const order of ["one", "two", "three"]) await publish(order);
    const [, second = 0] = await replayIds();
    const { heard, received } = await listening(second);
    await heard(1);
    expect(received).toEqual(["three"]);
  });

  it("comes back by itself after the vendor forgot it, and misses nothing", async () => {
    await publish("one");
    const { heard, received, refused } = await listening(-2);
    await heard(1);
    await control("POST", "drop-streaming-clients");
    await publish("meanwhile");
    await refused("403::Unknown client");
    await heard(2);
    expect(received).toEqual(["one", "meanwhile"]);
  });

  it("is told that its session has expired, and to give up", async () => {
    const { subscribed, refused, errors } = await listening(-1);
    await subscribed;
    await control("POST", "expire-sessions");
    await refused("401::Authentication invalid");
    expect(errors).toEqual(["401::Authentication invalid"]);
  });

  it("outlives a connect that fails", async () => {
    await control("POST", "faults", {
      vendor: "salesforce",
      operation: "connect",
      mode: "error",
      code: "403::Unknown client",
    });
    const { heard, received, refused } = await listening(-2);
    await refused("403::Unknown client");
    await publish("one");
    await heard(1);
    expect(received).toEqual(["one"]);
  });
});

describe("an event", () => {
  it("is published by its object, and by an approval where the org does so", async () => {
    const Order_Id__c = await seeded("orders", "pendingSim");
    expect(await rest("POST", "sobjects/OrderProvisionRequested__e", { Order_Id__c })).toMatchObject({
      status: 201,
      body: { success: true, errors: [{ statusCode: "OPERATION_ENQUEUED" }] },
    });
    const approve = (name: string) =>
      seeded("orders", name).then((id) => control("PATCH", `records/Order/${id}`, { Status: "Approved" }));
    await approve("pendingSim");
    await control("PUT", "events", { publishOnApproval: true });
    await approve("pendingHome");
    expect(await state("events", "retained")).toMatchObject([
      { channel: CHANNEL, data: { payload: { Order_Id__c, CreatedById: expect.stringMatching(/^005/) as string } } },
      { data: { payload: { Order_Id__c: await seeded("orders", "pendingHome") } } },
    ]);
  });

  it("that its transaction undoes is never published, and none can be queried", async () => {
    const event = { attributes: { type: "OrderProvisionRequested__e" }, Order_Id__c: "x" };
    await rest("POST", "composite/sobjects", { allOrNone: true, records: [event, { ...event, Order_Id__c: null }] });
    expect(await state("events", "retained")).toEqual([]);
    expect(await rest("GET", `query?q=SELECT+Id+FROM+OrderProvisionRequested__e`)).toMatchObject({ status: 400 });
  });

  it("is forgotten after 72 hours, and then cannot be resumed from", async () => {
    await publish("old");
    const [old = 0] = await replayIds();
    await publish("old, too");
    await control("PUT", "clock", { now: new Date(Date.now() + 73 * 60 * 60 * 1000).toISOString() });
    await publish("new");
    expect(await state("events", "retained")).toMatchObject([{ data: { payload: { Order_Id__c: "new" } } }]);
    const { subscribed, errors } = await listening(old);
    await expect(Promise.resolve(subscribed)).rejects.toBeDefined();
    expect(errors[0]).toMatch(/^400::The replayId \{\d+\} you provided was invalid/);
  });
});

describe("the streaming door", () => {
  const post = async (messages: unknown, token = "nobody") =>
    await call(`${url()}/cometd/62.0`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `OAuth ${token}` },
      body: JSON.stringify(messages),
    });

  it("denies the handshake without a session, as Salesforce words it", async () => {
    expect((await post([{ channel: "/meta/handshake", id: "1" }])).body).toMatchObject([
      {
        channel: "/meta/handshake",
        id: "1",
        successful: false,
        error: "403::Handshake denied",
        advice: { reconnect: "none" },
        ext: { sfdc: { failureReason: "401::Authentication invalid" } },
      },
    ]);
  });

  it.each(["handshake", "subscribe"])("meets the faults that were ordered for its %s", async (operation) => {
    await control("POST", "faults", { vendor: "salesforce", operation, mode: "fail-before", status: 502 });
    await control("POST", "faults", { vendor: "salesforce", operation, mode: "error" });
    const messages = [{ channel: "/meta/connect" }, { channel: `/meta/${operation}`, id: "2" }];
    expect((await post(messages)).status).toBe(502);
    expect((await post(messages)).body).toMatchObject([
      {},
      { id: "2", successful: false, advice: { reconnect: "retry" } },
    ]);
  });

  it("answers a stray GET and a body that holds no messages with 400", async () => {
    expect((await call(`${url()}/cometd/62.0`, {})).status).toBe(400);
    expect((await post("hello")).status).toBe(400);
  });
});
