import { appRoutes } from "@bull-board/api/dist/routes.js";
import { Queue } from "bullmq";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { DashboardRole } from "../../src/settings.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import {
  type Browser,
  JSON_BODY,
  openBrowser,
  PREFIX,
  signedIn,
  type Site,
  startSite,
  startWork,
  type Work,
} from "./site.ts";

const REASON = "The account has no WHMCS client. Add its number to the account in Salesforce, then retry this job.";
const EVERY_ROLE = ["viewer", "operator", "admin"] as const;

let redis: TestRedis;
let site: Site;
let work: Work;
let jobId: string;
let warnings: string[];

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

beforeEach(async () => {
  await redis.flush();
  warnings = [];
  site = await startSite(
    redis,
    {},
    [{ name: "provisioning", purpose: "Order what Salesforce approved at WHMCS." }],
    [async () => warnings],
  );
  work = await startWork(redis, "provisioning");
  jobId = await work.failedJob({ orderId: "801000000000001", address: "sealed:v1:aGVsbG8:d29ybGQ=" }, REASON);
  site.show([work.queue]);
});
afterEach(async () => {
  await site.close();
  await work.close();
});

const board = (path: string) => `/admin/queues/api${path}`;

/** The state of the test's job, straight from Redis. */
async function stateOf(id = jobId): Promise<string> {
  return work.queue.getJobState(id);
}

interface Change {
  readonly method: string;
  readonly route: string;
}

/** Every route of the installed Bull Board that is not a mere read, and so must be decided on. */
const changes: readonly Change[] = appRoutes.api
  .flatMap(({ method, route }) =>
    [method].flat().flatMap((verb) => [route].flat().map((path) => ({ method: verb, route: path }))),
  )
  .filter(({ method }) => method !== "get")
  // What is done to one job comes first, while it is still failed.
  .toSorted((one, other) => Number(other.route.includes(":jobId")) - Number(one.route.includes(":jobId")));
const reads = appRoutes.api.filter(({ method }) => method === "get").flatMap(({ route }) => route);

const RETRIES = ["/api/queues/:queueName/:jobId/retry", "/api/queues/:queueName/retry/:queueStatus"];
const PAUSES = [
  "/api/queues/:queueName/pause",
  "/api/queues/:queueName/resume",
  "/api/queues/pause",
  "/api/queues/resume",
];
const ALLOWED: Readonly<Record<DashboardRole, readonly string[]>> = {
  viewer: [],
  operator: RETRIES,
  admin: [...RETRIES, ...PAUSES],
};

function pathOf(route: string): string {
  return `/admin/queues${route
    .replace(":queueName", "provisioning")
    .replace(":jobId", jobId)
    .replace(":queueStatus", "failed")
    .replace(":schedulerId", "sweep")}`;
}

async function send(browser: Browser, { method, route }: Change): Promise<Response> {
  return browser.send(method.toUpperCase(), pathOf(route), { body: "{}", headers: JSON_BODY });
}

/** The status and the words for people that `change` gets. */
async function answerTo(browser: Browser, change: Change): Promise<{ status: number; message: string }> {
  const response = await send(browser, change);
  const body: unknown = response.status === 204 ? {} : await response.json();
  const message = typeof body === "object" && body !== null && "message" in body ? String(body.message) : "";
  return { status: response.status, message };
}

describe("Bull Board", () => {
  it("has routes that change things, which these tests know of", () => {
    expect(changes.length).toBeGreaterThan(20);
    expect(changes.filter(({ route }) => [...RETRIES, ...PAUSES].includes(route))).toHaveLength(6);
  });

  it.each(EVERY_ROLE)("lets an account of role %s change what that role may, and nothing else", async (role) => {
    const browser = await signedIn(site, role);
    const refused = { status: 403, message: expect.stringMatching(/^(You may|Only|Nobody)/) };
    const done = { status: expect.toBeOneOf([200, 204]), message: "" };
    for (const change of changes) {
      const { status, message } = await answerTo(browser, change);
      expect({ change, status, message }).toEqual({
        change,
        ...(ALLOWED[role].includes(change.route) ? done : refused),
      });
    }
    expect((await work.queue.getJob(jobId))?.data).toMatchObject({ orderId: "801000000000001" });
    expect(await stateOf()).toBe(role === "viewer" ? "failed" : "waiting");
  });

  it("shows on its page what has to be mended, as text and nothing else", async () => {
    const browser = await signedIn(site, "viewer");
    expect(await (await browser.get("/admin/queues")).text()).not.toContain("handoff-warnings");
    warnings = ["Salesforce, Order.Status: value missing: Approved.", "<script>alert(1)</script>"];
    const page = await (await browser.get("/admin/queues/queue/provisioning")).text();
    expect(page).toMatch(/<body[^>]*>\s*<style>[^]*<li>Salesforce, Order.Status: value missing: Approved.<\/li>/);
    expect(page).toContain("<li>&lt;script&gt;alert(1)&lt;/script&gt;</li>");
  });

  it.each(EVERY_ROLE)("lets an account of role %s read everything", async (role) => {
    const browser = await signedIn(site, role);
    for (const route of reads) {
      const { status } = await browser.get(pathOf(route));
      expect(`${route} ${String(status)}`).toBe(`${route} 200`);
    }
  });

  it("refuses everything to somebody who is not signed in", async () => {
    const browser = openBrowser(site);
    for (const change of changes) expect((await send(browser, change)).status).toBe(401);
    expect(await stateOf()).toBe("failed");
  });

  it.each(["text/plain", "application/x-www-form-urlencoded", "application/json"])(
    "takes no job that another site posts as %s through an admin's browser",
    async (type) => {
      const browser = await signedIn(site, "admin");
      const headers = { "content-type": type, "sec-fetch-site": "cross-site" };
      const response = await browser.send("POST", board("/queues/provisioning/add"), { body: "{}", headers });
      expect(response.status).toBe(403);
      expect(await work.queue.count()).toBe(0);
    },
  );

  it("retries nothing that another site asks for", async () => {
    const browser = await signedIn(site, "operator");
    const headers = { "sec-fetch-site": "cross-site" };
    expect((await browser.send("PUT", board(`/queues/provisioning/${jobId}/retry`), { headers })).status).toBe(403);
    expect(await stateOf()).toBe("failed");
  });
});

describe("A failed job", () => {
  it("shows why it failed, in plain words and without a stack trace", async () => {
    const browser = await signedIn(site, "viewer");
    const shown: unknown = await (await browser.get(board(`/queues/provisioning/${jobId}`))).json();
    expect(shown).toMatchObject({
      status: "failed",
      job: { name: "Provisioning", failedReason: REASON, stacktrace: [] },
    });
  });

  it("waits for the worker again once an operator retried it, and the log says who did", async () => {
    const browser = await signedIn(site, "operator");
    const response = await browser.send("PUT", board(`/queues/provisioning/${jobId}/retry`));
    expect(response.status).toBe(204);
    expect(await stateOf()).toBe("waiting");
    expect(site.logged()).toContain(
      `"user":"olga","role":"operator","action":"put /api/queues/:queueName/:jobId/retry","queue":"provisioning","job":"${jobId}","msg":"dashboard: change asked for"`,
    );
  });

  it("can be retried with all the other failed ones of its queue", async () => {
    const other = await work.failedJob({ orderId: "801000000000002" }, REASON);
    const browser = await signedIn(site, "operator");
    expect((await browser.send("PUT", board("/queues/provisioning/retry/failed"))).status).toBe(200);
    expect([await stateOf(), await stateOf(other)]).toEqual(["waiting", "waiting"]);
  });
});

describe("A completed job", () => {
  it.each(["operator", "admin"] as const)(
    "is not run again by an account of role %s, alone or with all others",
    async (role) => {
      const done = await work.completedJob(
        { orderId: "801000000000003" },
        { outcome: "done", result: { whmcsOrderId: 7 } },
      );
      const browser = await signedIn(site, role);
      for (const path of [`/queues/provisioning/${done}/retry`, "/queues/provisioning/retry/completed"]) {
        const response = await browser.send("PUT", board(path));
        expect(response.status).toBe(403);
        expect(await response.json()).toMatchObject({ message: expect.stringContaining("Only") });
      }
      expect(await stateOf(done)).toBe("completed");
    },
  );

  it("shows how it ended", async () => {
    const done = await work.completedJob({}, { outcome: "done", result: { whmcsOrderId: 7 } });
    const browser = await signedIn(site, "viewer");
    const shown: unknown = await (await browser.get(board(`/queues/provisioning/${done}`))).json();
    expect(shown).toMatchObject({ job: { returnValue: { outcome: "done", result: { whmcsOrderId: 7 } } } });
  });
});

describe("Personal data", () => {
  it("shows as sealed, wherever a job or its history could hold it", async () => {
    const sealed = "sealed:v1:k1.AAAA-_/+=:tag";
    const id = await work.failedJob(
      { customer: { emails: [sealed] }, orderId: "801000000000004" },
      `It broke on ${sealed} today.`,
    );
    const job = await work.queue.getJob(id);
    await job?.log(`looked at ${sealed}`);
    const done = await work.completedJob({}, { outcome: "done", result: { note: sealed } });
    await work.queue.upsertJobScheduler("sweep", { every: 86_400_000 }, { data: { secret: sealed } });

    const browser = await signedIn(site, "admin");
    const pages = [
      `/queues?activeQueue=provisioning`,
      `/queues/provisioning/${id}`,
      `/queues/provisioning/${id}/logs`,
      `/queues/provisioning/${done}`,
      "/job-schedulers",
    ];
    for (const page of pages) {
      const text = await (await browser.get(board(page))).text();
      expect(text).toContain("••• hidden");
      expect(text).not.toContain("sealed:v1");
    }
    expect(await (await browser.get(board(`/queues/provisioning/${id}`))).json()).toMatchObject({
      job: {
        data: { customer: { emails: ["••• hidden"] }, orderId: "801000000000004" },
        failedReason: "It broke on ••• hidden today.",
      },
    });
  });
});

describe("The overview", () => {
  it("names each queue and says what it is for", async () => {
    const browser = await signedIn(site, "operator");
    expect(await (await browser.get(board("/queues"))).json()).toMatchObject({
      queues: [
        {
          name: "provisioning",
          displayName: "Provisioning",
          description: "Order what Salesforce approved at WHMCS.",
          readOnlyMode: false,
          allowCompletedRetries: false,
        },
      ],
    });
  });

  it("offers a viewer no buttons", async () => {
    const browser = await signedIn(site, "viewer");
    expect(await (await browser.get(board("/queues"))).json()).toMatchObject({
      queues: [{ readOnlyMode: true, allowRetries: false }],
    });
  });

  it("shows the queues of the last call only", async () => {
    const connection = redis.connect();
    const mail = new Queue("mail", { connection, prefix: PREFIX });
    try {
      site.show([mail]);
      const browser = await signedIn(site, "viewer");
      expect(await (await browser.get(board("/queues"))).json()).toMatchObject({ queues: [{ name: "mail" }] });
    } finally {
      await mail.close();
      connection.disconnect();
    }
  });

  it.each(["/admin/queues", "/admin/queues/queue/provisioning", "/admin/queues/job-schedulers"])(
    "%s loads nothing from another host, and no browser would let it",
    async (path) => {
      const response = await (await signedIn(site, "viewer")).get(path);
      const page = await response.text();
      expect(response.status).toBe(200);
      expect(page).toContain("<title>Handoff</title>");
      const loaded = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, url = ""]) => url);
      expect(loaded.length).toBeGreaterThan(4);
      expect(loaded.filter((url) => /^(\w+:)?\/\//.test(url))).toEqual([]);
      expect(response.headers.get("content-security-policy")).toMatch(/^default-src 'self';.*frame-ancestors 'none'$/);
      expect(response.headers.get("cache-control")).toBe("no-store");
    },
  );
});
