import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Secret } from "../../src/settings.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { FORM, olga, openBrowser, PASSWORD, signedIn, signIn, type Site, startSite, vera } from "./site.ts";

let redis: TestRedis;
let site: Site;
beforeAll(async () => {
  redis = await startRedis();
});
beforeEach(async () => {
  await redis.flush();
  site = await startSite(redis);
});
afterEach(() => site.close());
afterAll(() => redis.stop());

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
    expect(await queues.text()).toBe(""); // Express would say the address once more
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
    expect(site.logged()).toContain(
      '"user":"olga","role":"operator","by":"password","from":"127.0.0.1","msg":"signed in"',
    );
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
    const proxied = await startSite(redis, { PUBLIC_URL: "https://handoff.example" });
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

describe("A dashboard is not started", () => {
  it("without a secret or without users", async () => {
    await expect(startSite(redis, { SESSION_SECRET: undefined })).rejects.toThrow("SESSION_SECRET is missing");
    const nobody = startSite(redis, { DASHBOARD_USERS: undefined });
    await expect(nobody).rejects.toThrow("DASHBOARD_USERS names nobody");
  });

  it("with a hash that it could not check, whose user it names", async () => {
    const hungry = { ...olga, hash: new Secret("$scrypt$ln=30,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA") };
    await expect(startSite(redis, { DASHBOARD_USERS: [vera, hungry] })).rejects.toThrow(
      "the hash of olga cannot be used: it asks for more than 128 MiB",
    );
    await expect(startSite(redis, { DASHBOARD_USERS: [vera, vera] })).rejects.toThrow("names vera twice");
  });
});

function alertIn(page: string): string {
  return /<p role="alert"[^>]*>([^<]*)/.exec(page)?.[1] ?? "";
}
