import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { network } from "../../src/dashboard/lockout.ts";
import type { Connection } from "../../src/queues/connection.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Browser, openBrowser, PREFIX, signedIn, signIn, type Site, startSite } from "./site.ts";

let redis: TestRedis;
let connection: Connection;
let site: Site;
beforeAll(async () => {
  redis = await startRedis();
  connection = redis.connect();
});
beforeEach(async () => {
  await redis.flush();
  site = await startSite(redis, { TRUSTED_PROXIES: 1 });
});
afterEach(() => site.close());
afterAll(async () => {
  connection.disconnect();
  await redis.stop();
});

let addresses = 0;
/** A browser somewhere else than every other one. */
function stranger(at: Site = site): Browser {
  addresses += 1;
  return openBrowser(at, `198.51.100.${String(addresses)}`);
}

async function guess(browser: Browser, name: string, times: number): Promise<readonly number[]> {
  const statuses: number[] = [];
  for (let time = 1; time <= times; time += 1)
    statuses.push((await signIn(browser, { name, password: "a guess at it" })).status);
  return statuses;
}

/** The minutes that it is to wait. */
function minutesIn(response: Response): number {
  return Math.ceil(Number(response.headers.get("retry-after")) / 60);
}

/** Lets all that must wait have waited. */
async function waitingIsOver(): Promise<void> {
  for (const key of await counters())
    if (await connection.hexists(key, "until")) await connection.hset(key, "until", 1);
}

async function counters(): Promise<readonly string[]> {
  return (await redis.each((server) => server.keys(`${PREFIX}:sign-in-tries:*`))).flat();
}

describe("Whoever guesses at one person's password", () => {
  it("must wait after five wrong ones, from wherever they come, even with the right one", async () => {
    for (let time = 1; time <= 5; time += 1) expect(await guess(stranger(), "olga", 1)).toEqual([401]);
    const response = await signIn(stranger(), { name: "olga" });
    expect([response.status, minutesIn(response)]).toEqual([429, 1]);
    expect(await response.text()).toContain("Too many tries. Wait a minute, then try again.");
    expect(site.logged()).toContain('"user":"olga","why":"too many tries"');
  });

  it("must wait in every process, and after a restart", async () => {
    const other = await startSite(redis, { TRUSTED_PROXIES: 1 });
    try {
      await guess(stranger(), "olga", 3);
      expect(await guess(stranger(other), "olga", 3)).toEqual([401, 401, 429]);
    } finally {
      await other.close();
    }
  });

  it("waits longer each time, up to a quarter of an hour", async () => {
    await guess(stranger(), "olga", 4);
    const waits: number[] = [];
    for (let time = 1; time <= 6; time += 1) {
      await waitingIsOver();
      expect(await guess(stranger(), "olga", 1)).toEqual([401]);
      waits.push(minutesIn(await signIn(stranger(), { name: "olga" })));
    }
    expect(waits).toEqual([1, 2, 4, 8, 15, 15]);
  });

  it("gains nothing by sending many at once", async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => guess(stranger(), "olga", 1)));
    expect(answers.flat().filter((status) => status === 401)).toHaveLength(5);
  });

  it("hears the same of a name that nobody has", async () => {
    expect(await guess(stranger(), "nobody", 6)).toEqual([401, 401, 401, 401, 401, 429]);
  });

  it("neither ends a session that is open nor keeps its owner out of a browser that was signed in before", async () => {
    const browser = await signedIn(site, "operator");
    await guess(stranger(), "olga", 6);
    expect((await browser.get("/admin/queues")).status).toBe(503); // signed in: there is no queue to show
    await browser.send("POST", "/sign-out");
    expect((await signIn(browser, { name: "olga" })).status).toBe(303);
    expect((await signIn(stranger(), { name: "olga" })).status).toBe(429);
  });

  it("has no more tries in such a browser than in any, and none at other names", async () => {
    const browser = await signedIn(site, "operator");
    await browser.send("POST", "/sign-out");
    expect(await guess(browser, "olga", 6)).toEqual([401, 401, 401, 401, 401, 429]);
    await guess(stranger(), "adam", 5);
    expect(await guess(browser, "adam", 1)).toEqual([429]);
  });
});

describe("Whoever tries many names from one address", () => {
  it("must wait after twenty wrong ones, and then cannot go on and lock a name", async () => {
    const browser = stranger();
    for (let name = 1; name <= 5; name += 1) await guess(browser, `guess ${String(name)}`, 4);
    expect(await guess(browser, "vera", 9)).toEqual(Array.from({ length: 9 }, () => 429));
    expect((await signIn(stranger(), { name: "vera" })).status).toBe(303);
  });

  it("does not begin anew by signing in rightly in between", async () => {
    const browser = stranger();
    for (let name = 1; name <= 5; name += 1) {
      expect((await signIn(browser, { name: "vera" })).status).toBe(303);
      browser.cookies.clear();
      await guess(browser, `guess ${String(name)}`, 4);
    }
    expect(await guess(browser, "someone", 1)).toEqual([429]);
  });

  it("is the one whom the trusted proxy names, and nobody whom the caller names", async () => {
    const forged = () => openBrowser(site, `203.0.113.${String((addresses += 1))}, 192.0.2.7`);
    for (let name = 1; name <= 20; name += 1) await guess(forged(), `guess ${String(name)}`, 1);
    expect(await guess(forged(), "vera", 1)).toEqual([429]);
  });

  it("is the connection itself where no proxy is trusted", async () => {
    const direct = await startSite(redis);
    try {
      for (let name = 1; name <= 20; name += 1) await guess(stranger(direct), `guess ${String(name)}`, 1);
      expect(await guess(stranger(direct), "vera", 1)).toEqual([429]);
    } finally {
      await direct.close();
    }
  });

  it.each([
    ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true],
    ["2001:db8:1:2::1", "2001:db8:1:3::1", false],
    ["::ffff:192.0.2.7", "192.0.2.7", true],
    ["192.0.2.7", "192.0.2.8", false],
  ])("at %s and %s counts as one: %s", (one, other, same) => {
    expect(network(one) === network(other)).toBe(same);
  });
});

describe("Signing in rightly", () => {
  it("is not slowed, however often", async () => {
    const browser = stranger();
    for (let time = 1; time <= 25; time += 1) {
      expect((await signIn(browser, { name: "vera" })).status).toBe(303);
      browser.cookies.clear();
    }
  });

  it("forgives what was mistyped before", async () => {
    const browser = stranger();
    await guess(browser, "vera", 4);
    expect((await signIn(browser, { name: "vera" })).status).toBe(303);
    browser.cookies.clear();
    expect(await guess(browser, "vera", 4)).toEqual([401, 401, 401, 401]);
  });
});

it("What is counted is forgotten after a day, and names no name", async () => {
  await guess(stranger(), "my secret password", 1);
  const keys = await counters();
  expect(keys).toHaveLength(2);
  for (const key of keys) expect(await connection.pttl(key)).toBeLessThanOrEqual(24 * 60 * 60_000);
  expect(await redis.contents()).not.toContain("my secret password");
});
