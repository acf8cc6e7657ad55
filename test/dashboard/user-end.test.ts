import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openAudit } from "../../src/dashboard/audit.ts";
import { built } from "../built.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Browser, olga, openBrowser, PREFIX, signedIn, signIn, type Site, startSite } from "./site.ts";

const PROGRAM = built("user-end");

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

async function userEnd(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...redis.environment,
      QUEUE_PREFIX: PREFIX,
      DASHBOARD_USERS: `olga:operator:${olga.hash.reveal()}`,
      SESSION_SECRET: "the secret that signs sessions in tests",
      ...environment,
    },
  });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => said.push(chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null]; // as Node documents it
  return { code, said: said.join("") };
}

async function isSignedIn(browser: Browser): Promise<boolean> {
  return (await browser.get("/admin/queues")).status === 503; // there is no queue to show
}

describe("npm run user:end", () => {
  it("ends every session of the one who leaves, at once, and nobody else's", async () => {
    const [one, two, other] = [
      await signedIn(site, "operator"),
      await signedIn(site, "operator"),
      await signedIn(site, "viewer"),
    ];
    const { code, said } = await userEnd(["olga"]);
    expect(code).toBe(0);
    expect(said).toContain("olga is signed out (2 sessions) and cannot sign in any more.");
    expect(said).toContain("take olga out of DASHBOARD_USERS");
    expect([await isSignedIn(one), await isSignedIn(two), await isSignedIn(other)]).toEqual([false, false, true]);
    const response = await signIn(openBrowser(site), { name: "olga" });
    expect([response.status, await response.text()]).toEqual([
      403,
      expect.stringContaining("Your access to Handoff was ended"),
    ]);
    expect(site.logged()).toContain('"user":"olga","why":"access ended"');
    const connection = redis.connect();
    const [entry] = await openAudit({ redis: connection, prefix: PREFIX }).newest(1);
    connection.disconnect();
    expect(entry).toMatchObject({ who: "system", what: "access ended", to: { name: "olga" } });
    // Who does not know the password learns nothing of it.
    expect((await signIn(openBrowser(site), { name: "olga", password: "wrong" })).status).toBe(401);
  });

  it("does not count sessions that are over", async () => {
    const browser = await signedIn(site, "operator");
    await browser.send("POST", "/sign-out");
    await signedIn(site, "operator");
    expect((await userEnd(["olga"])).said).toContain("(1 session)");
  });

  it("lets somebody in again, who must then sign in", async () => {
    const browser = await signedIn(site, "operator");
    await userEnd(["olga"]);
    expect(await userEnd(["olga", "--undo"])).toMatchObject({
      code: 0,
      said: expect.stringContaining("can sign in again"),
    });
    expect(await isSignedIn(browser)).toBe(false);
    expect((await signIn(browser, { name: "olga" })).status).toBe(303);
    expect((await userEnd(["olga", "--undo"])).said).toContain("olga was not kept out");
  });

  it("says what else is to be taken out: the account at the provider, and keys", async () => {
    const { said } = await userEnd(["olga"], {
      API_KEYS: "olga:0123456789abcdef,portal:0123456789abcdef",
      OIDC_ISSUER: "https://login.example.com",
      OIDC_CLIENT_ID: "handoff",
      OIDC_CLIENT_SECRET: "secret",
      OIDC_ROLES: "operators:operator",
      PUBLIC_URL: "https://handoff.example.com",
    });
    expect(said).toContain("close the account at login.example.com");
    expect(said).toContain("take the keys of olga out of API_KEYS");
    expect(said).not.toContain("0123456789abcdef");
  });

  it("wonders at a name that nobody has", async () => {
    expect((await userEnd(["olaf"])).said).toContain("check the name");
  });

  it.each([
    ["nobody", [], 64, "npm run user:end NAME"],
    ["two people", ["olga", "vera"], 64, "npm run user:end NAME"],
    ["an option that it does not have", ["olga", "--all"], 64, "npm run user:end NAME"],
  ])("called with %s says how to call it", async (_what, args, status, words) => {
    expect(await userEnd(args)).toMatchObject({ code: status, said: expect.stringContaining(words) });
  });

  it("says so where nothing could be done", async () => {
    const nowhere = { REDIS_CLUSTER_NODES: "", REDIS_URL: "redis://127.0.0.1:1" };
    expect(await userEnd(["olga"], nowhere)).toMatchObject({ code: 69, said: expect.stringContaining("do it again") });
    expect(await userEnd(["olga"], { SESSION_SECRET: "" })).toMatchObject({ code: 78 });
  });
});
