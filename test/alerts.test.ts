import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Alerting, lookForTrouble } from "../src/alerts.ts";
import { UnavailableError } from "../src/domain/errors.ts";
import { kinds } from "../src/processors/index.ts";
import { mail } from "../src/processors/mail.ts";
import { provisioning } from "../src/processors/provisioning.ts";
import type { JobView } from "../src/queues/job-view.ts";
import { readSettings } from "../src/settings.ts";
import { ADMINISTRATOR, type Line, openLine, textOf } from "./processors/line.ts";
import { startRedis, type TestRedis } from "./redis.ts";

/** Alerts, from trouble at the sandbox to the mail that tells of it and the post that a receiver verifies. */

const SECRET = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;
const SALESFORCE_ADMIN = "crm@sonixnet.example";
const DAY = new Date("2026-11-24T12:00:00+09:00");
const NIGHT = new Date("2026-11-24T03:00:00+09:00");
const after = (minutes: number, moment = DAY) => new Date(moment.getTime() + minutes * 60_000);

interface Posted {
  readonly id: string;
  readonly event: { readonly type: string; readonly data: Readonly<Record<string, unknown>> };
}

let redis: TestRedis;
let line: Line;
let receiver: Server;
let posted: Posted[];
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  posted = [];
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const headers = request.headers as Record<string, string>; // those that matter are single
      const event = new Webhook(SECRET).verify(Buffer.concat(chunks).toString(), headers) as Posted["event"]; // looked at below
      posted.push({ id: headers["webhook-id"] ?? "", event });
      response.writeHead(204).end();
    });
  });
  await once(receiver.listen(0, "127.0.0.1"), "listening");
  line = await openLine({
    redis,
    environment: {
      PUBLIC_URL: "https://handoff.sonixnet.example",
      ALERT_EMAILS: `salesforce-admin=${SALESFORCE_ADMIN}`,
      ALERT_WEBHOOK: `http://127.0.0.1:${String((receiver.address() as AddressInfo).port)}/alerts`, // it listens on TCP
      ALERT_WEBHOOK_SECRET: SECRET,
      CALLBACK_PRIVATE: "on",
      QUIET_HOURS: "22:00-07:00",
    },
  });
  line.engine.work();
});
afterEach(async () => {
  await line.close();
  receiver.close();
});

function alerting(intake: Alerting["intake"] = line.engine.intake): Alerting {
  const { redis, prefix } = line.engine;
  return { redis, prefix, intake, kinds, settings: readSettings(line.environment) };
}
const look = (at: Date) => lookForTrouble(alerting(), at);

/** What was told so far, by mail and by post, each by a job of its own. */
async function told() {
  const mails = await line.mails();
  const posts = [...new Map(posted.map((one) => [one.id, one.event])).values()]; // one whose answer was lost came again
  const jobs = async (kind: string) => await line.engine.queues.get(kind)?.getJobCountByTypes("completed", "failed");
  expect({ mails: await jobs("mail"), posts: await jobs("callback") }).toEqual({
    mails: mails.length,
    posts: posts.length,
  });
  return {
    mails: mails.map(({ to, subject }) => `${to.join()}: ${subject.replace(/^.* \/ /, "")}`),
    posts: posts.map(({ type, data }) => `${type} ${String(data["id"])}`),
  };
}

/** Has two approved orders fail, because their customers have no WHMCS client. */
async function ordersOfNobody() {
  const { seed } = await line.state();
  const customers = [seed.accounts["apartmentEligible"] ?? "", seed.accounts["homeEligible"] ?? ""];
  for (const customer of customers) await line.edit("Account", customer, { WH_Account__c: null });
  await line.edit("Order", seed.orders["pendingHome"] ?? "", { Status: "Approved" });
  const jobs: JobView[] = [];
  for (const order of ["approvedApartment", "pendingHome"])
    jobs.push(await line.carry(provisioning, { orderId: seed.orders[order] }));
  expect(jobs).toMatchObject([{ failure: { code: "no-whmcs-client" } }, { failure: { code: "no-whmcs-client" } }]);
  return {
    async mended() {
      for (const [at, customer] of customers.entries())
        await line.edit("Account", customer, { WH_Account__c: [1003, 1002][at] });
      for (const job of jobs) expect(await line.retry(job)).toMatchObject({ state: "completed" });
    },
  };
}

const BEGUN = {
  mails: [`${SALESFORCE_ADMIN}: [sonixnet.example] provisioning failed`],
  posts: ["alert.begun failures provisioning~~no-whmcs-client"],
};
const OVER = {
  mails: [...BEGUN.mails, `${SALESFORCE_ADMIN}: [sonixnet.example] Over: provisioning failed`],
  posts: [...BEGUN.posts, "alert.over failures provisioning~~no-whmcs-client"],
};

describe("failed jobs", () => {
  it("are told once for all of one cause, to whose job it is, and once more when they are dealt with", async () => {
    const orders = await ordersOfNobody();
    await look(DAY);
    await look(after(1));
    expect(await told()).toEqual(BEGUN);

    await orders.mended();
    await look(after(2));
    expect(await told()).toEqual(BEGUN);
    await look(after(8));
    await look(after(9));
    expect(await told()).toEqual(OVER);
  });

  it("are told with what to do and where, in both languages, and with nothing personal", async () => {
    await ordersOfNobody();
    await look(DAY);
    const [mail] = await line.mails();
    const text = mail === undefined ? "" : textOf(mail);
    expect(text).toMatch(/WHMCS のクライアントがありません[^]*WH_Account__c/);
    expect(text).toContain("https://handoff.sonixnet.example/desk/groups/provisioning~~no-whmcs-client");
    expect(mail?.subject).toBe("【sonixnet.example】provisioning の失敗 / [sonixnet.example] provisioning failed");
    const facts = { owner: "salesforce-admin", jobs: 2, customers: 2, code: "no-whmcs-client" };
    expect(posted.map(({ event }) => event.data)).toMatchObject([facts]);
    const { Account, Contact } = (await line.state()).salesforce;
    const personal = [...Account, ...Contact].flatMap(({ Name, LastName, Email }) => [Name, LastName, Email]);
    for (const one of personal.filter((value) => typeof value === "string"))
      expect(`${text}${JSON.stringify(posted)}`).not.toContain(one);
  });

  it("are told once, however many workers look at the same time", async () => {
    const orders = await ordersOfNobody();
    await Promise.all([DAY, DAY, after(0.1), after(0.1)].map(look));
    expect(await told()).toEqual(BEGUN);
    await orders.mended();
    await look(after(1));
    await Promise.all([after(7), after(7), after(7.1)].map(look));
    expect(await told()).toEqual(OVER);
  });

  it.each([1, 2])("are told once where a worker dies as it has handed %i of mail and post on", async (handed) => {
    await ordersOfNobody();
    const { intake } = line.engine;
    let left = handed;
    const dies: Alerting["intake"] = {
      ...intake,
      async accept(...work) {
        const taken = await intake.accept(...work);
        left -= 1;
        if (left === 0) throw new Error("the worker died");
        return taken;
      },
    };
    await expect(lookForTrouble(alerting(dies), DAY)).rejects.toThrow("died");
    await line.rest();
    await look(after(1));
    await look(after(2));
    expect(await told()).toEqual(BEGUN);
  });

  it("wait for the morning in quiet hours", async () => {
    await ordersOfNobody();
    await look(NIGHT);
    expect(await told()).toEqual({ mails: [], posts: [] });
    await look(after(4 * 60, NIGHT));
    expect(await told()).toEqual(BEGUN);
  });
});

it("a vendor that is away for more than five minutes is told at any time, once, and that it is back", async () => {
  const { whmcs } = line.engine.breakers;
  const fault = { code: "x", title: "Away.", detail: "Wait.", vendor: "whmcs", scope: "vendor" } as const;
  for (let call = 0; call < 5; call += 1) await whmcs.report(new UnavailableError(fault));
  await look(NIGHT);
  expect(await told()).toEqual({ mails: [], posts: [] });

  const since = Date.now() - 5 * 60_000 - 1;
  await line.engine.redis.hset(`${line.engine.prefix}:breaker:whmcs`, "since", since);
  while ((await whmcs.openForMs()) !== 0) await new Promise((resolve) => setImmediate(resolve));
  await whmcs.report(new UnavailableError(fault)); // a probe that failed does not begin it anew
  await look(after(1, NIGHT));
  await look(after(2, NIGHT));
  const begun = [`${ADMINISTRATOR}: [sonixnet.example] WHMCS is away`];
  expect(await told()).toEqual({ mails: begun, posts: ["alert.begun away whmcs"] });

  await whmcs.report(undefined);
  await look(after(3, NIGHT));
  await look(after(9, NIGHT));
  expect(await told()).toEqual({
    mails: [...begun, `${ADMINISTRATOR}: [sonixnet.example] Over: WHMCS is away`],
    posts: ["alert.begun away whmcs", "alert.over away whmcs"],
  });
});

it("work that waits longer than is promised is told", async () => {
  const orders = line.engine.queues.get("provisioning");
  await orders?.pause();
  const { seed } = await line.state();
  const taken = await line.engine.accept(provisioning, { orderId: seed.orders["approvedApartment"] });
  if (taken.how === "key-reused") throw new Error("no key was given");
  await look(DAY);
  await line.engine.redis.hset(line.engine.ledger.channel(taken.job.id), "accepted", Date.now() - 16 * 60_000);
  await look(after(1));
  await orders?.resume();
  await line.engine.until(taken.job.id, "completed");
  expect(await told()).toEqual({
    mails: [`${ADMINISTRATOR}: [sonixnet.example] provisioning is late`],
    posts: ["alert.begun late provisioning"],
  });
});

it("an alert that cannot be delivered is trouble of its own, told once, and comes to an end", async () => {
  await ordersOfNobody();
  for (let mails = 0; mails < 3; mails += 1)
    await line.fault({ vendor: "mail", operation: "rcpt", mode: "error", status: 550 });
  for (let minute = 0; minute < 6; minute += 1) {
    await look(after(minute));
    await line.rest();
  }
  expect(await line.engine.queues.get(mail.name)?.getFailedCount()).toBe(2);
  expect(posted.map(({ event }) => String(event.data["id"]))).toEqual([
    "failures provisioning~~no-whmcs-client",
    "failures mail~send~mail-address-refused",
  ]);
});
