import { METHODS } from "node:http";
import { gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { multipartBody } from "./hostile-forms.ts";
import { anyJson, bytesOf, type Example, inHeader, inPath, MARK, nearlyJson, text } from "./hostile-texts.ts";

/** A request as it goes out. `path` and the headers hold bytes, seen as Latin-1. */
export interface HostileRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
}

/** A call of the OpenAPI description. */
export interface Call {
  readonly method: string;
  /** With its parameters in braces. */
  readonly path: string;
  /** The media type of its body; null where it has none. */
  readonly type: string | null;
  readonly example: Example;
}

interface Description {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          { readonly requestBody?: { readonly content: Readonly<Record<string, { readonly example?: Example }>> } }
        >
      >
    >
  >;
}

/** Every call that the program says it has: a new one is tried by itself. */
export function callsOf({ paths }: Description): readonly Call[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { requestBody }]) => {
      const [[type, media] = [null, {}]] = Object.entries(requestBody?.content ?? {});
      return { method: method.toUpperCase(), path, type, example: media.example ?? null };
    }),
  );
}

/** What a stranger, or a client gone wrong, sends to `call`. `key`: the client's; `jobs`: some that there are. */
export function requestTo(call: Call, key: string, jobs: readonly string[]): fc.Arbitrary<HostileRequest> {
  const body: fc.Arbitrary<Pick<HostileRequest, "body" | "headers">> =
    call.type === null
      ? fc.oneof(
          { weight: 8, arbitrary: fc.constant({ body: null, headers: {} }) },
          { weight: 1, arbitrary: anyJson.map((json) => ({ body: Buffer.from(json), headers: {} })) },
        )
      : call.type === "application/json"
        ? typed(jsonBody(call.example), "application/json")
        : multipartBody(call.example);
  return fc
    .tuple(methodLike(call.method), pathLike(call.path, jobs), headersLike(key), body)
    .map(([method, path, headers, { body, headers: ofBody }]) => ({
      method,
      path,
      headers: { ...ofBody, ...headers },
      body,
    }));
}

const methodLike = (method: string) =>
  fc.oneof(
    { weight: 15, arbitrary: fc.constant(method) },
    { weight: 1, arbitrary: fc.constantFrom(...METHODS.filter((other) => other !== "CONNECT")) },
  );

/** What nobody has to have a key for, or what is nowhere. */
export const strayRequest = (key: string): fc.Arbitrary<HostileRequest> =>
  fc.record({
    method: fc.constantFrom("GET", "POST", "HEAD", "OPTIONS", "TRACE"),
    path: strayPath,
    headers: headersLike(key),
    body: fc.constantFrom(null, Buffer.from(MARK)),
  });

const strayPath: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    "/",
    "//",
    "/api",
    "/api/",
    "/API/orders",
    "/api/../metrics",
    "/api/%2e%2e/metrics",
    "/api/..%2f..%2fetc/passwd",
    "/api/jobs/%",
    "/api/jobs/%C0%AF",
    "/api/accounts/%ED%A0%80/status",
    "/api/jobs/%00",
    "/api/jobs/__proto__",
    "/salesforce/outbound-messages",
    "/salesforce/outbound-messages/%",
    "*",
    "http://127.0.0.1:1/api/orders",
    "/admin/queues/%",
    `/${"a".repeat(9000)}`,
  ),
  text.map((part) => inPath(`/api/${part}`)),
  text.map((part) => inPath(`/${part}`)),
);

function pathLike(path: string, jobs: readonly string[]): fc.Arbitrary<string> {
  const parameter = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...jobs, "0015g00000HjKlMAAV") },
    { weight: 3, arbitrary: text.map((value) => encodeURIComponent(value.toWellFormed())) },
    { weight: 1, arbitrary: text.map(inPath) },
  );
  const query = fc.oneof(
    { weight: 5, arbitrary: fc.constant("") },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom("count", "q", "__proto__[a]", "count[]"), text)
        .map(([name, value]) => inPath(`?${name}=${value}`)),
    },
    { weight: 1, arbitrary: fc.integer().map((count) => `?count=${String(count)}&count=2`) },
  );
  const right = fc
    .tuple(fc.array(parameter, { minLength: 3, maxLength: 3 }), query)
    .map(([values, query]) => path.replaceAll(/\{\w+\}/g, () => values.pop() ?? "x") + query);
  return fc.oneof(
    { weight: 15, arbitrary: right },
    {
      weight: 1,
      arbitrary: fc.constantFrom(`${path}/`, `${path}//`, path.toUpperCase(), `${path}%00`, `${path};a=b`, `/.${path}`),
    },
  );
}

function headersLike(key: string): fc.Arbitrary<Record<string, string>> {
  const usually = (value: string, others: fc.Arbitrary<string>) =>
    fc.oneof({ weight: 20, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: others });
  const rarely = (others: fc.Arbitrary<string>) =>
    fc.oneof({ weight: 15, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: others.map(inHeader) });
  const idempotency = fc.oneof(
    fc.nat(5).map((number) => `request-${String(number)}`),
    fc.constantFrom("", "two words", "k".repeat(255), "k".repeat(256), "é", MARK, "a, b"),
    text,
  );
  return fc
    .record({
      authorization: usually(
        `Bearer ${key}`,
        fc.oneof(
          fc.constantFrom(
            "",
            "Bearer",
            `bearer  ${key}`,
            `Basic ${key}`,
            `Bearer ${key}x`,
            `Bearer ${key}, Bearer ${key}`,
            `Bearer ${"k".repeat(8000)}`,
          ),
          text.map((value) => inHeader(`Bearer ${value}`)),
        ),
      ),
      "idempotency-key": fc.oneof(
        { weight: 6, arbitrary: fc.constant(null) },
        { weight: 1, arbitrary: idempotency.map(inHeader) },
      ),
      "x-request-id": rarely(text),
      "last-event-id": rarely(text),
      "x-http-method-override": rarely(fc.constantFrom("DELETE", "PUT")),
      "x-forwarded-for": rarely(text),
      "x-forwarded-host": rarely(text),
      accept: rarely(fc.constantFrom("text/html", "*/*;q=x", MARK)),
      "accept-encoding": rarely(fc.constantFrom("gzip, br", "identity;q=0")),
      cookie: rarely(text),
      range: rarely(fc.constantFrom("bytes=0-0", "bytes=9-1")),
      "if-none-match": rarely(fc.constantFrom("*", '"x"')),
      upgrade: rarely(fc.constantFrom("websocket", "h2c")),
      origin: rarely(fc.constantFrom("null", "https://elsewhere.example")),
    })
    .map((headers) =>
      Object.fromEntries(Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== null)),
    );
}

function typed(bodies: fc.Arbitrary<Buffer>, type: string): fc.Arbitrary<Pick<HostileRequest, "body" | "headers">> {
  const plain = fc.oneof(
    { weight: 25, arbitrary: fc.constant<Record<string, string>>({ "content-type": type }) },
    {
      weight: 2,
      arbitrary: fc.oneof(
        fc.constantFrom<Record<string, string>>(
          {},
          { "content-type": `${type}; charset=utf-16` },
          { "content-type": `${type};charset="utf-8";charset=latin1` },
          { "content-type": "application/x-www-form-urlencoded" },
          { "content-type": "multipart/form-data" },
          { "content-type": "multipart/form-data; boundary=" },
          { "content-type": type, "content-encoding": "br" },
          { "content-type": type, "content-encoding": "identity, gzip" },
        ),
        text.map((value) => ({ "content-type": inHeader(value) })),
      ),
    },
  );
  return fc.oneof(
    { weight: 30, arbitrary: fc.record({ body: bodies, headers: plain }) },
    {
      weight: 1,
      arbitrary: bodies.map((body) => ({
        body: gzipSync(body),
        headers: { "content-type": type, "content-encoding": "gzip" },
      })),
    },
  );
}

const DEEP = fc
  .constantFrom(10, 1000, 30_000)
  .chain((depth) =>
    fc.constantFrom(
      "[".repeat(depth) + "]".repeat(depth),
      "[".repeat(depth),
      `{"notes":${'{"a":'.repeat(depth / 10)}1${"}".repeat(depth / 10)}}`,
    ),
  );
/** Up to and over what a door takes, and what would be answered with one problem for each of its values. */
const LARGE = fc.constantFrom(
  JSON.stringify({ notes: "x".repeat(65_000) }),
  `${" ".repeat(65_530)}{}`,
  `${" ".repeat(70_000)}{}`,
  JSON.stringify({ items: Array.from({ length: 20_000 }, () => 1) }),
  JSON.stringify(Object.fromEntries(Array.from({ length: 6000 }, (_, at) => [`k${String(at)}`, 1]))),
);

function jsonBody(example: Example): fc.Arbitrary<Buffer> {
  return fc.oneof(
    { weight: 40, arbitrary: bytesOf(nearlyJson(example)) },
    { weight: 8, arbitrary: bytesOf(anyJson) },
    { weight: 1, arbitrary: DEEP.map((value) => Buffer.from(value)) },
    { weight: 1, arbitrary: LARGE.map((value) => Buffer.from(value)) },
  );
}
