import { describe, expect, it } from "vitest";
import { accountId, orderId, to18 } from "../../src/domain/salesforce-id.ts";

/** Ids as Salesforce's own pages show them with 18 characters, and the two of our examples. */
const KNOWN = ["001D000000IRFmaIAH", "001D000000IqhSLIAZ", "0015g00000HjKlMAAV", "8015g00000ZxCvBAAV"];

describe("a Salesforce id of 15 characters", () => {
  it.each(KNOWN)("gets the three characters that tell its capitals: %s", (id) => {
    expect(to18(id.slice(0, 15))).toBe(id);
    expect(to18(id)).toBe(id);
  });

  it("has a suffix that counts five characters each, the first of them least, from A to 5", () => {
    expect(to18("000000000000000")).toBe("000000000000000AAA");
    expect(to18("A0000B0000C0000")).toBe("A0000B0000C0000BBB");
    expect(to18("0A0000000AABCDE")).toBe("0A0000000AABCDECQ5");
    expect(to18("ABCDEabcdeAbCdE")).toBe("ABCDEabcdeAbCdE5AV");
  });

  it("differs by its case alone, and so does its suffix", () => {
    expect(to18("0015g00000hJkLm")).not.toBe(to18("0015g00000HjKlM"));
    expect(to18("0015g00000hJkLm").toLowerCase()).not.toBe(to18("0015g00000HjKlM").toLowerCase());
  });
});

describe("an id in a request", () => {
  it("names the same record with 15 characters as with 18", () => {
    expect(accountId.parse("0015g00000HjKlM")).toBe(accountId.parse("0015g00000HjKlMAAV"));
    expect(orderId.parse("8015g00000ZxCvB")).toBe("8015g00000ZxCvBAAV");
  });

  it("is kept by its case even where the caller's suffix was changed on the way", () => {
    expect(accountId.parse("0015g00000HjKlMaav")).toBe("0015g00000HjKlMAAV");
  });

  it.each([
    "",
    "0015g",
    "0015g00000HjKlMA",
    "0015g00000HjKlMAAVX",
    "8015g00000ZxCvBAAV",
    "0015g00000HjK'MAAV",
    " 0015g00000HjKlM",
  ])("is refused where it cannot be an Account's: %j", (given) => {
    const { error } = accountId.safeParse(given);
    expect(error?.issues.map(({ message }) => message)).toEqual([
      "must be a Salesforce Account id: 15 or 18 letters and digits that begin with 001",
    ]);
  });
});
