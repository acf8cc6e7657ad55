import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Browser, JSON_BODY, openBrowser, signedIn, signIn, type Site, startSite } from "./site.ts";

/** Here each test has a Redis of its own, and does to it what an incident does. */
let redis: TestRedis;
let site: Site;
beforeEach(async () => {
  redis = await startRedis();
  site = await startSite(redis);
});
afterEach(async () => {
  await site.close();
  await redis.stop();
});

async function waits(response: Response): Promise<void> {
  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
  const page = await response.text();
  expect(page).toContain("Waiting for Redis");
  expect(page).toContain('http-equiv="refresh" content="5"');
}

/** Nobody was signed out by it: the page, which asks again by itself, names the person. */
async function whoseIs(browser: Browser): Promise<string> {
  return await (await browser.get("/admin/queues")).text();
}

describe("While Redis is away", () => {
  it("every page says so and lets nobody in, and all is as before once it is back", async () => {
    const browser = await signedIn(site, "operator");
    await redis.kill();
    await waits(await browser.get("/admin/queues"));
    await waits(await browser.get("/sign-in"));
    await waits(await browser.get("/sign-out"));
    await waits(await browser.get("/admin/queues/static/favicon.ico"));
    const api = await browser.get("/admin/queues/api/queues");
    expect([api.status, await api.json()]).toMatchObject([503, { error: "Waiting for Redis" }]);
    const change = await browser.send("PUT", "/admin/queues/api/queues/pause", { body: "{}", headers: JSON_BODY });
    expect(change.status).toBe(503);
    const stranger = openBrowser(site);
    stranger.cookies.set("handoff-session", "a".repeat(43));
    await waits(await stranger.get("/admin/queues"));

    await redis.restart();
    await expect.poll(() => whoseIs(browser)).toContain("olga, operator");
  });

  it("and does not even refuse, a page says so within seconds", async () => {
    const browser = await signedIn(site, "operator");
    await redis.kill("SIGSTOP");
    await waits(await browser.get("/admin/queues"));
    await redis.kill("SIGCONT");
    await expect.poll(() => whoseIs(browser)).toContain("olga, operator");
  });

  it("a form that was open tells that it could not be looked at, and nobody is signed in", async () => {
    const browser = openBrowser(site);
    const token = /name="token" value="([^"]*)"/.exec(await (await browser.get("/sign-in")).text())?.[1] ?? "";
    await redis.kill();
    const body = String(new URLSearchParams({ name: "olga", password: "correct horse battery", token }));
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    await waits(await browser.send("POST", "/sign-in", { body, headers }));
    expect([...browser.cookies.keys()]).toEqual(["handoff-form"]);
  });

  it("nobody is told to be signed out who is not", async () => {
    const browser = await signedIn(site, "operator");
    const session = browser.cookies.get("handoff-session");
    await redis.kill();
    await waits(await browser.send("POST", "/sign-out"));
    expect(browser.cookies.get("handoff-session")).toBe(session);
  });
});

it("A Redis that is full signs nobody in, says why, and keeps those who are", async () => {
  const browser = await signedIn(site, "operator");
  await redis.each((server) => server.config("SET", "maxmemory", "1"));
  const refused = await signIn(openBrowser(site), { name: "vera" });
  expect(refused.status).toBe(503);
  expect(await refused.text()).toContain("Redis is full");
  expect(site.logged()).toContain("OOM command not allowed");
  expect(await (await browser.get("/sign-out")).text()).toContain("You are signed in as olga, operator.");
});
