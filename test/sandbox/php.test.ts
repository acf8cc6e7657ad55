import { describe, expect, it } from "vitest";
import { parsePhpForm } from "../../src/sandbox/whmcs/php-form.ts";
import { serializedFields, unserialize } from "../../src/sandbox/whmcs/php-unserialize.ts";

describe("a form, as PHP reads it", () => {
  it.each([
    [
      "plain values, the last of a name",
      "a=1&b=2&a=3",
      [
        ["a", "3"],
        ["b", "2"],
      ],
    ],
    [
      "lists with and without a number",
      "pid[0]=11&pid[]=13&pid[5]=21&pid[]=31",
      [
        [
          "pid",
          new Map([
            ["0", "11"],
            ["1", "13"],
            ["5", "21"],
            ["6", "31"],
          ]),
        ],
      ],
    ],
    [
      "names in names",
      "a[b][c]=1&a[b][d]=2",
      [
        [
          "a",
          new Map([
            [
              "b",
              new Map([
                ["c", "1"],
                ["d", "2"],
              ]),
            ],
          ]),
        ],
      ],
    ],
    [
      "plus signs, escapes and Japanese",
      "a=x+y%2B%E6%9D%B1&b=東",
      [
        ["a", "x y+東"],
        ["b", "東"],
      ],
    ],
    ["dots as underscores", "a.b=1", [["a_b", "1"]]],
    [
      "names without a value",
      "a&b=",
      [
        ["a", ""],
        ["b", ""],
      ],
    ],
  ])("%s", (_, body, expected) => {
    expect([...parsePhpForm(body)]).toEqual(expected);
  });
});

describe("unserialize", () => {
  it.each<[string, unknown]>([
    ['a:1:{i:1;s:6:"Google";}', new Map([["1", "Google"]])],
    [
      'a:2:{i:12;s:9:"東京都";i:13;s:11:"006xx000001";}',
      new Map([
        ["12", "東京都"],
        ["13", "006xx000001"],
      ]),
    ],
    [
      'a:1:{i:7;a:2:{s:8:"optionid";i:3;s:3:"qty";i:2;}}',
      new Map([
        [
          "7",
          new Map([
            ["optionid", 3],
            ["qty", 2],
          ]),
        ],
      ]),
    ],
    ["a:0:{}", new Map()],
    ['a:1:{s:3:"013";s:1:"z";}', new Map([["013", "z"]])],
    ['s:4:"a";b";', 'a";b'],
    ["b:1;", true],
    ["N;", null],
  ])("reads %s", (text, value) => {
    expect(unserialize(text)).toEqual(value);
  });

  it.each([
    ["characters counted for bytes", 's:3:"東京都";'],
    ["one byte too few", 's:5:"Google";'],
    ["a missing end", 'a:1:{i:1;s:6:"Google";'],
    ["something after the end", "i:1;i:2;"],
    ["fewer entries than promised", 'a:2:{i:1;s:1:"a";}'],
    ["an object", 'O:3:"Foo":0:{}'],
    ["nothing", ""],
  ])("reads nothing from %s", (_, text) => {
    expect(unserialize(text)).toBeUndefined();
  });

  it("counts what is not base64 as nothing given", () => {
    expect(serializedFields("YToxOntpOjE7czo2OiJHb29nbGUiO30=")).toEqual(new Map([["1", "Google"]]));
    expect(serializedFields("YToxOntpOjE7czo2OiJHb29nbGUiO30")).toEqual(new Map());
    expect(serializedFields("not base64!")).toEqual(new Map());
  });
});
