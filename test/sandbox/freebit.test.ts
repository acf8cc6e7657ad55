import { describe, expect, it } from "vitest";
import { freebitClient, type Freebit } from "../../src/integrations/freebit/client.ts";
import { InDoubtError, RejectedError, UnavailableError, UnknownOutcomeError } from "../../src/domain/errors.ts";
import { Secret } from "../../src/settings.ts";
import { callWithin } from "../integrations/vendor.ts";
import { profileFile } from "../integrations/freebit/profile-file.ts";
import { call, inside, runningSandbox } from "./running-sandbox.ts";

const { url, control, state, seeded } = runningSandbox();

const DAY_MS = 24 * 60 * 60 * 1000;
/** `YYYYMMDD` in Japan, so many days from now. */
const dayIn = (days: number) =>
  new Date(Date.now() + 9 * 60 * 60 * 1000 + days * DAY_MS).toISOString().slice(0, 10).replaceAll("-", "");

const ask = (path: string, json: unknown, contentType = "application/x-www-form-urlencoded") =>
  call(`${url()}/freebit${path}`, {
    method: "POST",
    headers: { "content-type": contentType },
    body: new URLSearchParams({ json: typeof json === "string" ? json : JSON.stringify(json) }).toString(),
  });
const signIn = async () => {
  const { body } = await ask("/authOem/", { oemId: "sandbox-oem", oemKey: "sandbox-oem-key" });
  return String(inside(body, "authKey"));
};
const cancel = async (account: string, rest: object = {}) =>
  ask("/master/cnclAcnt/", { authKey: await signIn(), kind: "MVNO", account, ...rest });
const lineOf = async (account: string) => {
  const lines = await state("freebit", "lines");
  return Array.isArray(lines) ? (lines.find((line) => inside(line, "account") === account) as unknown) : undefined;
};

describe("a sign-in", () => {
  it("gives a key for the right credentials, and none for others", async () => {
    expect(await ask("/authOem/", { oemId: "sandbox-oem", oemKey: "sandbox-oem-key" })).toMatchObject({
      status: 200,
      body: { resultCode: "100", authKey: expect.any(String) as unknown, status: { message: "OK" } },
    });
    for (const wrong of [{ oemId: "someone" }, { oemKey: "wrong" }]) {
      const { status, body } = await ask("/authOem/", { oemId: "sandbox-oem", oemKey: "sandbox-oem-key", ...wrong });
      expect({ status, body }).toMatchObject({
        status: 200,
        body: { resultCode: "401", status: { statusCode: "10" } },
      });
      expect(inside(body, "authKey")).toBeUndefined();
    }
  });

  it("outlives a reset, and ends when it is told to", async () => {
    const authKey = await signIn();
    const detail = async () =>
      ask("/mvno/getDetail/", {
        authKey,
        version: "2",
        requestDatas: [{ kind: "MVNO", account: await seeded("sims", "first") }],
      });
    await control("POST", "reset");
    expect((await detail()).body).toMatchObject({ resultCode: "100" });
    await control("POST", "expire-freebit-keys");
    expect((await detail()).body).toMatchObject({ resultCode: "401", status: { statusCode: 20 } });
  });
});

describe("a cancellation", () => {
  it("is booked for its day, and the line lives on until then", async () => {
    const account = await seeded("sims", "first");
    expect(account).toMatch(/^070\d{8}$/);
    expect((await cancel(account, { runDate: dayIn(30) })).body).toMatchObject({ resultCode: 100 });
    expect(await lineOf(account)).toEqual({ account, state: "active", cancelDate: dayIn(30) });
  });

  it("without a day ends the line at once", async () => {
    const account = await seeded("sims", "second");
    expect((await cancel(account)).body).toMatchObject({ resultCode: 100 });
    expect(await lineOf(account)).toEqual({ account, state: "cancelled", cancelDate: dayIn(0) });
  });

  it.each([
    ["today", () => dayIn(0), { resultCode: "400", status: { statusCode: "356" } }],
    ["a day that is none", () => "20270230", { resultCode: "400", status: { statusCode: "356" } }],
    ["a day as a number", () => 20_270_101, { resultCode: 400, status: { statusCode: 1 } }],
  ])("for %s is refused", async (_, runDate, refusal) => {
    const account = await seeded("sims", "third");
    expect(await cancel(account, { runDate: runDate() })).toMatchObject({ status: 200, body: refusal });
    expect(await lineOf(account)).toMatchObject({ state: "active", cancelDate: null });
  });

  it("of a line that is booked already, or that is none, is refused", async () => {
    const account = await seeded("sims", "first");
    await cancel(account, { runDate: dayIn(30) });
    expect((await cancel(account, { runDate: dayIn(60) })).body).toMatchObject({ status: { statusCode: "409" } });
    expect(await lineOf(account)).toMatchObject({ cancelDate: dayIn(30) });
    expect((await cancel("09000000000", { runDate: dayIn(30) })).body).toMatchObject({ resultCode: 404 });
  });
});

it("what is no JSON in a form's field is refused, and an unknown path is not there", async () => {
  expect((await ask("/authOem/", "{")).body).toMatchObject({ resultCode: 400 });
  expect((await ask("/authOem/", {}, "text/plain")).body).toMatchObject({ resultCode: 400 });
  expect((await ask("/master/cnclAcnt", {})).status).toBe(404);
});

it("the call log tells the line and the day, and no key; the page shows the lines", async () => {
  const account = await seeded("sims", "first");
  await cancel(account, { runDate: dayIn(30) });
  const { body } = await control("GET", "calls");
  expect(body).toMatchObject([
    { vendor: "freebit", operation: "authOem" },
    { vendor: "freebit", operation: "cnclAcnt", summary: `cnclAcnt account=${account} runDate=${dayIn(30)}` },
  ]);
  expect(JSON.stringify(body)).not.toMatch(/authKey|sandbox-oem/);
  expect((await call(`${url()}/`, {})).body).toContain(account);
});

describe("our client", () => {
  const clientWith = async (profile?: object, deadlineMs = 5_000): Promise<Freebit> =>
    freebitClient({
      settings: {
        FREEBIT_URL: `${url()}/freebit`,
        FREEBIT_OEM_ID: String(await state("credentials", "freebit", "oemId")),
        FREEBIT_OEM_KEY: new Secret(String(await state("credentials", "freebit", "oemKey"))),
        FREEBIT_PROFILE: profile === undefined ? undefined : profileFile(profile),
      },
      call: callWithin(deadlineMs),
    });
  const fault = (order: object) => control("POST", "faults", { vendor: "freebit", ...order });
  const expired = { authExpired: ["401-20"] };

  it("books a cancellation and finds it", async () => {
    const freebit = await clientWith();
    const account = await seeded("sims", "first");
    await expect(freebit.bookedCancellation(account)).resolves.toBeNull();
    await expect(freebit.cancelLine({ account, runDate: dayIn(30) })).resolves.toEqual({
      resultCode: "100",
      statusCode: "200",
    });
    await expect(freebit.bookedCancellation(account)).resolves.toBe(dayIn(30));
    expect(await lineOf(account)).toEqual({ account, state: "active", cancelDate: dayIn(30) });
  });

  it.each(["", dayIn(0), dayIn(-1), "2027-01-01", "20270230"])("never ends a line at once: %j", async (runDate) => {
    const freebit = await clientWith();
    const account = await seeded("sims", "first");
    await expect(freebit.cancelLine({ account, runDate })).rejects.toBeInstanceOf(RejectedError);
    expect((await control("GET", "calls")).body).toEqual([]);
    expect(await lineOf(account)).toMatchObject({ state: "active", cancelDate: null });
  });

  it.each([
    ["hang-before", null],
    ["hang-after", dayIn(30)],
    ["drop-before", null],
    ["drop-after", dayIn(30)],
    ["fail-after", dayIn(30)],
  ])("does not know what became of an answer lost by %s, and the line tells", async (mode, booked) => {
    const freebit = await clientWith({}, 400);
    const account = await seeded("sims", "first");
    await freebit.check();
    await fault({ operation: "cnclAcnt", mode });
    await expect(freebit.cancelLine({ account, runDate: dayIn(30) })).rejects.toBeInstanceOf(UnknownOutcomeError);
    await expect(freebit.bookedCancellation(account)).resolves.toBe(booked);
  });

  it("leaves a refusal that nobody explained to a person", async () => {
    const freebit = await clientWith();
    const account = await seeded("sims", "first");
    await fault({ operation: "cnclAcnt", mode: "error", code: "400-356" });
    await expect(freebit.cancelLine({ account, runDate: dayIn(30) })).rejects.toMatchObject({
      constructor: RejectedError,
      code: "freebit-refused",
      title: expect.stringContaining("400-356") as string,
    });
    expect(await lineOf(account)).toMatchObject({ cancelDate: null });
  });

  it("renews a key that expired, where the profile tells how that is said", async () => {
    const freebit = await clientWith({ cancelAccount: expired, accountDetail: expired });
    const account = await seeded("sims", "first");
    await freebit.check();
    await control("POST", "expire-freebit-keys");
    await expect(freebit.cancelLine({ account, runDate: dayIn(30) })).resolves.toMatchObject({ resultCode: "100" });
  });

  it("fails one job at most for an expired key where it tells nothing", async () => {
    const freebit = await clientWith();
    const account = await seeded("sims", "first");
    await freebit.check();
    await control("POST", "expire-freebit-keys");
    await expect(freebit.cancelLine({ account, runDate: dayIn(30) })).rejects.toBeInstanceOf(RejectedError);
    await expect(freebit.cancelLine({ account, runDate: dayIn(30) })).resolves.toMatchObject({ resultCode: "100" });
  });

  it("takes a line that is booked for the day already for done, and for another day not", async () => {
    const freebit = await clientWith({ cancelAccount: { alreadyDone: ["400-409"] } });
    const account = await seeded("sims", "first");
    await freebit.cancelLine({ account, runDate: dayIn(30) });
    await expect(freebit.cancelLine({ account, runDate: dayIn(30) })).resolves.toMatchObject({ resultCode: "400" });
    await expect(freebit.cancelLine({ account, runDate: dayIn(60) })).rejects.toMatchObject({
      code: "freebit-booked-otherwise",
    });
  });

  it("waits where it is not let in, and asks a person where it cannot read", async () => {
    const account = await seeded("sims", "first");
    const unclear = await clientWith({ cancelAccount: { readBack: { field: "endDate" } } });
    await expect(unclear.bookedCancellation(account)).rejects.toBeInstanceOf(InDoubtError);
    await fault({ operation: "authOem", mode: "error", code: "401-10" });
    await expect((await clientWith()).check()).rejects.toMatchObject({
      constructor: UnavailableError,
      scope: "vendor",
      code: "freebit-sign-in-refused",
    });
  });
});
