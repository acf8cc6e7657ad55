import { describe, expect, it } from "vitest";
import { letter, mailAddress } from "../../src/domain/letter.ts";
import { openPersonal, sealingWith, sealPersonal } from "../../src/queues/sealing.ts";
import { EXAMPLES } from "../integrations/mail/examples.ts";

const letters = Object.entries(EXAMPLES);
/** Free text of several lines, which stands in the body alone. */
const PARAGRAPHS = ["comments"];

describe("a letter", () => {
  it.each(letters)("%s is taken as it is", (_, example) => {
    expect(letter.parse(example)).toEqual(example);
  });

  it.each(letters)("%s holds no fact that its template does not know", (_, example) => {
    expect(letter.safeParse({ ...example, password: "secret" }).success).toBe(false);
  });

  it.each(letters)("%s has no field that could forge a header", (_, example) => {
    for (const forged of withEveryText(example, (text) => `${text.slice(0, 4)}\r\nBcc: all@customer.example`)) {
      expect(letter.safeParse(forged.letter).success, forged.field).toBe(false);
    }
  });

  it.each(letters)("%s shows nothing of the customer once it is sealed", (_, example) => {
    const sealing = sealingWith([Buffer.alloc(32, 7)]);
    const sealed = sealPersonal(sealing, letter, example, "job");
    for (const personal of ["hanako@", "花子", "07012345678", "引っ越し"])
      expect(JSON.stringify(sealed)).not.toContain(personal);
    expect(letter.parse(openPersonal(sealing, sealed, "job"))).toEqual(letter.parse(example));
  });

  it("to the administrator never carries an address of its own", () => {
    expect(letter.safeParse({ ...EXAMPLES["admin-sim"], to: "someone@elsewhere.example" }).success).toBe(false);
    expect(letter.safeParse({ ...EXAMPLES["confirmed-sim"], to: "administrator" }).success).toBe(false);
  });
});

describe("an address", () => {
  it.each(["hanako@customer.example", "hanako.s+portal@docomo.ne.jp", "hanako..s.@docomo.ne.jp"])(
    "%s is taken",
    (address) => {
      expect(mailAddress.parse(address)).toBe(address);
    },
  );

  it.each([
    "",
    "hanako",
    "hanako@",
    "a@customer.example, b@customer.example",
    "Hanako <hanako@customer.example>",
    "hanako@customer.example\n",
    "hanako@customer.example\u0000",
    "hana ko@customer.example",
    `${"a".repeat(250)}@customer.example`,
  ])("%j is refused", (address) => {
    expect(mailAddress.safeParse(address).success).toBe(false);
  });
});

/** `value` once for each text in it, with that text changed. */
function* withEveryText(
  value: object,
  change: (text: string) => string,
): Generator<{ readonly field: string; readonly letter: unknown }> {
  for (const [name, part] of Object.entries(value) as [string, unknown][]) {
    if (PARAGRAPHS.includes(name)) continue;
    if (typeof part === "string") yield { field: name, letter: { ...value, [name]: change(part) } };
    if (typeof part !== "object" || part === null) continue;
    for (const inner of withEveryText(part, change)) {
      const changed = Array.isArray(part) ? Object.values(inner.letter as object) : inner.letter; // made from `part`
      yield { field: `${name}.${inner.field}`, letter: { ...value, [name]: changed } };
    }
  }
}
