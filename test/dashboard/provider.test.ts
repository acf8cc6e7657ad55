import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { RETURN_PATH } from "../../src/dashboard/provider.ts";
import { endAccess } from "../../src/ended-access.ts";
import type { Connection } from "../../src/queues/connection.ts";
import { Secret, type Settings } from "../../src/settings.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { CLIENT, type IdentityProvider, startProvider } from "./identity-provider.ts";
import { adam, type Browser, openBrowser, PREFIX, signIn, type Site, startSite } from "./site.ts";

const PUBLIC_URL = "https://handoff.example";
const REDIRECT = { redirectUri: PUBLIC_URL + RETURN_PATH };
const PEOPLE = {
  "employee-1": { preferred_username: "olga", roles: ["staff", "handoff-operators"] },
  "employee-2": { preferred_username: "ada", roles: ["handoff-viewers", "handoff-admins", "handoff-operators"] },
  "employee-3": { preferred_username: "norbert", roles: ["staff"] },
  "employee-4": { preferred_username: "adam", roles: ["handoff-admins"] },
  "employee-5": { preferred_username: "kay", realm_access: { roles: ["handoff-operators"] } },
  "employee-6": { preferred_username: "tess", roles: "handoff-viewers" },
  "employee-7": { roles: ["handoff-admins"] },
  "employee-8": { email: "eve@company.example", email_verified: false, roles: ["handoff-admins"] },
};
type Employee = keyof typeof PEOPLE;

let redis: TestRedis;
let connection: Connection;
let provider: IdentityProvider;
let site: Site;
beforeAll(async () => {
  redis = await startRedis();
  connection = redis.connect();
  provider = await startProvider({ ...REDIRECT, people: PEOPLE });
});
beforeEach(async () => {
  await redis.flush();
  site = await startSite(redis, settingsOf(provider.issuer));
});
afterEach(() => site.close());
afterAll(async () => {
  await provider.close();
  connection.disconnect();
  await redis.stop();
});

function settingsOf(issuer: string): Partial<Settings> {
  return {
    PUBLIC_URL,
    DASHBOARD_USERS: [adam],
    OIDC_ISSUER: issuer,
    OIDC_CLIENT_ID: CLIENT.id,
    OIDC_CLIENT_SECRET: new Secret(CLIENT.secret),
    OIDC_ROLES: [
      { value: "handoff-viewers", role: "viewer" },
      { value: "handoff-operators", role: "operator" },
      { value: "handoff-admins", role: "admin" },
    ],
  };
}

/** Follows the sign-in page's link; gives the provider's address that it leads to. */
async function setOut(browser: Browser, next = "/admin/queues"): Promise<URL> {
  const page = await (await browser.get(`/sign-in?next=${encodeURIComponent(next)}`)).text();
  const link = /class="button" href="([^"]*)"/.exec(page)?.[1] ?? "";
  const response = await browser.get(link);
  expect(response.status).toBe(303);
  return new URL(response.headers.get("location") ?? "");
}

/** Comes back from the provider. */
async function comeBack(browser: Browser, to: URL): Promise<Response> {
  expect(to.origin).toBe(PUBLIC_URL);
  return browser.get(to.pathname + to.search);
}

/** The whole way; gives the last answer. */
async function signInAs(employee: Employee | null, browser = openBrowser(site), at = provider): Promise<Response> {
  return comeBack(browser, await at.visit((await setOut(browser)).href, employee));
}

async function whoIs(browser: Browser): Promise<string> {
  return /You are signed in as ([^.]*)\./.exec(await (await browser.get("/sign-out")).text())?.[1] ?? "nobody";
}

async function alertOf(response: Response): Promise<string> {
  return /<p role="alert"[^>]*>([^<]*)/.exec(await response.text())?.[1] ?? "";
}

describe("The sign-in page", () => {
  it("offers the provider beside the form, and alone where nobody has a password here", async () => {
    const both = await (await openBrowser(site).get("/sign-in")).text();
    const link = `Sign in with ${new URL(provider.issuer).host}`;
    expect(both).toContain(link);
    expect(both).toContain('type="password"');
    const alone = await startSite(redis, { ...settingsOf(provider.issuer), DASHBOARD_USERS: undefined });
    try {
      const browser = openBrowser(alone);
      const page = await (await browser.get("/sign-in")).text();
      expect(page).toContain(link);
      expect(page).not.toContain('type="password"');
      expect((await signIn(browser, { name: "adam" })).status).toBe(403);
    } finally {
      await alone.close();
    }
  });
});

describe("Somebody whom the provider knows", () => {
  it("is signed in, and led to the page that was asked for", async () => {
    const browser = openBrowser(site);
    const at = await setOut(browser, "/admin/queues/queue/orders?status=failed");
    expect(at.searchParams.get("code_challenge_method")).toBe("S256");
    const response = await comeBack(browser, await provider.visit(at.href, "employee-1"));
    expect([response.status, response.headers.get("location")]).toEqual([
      303,
      "/admin/queues/queue/orders?status=failed",
    ]);
    expect([...browser.cookies.keys()]).toEqual(["__Host-handoff-session"]);
    expect(await whoIs(browser)).toBe("olga, operator");
    expect(await (await browser.get("/sign-out")).text()).toContain("You stay signed in at 127.0.0.1");
    expect(site.logged()).toContain('"user":"olga","role":"operator","by":"provider"');
  });

  it.each([
    ["employee-1", "olga, operator"],
    ["employee-2", "ada, admin"],
    ["employee-6", "tess, viewer"],
  ] as const)("%s is what the strongest of the groups is: %s", async (employee, who) => {
    const browser = openBrowser(site);
    expect((await signInAs(employee, browser)).status).toBe(303);
    expect(await whoIs(browser)).toBe(who);
  });

  it("is told so who has no role here", async () => {
    const browser = openBrowser(site);
    const response = await signInAs("employee-3", browser);
    expect(response.status).toBe(403);
    expect(await alertOf(response)).toMatch(/knows you as norbert, but you have no role in Handoff/);
    expect(await whoIs(browser)).toBe("nobody");
    expect(site.logged()).toContain('"user":"norbert","why":"no role"');
  });

  it("is not taken for somebody with a password who has the same name", async () => {
    const browser = openBrowser(site);
    const response = await signInAs("employee-4", browser);
    expect([response.status, await alertOf(response)]).toEqual([403, expect.stringContaining("is called so")]);
    expect(await whoIs(browser)).toBe("nobody");
  });

  it("is refused whose access was ended", async () => {
    await endAccess(connection, PREFIX, "olga");
    const browser = openBrowser(site);
    const response = await signInAs("employee-1", browser);
    expect([response.status, await alertOf(response)]).toEqual([403, expect.stringContaining("was ended")]);
    expect(await whoIs(browser)).toBe("nobody");
  });

  it("is refused without a name", async () => {
    const response = await signInAs("employee-7");
    expect([response.status, await alertOf(response)]).toEqual([403, expect.stringContaining("preferred_username")]);
  });

  it("is told so who turned back, in our words and not in those of the address", async () => {
    const response = await signInAs(null);
    expect(response.status).toBe(403);
    const page = await response.text();
    expect(page).toContain("did not let you in, or you turned back there (access_denied).");
    expect(page).not.toContain("turned back</b>");
  });

  it.each([
    ["is not in the settings any more", { OIDC_ROLES: [{ value: "handoff-admins", role: "admin" as const }] }],
    ["has a password here now", { DASHBOARD_USERS: [{ ...adam, name: "olga" }] }],
    ["comes from a provider that is not asked any more", { OIDC_ISSUER: undefined, OIDC_ROLES: undefined }],
  ])("is signed out when that %s", async (_what, settings) => {
    const browser = openBrowser(site);
    await signInAs("employee-1", browser);
    await site.close();
    site = await startSite(redis, { ...settingsOf(provider.issuer), ...settings });
    const later = openBrowser(site);
    later.cookies.set("__Host-handoff-session", browser.cookies.get("__Host-handoff-session") ?? "");
    expect(await whoIs(later)).toBe("nobody");
  });
});

describe("Providers that say it otherwise", () => {
  it("are understood: within objects, in the ID token, the secret in the form", async () => {
    const other = await startProvider({
      ...REDIRECT,
      people: PEOPLE,
      inIdToken: true,
      authentication: "client_secret_post",
    });
    const own = await startSite(redis, { ...settingsOf(other.issuer), OIDC_ROLE_CLAIM: "realm_access.roles" });
    try {
      const browser = openBrowser(own);
      expect((await signInAs("employee-5", browser, other)).status).toBe(303);
      expect(await whoIs(browser)).toBe("kay, operator");
    } finally {
      await Promise.all([own.close(), other.close()]);
    }
  });

  it("are not believed an address that nobody proved", async () => {
    const own = await startSite(redis, { ...settingsOf(provider.issuer), OIDC_NAME_CLAIM: "email" });
    try {
      const response = await signInAs("employee-8", openBrowser(own));
      expect([response.status, await alertOf(response)]).toEqual([403, expect.stringContaining("not verified")]);
    } finally {
      await own.close();
    }
  });
});

describe("An answer that does not belong to a sign-in begun here signs nobody in", () => {
  it.each(["state", "nonce", "code_challenge"])("another %s", async (parameter) => {
    const browser = openBrowser(site);
    const at = await setOut(browser);
    at.searchParams.set(parameter, "x".repeat(43));
    const response = await comeBack(browser, await provider.visit(at.href, "employee-2"));
    expect([response.status, await alertOf(response)]).toEqual([403, expect.stringContaining("Begin again.")]);
    expect(await whoIs(browser)).toBe("nobody");
  });

  it("one that was led to another browser", async () => {
    const [victim, attacker] = [openBrowser(site), openBrowser(site)];
    const back = await provider.visit((await setOut(attacker)).href, "employee-2");
    expect((await comeBack(victim, back)).status).toBe(403);
    await setOut(victim); // in the middle of a sign-in of one's own, too
    expect((await comeBack(victim, back)).status).toBe(403);
    expect(await whoIs(victim)).toBe("nobody");
  });

  it("one that was used before", async () => {
    const browser = openBrowser(site);
    const at = await setOut(browser);
    const errand = browser.cookies.get("__Host-handoff-errand") ?? "";
    const back = await provider.visit(at.href, "employee-1");
    expect((await comeBack(browser, back)).status).toBe(303);
    const again = openBrowser(site);
    again.cookies.set("__Host-handoff-errand", errand);
    expect((await comeBack(again, back)).status).toBe(403);
    expect(await whoIs(again)).toBe("nobody");
  });

  it("one that took longer than ten minutes, or whose errand was altered", async () => {
    const browser = openBrowser(site);
    const back = await provider.visit((await setOut(browser)).href, "employee-1");
    const altered = openBrowser(site);
    altered.cookies.set("__Host-handoff-errand", `${browser.cookies.get("__Host-handoff-errand") ?? ""}x`);
    expect((await comeBack(altered, back)).status).toBe(403);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 10 * 60_000 });
    try {
      expect(await alertOf(await comeBack(browser, back))).toContain("too long ago");
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("A provider that is away", () => {
  it("takes nothing down: it is told, passwords go on, and it is asked again", async () => {
    const { port } = new URL(provider.issuer);
    await provider.close();
    const browser = openBrowser(site);
    const response = await browser.get("/sign-in/provider");
    expect([response.status, await alertOf(response)]).toEqual([503, expect.stringContaining("cannot be asked")]);
    expect(site.logged()).toContain("provider-away");
    expect((await signIn(openBrowser(site), { name: "adam" })).status).toBe(303);

    provider = await startProvider({ ...REDIRECT, people: PEOPLE, port: Number(port) });
    expect((await signInAs("employee-1", browser)).status).toBe(303);
    // Once it is found it is not looked for at every sign-in.
    await signInAs("employee-2");
    expect(provider.asked.filter((path) => path === "/.well-known/openid-configuration")).toHaveLength(1);
  });

  it("while somebody is there is told as well", async () => {
    const { port } = new URL(provider.issuer);
    const browser = openBrowser(site);
    const back = await provider.visit((await setOut(browser)).href, "employee-1");
    await provider.close();
    const response = await comeBack(browser, back);
    provider = await startProvider({ ...REDIRECT, people: PEOPLE, port: Number(port) });
    expect(response.status).toBe(503);
    expect(await whoIs(browser)).toBe("nobody");
  });

  it("or answers nothing at all holds nobody for longer than five seconds", async () => {
    const hangs = createServer().listen(0, "127.0.0.1");
    await once(hangs, "listening");
    const { port } = hangs.address() as AddressInfo; // it listens on TCP
    const own = await startSite(redis, settingsOf(`http://127.0.0.1:${String(port)}`));
    try {
      expect((await openBrowser(own).get("/sign-in/provider")).status).toBe(503);
    } finally {
      await own.close();
      hangs.close();
    }
  });

  it("or does not know our secret is told to be so, and the secret is not", async () => {
    const wrong = new Secret("a secret that was changed at the provider");
    const own = await startSite(redis, { ...settingsOf(provider.issuer), OIDC_CLIENT_SECRET: wrong });
    try {
      const response = await signInAs("employee-1", openBrowser(own));
      expect([response.status, await alertOf(response)]).toEqual([
        503,
        expect.stringContaining("refuses Handoff itself"),
      ]);
      expect(own.logged()).toContain("provider-refuses-us");
      expect(own.logged()).not.toContain(wrong.reveal());
    } finally {
      await own.close();
    }
  });
});
