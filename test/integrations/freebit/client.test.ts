import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { InDoubtError, RejectedError, UnavailableError, UnknownOutcomeError } from "../../../src/domain/errors.ts";
import { freebitClient, type FreebitSettings } from "../../../src/integrations/freebit/client.ts";
import { Secret } from "../../../src/settings.ts";
import { sendIt } from "../../../src/domain/vendor-call.ts";
import { callWithin, deserted, json, LOST_ANSWERS, vendorThat, type SeenRequest } from "../vendor.ts";
import { profileFile } from "./profile-file.ts";

const ACCOUNT = "07000000001";
const line = { account: ACCOUNT, runDate: "20270101" };
/** 2026-12-20 at noon in Japan. */
const NOW = Date.parse("2026-12-20T03:00:00Z");
const MINUTE_MS = 60_000;

type Answers = Readonly<Record<string, (asked: Fields, response: ServerResponse) => void>>;
type Fields = Readonly<Record<string, unknown>>;

const settingsFor = (url: string, profile?: unknown): FreebitSettings => ({
  FREEBIT_URL: url,
  FREEBIT_OEM_ID: "oem",
  FREEBIT_OEM_KEY: new Secret("0em-s3cret"),
  FREEBIT_PROFILE: profile === undefined ? undefined : profileFile(profile),
});
const sent = ({ body }: SeenRequest): Fields => JSON.parse(new URLSearchParams(body).get("json") ?? "") as Fields; // what we sent is an object

const says = (body: Fields) => (_: Fields, response: ServerResponse) => json(response, 200, body);
const refuses = (resultCode: string | number, statusCode: string | number) =>
  says({ resultCode, status: { message: `no such thing as ${ACCOUNT}`, statusCode } });
const accepts = says({ resultCode: 100, status: { message: "OK", statusCode: 200 } });
const shows = (cancelDate: unknown) =>
  says({ resultCode: "100", status: {}, responseDatas: [{ kind: "MVNO", account: ACCOUNT, cancelDate }] });
const hangsUp = (_: Fields, response: ServerResponse): void => void response.destroy();

/** A Freebit that answers by `answers`, and hands out key-1, key-2 … */
async function freebitThat(
  answers: Answers,
  { profile, deadlineMs = 5_000, now = () => NOW }: { profile?: unknown; deadlineMs?: number; now?: () => number } = {},
) {
  let keys = 0;
  const { url, seen } = await vendorThat((request, response) => {
    const operation = request.path.split("/").at(-2) ?? "";
    const answer = answers[operation];
    if (answer !== undefined) answer(request.body.startsWith("json=") ? sent(request) : {}, response);
    else if (operation === "authOem")
      json(response, 200, {
        resultCode: "100",
        authKey: `key-${(keys += 1)}`,
        status: { message: "OK", statusCode: "200" },
      });
    else json(response, 200, { resultCode: "900", status: { message: "unknown", statusCode: "1" } });
  });
  const freebit = freebitClient({ settings: settingsFor(url, profile), call: callWithin(deadlineMs), now });
  const asked = () => seen.map(({ path }) => path.split("/").at(-2));
  return { freebit, seen, asked };
}

describe("a cancellation", () => {
  test("is sent with the line's number and its day, after a sign-in", async () => {
    const { freebit, seen } = await freebitThat({ cnclAcnt: accepts });
    await expect(freebit.cancelLine(line)).resolves.toEqual({ resultCode: "100", statusCode: "200" });
    expect(seen.map(({ method, path }) => `${method} ${path}`)).toEqual(["POST /authOem/", "POST /master/cnclAcnt/"]);
    expect(seen.map(sent)).toEqual([
      { oemId: "oem", oemKey: "0em-s3cret" },
      { authKey: "key-1", kind: "MVNO", account: ACCOUNT, runDate: "20270101" },
    ]);
    expect(seen[1]?.headers["content-type"]).toMatch(/^application\/x-www-form-urlencoded/);
  });

  test.for([
    ["is missing", ""],
    ["is no day of the calendar", "20270230"],
    ["is written otherwise", "2027-01-01"],
    ["is longer", "202701011"],
    ["is past", "20261219"],
    ["is today in Japan", "20261220"],
  ] as const)("whose day %s is never sent", async ([, runDate]) => {
    const { freebit, seen } = await freebitThat({ cnclAcnt: accepts });
    await expect(freebit.cancelLine({ account: ACCOUNT, runDate })).rejects.toMatchObject({
      constructor: RejectedError,
      code: "freebit-run-date",
    });
    expect(seen).toHaveLength(0);
  });

  test("goes by Japan's calendar: in the evening of UTC the day after has begun there", async () => {
    const { freebit } = await freebitThat({ cnclAcnt: accepts }, { now: () => Date.parse("2026-12-31T15:00:00Z") });
    await expect(freebit.cancelLine(line)).rejects.toBeInstanceOf(RejectedError);
    await expect(freebit.cancelLine({ ...line, runDate: "20270102" })).resolves.toMatchObject({ resultCode: "100" });
  });

  test.for(["", "070-0000-0001", "07000000001 ", "０７０"])("of a line called %j is never sent", async (account) => {
    const { freebit, seen } = await freebitThat({ cnclAcnt: accepts });
    await expect(freebit.cancelLine({ ...line, account })).rejects.toMatchObject({
      constructor: RejectedError,
      code: "freebit-account-not-digits",
    });
    await expect(freebit.bookedCancellation(account)).rejects.toBeInstanceOf(RejectedError);
    expect(seen).toHaveLength(0);
  });

  test.for(LOST_ANSWERS)("to which Freebit %s may have happened", async ([, lose]) => {
    const { freebit } = await freebitThat({ cnclAcnt: (_, response) => lose(response) }, { deadlineMs: 400 });
    await expect(freebit.cancelLine(line)).rejects.toMatchObject({
      constructor: UnknownOutcomeError,
      mayStillLand: true,
    });
  });

  test.for([
    [
      "HTML",
      (_: Fields, response: ServerResponse): void => void response.writeHead(503).end("<html>maintenance</html>"),
    ],
    ["no code", says({ status: { message: "OK", statusCode: 200 } })],
    [
      "a redirect",
      (_: Fields, response: ServerResponse): void => void response.writeHead(302, { location: "/" }).end(),
    ],
  ] as const)("answered with %s may have happened, and is over", async ([, answer]) => {
    const { freebit } = await freebitThat({ cnclAcnt: answer });
    await expect(freebit.cancelLine(line)).rejects.toMatchObject({
      constructor: UnknownOutcomeError,
      mayStillLand: false,
      code: "freebit-unreadable",
    });
  });

  test("is a success by its code, whatever the HTTP status", async () => {
    const { freebit } = await freebitThat({ cnclAcnt: (_, response) => json(response, 500, { resultCode: " 100 " }) });
    await expect(freebit.cancelLine(line)).resolves.toEqual({ resultCode: "100" });
  });
});

describe("a code that nobody has explained", () => {
  const unexplained = refuses(400, "356");

  test("is for a person once the line shows that nothing came of it", async () => {
    const { freebit, asked } = await freebitThat({ cnclAcnt: unexplained, getDetail: shows("") });
    await expect(freebit.cancelLine(line)).rejects.toMatchObject({
      constructor: RejectedError,
      code: "freebit-refused",
      title: expect.stringContaining("400-356") as string,
    });
    expect(asked().filter((operation) => operation === "cnclAcnt")).toHaveLength(1);
  });

  test("is no success even where the line shows it booked: the step's own look finds it", async () => {
    const { freebit } = await freebitThat({ cnclAcnt: unexplained, getDetail: shows("20270101") });
    await expect(freebit.cancelLine(line)).rejects.toBeInstanceOf(UnknownOutcomeError);
    await expect(freebit.bookedCancellation(ACCOUNT)).resolves.toBe("20270101");
  });

  test("is for a person where the line is booked for another day", async () => {
    const { freebit } = await freebitThat({ cnclAcnt: unexplained, getDetail: shows("20270201") });
    await expect(freebit.cancelLine(line)).rejects.toMatchObject({ code: "freebit-booked-otherwise" });
  });

  test("leaves it in doubt where the line cannot be read", async () => {
    const unread = await freebitThat({ cnclAcnt: unexplained, getDetail: hangsUp });
    await expect(unread.freebit.cancelLine(line)).rejects.toMatchObject({
      constructor: UnknownOutcomeError,
      code: "freebit-unlisted-code",
    });
    const refused = await freebitThat(
      { cnclAcnt: unexplained, getDetail: refuses(404, 1) },
      { profile: { accountDetail: { notFound: ["404-1"] } } },
    );
    await expect(refused.freebit.cancelLine(line)).rejects.toMatchObject({ constructor: UnknownOutcomeError });
    const unclear = await freebitThat({ cnclAcnt: unexplained, getDetail: says({ resultCode: 100, lines: [] }) });
    await expect(unclear.freebit.cancelLine(line)).rejects.toMatchObject({
      constructor: InDoubtError,
      code: "freebit-read-back-unclear",
      title: expect.stringContaining("400-356") as string, // a person who must find out starts from it
    });
  });
});

describe("a code that the profile explains", () => {
  const profile = {
    authenticate: { retryable: ["503"] },
    cancelAccount: { alreadyDone: ["400-409"], retryable: ["500"], notFound: ["404"], authExpired: ["401-20"] },
    accountDetail: { notFound: ["404"], authExpired: ["401-20"] },
  };

  test("as done already is a success, unless the line names another day", async () => {
    const again = await freebitThat({ cnclAcnt: refuses("400", 409), getDetail: hangsUp }, { profile });
    await expect(again.freebit.cancelLine(line)).resolves.toEqual({ resultCode: "400", statusCode: "409" });
    const other = await freebitThat({ cnclAcnt: refuses("400", 409), getDetail: shows("20270201") }, { profile });
    await expect(other.freebit.cancelLine(line)).rejects.toMatchObject({
      constructor: RejectedError,
      code: "freebit-booked-otherwise",
    });
  });

  test.for([
    ["500", UnavailableError, "freebit-busy"],
    ["404", RejectedError, "freebit-line-not-found"],
  ] as const)("as %s is believed without a look", async ([code, constructor, reason]) => {
    const { freebit, asked } = await freebitThat({ cnclAcnt: refuses(code, 1) }, { profile });
    await expect(freebit.cancelLine(line)).rejects.toMatchObject({ constructor, code: reason });
    expect(asked()).toEqual(["authOem", "cnclAcnt"]);
  });

  test("as an expired key fetches one other, and no more", async () => {
    const expired = refuses(401, 20);
    const renewed = await freebitThat(
      { cnclAcnt: (asked, response) => (asked["authKey"] === "key-1" ? expired : accepts)(asked, response) },
      { profile },
    );
    await expect(renewed.freebit.cancelLine(line)).resolves.toMatchObject({ resultCode: "100" });
    expect(renewed.asked()).toEqual(["authOem", "cnclAcnt", "authOem", "cnclAcnt"]);

    const never = await freebitThat({ cnclAcnt: expired }, { profile });
    await expect(never.freebit.cancelLine(line)).rejects.toMatchObject({
      constructor: UnavailableError,
      scope: "vendor",
      code: "freebit-sign-in-refused",
    });
    expect(never.asked()).toEqual(["authOem", "cnclAcnt", "authOem", "cnclAcnt"]);
  });
});

describe("a booked cancellation", () => {
  test("is read from the line", async () => {
    const { freebit, seen } = await freebitThat({ getDetail: shows("2027/01/01") });
    await expect(freebit.bookedCancellation(ACCOUNT)).resolves.toBe("20270101");
    expect(seen.slice(1).map((request) => [request.path, sent(request)])).toEqual([
      ["/mvno/getDetail/", { authKey: "key-1", version: "2", requestDatas: [{ kind: "MVNO", account: ACCOUNT }] }],
    ]);
  });

  test("is none where the line says so, and in doubt where it says nothing", async () => {
    const none = await freebitThat({ getDetail: shows("") });
    await expect(none.freebit.bookedCancellation(ACCOUNT)).resolves.toBeNull();
    const silent = await freebitThat({ getDetail: says({ resultCode: "100", responseDatas: [{ account: ACCOUNT }] }) });
    await expect(silent.freebit.bookedCancellation(ACCOUNT)).rejects.toBeInstanceOf(InDoubtError);
  });

  test.for(LOST_ANSWERS)("that Freebit %s about is asked for again", async ([, lose]) => {
    const { freebit } = await freebitThat({ getDetail: (_, response) => lose(response) }, { deadlineMs: 400 });
    await expect(freebit.bookedCancellation(ACCOUNT)).rejects.toBeInstanceOf(UnavailableError);
  });
});

describe("the authKey", () => {
  test("serves for 20 minutes, and is then fetched anew", async () => {
    let now = NOW;
    const { freebit, asked } = await freebitThat({ getDetail: shows("") }, { now: () => now });
    await freebit.bookedCancellation(ACCOUNT);
    now += 20 * MINUTE_MS - 1;
    await freebit.bookedCancellation(ACCOUNT);
    expect(asked()).toEqual(["authOem", "getDetail", "getDetail"]);
    now += 1;
    await freebit.bookedCancellation(ACCOUNT);
    expect(asked()).toEqual(["authOem", "getDetail", "getDetail", "authOem", "getDetail"]);
  });

  test("is fetched once for all who need one", async () => {
    const { freebit, asked } = await freebitThat({ getDetail: shows("") });
    await Promise.all(Array.from({ length: 20 }, () => freebit.bookedCancellation(ACCOUNT)));
    expect(asked().filter((operation) => operation === "authOem")).toHaveLength(1);
  });

  test("is not used again after a code that nobody has explained", async () => {
    let codes = 0;
    const { freebit, seen } = await freebitThat({
      getDetail: (asked, response) => ((codes += 1) === 1 ? refuses(777, 7) : shows(""))(asked, response),
    });
    await expect(freebit.bookedCancellation(ACCOUNT)).rejects.toMatchObject({
      constructor: UnavailableError,
      scope: "call",
    });
    await expect(freebit.bookedCancellation(ACCOUNT)).resolves.toBeNull();
    expect(seen.map((request) => sent(request)["authKey"])).toEqual([undefined, "key-1", undefined, "key-2"]);
  });

  test.for([
    ["refused", refuses(401, 10), "freebit-sign-in-refused"],
    ["not given", says({ resultCode: "100" }), "freebit-unreadable"],
    ["lost", hangsUp, "freebit-connection-lost"],
  ] as const)("that is %s leaves nothing in doubt", async ([, authOem, code]) => {
    const { freebit, asked } = await freebitThat({ authOem, cnclAcnt: accepts });
    await expect(freebit.cancelLine(line)).rejects.toMatchObject({
      constructor: UnavailableError,
      scope: "vendor",
      code,
    });
    expect(asked()).toEqual(["authOem"]);
  });

  test("is fetched by a check, whether one is held or not", async () => {
    const { freebit, asked } = await freebitThat({});
    await freebit.check();
    await freebit.check();
    expect(asked()).toEqual(["authOem", "authOem"]);
  });
});

describe("the profile", () => {
  test.for([
    ["json", /^application\/json/, /^\{"authKey":"key-1",.*"until":"20270101"\}$/],
    ["multipart", /^multipart\/form-data/, /name="json"\r\n\r\n\{"authKey":"key-1",.*"until":"20270101"\}\r\n/],
  ] as const)("says where and how to send: as %s", async ([encoding, type, body]) => {
    const { freebit, seen } = await freebitThat(
      { cancel: accepts },
      { profile: { cancelAccount: { path: "/v2/cancel/", encoding, dateField: "until" } } },
    );
    await freebit.cancelLine(line);
    expect(seen[1]).toMatchObject({ path: "/v2/cancel/", body: expect.stringMatching(body) as string });
    expect(seen[1]?.headers["content-type"]).toMatch(type);
  });

  test("can give an operation less time than the others have", async () => {
    const { freebit } = await freebitThat(
      { cnclAcnt: () => undefined },
      { profile: { cancelAccount: { timeoutMs: 100 } } },
    );
    await expect(freebit.cancelLine(line)).rejects.toMatchObject({ code: "freebit-timeout", mayStillLand: true });
  });

  test("with faults lets no client be made", () => {
    expect(() =>
      freebitClient({
        settings: settingsFor("http://127.0.0.1:1", { cancelAccount: { dateField: "" } }),
        call: callWithin(1),
      }),
    ).toThrow("cancelAccount.dateField");
  });

  test("that the deployment guide shows is one", () => {
    const [, example = ""] =
      /```json\n(\{\n {2}"authenticate".+?)```/s.exec(readFileSync("docs/deployment.md", "utf8")) ?? [];
    expect(() =>
      freebitClient({ settings: settingsFor("http://127.0.0.1:1", example), call: callWithin(1) }),
    ).not.toThrow();
  });
});

describe("Freebit", () => {
  test("that is not there leaves nothing in doubt", async () => {
    const freebit = freebitClient({ settings: settingsFor(await deserted()), call: callWithin(5_000), now: () => NOW });
    await expect(freebit.cancelLine(line)).rejects.toMatchObject({
      constructor: UnavailableError,
      code: "freebit-not-reached",
    });
  });

  test("that is not set up makes its work wait", async () => {
    for (const missing of ["FREEBIT_URL", "FREEBIT_OEM_ID", "FREEBIT_OEM_KEY"] as const) {
      const settings = { ...settingsFor("http://127.0.0.1:1"), [missing]: undefined };
      const freebit = freebitClient({ settings, call: callWithin(5_000), now: () => NOW });
      for (const asked of [
        () => freebit.cancelLine(line),
        () => freebit.bookedCancellation(ACCOUNT),
        () => freebit.check(),
      ])
        await expect(asked()).rejects.toMatchObject({
          constructor: UnavailableError,
          scope: "vendor",
          code: "freebit-not-set-up",
        });
    }
  });

  test("whose time was over before it began was not asked", async () => {
    const { url, seen } = await vendorThat((_, response) => json(response, 200, {}));
    const freebit = freebitClient({
      settings: settingsFor(url),
      call: (_, perform) => perform(AbortSignal.abort(), () => undefined, sendIt),
      now: () => NOW,
    });
    await expect(freebit.cancelLine(line)).rejects.toBeInstanceOf(UnavailableError);
    expect(seen).toHaveLength(0);
  });

  test("is never quoted, nor is what it was asked", async () => {
    const troubles: Answers[] = [
      { authOem: refuses(401, 10) },
      { authOem: hangsUp },
      { cnclAcnt: refuses(400, 1), getDetail: shows("") },
      { cnclAcnt: refuses(400, 1), getDetail: refuses(400, 1) },
      { cnclAcnt: hangsUp },
      { cnclAcnt: (_, response) => void response.end(`<html>${ACCOUNT}</html>`) },
    ];
    for (const answers of troubles) {
      const { freebit } = await freebitThat(answers);
      const error: unknown = await freebit.cancelLine(line).catch((thrown: unknown) => thrown);
      const told = inspect(error, { depth: 20, showHidden: true });
      expect(told).toContain("freebit");
      for (const secret of [ACCOUNT, "0em-s3cret", "key-1"]) expect(told).not.toContain(secret);
    }
  });
});
