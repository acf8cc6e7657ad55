import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { issueSession, readUsers, SESSION_MS } from "../../src/dashboard/session.ts";
import { Secret } from "../../src/settings.ts";
import {
  adam,
  FORM,
  olga,
  openBrowser,
  PASSWORD,
  SESSION_SECRET,
  signedIn,
  signIn,
  type Site,
  startSite,
  vera,
} from "./site.ts";

let site: Site;
beforeEach(async () => {
  site = await startSite();
});
afterEach(() => site.close());

const users = readUsers({ DASHBOARD_USERS: [vera, olga, adam], SESSION_SECRET, PUBLIC_URL: undefined });

function sessionOf(name: string, issuedAt: number, secret = SESSION_SECRET): string {
  const user = users.get(name);
  if (user === undefined) throw new Error(`nobody is called ${name}`);
  return issueSession(user, secret, issuedAt);
}

async function isSignedIn(cookie: string): Promise<boolean> {
  const browser = openBrowser(site);
  browser.cookies.set("handoff-session", cookie);
  // Nothing is shown yet, so whoever is signed in is told that Redis is not there.
  return (await browser.get("/admin/queues")).status === 503;
}

describe("Somebody who opens the dashboard", () => {
  it("is led from the root to the desk, and from there to the sign-in page", async () => {
    const browser = openBrowser(site);
    const root = await browser.get("/");
    expect([root.status, root.headers.get("location")]).toEqual([302, "/desk"]);
    const queues = await browser.get("/admin/queues/queue/orders?status=failed");
    expect([queues.status, queues.headers.get("location")]).toEqual([
      303,
      "/sign-in?next=%2Fadmin%2Fqueues%2Fqueue%2Forders%3Fstatus%3Dfailed",
    ]);
  });

  it.each(["/admin/queues/api/queues", "/admin/queues/api/redis/stats"])(
    "gets no data from %s before signing in",
    async (path) => {
      const response = await openBrowser(site).get(path);
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ error: "Signed out" });
    },
  );

  it("is led to the sign-in page by a short address, however long the one was that was asked for", async () => {
    const response = await openBrowser(site).get(`/admin/queues?page=${"%20".repeat(4000)}`);
    expect([response.status, response.headers.get("location")]).toEqual([303, "/sign-in"]);
  });

  it("is not even given Bull Board's scripts before signing in", async () => {
    expect((await openBrowser(site).get("/admin/queues/static/favicon.ico")).status).toBe(303);
  });

  it("finds paths that are not the dashboard's left to others", async () => {
    expect((await openBrowser(site).get("/api/docs")).status).toBe(404);
  });
});

describe("Signing in", () => {
  it("with name and password leads to the page that was asked for", async () => {
    const browser = openBrowser(site);
    const response = await signIn(browser, { name: "olga", next: "/admin/queues/queue/orders?status=failed" });
    expect([response.status, response.headers.get("location")]).toEqual([
      303,
      "/admin/queues/queue/orders?status=failed",
    ]);
    expect((await browser.get("/admin/queues")).status).toBe(503);
    expect(site.logged()).toContain('"user":"olga","role":"operator","msg":"signed in"');
  });

  it.each([
    "https://elsewhere.example/admin/",
    "//elsewhere.example",
    "/admin/\r\nset-cookie: a=b",
    "javascript:alert(1)",
  ])("never leads to %s", async (next) => {
    const response = await signIn(openBrowser(site), { name: "olga", next });
    expect(response.headers.get("location")).toBe("/desk");
  });

  it("with a wrong password says the same as with an unknown name", async () => {
    const wrong = await signIn(openBrowser(site), { name: "olga", password: "not the password" });
    const unknown = await signIn(openBrowser(site), { name: "nobody", password: "not the password" });
    expect([wrong.status, unknown.status]).toEqual([401, 401]);
    const [a, b] = [alertIn(await wrong.text()), alertIn(await unknown.text())];
    expect(a).toContain("do not belong together");
    expect(b).toBe(a);
    expect(wrong.headers.getSetCookie().join()).not.toContain("handoff-session");
  });

  it("keeps what was typed out of the log, also a password in the wrong field", async () => {
    await signIn(openBrowser(site), { name: PASSWORD, password: "the wrong secret" });
    await signIn(openBrowser(site), { name: "olga", password: "the wrong secret" });
    expect(site.logged()).toContain("sign-in refused");
    expect(site.logged()).not.toMatch(/correct horse|wrong secret/);
  });

  it("shows the name that was typed as text, whatever it is", async () => {
    const page = await (await signIn(openBrowser(site), { name: '"><script>alert(1)</script>', password: "x" })).text();
    expect(page).toContain("&quot;&gt;&lt;script&gt;");
    expect(page).not.toContain("<script>alert");
  });

  it("must wait after ten wrong passwords for one name, even with the right one", async () => {
    for (let time = 1; time <= 10; time += 1) {
      expect((await signIn(openBrowser(site), { name: "olga", password: "wrong" })).status).toBe(401);
    }
    const response = await signIn(openBrowser(site), { name: "olga" });
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "60"]);
    expect(alertIn(await response.text())).toContain("Wait a minute");
  });

  it("must wait after ten wrong names from one address", async () => {
    for (let time = 1; time <= 10; time += 1) {
      expect((await signIn(openBrowser(site), { name: `guess ${String(time)}`, password: "wrong" })).status).toBe(401);
    }
    expect((await signIn(openBrowser(site), { name: "vera" })).status).toBe(429);
  });

  it("is not slowed by signing in rightly", async () => {
    for (let time = 1; time <= 12; time += 1) {
      expect((await signIn(openBrowser(site), { name: "vera" })).status).toBe(303);
    }
  });

  it("needs the form that this browser was given", async () => {
    const [mine, theirs] = [openBrowser(site), openBrowser(site)];
    const token = /name="token" value="([^"]*)"/.exec(await (await theirs.get("/sign-in")).text())?.[1] ?? "";
    await mine.get("/sign-in");
    const body = String(new URLSearchParams({ name: "olga", password: PASSWORD, token }));
    expect((await mine.send("POST", "/sign-in", { body, headers: FORM })).status).toBe(403);
    expect((await theirs.send("POST", "/sign-in", { body, headers: FORM })).status).toBe(303);
  });

  it("reads no endless form", async () => {
    const response = await openBrowser(site).send("POST", "/sign-in", {
      body: `name=${"x".repeat(20_000)}`,
      headers: FORM,
    });
    expect(response.status).toBe(413);
    expect(await response.text()).not.toContain("PayloadTooLarge");
  });
});

describe("A session", () => {
  it("is a cookie that scripts cannot read and that other sites' requests do not carry", async () => {
    const response = await signIn(openBrowser(site), { name: "olga" });
    expect(sessionCookieOf(response)).toMatch(/^handoff-session=.*; Max-Age=28800; Path=\/; .*HttpOnly; SameSite=Lax$/);
  });

  it("is bound to the host and to HTTPS where the dashboard is reached by HTTPS", async () => {
    const secure = await startSite({ PUBLIC_URL: "https://handoff.example" });
    try {
      const response = await signIn(openBrowser(secure), { name: "olga" });
      expect(sessionCookieOf(response)).toMatch(
        /^__Host-handoff-session=.*; Path=\/; .*HttpOnly; Secure; SameSite=Lax$/,
      );
    } finally {
      await secure.close();
    }
  });

  it("lasts eight hours", async () => {
    expect(await isSignedIn(sessionOf("olga", Date.now() - SESSION_MS + 60_000))).toBe(true);
    expect(await isSignedIn(sessionOf("olga", Date.now() - SESSION_MS))).toBe(false);
  });

  it("cannot be made over: to another name, a later time, by another secret or by none", async () => {
    const [name = "", time = "", given = ""] = sessionOf("vera", Date.now()).split(".");
    const adams = Buffer.from("adam").toString("base64url");
    expect(await isSignedIn([name, time, given].join("."))).toBe(true);
    expect(await isSignedIn([adams, time, given].join("."))).toBe(false);
    expect(await isSignedIn([name, String(Number(time) + 1), given].join("."))).toBe(false);
    expect(await isSignedIn([name, time, ""].join("."))).toBe(false);
    expect(await isSignedIn([name, time, given.slice(1)].join("."))).toBe(false);
    expect(
      await isSignedIn(sessionOf("vera", Date.now(), new Secret("some other secret of thirty-two characters"))),
    ).toBe(false);
    expect(await isSignedIn("nonsense")).toBe(false);
  });

  it.each([
    ["was removed", [vera, adam]],
    ["has another role now", [vera, { ...olga, role: "viewer" as const }]],
    ["has a new password", [{ ...olga, hash: new Secret("$scrypt$ln=4,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA") }]],
  ])("is over when its user %s", async (_what, now) => {
    const cookie = sessionOf("olga", Date.now());
    expect(await isSignedIn(cookie)).toBe(true);
    await site.close();
    site = await startSite({ DASHBOARD_USERS: now });
    expect(await isSignedIn(cookie)).toBe(false);
  });

  it("ends by signing out, which asks first", async () => {
    const browser = await signedIn(site, "operator");
    expect(await (await browser.get("/sign-out")).text()).toContain("You are signed in as olga, operator.");
    const response = await browser.send("POST", "/sign-out");
    expect([response.status, response.headers.get("location")]).toEqual([303, "/sign-in"]);
    expect((await browser.get("/admin/queues")).status).toBe(303);
  });
});

describe("A request that did not come from the dashboard's own pages", () => {
  const foreign: readonly (readonly [string, Record<string, string>])[] = [
    ["from another site", { "sec-fetch-site": "cross-site" }],
    ["from another subdomain", { "sec-fetch-site": "same-site" }],
    ["from another site, by an old browser", { origin: "https://elsewhere.example" }],
    ["from nowhere", { origin: "null" }],
  ];

  it.each(foreign)("changes nothing %s", async (_what, headers) => {
    const browser = await signedIn(site, "admin");
    expect((await browser.send("POST", "/sign-out", { headers })).status).toBe(403);
    expect((await browser.send("PUT", "/admin/queues/api/queues/pause", { headers })).status).toBe(403);
    expect((await browser.get("/admin/queues")).status).toBe(503);
  });

  it("changes nothing without saying where it came from", async () => {
    expect((await fetch(`${site.url}/sign-out`, { method: "POST", redirect: "manual" })).status).toBe(403);
  });

  it("is told from one that did by its origin, where that is all a browser says", async () => {
    const ask = (origin: string) =>
      fetch(`${site.url}/sign-out`, { method: "POST", headers: { origin }, redirect: "manual" });
    expect((await ask(site.url)).status).toBe(303);
    expect((await ask("http://127.0.0.1:1")).status).toBe(403);
  });

  it("is measured by PUBLIC_URL behind a proxy that sends another Host", async () => {
    const proxied = await startSite({ PUBLIC_URL: "https://handoff.example" });
    try {
      const ask = (origin: string) =>
        fetch(`${proxied.url}/sign-out`, { method: "POST", headers: { origin }, redirect: "manual" });
      expect((await ask("https://handoff.example")).status).toBe(303);
      expect((await ask(proxied.url)).status).toBe(403);
    } finally {
      await proxied.close();
    }
  });
});

describe("Our own pages", () => {
  it.each(["/sign-in", "/sign-out", "/admin/queues"])(
    "%s loads nothing from anywhere and may not be framed or kept",
    async (path) => {
      const browser = path === "/sign-in" ? openBrowser(site) : await signedIn(site, "viewer");
      const response = await browser.get(path);
      const page = await response.text();
      expect(page.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:\/\//);
      expect(page).not.toContain("<script");
      const style = /<style>([^]*)<\/style>/.exec(page)?.[1] ?? "";
      const policy = response.headers.get("content-security-policy");
      const hash = createHash("sha256").update(style).digest("base64");
      expect(policy).toContain(`default-src 'none';style-src 'sha256-${hash}';img-src data:;form-action 'self'`);
      expect(policy).toContain("frame-ancestors 'none'");
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    },
  );

  it("say that Redis is away, and look again, until there are queues to show", async () => {
    const browser = await signedIn(site, "viewer");
    const waiting = await browser.get("/admin/queues");
    expect([waiting.status, waiting.headers.get("retry-after")]).toEqual([503, "5"]);
    const page = await waiting.text();
    expect(page).toContain("Waiting for Redis");
    expect(page).toContain("vera, viewer");
    expect((await browser.get("/admin/queues/api/queues")).status).toBe(503);
  });
});

describe("A dashboard is not started", () => {
  it("without a secret or without users", async () => {
    await expect(startSite({ SESSION_SECRET: undefined })).rejects.toThrow("SESSION_SECRET is missing");
    await expect(startSite({ DASHBOARD_USERS: undefined })).rejects.toThrow("DASHBOARD_USERS names nobody");
  });

  it("with a hash that it could not check, whose user it names", async () => {
    const hungry = { ...olga, hash: new Secret("$scrypt$ln=30,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA") };
    await expect(startSite({ DASHBOARD_USERS: [vera, hungry] })).rejects.toThrow(
      "the hash of olga cannot be used: it asks for more than 128 MiB",
    );
    await expect(startSite({ DASHBOARD_USERS: [vera, vera] })).rejects.toThrow("names vera twice");
  });
});

function alertIn(page: string): string {
  return /<p role="alert"[^>]*>([^<]*)/.exec(page)?.[1] ?? "";
}

function sessionCookieOf(response: Response): string | undefined {
  return response.headers.getSetCookie().find((cookie) => /^(__Host-)?handoff-session=/.test(cookie));
}
