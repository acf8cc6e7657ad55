import type { LookupAddress } from "node:dns";
import type { ServerResponse } from "node:http";
import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { isClassified, UnavailableError } from "../../../src/domain/errors.ts";
import { callbackClient, publicOnly } from "../../../src/integrations/callbacks/client.ts";
import { Secret } from "../../../src/settings.ts";
import { callWithin, deserted, LOST_ANSWERS, meaning, vendorThat } from "../vendor.ts";

const OLD = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
const NEW = `whsec_${Buffer.alloc(32, 2).toString("base64")}`;
const EVENT = { type: "job.completed", timestamp: "2026-11-22T01:02:03.004Z", data: { id: "job-1", city: "渋谷区" } };

function clientFor(url: string, { isPrivateAllowed = true, secrets = [NEW], deadlineMs = 2000 } = {}) {
  return callbackClient({
    settings: {
      CALLBACK_URLS: [{ client: "portal", url: new Secret(url) }],
      CALLBACK_SECRETS: secrets.map((secret) => ({ client: "portal", secret: new Secret(secret) })),
      CALLBACK_PRIVATE: isPrivateAllowed ? "on" : "off",
    },
    call: callWithin(deadlineMs),
  });
}

/** What comes of posting to a receiver that answers so. */
async function posted(answer: (response: ServerResponse) => void, deadlineMs?: number) {
  const receiver = await vendorThat((_request, response) => answer(response));
  const client = clientFor(
    `${receiver.url}/secret-path?key=secret-key`,
    deadlineMs === undefined ? {} : { deadlineMs },
  );
  const error: unknown = await client.post("portal", "event-1", EVENT).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error !== undefined && !isClassified(error)) throw new Error("not one of our errors", { cause: error });
  return { seen: receiver.seen, error };
}
const status =
  (code: number, headers: Record<string, string> = {}) =>
  (response: ServerResponse) =>
    void response.writeHead(code, headers).end("whatever");

describe("a callback", () => {
  it("is an event as JSON, which the specification's own library verifies", async () => {
    const { seen, error } = await posted(status(204));
    expect(error).toBeUndefined();
    const [request] = seen;
    expect(request).toMatchObject({ method: "POST", path: "/secret-path?key=secret-key" });
    expect(request?.headers).toMatchObject({ "webhook-id": "event-1", "content-type": "application/json" });
    const headers = request?.headers as Record<string, string>; // those that we look for are single
    expect(new Webhook(NEW).verify(request?.body ?? "", headers)).toEqual(EVENT);
    expect(() => new Webhook(OLD).verify(request?.body ?? "", headers)).toThrow("No matching signature");
    expect(() => new Webhook(NEW).verify(`${request?.body ?? ""} `, headers)).toThrow("No matching signature");
  });

  it("can be verified by either secret while a client changes its own", async () => {
    const receiver = await vendorThat((_request, response) => void response.end());
    await clientFor(receiver.url, { secrets: [NEW, OLD] }).post("portal", "event-1", EVENT);
    const [request] = receiver.seen;
    for (const secret of [OLD, NEW])
      expect(new Webhook(secret).verify(request?.body ?? "", request?.headers as Record<string, string>)).toEqual(
        EVENT,
      );
  });
});

describe("what the receiver answers", () => {
  it.each([200, 201, 202, 204, 299])("%i takes the callback", async (code) => {
    expect((await posted(status(code))).error).toBeUndefined();
  });

  it.each([
    [410, {}, { rejected: "callback-gone" }],
    [429, { "retry-after": "7" }, { unavailable: "call", code: "callback-put-off", after: 7000 }],
    [503, {}, { unavailable: "call", code: "callback-put-off" }],
    [500, { "retry-after": "soon" }, { unavailable: "call", code: "callback-put-off" }],
    [408, {}, { unavailable: "call", code: "callback-put-off" }],
    [400, {}, { unavailable: "call", code: "callback-refused" }],
    [401, {}, { unavailable: "call", code: "callback-refused" }],
    [404, {}, { unavailable: "call", code: "callback-refused" }],
  ] as const)("%i with %o is an error of its own", async (code, headers, expected) => {
    const { error } = await posted(status(code, headers));
    expect(error === undefined ? undefined : meaning(error)).toEqual(expected);
    expect(error?.vendor).toBeNull();
  });

  it("with a date to come back at is waited for until then", async () => {
    const date = new Date(Date.now() + 60_000).toUTCString();
    const { error } = await posted(status(503, { "retry-after": date }));
    const after = error instanceof UnavailableError ? (error.retryAfterMs ?? 0) : 0;
    expect(after).toBeGreaterThan(50_000);
    expect(after).toBeLessThanOrEqual(60_000);
  });

  it("sends nobody elsewhere: a redirect is not followed", async () => {
    const elsewhere = await vendorThat((_request, response) => void response.end());
    const { error } = await posted(status(302, { location: elsewhere.url }));
    expect(error?.code).toBe("callback-refused");
    expect(elsewhere.seen).toEqual([]);
  });

  it("is not read beyond its head, however long it is", async () => {
    const { error } = await posted((response) => {
      response.writeHead(200);
      const pour = () => void (response.destroyed || (response.write("x".repeat(65_536)), setImmediate(pour)));
      pour();
    });
    expect(error).toBeUndefined();
  });

  it.each(LOST_ANSWERS.filter(([how]) => how === "never answers" || how === "drops the connection"))(
    "may be lost (%s): then the callback is posted again",
    async (_how, lose) => {
      const { error } = await posted(lose, 200);
      expect(error === undefined ? undefined : meaning(error)).toEqual({
        unavailable: "call",
        code: "callback-not-answered",
      });
    },
  );

  it("never shows the URL, which may hold a secret, nor the client's secret", async () => {
    const errors = await Promise.all([status(500), status(404), status(410)].map((answer) => posted(answer)));
    for (const { error } of errors) {
      expect(error?.message).toContain("portal");
      expect(`${error?.message ?? ""} ${String(error?.cause)}`).not.toMatch(/secret-|whsec_|127\.0\.0\.1/);
    }
  });
});

describe("where callbacks go", () => {
  it("is nowhere for a client without a URL, and for a receiver that is not there", async () => {
    const url = await deserted();
    await expect(clientFor(url).post("script", "event-1", EVENT)).rejects.toMatchObject({
      code: "callback-not-set-up",
    });
    await expect(clientFor(url).post("portal", "event-1", EVENT)).rejects.toMatchObject({
      code: "callback-not-answered",
    });
  });

  it("is not a private address, whatever name stands for it", async () => {
    const receiver = await vendorThat((_request, response) => void response.end());
    const { port } = new URL(receiver.url);
    for (const scheme of ["https", "http"]) {
      const client = clientFor(`${scheme}://localhost:${port}/`, { isPrivateAllowed: false });
      await expect(client.post("portal", "event-1", EVENT)).rejects.toMatchObject({ code: "callback-private-address" });
    }
    expect(receiver.seen).toEqual([]);
    await clientFor(`http://localhost:${port}/`).post("portal", "event-1", EVENT);
    expect(receiver.seen).toHaveLength(1);
  });

  const PUBLIC = { address: "8.8.8.8", family: 4 };
  const looked = async (addresses: readonly LookupAddress[], all: boolean) =>
    await new Promise<unknown>((resolve) => {
      const lookup = publicOnly((_name, _options, told) => told(null, [...addresses]));
      lookup("portal.example", { all }, (error, address) => resolve(error?.message ?? address));
    });

  it("is the very address that was judged, and every address of the name must be public", async () => {
    expect(await looked([PUBLIC], false)).toBe("8.8.8.8");
    expect(await looked([PUBLIC], true)).toEqual([PUBLIC]);
    const mixed = [PUBLIC, { address: "10.0.0.1", family: 4 }];
    for (const addresses of [mixed, mixed.toReversed(), [{ address: "::1", family: 6 }], []]) {
      expect(await looked(addresses, true)).toBe("not an address of the public net");
      expect(await looked(addresses, false)).toBe("not an address of the public net");
    }
  });
});
