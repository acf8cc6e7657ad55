import { expect, test } from "vitest";
import { freebitProfile, meaningOf } from "../../../src/integrations/freebit/profile.ts";
import { bookingOf } from "../../../src/integrations/freebit/read-back.ts";
import { profileFile } from "./profile-file.ts";

test("what ships calls nothing but 100 a success, and explains no other code", () => {
  const { authenticate, cancelAccount, accountDetail, authKeyLifeMs } = freebitProfile(undefined);
  for (const operation of [authenticate, cancelAccount, accountDetail]) {
    expect(operation).toMatchObject({ encoding: "form", success: ["100"] });
    for (const list of ["authExpired", "retryable", "alreadyDone", "notFound"] as const)
      expect(operation[list]).toEqual([]);
  }
  expect([authenticate.path, cancelAccount.path, accountDetail.path]).toEqual([
    "/authOem/",
    "/master/cnclAcnt/",
    "/mvno/getDetail/",
  ]);
  expect(cancelAccount.dateField).toBe("runDate");
  expect(authKeyLifeMs).toBe(1_200_000);
});

test("a file corrects what it names, and leaves the rest", () => {
  const shipped = freebitProfile(undefined);
  const corrected = freebitProfile(
    profileFile({ cancelAccount: { alreadyDone: ["400-409"], readBack: { field: "cnclDate" } } }),
  );
  expect(corrected).toEqual({
    ...shipped,
    cancelAccount: {
      ...shipped.cancelAccount,
      alreadyDone: ["400-409"],
      readBack: { ...shipped.cancelAccount.readBack, field: "cnclDate" },
    },
  });
});

test.for([
  ["an operation that is none", { cancelLine: {} }, 'Unrecognized key: "cancelLine"'],
  ["a misspelt field", { cancelAccount: { retriable: ["400"] } }, 'cancelAccount Unrecognized key: "retriable"'],
  ["an encoding that is none", { authenticate: { encoding: "xml" } }, "authenticate.encoding"],
  ["a code that is none", { accountDetail: { notFound: ["4 04"] } }, "accountDetail.notFound.0 must be a code like"],
  ["a code as a number", { accountDetail: { notFound: [404] } }, "accountDetail.notFound.0"],
  ["no success at all", { cancelAccount: { success: [] } }, "cancelAccount.success must hold at least one code"],
  [
    "a code in two lists",
    { cancelAccount: { retryable: ["400"], alreadyDone: ["400"] } },
    "cancelAccount.alreadyDone has a code that retryable has too",
  ],
  ["no field for the date", { cancelAccount: { dateField: null } }, "cancelAccount.dateField must name a field"],
] as const)("a file with %s is refused by its name", ([, contents, fault]) => {
  const file = profileFile(contents);
  expect(() => freebitProfile(file)).toThrow(`FREEBIT_PROFILE (${file}) has faults: ${fault}`);
});

test("every fault of a file is told at once", () => {
  const file = profileFile({ authKeyLifeMs: 1, cancelAccount: { path: "cnclAcnt" } });
  expect(() => freebitProfile(file)).toThrow(
    /authKeyLifeMs .*; cancelAccount\.path must be a path that begins with \//,
  );
});

test("a file that is not there, or is no JSON object, is told without its contents", () => {
  expect(() => freebitProfile("/nowhere/freebit.json")).toThrow(
    "FREEBIT_PROFILE (/nowhere/freebit.json) cannot be read: ENOENT",
  );
  for (const contents of ["s3cret", "[]", '{"oemKey": s3cret}']) {
    const file = profileFile(contents);
    expect(() => freebitProfile(file)).toThrow(`FREEBIT_PROFILE (${file}) must hold one JSON object`);
  }
});

test("the entry with both codes wins over the one with the first alone", () => {
  const { cancelAccount } = freebitProfile(
    profileFile({ cancelAccount: { success: ["100"], retryable: ["100-5", "400"], notFound: ["400-356"] } }),
  );
  const meaning = (resultCode: string, statusCode: string | null) =>
    meaningOf(cancelAccount, { resultCode, statusCode });
  expect(meaning("100", "200")).toBe("success");
  expect(meaning("100", null)).toBe("success");
  expect(meaning("100", "5")).toBe("retryable");
  expect(meaning("400", "356")).toBe("notFound");
  expect(meaning("400", "357")).toBe("retryable");
  expect(meaning("0100", null)).toBe("unlisted");
  expect(meaning("500", "356")).toBe("unlisted");
});

test.for([
  ["a date", { cancelDate: "20270101" }, { bookedFor: "20270101" }],
  ["a date as a number", { cancelDate: 20270101 }, { bookedFor: "20270101" }],
  ["a date with hyphens", { cancelDate: "2027-01-01" }, { bookedFor: "20270101" }],
  ["a date with a time", { cancelDate: "2027/01/01 00:00:00" }, { bookedFor: "20270101" }],
  ["nothing", { cancelDate: "" }, "none"],
  ["null", { cancelDate: null }, "none"],
  ["zeros", { cancelDate: "0000-00-00" }, "none"],
  ["no such field", {}, "unclear"],
  ["something else", { cancelDate: "soon" }, "unclear"],
  ["a date of another line", { account: "07000000002", cancelDate: "20270101" }, "unclear"],
] as const)("a line that shows %s", ([, line, booking]) => {
  const { readBack } = freebitProfile(undefined).cancelAccount;
  const answer = { responseDatas: [{ account: "07000000001", ...line }] };
  expect(bookingOf("07000000001", answer, readBack)).toEqual(booking);
  expect(bookingOf("07000000001", { responseDatas: answer.responseDatas[0] }, readBack)).toEqual(booking);
});

test("the profile may say that no field means no cancellation, where it stands, and that nothing can be read", () => {
  const answer = { line: { items: [{ no: "070", ends: { on: "20270101" } }, { no: "071" }] } };
  const { readBack } = freebitProfile(
    profileFile({
      cancelAccount: { readBack: { list: "line.items", account: "no", field: "ends.on", absent: "none" } },
    }),
  ).cancelAccount;
  expect(bookingOf("070", answer, readBack)).toEqual({ bookedFor: "20270101" });
  expect(bookingOf("071", answer, readBack)).toBe("none");
  expect(bookingOf("072", answer, readBack)).toBe("unclear");
  expect(bookingOf("070", answer, null)).toBe("unclear");
});
