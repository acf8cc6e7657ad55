import { describe, expect, test } from "vitest";
import {
  billingCycle,
  customFields,
  form,
  serialize,
  type PhpArray,
} from "../../../src/integrations/whmcs/encoding.ts";

describe("custom fields are what PHP itself would make of them", () => {
  const rows: readonly (readonly [string, PhpArray, string])[] = [
    ["a number as key", { "1": "Google" }, 'a:1:{i:1;s:6:"Google";}'],
    [
      "lengths in bytes, not characters",
      { 12: "東京都", 13: "006xx000001" },
      'a:2:{i:12;s:9:"東京都";i:13;s:11:"006xx000001";}',
    ],
    ["an option inside", { 7: { optionid: 3, qty: 2 } }, 'a:1:{i:7;a:2:{s:8:"optionid";i:3;s:3:"qty";i:2;}}'],
    ["nothing", {}, "a:0:{}"],
    ["a key that only looks like a number", { "013": "z" }, 'a:1:{s:3:"013";s:1:"z";}'],
    ["a key beyond 64 bits", { "9223372036854775808": "z" }, 'a:1:{s:19:"9223372036854775808";s:1:"z";}'],
    ["a name as key", { OpportunityId: "0065g" }, 'a:1:{s:13:"OpportunityId";s:5:"0065g";}'],
    ["quotes, which PHP does not escape", { 1: 'a"b' }, 'a:1:{i:1;s:3:"a"b";}'],
  ];
  test.for(rows)("%s", ([, fields, serialized]) => {
    expect(serialize(fields)).toBe(serialized);
  });

  test("then in padded base64", () => {
    expect(customFields({ "1": "Google" })).toBe("YToxOntpOjE7czo2OiJHb29nbGUiO30=");
    expect(customFields({ 12: "東京都", 13: "006xx000001" })).toBe(
      "YToyOntpOjEyO3M6OToi5p2x5Lqs6YO9IjtpOjEzO3M6MTE6IjAwNnh4MDAwMDAxIjt9",
    );
  });

  test("half a number is refused", () => {
    expect(() => serialize({ 1: 1.5 })).toThrow(TypeError);
  });
});

test("a form numbers the lines of an order, leaves out what is absent, and keeps base64's plus signs", () => {
  const params = form({
    action: "AddOrder",
    accesskey: undefined,
    pid: [11, 13],
    addons: [null, "7,8"],
    customfields: ["a+b=", null],
  });
  expect(params.toString()).toBe(
    "action=AddOrder&pid%5B0%5D=11&pid%5B1%5D=13&addons%5B1%5D=7%2C8&customfields%5B0%5D=a%2Bb%3D",
  );
});

describe("a billing cycle in anyone's spelling", () => {
  test.for([
    ["Monthly", "monthly"],
    ["One-Time", "onetime"],
    ["Onetime", "onetime"],
    ["one time", "onetime"],
    ["Semi-Annually", "semiannually"],
    ["QUARTERLY", "quarterly"],
    ["Triennially", "triennially"],
  ] as const)("%s is %s", ([spelt, word]) => {
    expect(billingCycle(spelt)).toBe(word);
  });
  test.for(["", "Weekly", "monthly?"])("%j is none", (spelt) => {
    expect(billingCycle(spelt)).toBeNull();
  });
});
