import { describe, expect, it } from "vitest";
import { line, paragraph } from "../../src/domain/free-text.ts";

describe("a line that a customer typed", () => {
  it.each(["渋谷2-21-1", "ヒカリエ 8F", "O'Brien & Söhne <3", "🏠 👨‍👩‍👧"])("may hold any writing: %s", (typed) => {
    expect(line(40).parse(typed)).toBe(typed);
  });

  it("loses the white space around it", () => {
    expect(line(40).parse("\u3000 渋谷区 \t\n")).toBe("渋谷区");
  });

  it.each([
    ["", "must not be empty"],
    [" \u3000", "must not be empty"],
    ["渋谷\n区", "must be one line, without control characters"],
    ["渋谷\u0000区", "must be one line, without control characters"],
    ["渋谷\u0085区", "must be one line, without control characters"],
    ["渋谷\u2028区", "must be one line, without control characters"],
    ["渋谷\uD83C区", "must consist of whole characters"],
  ])("is refused where it is none: %j", (typed, problem) => {
    expect(
      line(40)
        .safeParse(typed)
        .error?.issues.map(({ message }) => message),
    ).toEqual([problem]);
  });

  it("is as long as it is after trimming", () => {
    expect(line(3).safeParse(" 東京都 ").success).toBe(true);
    expect(line(3).safeParse("東京都渋").success).toBe(false);
  });
});

describe("lines that a customer typed", () => {
  it("keep their line ends and tabs", () => {
    expect(paragraph(100).parse("犬がいます。\r\n\t午後のみ\n")).toBe("犬がいます。\r\n\t午後のみ");
  });

  it("may be none", () => {
    expect(paragraph(100).parse("  ")).toBe("");
  });

  it.each(["\u0000", "a\u0007b", "a\u001B[31mb", "a\u007Fb"])("hold no other control character: %j", (typed) => {
    expect(
      paragraph(100)
        .safeParse(typed)
        .error?.issues.map(({ message }) => message),
    ).toEqual(["must not hold control characters"]);
  });

  it("hold no half of a character", () => {
    expect(paragraph(100).safeParse("a \uDFE0").success).toBe(false);
    expect(paragraph(100).safeParse("a 🏠").success).toBe(true);
  });

  it("are bounded", () => {
    expect(paragraph(5).safeParse("123456").success).toBe(false);
  });
});
