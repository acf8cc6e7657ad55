import { describe, expect, test } from "vitest";
import { freebitError, type Trouble } from "../../../src/integrations/freebit/errors.ts";
import type { CodeMeaning, Codes } from "../../../src/integrations/freebit/profile.ts";
import { meaning, type Meaning } from "../vendor.ts";

const refused = (
  means: Exclude<CodeMeaning, "success">,
  codes: Codes = { resultCode: "400", statusCode: "356" },
): Trouble => ({ kind: "refused", meaning: means, codes });
const unreadable = (status: number): Trouble => ({ kind: "unreadable", status });
const network = (failure: "not-reached" | "deadline" | "dropped"): Trouble => ({ kind: "network", failure });
const away = (code: string): Meaning => ({ unavailable: "vendor", code });
const lost = (code: string, mayStillLand: boolean): Meaning => ({ unknown: code, mayStillLand });
const notLetIn = away("freebit-sign-in-refused");

/** Each row: what came, and what it means for a write, a read and a sign-in. */
const rows: readonly (readonly [string, Trouble, Meaning, Meaning, Meaning])[] = [
  ["an authKey refused again", refused("authExpired"), notLetIn, notLetIn, notLetIn],
  ["a code that passes", refused("retryable"), away("freebit-busy"), away("freebit-busy"), away("freebit-busy")],
  [
    "no such line",
    refused("notFound"),
    { rejected: "freebit-line-not-found" },
    { rejected: "freebit-line-not-found" },
    notLetIn,
  ],
  [
    "a code that nobody has explained",
    refused("unlisted"),
    lost("freebit-unlisted-code", false),
    { unavailable: "call", code: "freebit-unlisted-code" },
    notLetIn,
  ],
  ...[200, 302, 404, 500, 503].map(
    (status) =>
      [
        `HTTP ${status} with another's answer`,
        unreadable(status),
        lost("freebit-unreadable", false),
        away("freebit-unreadable"),
        away("freebit-unreadable"),
      ] as const,
  ),
  ...[502, 504].map(
    (status) =>
      [
        `a gateway's ${status}`,
        unreadable(status),
        lost("freebit-unreadable", true),
        away("freebit-unreadable"),
        away("freebit-unreadable"),
      ] as const,
  ),
  [
    "a success without what it must hold",
    { kind: "misshapen" },
    lost("freebit-unreadable", false),
    away("freebit-unreadable"),
    away("freebit-unreadable"),
  ],
  [
    "nobody there",
    network("not-reached"),
    away("freebit-not-reached"),
    away("freebit-not-reached"),
    away("freebit-not-reached"),
  ],
  ["silence", network("deadline"), lost("freebit-timeout", true), away("freebit-timeout"), away("freebit-timeout")],
  [
    "a dropped connection",
    network("dropped"),
    lost("freebit-connection-lost", true),
    away("freebit-connection-lost"),
    away("freebit-connection-lost"),
  ],
];

describe.each(rows)("%s", (_, trouble, write, read, signIn) => {
  test.each([
    ["a write", "cnclAcnt", true, write],
    ["a read", "getDetail", false, read],
    ["a sign-in", "authOem", false, signIn],
  ] as const)("for %s", (_, operation, writes, expected) => {
    expect(meaning(freebitError({ operation, writes, trouble }))).toEqual(expected);
  });
});

test("codes are told, and whatever else stands in their place is not", () => {
  const told = (resultCode: string, statusCode: string | null) =>
    freebitError({ operation: "cnclAcnt", writes: true, trouble: refused("unlisted", { resultCode, statusCode }) })
      .message;
  expect(told("400", "356")).toContain("(code 400-356)");
  expect(told("400", null)).toContain("(code 400)");
  expect(told("400", "of line 07000000001 渋谷花子")).not.toContain("07000000001");
});
