/** PHP's `unserialize`, strict: string lengths count UTF-8 bytes, and one wrong length makes the whole thing nothing. */

type PhpScalar = string | number | boolean | null;
export type Unserialized = PhpScalar | Map<string, Unserialized>;

class Malformed extends Error {}

/** The value, or undefined where PHP's own `unserialize` returns false with a notice. */
export function unserialize(text: string): Unserialized | undefined {
  const bytes = Buffer.from(text, "utf8");
  let at = 0;

  const expect = (literal: string) => {
    if (bytes.toString("latin1", at, at + literal.length) !== literal) throw new Malformed();
    at += literal.length;
  };
  const until = (end: string, shape: RegExp): string => {
    const stop = bytes.indexOf(end, at, "latin1");
    const found = stop === -1 ? "" : bytes.toString("latin1", at, stop);
    if (!shape.test(found)) throw new Malformed();
    at = stop + end.length;
    return found;
  };
  const string = (): string => {
    const length = Number(until(":", /^\d+$/));
    expect('"');
    if (at + length > bytes.length) throw new Malformed();
    const value = bytes.toString("utf8", at, at + length);
    at += length;
    expect('";');
    return value;
  };
  const array = (): Map<string, Unserialized> => {
    const length = Number(until(":", /^\d+$/));
    expect("{");
    const entries = new Map<string, Unserialized>();
    for (let n = 0; n < length; n++) {
      const key = value();
      if (typeof key !== "string" && typeof key !== "number") throw new Malformed();
      entries.set(String(key), value());
    }
    expect("}");
    return entries;
  };
  const value = (): Unserialized => {
    const type = bytes.toString("latin1", at, at + 1);
    at += 1;
    if (type === "N") {
      expect(";");
      return null;
    }
    expect(":");
    switch (type) {
      case "s":
        return string();
      case "i":
        return Number(until(";", /^[+-]?\d+$/));
      case "d":
        return Number(until(";", /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/));
      case "b":
        return until(";", /^[01]$/) === "1";
      case "a":
        return array();
      default:
        throw new Malformed();
    }
  };

  try {
    const whole = value();
    return at === bytes.length ? whole : undefined;
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

/** What WHMCS does with `customfields`: base64, then unserialize; anything else counts as nothing given. */
export function serializedFields(base64: string): ReadonlyMap<string, string> {
  const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64);
  const given = isBase64 ? unserialize(Buffer.from(base64, "base64").toString("utf8")) : undefined;
  if (!(given instanceof Map)) return new Map();
  return new Map(
    [...given].flatMap(([key, value]) =>
      value === null || value instanceof Map ? [] : [[key, String(value)] as const],
    ),
  );
}
