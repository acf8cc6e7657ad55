import { createHash } from "node:crypto";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { RETURN_PATH } from "../../src/dashboard/provider.ts";
import { type Program, startProgram } from "../../src/program.ts";
import { readSettings } from "../../src/settings.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { CLIENT, type IdentityProvider, startProvider } from "./identity-provider.ts";
import {
  adam,
  type Browser,
  FORM,
  olga,
  openBrowser,
  SESSION_SECRET,
  signedIn,
  signIn,
  type Site,
  startSite,
  vera,
} from "./site.ts";

/**
 * What the common scanners of headers (Mozilla's Observatory, OWASP's list of secure headers, ZAP's passive rules) look
 * for, at every page of the dashboard, whatever its answer is.
 */

const PUBLIC_URL = "https://handoff.example";

let redis: TestRedis;
let provider: IdentityProvider;
/** The whole program, so that each page is the real one. */
let site: Program;
/** A dashboard that has no queues to show yet. */
let waiting: Site;
beforeAll(async () => {
  redis = await startRedis();
  provider = await startProvider({ redirectUri: PUBLIC_URL + RETURN_PATH, people: {} });
  const settings = readSettings({
    ...redis.environment,
    ROLES: "dashboard",
    PORT: "0",
    PUBLIC_URL,
    SESSION_SECRET: SESSION_SECRET.reveal(),
    DASHBOARD_USERS: [vera, olga, adam].map(({ name, role, hash }) => `${name}:${role}:${hash.reveal()}`).join(";"),
    OIDC_ISSUER: provider.issuer,
    OIDC_CLIENT_ID: CLIENT.id,
    OIDC_CLIENT_SECRET: CLIENT.secret,
    OIDC_ROLES: "staff:viewer",
  });
  site = await startProgram(settings, pino({ level: "silent" }));
  waiting = await startSite(redis, { PUBLIC_URL });
  const isReady = async () => expect((await fetch(`${site.url}/readyz`)).status).toBe(200);
  await vi.waitFor(isReady, { timeout: 20_000 });
});
afterAll(async () => {
  await Promise.all([site.stop(), waiting.close(), provider.close()]);
  await redis.stop();
});

const OPERATOR = () => signedIn(site, "operator");
const ADMIN = () => signedIn(site, "admin");
const STRANGER = async () => openBrowser(site);
const ANOTHER_ORIGIN = { origin: "https://elsewhere.example" };

/** Every address of the dashboard, with each answer that it has: who asks, how, and which status is expected. */
const PAGES: readonly (readonly [string, number, () => Promise<Response>])[] = [
  ["/", 302, async () => (await STRANGER()).get("/")],
  ["/sign-in", 200, async () => (await STRANGER()).get("/sign-in")],
  ["/sign-in, signed in", 303, async () => (await OPERATOR()).get("/sign-in")],
  ["/sign-in, rightly filled in", 303, async () => signIn(await STRANGER(), { name: "vera" })],
  ["/sign-in, wrongly filled in", 401, async () => signIn(await STRANGER(), { name: "vera", password: "wrong" })],
  ["/sign-in, an old form", 403, async () => (await STRANGER()).send("POST", "/sign-in", { headers: FORM })],
  [
    "/sign-in, too much",
    413,
    async () => (await STRANGER()).send("POST", "/sign-in", { body: "x".repeat(9000), headers: FORM }),
  ],
  ["/sign-in, too often", 429, tooOften],
  ["/sign-in/provider", 303, async () => openBrowser(site).get("/sign-in/provider")],
  ["/sign-in/return", 403, async () => openBrowser(site).get("/sign-in/return?code=x&state=y")],
  ["/sign-in/return, turned back", 403, turnedBack],
  ["/sign-out", 200, async () => (await OPERATOR()).get("/sign-out")],
  ["/sign-out, signed out", 303, async () => (await STRANGER()).get("/sign-out")],
  [
    "/sign-out, done",
    303,
    async () => (await OPERATOR()).send("POST", "/sign-out", { headers: { origin: PUBLIC_URL } }),
  ],
  [
    "/sign-out, by another site",
    403,
    async () => (await OPERATOR()).send("POST", "/sign-out", { headers: ANOTHER_ORIGIN }),
  ],
  ["/admin/queues", 200, async () => (await OPERATOR()).get("/admin/queues")],
  ["/admin/queues/queue/provisioning", 200, async () => (await OPERATOR()).get("/admin/queues/queue/provisioning")],
  ["/admin/queues, signed out", 303, async () => (await STRANGER()).get("/admin/queues")],
  ["/admin/queues, Redis away", 503, async () => (await signedIn(waiting, "operator")).get("/admin/queues")],
  ["/admin/queues/api/queues", 200, async () => (await OPERATOR()).get("/admin/queues/api/queues")],
  ["/admin/queues/api/queues, signed out", 401, async () => (await STRANGER()).get("/admin/queues/api/queues")],
  [
    "/admin/queues/static/favicon-32x32.png",
    200,
    async () => (await OPERATOR()).get("/admin/queues/static/favicon-32x32.png"),
  ],
  ["/desk", 200, async () => (await OPERATOR()).get("/desk")],
  ["/desk, signed out", 303, async () => (await STRANGER()).get("/desk")],
  ["/desk, Redis away", 503, async () => (await signedIn(waiting, "operator")).get("/desk")],
  ["/desk/live.js", 200, async () => (await OPERATOR()).get("/desk/live.js")],
  ["/sign-in/lang/ja", 303, async () => (await STRANGER()).get("/sign-in/lang/ja")],
  ["/desk/lang/ja", 303, async () => (await OPERATOR()).get("/desk/lang/ja")],
  ["/desk/find", 200, async () => (await OPERATOR()).get("/desk/find")],
  ["/desk/jobs, an unknown one", 404, async () => (await OPERATOR()).get("/desk/jobs/x")],
  ["/desk/groups, an unknown one", 404, async () => (await OPERATOR()).get("/desk/groups/x")],
  ["/desk/audit", 200, async () => (await ADMIN()).get("/desk/audit")],
  ["/desk/audit, not an admin", 403, async () => (await OPERATOR()).get("/desk/audit")],
];

async function turnedBack(): Promise<Response> {
  const browser = openBrowser(site);
  const away = (await browser.get("/sign-in/provider")).headers.get("location") ?? "";
  const { pathname, search } = await provider.visit(away, null);
  return browser.get(pathname + search);
}

async function tooOften(): Promise<Response> {
  let response: Response;
  do response = await signIn(openBrowser(site), { name: "somebody", password: "wrong" });
  while (response.status === 401);
  return response;
}

/** What is amiss with an answer, in words; nothing where all is well. */
async function amiss(response: Response): Promise<readonly string[]> {
  const header = (name: string) => response.headers.get(name) ?? "";
  const type = header("content-type");
  const body = await response.text();
  const policy = new Map(
    header("content-security-policy")
      .split(";")
      .map((directive) => {
        const [name = "", ...sources] = directive.trim().split(/\s+/);
        return [name, sources.join(" ")];
      }),
  );
  const sources = (name: string) => policy.get(name) ?? policy.get("default-src") ?? "*";
  const isFile = /image|javascript|css/.test(type);
  const rules: readonly (readonly [boolean, string])[] = [
    [
      ["'none'", "'self'"].includes(policy.get("default-src") ?? ""),
      "a policy that begins with nothing or with ourselves",
    ],
    [!/unsafe|\*|https?:|data:|blob:/.test(sources("script-src")), "scripts of our own files alone"],
    [!/\*|https?:|data:|blob:/.test(sources("style-src")), "styles of our own alone"],
    [["'none'", "'self'"].includes(sources("connect-src")), "calls to ourselves alone"],
    [sources("object-src") === "'none'", "no plug-ins"],
    [["'none'", "'self'"].includes(policy.get("base-uri") ?? ""), "no foreign base address"],
    [policy.get("form-action") === "'self'", "forms to ourselves alone"],
    [/^'(none|self)'$/.test(policy.get("frame-ancestors") ?? ""), "no frames of others"],
    [/^(DENY|SAMEORIGIN)$/.test(header("x-frame-options")), "the same for old browsers"],
    [
      /max-age=(?:1[5-9]|[2-9]\d)\d{6,}|max-age=\d{9,}/.test(header("strict-transport-security")),
      "HTTPS for half a year and more",
    ],
    [header("x-content-type-options") === "nosniff", "no guessing of types"],
    [/^(no-referrer|same-origin|strict-origin.*)$/.test(header("referrer-policy")), "no address told to others"],
    [header("cross-origin-opener-policy") === "same-origin", "no opener of another origin"],
    [header("cross-origin-resource-policy") === "same-origin", "no use by another origin"],
    [/camera=\(\).*geolocation=\(\).*microphone=\(\)/.test(header("permissions-policy")), "nothing of the device"],
    [header("x-permitted-cross-domain-policies") === "none", "no policies of old plug-ins"],
    [["", "0"].includes(header("x-xss-protection")), "no filter that can be turned against the page"],
    [header("access-control-allow-origin") === "", "no reading by other origins"],
    [!/\d/.test(header("server")) && header("x-powered-by") === "", "no word of what serves it"],
    [isFile || header("cache-control") === "no-store", "kept nowhere"],
    [type === "" || isFile || /charset=utf-8/i.test(type), "a charset"],
    [!/ on[a-z]+\s*=|javascript:/i.test(body.replaceAll(/<svg.*?<\/svg>/gs, "")) || isFile, "no script in attributes"],
    [!/<script(?![^>]*\bsrc=)[^>]*>(?!\s*<\/script>)/i.test(withoutData(body)) || isFile, "no script within the page"],
    [!/(?:src|action)="(?:https?:)?\/\//i.test(body), "nothing loaded from others"],
    [!/ at .*\.(?:ts|js):\d+|node_modules/.test(body) || isFile, "no stack trace"],
    [
      response.headers.getSetCookie().every(isCareful),
      "cookies for this host alone, over HTTPS, out of scripts' reach",
    ],
  ];
  return rules.filter(([holds]) => !holds).map(([, rule]) => `not: ${rule}`);
}

/** Without elements that hold data, which no browser runs. */
function withoutData(page: string): string {
  return page.replaceAll(/<script[^>]*type="application\/json"[^>]*>[^]*?<\/script>/g, "");
}

function isCareful(cookie: string): boolean {
  return (
    ["Secure", "HttpOnly", "Path=/"].every((part) => cookie.split("; ").includes(part)) &&
    cookie.startsWith("__Host-") &&
    /SameSite=(Lax|Strict)/.test(cookie) &&
    !/Domain=/i.test(cookie)
  );
}

describe("The rules of the header scanners are kept by", () => {
  it.each(PAGES)("%s (%i)", async (_page, status, ask) => {
    const response = await ask();
    expect(response.status).toBe(status);
    expect(await amiss(response)).toEqual([]);
  });
});

describe("Our own pages", () => {
  const ours: readonly (readonly [string, () => Promise<Browser>])[] = [
    ["/sign-in", STRANGER],
    ["/sign-out", OPERATOR],
    ["/admin/queues", () => signedIn(waiting, "operator")],
  ];
  it.each(ours)("%s load one style of their own and nothing else", async (path, who) => {
    const response = await (await who()).get(path);
    const page = await response.text();
    expect(page.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:\/\//);
    expect(page).not.toContain("<script");
    const style = /<style>([^]*)<\/style>/.exec(page)?.[1] ?? "";
    const hash = createHash("sha256").update(style).digest("base64");
    expect(response.headers.get("content-security-policy")).toContain(
      `default-src 'none';style-src 'sha256-${hash}';img-src data:;form-action 'self'`,
    );
  });
});
