import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { mail } from "../../src/processors/mail.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { ADMINISTRATOR, type Line, openLine } from "./line.ts";

/** Mail as a job of its own, against the sandbox's SMTP server. */

const CUSTOMER = "hanako@customer.example";
const confirmation = {
  key: "a-job customer",
  letter: {
    template: "cancellation-confirmed",
    to: CUSTOMER,
    name: "渋谷 花子",
    service: "Internet",
    serviceId: 801,
    lastDay: "2026-12-31",
    reference: "00001042",
  },
};
const report = {
  key: "a-job administrator",
  letter: {
    template: "cancellation-admin",
    to: "administrator",
    service: "Internet",
    serviceId: 801,
    lastDay: "2026-12-31",
    accountId: "0015g000000000DAAQ",
    whmcsClientId: 1013,
    caseId: "5005g0000000001AAA",
    jobId: "a-job",
  },
};

let redis: TestRedis;
let line: Line;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  line = await openLine({ redis });
  line.engine.work();
});
afterEach(() => line.close());

const received = async () => (await line.state()).mails;

describe("a mail", () => {
  it("goes to its customer", async () => {
    expect(await line.carry(mail, confirmation)).toMatchObject({ state: "completed", outcome: "done" });
    expect(await received()).toMatchObject([{ to: [CUSTOMER] }]);
  });

  it("to the administrator goes to whoever ADMIN_EMAIL names", async () => {
    expect(await line.carry(mail, report)).toMatchObject({ state: "completed" });
    expect(await received()).toMatchObject([{ to: [ADMINISTRATOR] }]);
  });

  it("carries the same Message-ID when it is sent again after a lost reply", async () => {
    await line.fault({ vendor: "mail", operation: "data", mode: "drop-after" });
    expect(await line.carry(mail, confirmation)).toMatchObject({ state: "completed", attempts: 2 });
    const [first, second] = await received();
    expect(second?.messageId).toBe(first?.messageId);
    expect(first?.messageId).toMatch(/^<handoff\.\w+@sonixnet\.example>$/);
  });

  it("has another Message-ID than that of the same letter to somebody else", async () => {
    await line.carry(mail, confirmation);
    await line.carry(mail, { ...confirmation, key: "a-job alternative" });
    const [first, second] = await received();
    expect(second?.messageId).not.toBe(first?.messageId);
  });

  it("fails for a person where its recipient is refused for good, and is not sent again by itself", async () => {
    await line.fault({ vendor: "mail", operation: "rcpt", mode: "error", status: 550 });
    const failed = await line.carry(mail, confirmation);
    expect(failed).toMatchObject({ state: "failed", attempts: 1, failure: { code: "mail-address-refused" } });
    expect(JSON.stringify(failed)).not.toContain(CUSTOMER);
    expect(await received()).toEqual([]);
    expect(await line.retry(failed)).toMatchObject({ state: "completed" }); // the mailbox is there now
  });

  it("waits while the mail server is away, and goes out once it is back", async () => {
    for (let call = 0; call < 5; call += 1)
      await line.fault({ vendor: "mail", operation: "connect", mode: "drop-before" });
    const taken = await line.engine.accept(mail, confirmation);
    if (taken.how === "key-reused") throw new Error("no key was given");
    const sent = await line.engine.until(taken.job.id, "completed", "failed");
    expect(sent).toMatchObject({ state: "completed" });
    expect(await received()).toHaveLength(1);
  });
});

it("to the administrator fails with words where nobody is named, and goes out once somebody is", async () => {
  await line.close();
  line = await openLine({ redis, environment: { ADMIN_EMAIL: "" } });
  line.engine.work();
  expect(await line.carry(mail, report)).toMatchObject({
    state: "failed",
    failure: { code: "no-administrator-address", detail: expect.stringContaining("ADMIN_EMAIL") },
  });
  expect(await line.carry(mail, confirmation)).toMatchObject({ state: "completed" });
});
