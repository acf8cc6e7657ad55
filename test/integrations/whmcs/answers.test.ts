import * as z from "zod";
import { describe, expect, test } from "vitest";
import { id, ids, list, requiredId, wrapped } from "../../../src/integrations/whmcs/answers.ts";

describe("PHP's ways to say the same", () => {
  test.for([
    [12, 12],
    ["12", 12],
    [0, null],
    ["0", null],
    ["", null],
    [null, null],
    [undefined, null],
  ])("the id %j is %j", ([said, meant]) => {
    expect(id.parse(said)).toBe(meant);
  });

  test.for([["x"], [-1], [1.5], [{}]])("%j is no id", ([said]) => {
    expect(() => id.parse(said)).toThrow(z.ZodError);
  });

  test.for([[""], [0], [null], [undefined]])("an id that must be there is not %j", ([said]) => {
    expect(() => requiredId.parse(said)).toThrow(z.ZodError);
  });

  test.for([
    ["66,67", [66, 67]],
    ["66", [66]],
    [66, [66]],
    [
      ["66", 67],
      [66, 67],
    ],
    ["", []],
    [null, []],
    [undefined, []],
  ])("the ids %j are %j", ([said, meant]) => {
    expect(ids.parse(said)).toEqual(meant);
  });

  const one = { pid: 1 };
  test.for([
    [[one], [one]],
    [[], []],
    [{}, []],
    [{ "0": one, "2": one }, [one, one]],
    [one, [one]],
    ["", []],
    [null, []],
    [undefined, []],
  ])("the list %j is %j", ([said, meant]) => {
    expect(list(z.object({ pid: z.number() })).parse(said)).toEqual(meant);
  });

  test.for([
    [{ product: [one] }, [one]],
    [{ product: one }, [one]],
    [{ product: "" }, []],
    [[], []],
    ["", []],
    [undefined, []],
  ])("the wrapped list %j is %j", ([said, meant]) => {
    expect(wrapped("product", z.object({ pid: z.number() })).parse(said)).toEqual(meant);
  });
});
