import { generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { CREDENTIALS, call, runningSandbox } from "./running-sandbox.ts";

const { url, control } = runningSandbox();
const GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ask = (form: Record<string, string>) =>
  call(`${url()}/services/oauth2/token`, { method: "POST", body: new URLSearchParams(form) });

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
const claims = { iss: "sandbox-client", sub: "integration@sonixnet.example", aud: "https://login.salesforce.com" };
function assertion(claim: object, key = privateKey): string {
  const signed = [{ alg: "RS256" }, claim]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${signed}.${sign("RSA-SHA256", Buffer.from(signed), key).toString("base64url")}`;
}

describe("client credentials", () => {
  it("open a session on the address that was asked", async () => {
    expect(await ask({ grant_type: "client_credentials", ...CREDENTIALS })).toMatchObject({
      status: 200,
      body: {
        instance_url: url(),
        token_type: "Bearer",
        id: expect.stringContaining("/id/00D5g000004AbCdEAK/005") as unknown,
      },
    });
  });

  it.each([
    ["a wrong secret", { grant_type: "client_credentials", ...CREDENTIALS, client_secret: "x" }, "invalid_client"],
    ["an unknown client", { grant_type: "client_credentials", ...CREDENTIALS, client_id: "x" }, "invalid_client_id"],
    ["another grant", { grant_type: "password", ...CREDENTIALS }, "unsupported_grant_type"],
  ])("are refused: %s", async (_, form, error) => {
    expect(await ask(form)).toMatchObject({ status: 400, body: { error } });
  });
});

describe("a JWT", () => {
  it("opens a session if its key is the registered one", async () => {
    await control("PUT", "jwt-public-key", { pem: publicKey.export({ type: "spki", format: "pem" }) });
    const good = assertion({ ...claims, exp: inSeconds(120) });
    expect((await ask({ grant_type: GRANT, assertion: good })).status).toBe(200);
    const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    expect(
      await ask({ grant_type: GRANT, assertion: assertion({ ...claims, exp: inSeconds(120) }, stranger) }),
    ).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
  });

  it.each<[string, () => string]>([
    ["expired", () => assertion({ ...claims, exp: inSeconds(-10) })],
    ["good for too long", () => assertion({ ...claims, exp: inSeconds(600) })],
    ["without an expiry", () => assertion(claims)],
    ["for nobody", () => assertion({ ...claims, sub: "", exp: inSeconds(60) })],
    ["for no audience", () => assertion({ iss: claims.iss, sub: claims.sub, exp: inSeconds(60) })],
    ["of another client", () => assertion({ ...claims, iss: "x", exp: inSeconds(60) })],
    [
      "in two parts",
      () =>
        assertion({ ...claims, exp: inSeconds(60) })
          .split(".")
          .slice(0, 2)
          .join("."),
    ],
    ["not in base64url", () => `${assertion({ ...claims, exp: inSeconds(60) })}=`],
  ])("is refused: %s", async (_, make) => {
    expect((await ask({ grant_type: GRANT, assertion: make() })).status).toBe(400);
  });
});
