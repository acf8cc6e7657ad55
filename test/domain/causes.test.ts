import { globSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { causeIn } from "../../src/domain/causes.ts";
import { IN_JAPANESE } from "../../src/domain/causes-in-japanese.ts";
import { VENDOR_NAMES } from "../../src/domain/errors.ts";

/** What callers of the doors are told is English, like all of the API; the doctor's words are its own. */
const ELSEWHERE = /^src\/(?:api|sandbox)\/|^src\/domain\/disagreements/;
const CODE = /"([a-z]+(?:-[a-z0-9]+)+)"/g;

/** Every code that the source gives a failure or a rule's no, in whichever way it is written there. */
function codesInSource(): string[] {
  const files = globSync("src/**/*.ts").filter((file) => !ELSEWHERE.test(file));
  const sources = files.map((file) => readFileSync(file, "utf8"));
  const constants = new Map(
    sources.flatMap((source) =>
      [...source.matchAll(/const ([A-Z_]+) = "([a-z0-9-]+)"/g)].map(([, name, code]) => [name, code]),
    ),
  );
  const places = sources.flatMap((source) => [
    ...source.matchAll(/\bcode(?::| =) ([^,;}]*)[,;}]|(?:needsPerson|unavailable)\(\s*("[a-z-]+"|[A-Z_]+)/g),
  ]);
  return [
    ...Object.keys(VENDOR_NAMES).map((vendor) => `${vendor}-away`), // the breaker's
    ...places.flatMap(([, value = "", asked = ""]) => [
      ...[...`${value}${asked}`.matchAll(CODE)].map(([, code]) => code),
      ...[...`${value} ${asked}`.matchAll(/\b[A-Z_]{4,}\b/g)].map(([name]) => constants.get(name)),
    ]),
  ].filter((code) => code !== undefined);
}
const codes = [...new Set(codesInSource())].toSorted();

describe("what is wrong and what helps", () => {
  it("is found in the source wherever it is given a code", () => {
    expect(codes).toEqual(
      expect.arrayContaining([
        "no-whmcs-client",
        "in-doubt",
        "freebit-unlisted-code",
        "whmcs-order-not-pending",
        "whmcs-sign-in-refused",
        "mail-connection-lost",
        "salesforce-not-set-up",
      ]),
    );
    expect(codes.length).toBeGreaterThan(100);
  });

  it.each(codes)("is said in Japanese as well: %s", (code) => {
    const english = { code, title: "It broke.", detail: "Mend it." };
    expect(causeIn("en", english)).toMatchObject({ title: "It broke.", detail: "Mend it." });
    const { title, detail } = causeIn("ja", english);
    for (const words of [title, detail]) expect(words).toMatch(/[ぁ-んァ-ヶ].*。$/);
  });

  it("is said of nothing that cannot happen (any more)", () => {
    expect([...IN_JAPANESE.keys()].filter((code) => !codes.includes(code))).toEqual([]);
  });
});
