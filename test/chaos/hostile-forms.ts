import * as fc from "fast-check";
import type { HostileRequest } from "./hostile-requests.ts";
import { type Example, MARK, text } from "./hostile-texts.ts";

const JPEG = Buffer.from("ffd8ffe000104a46494600010100000100010000", "hex");

/** A form that is almost what a route takes, or not one at all. */
export function multipartBody(example: Example): fc.Arbitrary<Pick<HostileRequest, "body" | "headers">> {
  const fields = typeof example === "object" && example !== null ? Object.entries(example) : [];
  const value = fc.oneof(
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        ...fields.map(([, given]) => (typeof given === "string" ? given : JSON.stringify(given))),
        "001!",
      ),
    },
    { weight: 1, arbitrary: text },
  );
  const content = fc.oneof(
    { weight: 2, arbitrary: fc.nat(9).map((number) => Buffer.concat([JPEG, Buffer.alloc(100, number)])) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(Buffer.from("%PDF-1.7\n%"), Buffer.alloc(0), Buffer.alloc(70_000), Buffer.from(MARK)),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
  );
  const name = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom("file", ...fields.map(([field]) => field)) },
    { weight: 1, arbitrary: text },
  );
  const part = fc.oneof(
    {
      weight: 2,
      arbitrary: fc.tuple(name, value).map(([name, value]) => partOf(`name="${name}"`, Buffer.from(value))),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(name, text, content)
        .map(([name, file, bytes]) =>
          partOf(`name="${name}"; filename="${file}"`, bytes, "Content-Type: image/jpeg\r\n"),
        ),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(text, content)
        .map(([rest, bytes]) => partOf(rest, bytes, "Content-Transfer-Encoding: base64\r\n")),
    },
  );
  const right = fc
    .record({ account: fc.nat(9), content })
    .map(({ account, content }) => [
      partOf('name="accountId"', Buffer.from(`0015g00000HjKl${String(account)}`)),
      partOf('name="file"; filename="card.jpg"', content),
    ]);
  const parts = fc.oneof(
    { weight: 3, arbitrary: right },
    { weight: 4, arbitrary: fc.array(part, { maxLength: 5 }) },
    { weight: 1, arbitrary: part.map((one) => Array.from({ length: 40 }, () => one)) },
  );
  const end = fc.constantFrom(
    `--${BOUNDARY}--\r\n`,
    `--${BOUNDARY}--\r\n`,
    `--${BOUNDARY}--\r\n`,
    `--${BOUNDARY}`,
    "",
    "\r\n\r\n",
  );
  const type = fc.oneof(
    { weight: 15, arbitrary: fc.constant(`multipart/form-data; boundary=${BOUNDARY}`) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        "multipart/form-data",
        "multipart/form-data; boundary=other",
        `multipart/mixed; boundary=${BOUNDARY}`,
        "application/json",
        `multipart/form-data; boundary=${"b".repeat(300)}`,
      ),
    },
  );
  return fc.tuple(parts, end, type).map(([parts, end, type]) => ({
    body: Buffer.concat([...parts, Buffer.from(end)]),
    headers: { "content-type": type },
  }));
}

const BOUNDARY = "the-boundary";
const partOf = (disposition: string, content: Buffer, more = "") =>
  Buffer.concat([
    Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; ${disposition}\r\n${more}\r\n`),
    content,
    Buffer.from("\r\n"),
  ]);
