import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { earliestMonth, latestMonth, openMonths } from "../../src/domain/cancellation-month.ts";
import { monthsAfter } from "../../src/domain/japan-calendar.ts";
import { ask, asPortal, type Doors, type Engine, openDoors, post, startEngine } from "./doors.ts";

/** What of a cancellation is judged at the door. The rule's own calendar: test/domain/cancellation-month.test.ts. */

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

let made = 0;
const request = () => ({ accountId: `0015g0000${String(++made).padStart(6, "0")}`, serviceId: 801 });
const scheduled = () => ({ ...request(), month: latestMonth(new Date()) });
const sim = () => ({ ...scheduled(), simNumber: "070-0000-0001" });
const address = (service: string) => `${doors.url}/api/services/${service}/cancellation`;

describe("a cancellation", () => {
  it.each([
    ["internet", scheduled],
    ["sim", sim],
    ["vpn", request],
  ])("is taken in as one kind, whatever service it ends: %s", async (service, body) => {
    const answer = await post(address(service), body());
    expect(answer.status).toBe(202);
    expect(answer.json).toMatchObject({ kind: "cancellation", state: "queued" });
  });

  it.each([
    ["internet", { month: undefined }, "month"],
    ["internet", { month: "2026-13" }, "month"],
    ["internet", { serviceId: 0 }, "serviceId"],
    ["internet", { serviceId: "801" }, "serviceId"],
    ["internet", { alternativeEmail: "nobody" }, "alternativeEmail"],
    ["internet", { simNumber: "07000000001" }, "simNumber"],
    ["sim", { simNumber: undefined }, "simNumber"],
    ["sim", { simNumber: "+81 70" }, "simNumber"],
    ["vpn", { month: "2026-12" }, "month"],
    ["vpn", { service: "SIM" }, "service"],
  ])("of %s is refused with %j", async (service, more, path) => {
    const bodies: Record<string, object> = { internet: scheduled(), sim: sim(), vpn: request() };
    const answer = await post(address(service), { ...bodies[service], ...more });
    expect(answer.status).toBe(422);
    expect(answer.json).toMatchObject({ code: "invalid-request", errors: [{ path }] });
  });

  it.each([
    "hanako@customer.example\r\nBcc: all@elsewhere.example",
    "hanako@customer.example\nBcc: all@elsewhere.example",
    "hanako@customer.example\r",
    "hanako@customer.example\u0085Bcc: all@elsewhere.example",
    "hanako@customer.example\u2028",
    "hanako@customer.example, all@elsewhere.example",
    "hanako@customer.example;all@elsewhere.example",
    "all@elsewhere.example <hanako@customer.example>",
    "hanako@customer.example> RCPT TO:<all@elsewhere.example",
    '"all@elsewhere.example,"@customer.example',
    "hanako@customer.example?bcc=all@elsewhere.example",
    "hanako%0d%0abcc:all@elsewhere.example@customer.example",
  ])("of no service goes with an address that could be more than one: %j", async (alternativeEmail) => {
    for (const [service, body] of [
      ["internet", scheduled()],
      ["sim", sim()],
      ["vpn", request()],
    ] as const) {
      const answer = await post(address(service), { ...body, alternativeEmail });
      expect(answer).toMatchObject({ status: 422, json: { errors: [{ path: "alternativeEmail" }] } });
      expect(answer.text).not.toContain("elsewhere");
    }
  });

  it.each(["internet", "sim"])("of %s names the months that are open where its month is not", async (service) => {
    const body = service === "sim" ? sim() : scheduled();
    const first = earliestMonth(new Date());
    const last = latestMonth(new Date());
    for (const month of [monthsAfter(first, -1), monthsAfter(last, 1)]) {
      const answer = await post(address(service), { ...body, month });
      expect(answer.status).toBe(422);
      expect(answer.json).toMatchObject({ code: "cancellation-month-closed" });
      expect(answer.json["detail"]).toContain(first);
      expect(answer.json["detail"]).toContain(last);
    }
  });

  it("is one as long as it is under way, with and without hyphens in the number, and another for another month", async () => {
    const body = sim();
    const [one, same, other] = [
      await post(address("sim"), body),
      await post(address("sim"), { ...body, simNumber: "07000000001" }),
      await post(address("sim"), { ...body, month: monthsAfter(body.month, -1) }),
    ];
    expect(same.json["id"]).toBe(one.json["id"]);
    expect(other.json["id"]).not.toBe(one.json["id"]);
  });

  it("may write its number with or without hyphens under one idempotency key", async () => {
    const body = sim();
    const key = { "idempotency-key": "one-cancellation" };
    const one = await post(address("sim"), body, key);
    const same = await post(address("sim"), { ...body, simNumber: "07000000001" }, key);
    expect(same.status).toBe(202);
    expect(same.json["id"]).toBe(one.json["id"]);
  });
});

describe.for(["internet", "sim"])("the months of %s", (service) => {
  const months = (query: string) =>
    ask(`${doors.url}/api/services/${service}/cancellation-months${query}`, { headers: asPortal });

  it.each([
    ["", 12],
    ["?count=1", 1],
    ["?count=13", 13],
  ])("that are open now, as many as are asked for: %s", async (query, count) => {
    const before = openMonths(new Date(), count);
    const answer = await months(query);
    expect(answer.status).toBe(200);
    // The month may close while the request is on its way.
    expect([before, openMonths(new Date(), count)]).toContainEqual(answer.json["months"]);
  });

  it.each(["?count=0", "?count=14", "?count=1.5", "?count=", "?count=twelve", "?count=1&count=2"])(
    "cannot be asked for by %s",
    async (query) => {
      const answer = await months(query);
      expect(answer.status).toBe(422);
      expect(answer.json).toMatchObject({ code: "invalid-request", errors: [{ path: "count" }] });
    },
  );

  it("are for those who have a key", async () => {
    expect((await ask(`${doors.url}/api/services/${service}/cancellation-months`)).status).toBe(401);
  });
});
