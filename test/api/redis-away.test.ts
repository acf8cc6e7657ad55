import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Answer,
  ask,
  asPortal,
  type Doors,
  type Engine,
  openDoors,
  OUTBOUND_TOKEN,
  post,
  startEngine,
} from "./doors.ts";
import { envelope, notification } from "./salesforce.ts";

/** How long a caller may wait for a no, in milliseconds. */
const PATIENCE_MS = 2500;

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

const order = { orderId: "8015g00000ZxCvBAAV" };
const message = envelope(Array.from({ length: 100 }, (_, at) => notification(at)));
const postOrder = () => post(`${doors.url}/api/provisioning`, order, { "idempotency-key": "the-same-request" });
const sendMessage = () =>
  ask(`${doors.url}/salesforce/outbound-messages/${OUTBOUND_TOKEN}`, {
    method: "POST",
    headers: { "content-type": "text/xml" },
    body: message,
  });

async function withinPatience(asking: () => Promise<Answer>): Promise<Answer> {
  const startedAt = performance.now();
  const answer = await asking();
  expect(performance.now() - startedAt).toBeLessThan(PATIENCE_MS);
  return answer;
}

async function expectRefusals(): Promise<void> {
  const posted = await withinPatience(postOrder);
  expect(posted).toMatchObject({ status: 503, json: { code: "not-accepted" } });
  expect(Number(posted.headers.get("retry-after"))).toBeGreaterThan(0);

  const announced = await withinPatience(sendMessage);
  expect(announced.status).toBe(500);
  expect(announced.text).toContain("<faultcode>soapenv:Server</faultcode>");

  for (const path of [`/api/jobs/${randomUUID()}`, "/readyz"]) {
    const asked = await withinPatience(() => ask(doors.url + path, { headers: asPortal }));
    expect(asked).toMatchObject({ status: 503, json: { code: "unavailable" } });
    expect(Number(asked.headers.get("retry-after"))).toBeGreaterThan(0);
  }
  expect((await withinPatience(() => ask(`${doors.url}/healthz`))).status).toBe(200);
  expect((await withinPatience(() => ask(`${doors.url}/api/docs`))).status).toBe(200);
}

/** Asks until Redis has been found again: the doors reconnect within two seconds. */
async function ready(): Promise<void> {
  await expect.poll(async () => (await ask(`${doors.url}/readyz`)).status, { timeout: 10_000 }).toBe(200);
}

describe("while Redis is away", () => {
  it("nobody is promised anything, everyone hears so in time, and the same request goes through once it is back", async () => {
    await engine.redis.kill();
    await expectRefusals();
    await engine.redis.restart();
    await ready();
    expect((await postOrder()).status).toBe(202);
    expect((await sendMessage()).status).toBe(200);
    expect(await engine.waiting("provisioning")).toBe(101);
  });

  it("a Redis that hangs is as good as none", async () => {
    await engine.redis.kill("SIGSTOP");
    await expectRefusals();
    await engine.redis.kill("SIGCONT");
    await ready();
    expect((await postOrder()).status).toBe(202);
  });

  it("the log says why, and never what was in the request", () => {
    const refused = doors.log.filter((line) => line["code"] === "not-accepted");
    expect(refused.length).toBeGreaterThan(0);
    for (const line of refused)
      expect(line["err"]).toMatchObject({ name: "NotAcceptedError", cause: { message: expect.any(String) } });
    expect(JSON.stringify(doors.log)).not.toContain("渋谷");
  });
});
