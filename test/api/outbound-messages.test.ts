import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, ask, type Doors, type Engine, openDoors, OUTBOUND_TOKEN, post, startEngine } from "./doors.ts";
import { envelope, notification, notificationId, orderIdOf } from "./salesforce.ts";

const ACKNOWLEDGEMENT =
  '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>';

let engine: Engine;
let doors: Doors;

beforeAll(async () => {
  engine = await startEngine();
  doors = await openDoors(engine.intake);
});
afterAll(async () => {
  await doors.close();
  await engine.close();
});

let used = 0;
/** Numbers of notifications and orders that no other test of this file uses. */
const numbers = (count: number) => Array.from({ length: count }, () => ++used);

interface Sending {
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly to?: Doors;
}

function send(
  body: string | Uint8Array,
  { token = OUTBOUND_TOKEN, headers = {}, to = doors }: Sending = {},
): Promise<Answer> {
  return ask(`${to.url}/salesforce/outbound-messages/${token}`, {
    method: "POST",
    headers: { "content-type": "text/xml; charset=utf-8", soapaction: '""', ...headers },
    body,
  });
}

/** A SOAP 1.1 fault whose words match. */
function expectFault(answer: Answer, status: number, words: RegExp, blame: "Client" | "Server" = "Client"): void {
  expect(answer.status).toBe(status);
  expect(answer.headers.get("content-type")).toBe("text/xml; charset=utf-8");
  const [, code, text] =
    /<soapenv:Fault><faultcode>soapenv:(\w+)<\/faultcode><faultstring>([^<]+)<\/faultstring><\/soapenv:Fault>/.exec(
      answer.text,
    ) ?? [];
  expect(code).toBe(blame);
  expect(text).toMatch(words);
}

describe("Salesforce announces approved orders", () => {
  it("and hears an acknowledgement, letter for letter as it wants it, once the job is safe", async () => {
    const [order = 0] = numbers(1);
    const before = await engine.waiting("provisioning");
    const answer = await send(envelope([notification(order)]));
    expect(answer).toMatchObject({ status: 200, text: ACKNOWLEDGEMENT });
    expect(answer.headers.get("content-type")).toBe("text/xml; charset=utf-8");
    expect(await engine.waiting("provisioning")).toBe(before + 1);
    const sameOrder = await post(`${doors.url}/api/provisioning`, { orderId: orderIdOf(order) });
    expect(sameOrder.status).toBe(202);
    expect(await engine.waiting("provisioning")).toBe(before + 1);
  });

  it("100 at once, and each becomes a job", async () => {
    const before = await engine.waiting("provisioning");
    expect((await send(envelope(numbers(100).map((number) => notification(number))))).text).toBe(ACKNOWLEDGEMENT);
    expect(await engine.waiting("provisioning")).toBe(before + 100);
  });

  it("twice, ten times at once, and shuffled, and each still becomes one job", async () => {
    const before = await engine.waiting("provisioning");
    const few = numbers(5).map((number) => notification(number));
    const messages = Array.from({ length: 10 }, (_, at) => envelope([...few.slice(at % 5), ...few.slice(0, at % 5)]));
    const answers = await Promise.all(messages.map((message) => send(message)));
    expect(answers.every(({ text }) => text === ACKNOWLEDGEMENT)).toBe(true);
    expect(await engine.waiting("provisioning")).toBe(before + 5);
  });

  it("in two notifications for one order, in one message or in two, and it becomes one job", async () => {
    const before = await engine.waiting("provisioning");
    const [first = 0, second = 0, third = 0] = numbers(3);
    const order = orderIdOf(first);
    const both = envelope([notification(first, "Approved", order), notification(second, "Approved", order)]);
    expect((await send(both)).text).toBe(ACKNOWLEDGEMENT);
    expect((await send(envelope([notification(third, "Approved", order.slice(0, 15))]))).text).toBe(ACKNOWLEDGEMENT);
    expect(await engine.waiting("provisioning")).toBe(before + 1);
  });

  it("among others that are not approved, which are acknowledged and left alone", async () => {
    const before = await engine.waiting("provisioning");
    const [draft = 0, approved = 0, cancelled = 0] = numbers(3);
    const message = envelope([
      notification(draft, "Pending Review"),
      notification(approved),
      notification(cancelled, "Cancelled"),
    ]);
    expect((await send(message)).text).toBe(ACKNOWLEDGEMENT);
    expect((await send(envelope([notification(draft, "Draft")]))).text).toBe(ACKNOWLEDGEMENT);
    expect(await engine.waiting("provisioning")).toBe(before + 1);
  });

  it("as application/xml, without a type, and with a byte order mark", async () => {
    const messages = numbers(3).map((number) => envelope([notification(number)]));
    expect((await send(messages[0] ?? "", { headers: { "content-type": "application/xml" } })).status).toBe(200);
    const bare = await ask(`${doors.url}/salesforce/outbound-messages/${OUTBOUND_TOKEN}`, {
      method: "POST",
      body: Buffer.from(messages[1] ?? ""),
    });
    expect(bare.status).toBe(200);
    expect((await send(`\ufeff${messages[2] ?? ""}`)).status).toBe(200);
  });
});

describe("what the door tells the engine", () => {
  it("which notification announced the order, and that an order whose job is done is no new work", async () => {
    const [number = 0] = numbers(1);
    const told: unknown[] = [];
    const observed = await openDoors({
      ...engine.intake,
      accept: (kind, payload, request) => {
        told.push([kind.name, payload, request]);
        return engine.intake.accept(kind, payload, request);
      },
    });
    try {
      await send(envelope([notification(number)]), { to: observed });
    } finally {
      await observed.close();
    }
    const id = notificationId(number);
    expect(told).toEqual([
      [
        "provisioning",
        { orderId: orderIdOf(number) },
        { door: `outbound message ${id}`, idempotency: { client: "salesforce", key: id }, unless: ["done"] },
      ],
    ]);
  });
});

describe("what is refused, with nothing enqueued", () => {
  const large = () => `${envelope([notification(1)])}<!--${" ".repeat(1024 * 1024)}-->`;

  it.each<[string, number, RegExp, () => Promise<Answer>]>([
    [
      "a wrong token",
      404,
      /check the last part/,
      () => send(envelope([notification(1)]), { token: "not-the-secret-last-segment" }),
    ],
    [
      "a token that is nearly right",
      404,
      /check the last part/,
      () => send(envelope([notification(1)]), { token: `${OUTBOUND_TOKEN}x` }),
    ],
    [
      "another org",
      403,
      /another Salesforce org/,
      () => send(envelope([notification(1)], { org: "00D5g000009ZzZzEAK" })),
    ],
    ["an entity bomb", 400, /DOCTYPE/, () => send(`<!DOCTYPE x [<!ENTITY a "ha">]>${envelope([notification(1)])}`)],
    [
      "101 notifications",
      400,
      /100 Notifications at most/,
      () => send(envelope(Array.from({ length: 101 }, (_, at) => notification(at)))),
    ],
    ["another object", 400, /object Order/, () => send(envelope([notification(1).replace("sf:Order", "sf:Case")]))],
    ["an Order without a Status", 400, /add Status/, () => send(envelope([notification(1), notification(2, null)]))],
    [
      "an Order whose id is an account's",
      400,
      /begins with 801/,
      () => send(envelope([notification(1, "Approved", "0015g00000HjKlMAAV")])),
    ],
    ["what is not XML", 400, /well-formed/, () => send("hello")],
    ["nothing", 400, /well-formed|empty/, () => send("")],
    ["bytes that are not UTF-8", 400, /UTF-8/, () => send(Buffer.from([0x3c, 0xff, 0xfe]))],
    ["UTF-16", 400, /./, () => send(Buffer.from(envelope([notification(1)]), "utf16le"))],
    ["more than 1 MiB, announced", 413, /1048576 bytes/, () => send(large())],
    ["JSON", 415, /text\/xml/, () => send("{}", { headers: { "content-type": "application/json" } })],
    [
      "another charset",
      415,
      /charset/,
      () => send(envelope([notification(1)]), { headers: { "content-type": "text/xml; charset=utf-16" } }),
    ],
    [
      "a compressed message",
      415,
      /Content-Encoding/,
      () => send(envelope([notification(1)]), { headers: { "content-encoding": "gzip" } }),
    ],
    ["a GET", 405, /POST/, () => ask(`${doors.url}/salesforce/outbound-messages/${OUTBOUND_TOKEN}`)],
  ])("%s: %i", async (_, status, words, sending) => {
    const before = await engine.waiting("provisioning");
    expectFault(await sending(), status, words);
    expect(await engine.waiting("provisioning")).toBe(before);
  });

  it("more than 1 MiB, streamed without saying so: 413", async () => {
    const answer = await fetch(`${doors.url}/salesforce/outbound-messages/${OUTBOUND_TOKEN}`, {
      method: "POST",
      headers: { "content-type": "text/xml" },
      body: ReadableStream.from(Array.from({ length: 40 }, () => Buffer.alloc(32 * 1024, " "))),
      duplex: "half",
    });
    expect(answer.status).toBe(413);
    await answer.body?.cancel();
  });

  it("never a notification whose id stood for another order before: that order is taken all the same", async () => {
    const [number = 0, other = 0] = numbers(2);
    const before = await engine.waiting("provisioning");
    for (const order of [number, other, other]) {
      expect((await send(envelope([notification(number, "Approved", orderIdOf(order))]))).status).toBe(200);
    }
    expect(await engine.waiting("provisioning")).toBe(before + 2);
  });

  it("is logged with the reason and the org's first characters, never with the token or the message", async () => {
    const requestId = randomUUID();
    const stranger = envelope([notification(1)], { org: "00D5g000009ZzZzEAK" });
    await send(stranger, { headers: { "x-request-id": requestId } });
    const line = await doors.logged(requestId);
    expect(line).toMatchObject({
      status: 403,
      code: "another-org",
      orgPrefix: "00D5g000",
      route: "/salesforce/outbound-messages/:token",
    });
    for (const path of [`${OUTBOUND_TOKEN}/%E0%A4%A`, `%E0%A4%A${OUTBOUND_TOKEN}`, `${OUTBOUND_TOKEN}/deeper`]) {
      expect((await send(stranger, { token: path })).status).toBe(404);
    }
    const text = JSON.stringify(doors.log);
    expect(text).not.toContain(OUTBOUND_TOKEN);
    expect(text).not.toContain("渋谷");
    expect(text).not.toContain("009ZzZz");
  });
});

describe("when a notification cannot be kept safe", () => {
  it("nothing of the message is acknowledged, so that Salesforce sends all of it again", async () => {
    const [first = 0, second = 0] = numbers(2);
    const forgetful = await openDoors({
      ...engine.intake,
      accept: (kind, payload, request) =>
        request.idempotency?.key === notificationId(second)
          ? Promise.reject(new Error("the disk is on fire"))
          : engine.intake.accept(kind, payload, request),
    });
    const before = await engine.waiting("provisioning");
    const message = envelope([notification(first), notification(second)]);
    try {
      const answer = await send(message, { to: forgetful });
      expectFault(answer, 500, /Send it again/, "Server");
      expect(answer.text).not.toContain("fire");
    } finally {
      await forgetful.close();
    }
    expect((await send(message)).text).toBe(ACKNOWLEDGEMENT);
    expect(await engine.waiting("provisioning")).toBe(before + 2);
  });
});
