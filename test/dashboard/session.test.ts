import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openAudit } from "../../src/dashboard/audit.ts";
import { IDLE_MS, SESSION_MS } from "../../src/dashboard/session.ts";
import { Secret } from "../../src/settings.ts";
import type { Connection } from "../../src/queues/connection.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { adam, type Browser, olga, openBrowser, PREFIX, signedIn, signIn, type Site, startSite, vera } from "./site.ts";

let redis: TestRedis;
let connection: Connection;
let site: Site;
beforeAll(async () => {
  redis = await startRedis();
  connection = redis.connect();
});
beforeEach(async () => {
  await redis.flush();
  site = await startSite(redis);
});
afterEach(() => site.close());
afterAll(async () => {
  connection.disconnect();
  await redis.stop();
});

/** Whoever is signed in is told to wait, since no queues are shown here; anybody else is led to the sign-in page. */
async function isSignedIn(browser: Browser): Promise<boolean> {
  return (await browser.get("/admin/queues")).status === 503;
}

/** The key of the only session in Redis. */
async function onlySession(): Promise<string> {
  const keys = (await redis.each((server) => server.keys(`${PREFIX}:session:*`))).flat();
  if (keys.length !== 1) throw new Error(`there are ${String(keys.length)} sessions`);
  return keys[0] ?? "";
}

/** A second browser that was given the first one's cookies. */
function copyOf(browser: Browser): Browser {
  const copy = openBrowser(site);
  for (const [name, value] of browser.cookies) copy.cookies.set(name, value);
  return copy;
}

describe("A session", () => {
  it("is a cookie that scripts cannot read and that other sites' requests do not carry", async () => {
    const response = await signIn(openBrowser(site), { name: "olga" });
    expect(sessionCookieOf(response)).toMatch(
      /^handoff-session=[\w-]{43}; Max-Age=43200; Path=\/; .*HttpOnly; SameSite=Lax$/,
    );
  });

  it("is bound to the host and to HTTPS where the dashboard is reached by HTTPS", async () => {
    const secure = await startSite(redis, { PUBLIC_URL: "https://handoff.example" });
    try {
      const response = await signIn(openBrowser(secure), { name: "olga" });
      expect(sessionCookieOf(response)).toMatch(
        /^__Host-handoff-session=.*; Path=\/; .*HttpOnly; Secure; SameSite=Lax$/,
      );
    } finally {
      await secure.close();
    }
  });

  it("is in Redis by a digest alone: what is read there lets nobody in", async () => {
    const browser = await signedIn(site, "operator");
    const token = browser.cookies.get("handoff-session") ?? "";
    const contents = await redis.contents();
    expect(contents).not.toContain(token);
    const thief = openBrowser(site);
    for (const candidate of contents.match(/[\w-]{43}/g) ?? []) {
      thief.cookies.set("handoff-session", candidate);
      expect(await isSignedIn(thief)).toBe(false);
    }
  });

  it("made or changed in Redis by somebody else lets nobody in", async () => {
    const browser = await signedIn(site, "viewer");
    const key = await onlySession();
    await connection.hset(key, "name", "adam", "role", "admin");
    expect(await isSignedIn(browser)).toBe(false);
    await connection.hset(key, "name", "vera", "role", "viewer");
    expect(await isSignedIn(browser)).toBe(true);
    await connection.hset(key, "by", "provider");
    expect(await isSignedIn(browser)).toBe(false);
  });

  it("is over once nobody used it for two hours, and lives on while somebody does", async () => {
    const browser = await signedIn(site, "operator");
    const key = await onlySession();
    const [early, soon] = [IDLE_MS - 30_000, 60_000];
    await connection.pexpire(key, early); // used half a minute ago: not worth a write
    await isSignedIn(browser);
    expect(await connection.pttl(key)).toBeLessThanOrEqual(early);
    await connection.pexpire(key, soon);
    expect(await isSignedIn(browser)).toBe(true);
    expect(await connection.pttl(key)).toBeGreaterThan(IDLE_MS - 5 * 60_000);
    await connection.pexpire(key, 0);
    expect(await isSignedIn(browser)).toBe(false);
  });

  it("is over after twelve hours, however much it is used", async () => {
    const browser = await signedIn(site, "operator");
    const key = await onlySession();
    const since = Number(await connection.hget(key, "since"));
    await connection.hset(key, "since", since - SESSION_MS + 60_000);
    await connection.pexpire(key, 1_000);
    expect(await isSignedIn(browser)).toBe(true);
    expect(await connection.pttl(key)).toBeLessThanOrEqual(60_000);
    await connection.hset(key, "since", since - SESSION_MS);
    expect(await isSignedIn(browser)).toBe(false);
  });

  it.each([
    ["was removed", { DASHBOARD_USERS: [vera, adam] }],
    ["has another role now", { DASHBOARD_USERS: [vera, { ...olga, role: "viewer" as const }] }],
    [
      "has a new password",
      { DASHBOARD_USERS: [{ ...olga, hash: new Secret("$scrypt$ln=4,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA") }] },
    ],
    [
      "must sign in anew: the secret was changed",
      { SESSION_SECRET: new Secret("another secret of thirty-two letters") },
    ],
  ])("is over when its user %s", async (_what, settings) => {
    const browser = await signedIn(site, "operator");
    expect(await isSignedIn(browser)).toBe(true);
    await site.close();
    site = await startSite(redis, settings);
    expect(await isSignedIn(copyOf(browser))).toBe(false);
  });

  it("holds in every process", async () => {
    const browser = await signedIn(site, "operator");
    const other = await startSite(redis);
    try {
      const there = openBrowser(other);
      there.cookies.set("handoff-session", browser.cookies.get("handoff-session") ?? "");
      expect(await isSignedIn(there)).toBe(true);
    } finally {
      await other.close();
    }
  });

  it("ends by signing out, which asks first, and with it whatever was copied of it", async () => {
    const browser = await signedIn(site, "operator");
    const copy = copyOf(browser);
    expect(await (await browser.get("/sign-out")).text()).toContain("You are signed in as olga, operator.");
    expect(await isSignedIn(copy)).toBe(true);
    const response = await browser.send("POST", "/sign-out");
    expect([response.status, response.headers.get("location")]).toEqual([303, "/sign-in"]);
    expect(await isSignedIn(browser)).toBe(false);
    expect(await isSignedIn(copy)).toBe(false);
    expect(site.logged()).toContain('"user":"olga","role":"operator","by":"password","msg":"signed out"');
    expect(await openAudit({ redis: connection, prefix: PREFIX }).newest(10)).toMatchObject([
      { who: "olga", what: "signed out" },
      { who: "olga", what: "signed in", to: { role: "operator", by: "password" } },
    ]);
  });

  it("gives way to the one that the same browser begins", async () => {
    const browser = await signedIn(site, "operator");
    const before = copyOf(browser);
    // A tab with the form was still open.
    const form = openBrowser(site);
    await form.get("/sign-in");
    form.cookies.set("handoff-session", browser.cookies.get("handoff-session") ?? "");
    const token = await tokenOf(form);
    const body = String(new URLSearchParams({ name: "vera", password: "correct horse battery", token }));
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    expect((await form.send("POST", "/sign-in", { body, headers })).status).toBe(303);
    expect(await (await form.get("/sign-out")).text()).toContain("You are signed in as vera, viewer.");
    expect(await isSignedIn(before)).toBe(false);
  });
});

describe("Without a session", () => {
  it.each(["", "nonsense", "x".repeat(43), "x".repeat(4000)])("nobody is let in: %s", async (value) => {
    const browser = openBrowser(site);
    browser.cookies.set("handoff-session", value);
    expect(await isSignedIn(browser)).toBe(false);
  });
});

/** The sign-in form's token, for a browser that is signed in and would not be shown the form. */
async function tokenOf(browser: Browser): Promise<string> {
  const session = browser.cookies.get("handoff-session") ?? "";
  browser.cookies.delete("handoff-session");
  const page = await (await browser.get("/sign-in")).text();
  browser.cookies.set("handoff-session", session);
  return /name="token" value="([^"]*)"/.exec(page)?.[1] ?? "";
}

function sessionCookieOf(response: Response): string | undefined {
  return response.headers.getSetCookie().find((cookie) => /^(__Host-)?handoff-session=/.test(cookie));
}
