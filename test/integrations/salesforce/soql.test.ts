import { describe, expect, test } from "vitest";
import { name, soql, type SoqlValue } from "../../../src/integrations/salesforce/soql.ts";

describe("a value in a query", () => {
  const rows: readonly (readonly [string, SoqlValue, string])[] = [
    ["a text", "Introduction", "'Introduction'"],
    ["a quote that would end the text", "O'Brien' OR Name != '", String.raw`'O\'Brien\' OR Name != \''`],
    ["a backslash before the end", "x\\", String.raw`'x\\'`],
    ["line breaks and tabs", 'a\r\n\tb"', String.raw`'a\r\n\tb\"'`],
    ["Japanese", "△Cancelled", "'△Cancelled'"],
    ["a number", 12.5, "12.5"],
    ["true", true, "true"],
    ["nothing", null, "null"],
    ["a moment", new Date("2026-11-22T01:02:03.004Z"), "2026-11-22T01:02:03.004Z"],
    ["a list", ["SIM", "it's"], String.raw`('SIM', 'it\'s')`],
    ["a name", name("Opportunity__r.StageName"), "Opportunity__r.StageName"],
  ];
  test.for(rows)("%s", ([, value, text]) => {
    expect(soql`SELECT Id FROM Case WHERE X = ${value} LIMIT 1`).toBe(`SELECT Id FROM Case WHERE X = ${text} LIMIT 1`);
  });

  test("what SOQL cannot say is refused", () => {
    expect(() => soql`X IN ${[]}`).toThrow(TypeError);
    expect(() => soql`X = ${Number.NaN}`).toThrow(TypeError);
    expect(() => name("Id FROM User WHERE")).toThrow(TypeError);
  });
});
