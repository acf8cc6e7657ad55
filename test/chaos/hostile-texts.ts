import * as fc from "fast-check";

/** What stands in requests and must never come back in an answer. No field is called so, and it would be markup on a page. */
export const MARK = "<i>hostile 敵</i>";

/** The mark as an answer could hold it: as it is, as JSON, HTML or a URL writes it. */
export const MARKED = /(?:<|&lt;|%3C|\\u003c)i(?:>|&gt;|%3E|\\u003e)hostile/i;

const NASTY = [
  MARK,
  "",
  " ",
  "\0",
  "\uD800",
  "a\uDFFFb",
  "\uFEFF",
  "\u202Etxt.exe",
  "\u2028",
  "\u0085",
  "x@customer.example\r\nBcc: all@customer.example",
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "../../../../etc/passwd",
  "..\\..\\windows",
  "%00%2e%2e%2f",
  "' OR Id != '",
  "\\') LIMIT 1 --",
  "{{#each}}{{constructor}}",
  "${jndi:ldap://127.0.0.1/a}",
  "@{opp.id}",
  "sealed:v1:00000000:AAAA",
  "http://127.0.0.1:1/",
  'a:1:{i:0;O:8:"stdClass":0:{}}',
  "𠮷".repeat(300),
  "e\u0301\u0301\u0301".repeat(100),
  "9".repeat(400),
  " ".repeat(5000),
  `${"a".repeat(64)}@${"a.".repeat(120)}example`,
];

const anyCodeUnit = fc.integer({ min: 0, max: 0xff_ff }).map((code) => String.fromCodePoint(code));

/** Text that somebody might choose who means harm, or whose program is broken. */
export const text: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...NASTY) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 30 }) },
  { weight: 1, arbitrary: fc.string({ unit: anyCodeUnit, maxLength: 30 }) },
  { weight: 1, arbitrary: fc.string({ maxLength: 30 }) },
);

/** As the bytes of a header or a path can carry it: UTF-8, seen as Latin-1, without what ends a line. */
export const inHeader = (value: string): string =>
  Buffer.from(value.toWellFormed(), "utf8")
    .toString("latin1")
    .replaceAll(/[\0-\x08\n-\x1F\x7F]/g, ""); // oxlint-disable-line no-control-regex

/** What HTTP itself lets stand in an address: of the rest, Node hangs up before our program hears of it. */
export const inPath = (path: string) =>
  path.toWellFormed().replaceAll(/[^!-~]|#/gu, (character) => encodeURIComponent(character)) || "/";

const NUMBERS = [
  "0",
  "-0",
  "-1",
  "1.5",
  "1e400",
  "-1e400",
  "9007199254740993",
  "1E-400",
  "9".repeat(400),
  "0x10",
  "01",
  "NaN",
];

/** A value as JSON text, most of the time well-formed; keys may come twice, and be those that objects inherit. */
export const anyJson: fc.Arbitrary<string> = fc.letrec<{ value: string; list: string; object: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom("null", "true", "false", "", ...NUMBERS),
    text.map((value) => JSON.stringify(value)),
    tie("list"),
    tie("object"),
  ),
  list: fc.array(tie("value"), { maxLength: 4 }).map((items) => `[${items.join(",")}]`),
  object: fc
    .array(fc.tuple(text, tie("value")), { maxLength: 4 })
    .map((entries) => `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(",")}}`),
})).value;

export type Example = string | number | boolean | null | readonly Example[] | { readonly [name: string]: Example };

/** Records of an org: few, so that most requests meet others of theirs. */
const idLike = (example: string) => fc.nat(9).map((number) => `${example.slice(0, 14)}${String(number)}`);

/** `example` as JSON text with something wrong here or there, or nothing; null where it is left out. */
function nearly(example: Example): fc.Arbitrary<string | null> {
  return fc.oneof(
    { weight: 25, arbitrary: kept(example) },
    { weight: 1, arbitrary: anyJson },
    { weight: 1, arbitrary: fc.constant(null) },
  );
}

function kept(example: Example): fc.Arbitrary<string> {
  if (Array.isArray(example)) {
    const items: readonly Example[] = example;
    return fc.tuple(...items.map(nearly)).map((parts) => `[${parts.filter((part) => part !== null).join(",")}]`);
  }
  if (typeof example === "object" && example !== null) {
    const entries = Object.entries(example).map(([name, value]) =>
      nearly(value).map((part) => (part === null ? null : `${JSON.stringify(name)}:${part}`)),
    );
    const more = fc.oneof(
      { weight: 10, arbitrary: fc.constant(null) },
      { weight: 1, arbitrary: fc.tuple(text, anyJson).map(([name, value]) => `${JSON.stringify(name)}:${value}`) },
      { weight: 1, arbitrary: fc.constantFrom('"__proto__":{"admin":true}', '"constructor":{"prototype":{"a":1}}') },
    );
    return fc.tuple(...entries, more).map((parts) => `{${parts.filter((part) => part !== null).join(",")}}`);
  }
  if (typeof example !== "string") return fc.constant(JSON.stringify(example));
  const same = /^[0-9a-zA-Z]{18}$/.test(example) ? idLike(example) : fc.constant(example);
  return fc
    .oneof({ weight: 12, arbitrary: same }, { weight: 1, arbitrary: text.map((more) => example + more) })
    .map((value) => JSON.stringify(value));
}

/** A body that is almost what a route takes. */
export const nearlyJson = (example: Example): fc.Arbitrary<string> => kept(example);

/** Text as bytes, most often as it should be. */
export function bytesOf(texts: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  const cut = fc.double({ min: 0, max: 1, noNaN: true });
  return fc.oneof(
    { weight: 30, arbitrary: texts.map((value) => Buffer.from(value)) },
    { weight: 1, arbitrary: texts.map((value) => Buffer.from(value, "utf16le")) },
    { weight: 1, arbitrary: texts.map((value) => Buffer.from(`\uFEFF${value}`, "utf16le").swap16()) },
    { weight: 1, arbitrary: texts.map((value) => Buffer.from(value, "latin1")) },
    { weight: 1, arbitrary: texts.map((value) => Buffer.from(`\uFEFF${value}`)) },
    { weight: 1, arbitrary: fc.tuple(texts, cut).map(([value, at]) => Buffer.from(value.slice(0, value.length * at))) },
    {
      weight: 1,
      arbitrary: fc.tuple(texts, cut, fc.uint8Array({ minLength: 1, maxLength: 4 })).map(([value, at, junk]) => {
        const bytes = Buffer.from(value);
        const place = Math.floor(bytes.length * at);
        return Buffer.concat([bytes.subarray(0, place), junk, bytes.subarray(place)]);
      }),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)) },
  );
}
