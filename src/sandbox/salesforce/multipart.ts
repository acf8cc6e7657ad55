import { SalesforceError } from "./errors.ts";

/** `multipart/form-data`, as Salesforce takes a record with a binary field: the parts in any order. */

const refused = (message: string) => new SalesforceError("INVALID_MULTIPART_REQUEST", message);
const LINE = Buffer.from("\r\n");
const HEAD_END = Buffer.from("\r\n\r\n");

interface Part {
  readonly name: string;
  readonly fileName: string | undefined;
  readonly isJson: boolean;
  readonly content: Buffer;
}

function partOf(bytes: Buffer): Part {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd === -1) throw refused("A part of the multipart message has no headers");
  const head = bytes.toString("utf8", 0, headEnd);
  const disposition = /^content-disposition:\s*form-data\s*;(.*)$/im.exec(head)?.[1] ?? "";
  const parameter = (name: string) => new RegExp(`(?:^|[;\\s])${name}="([^"]*)"`, "i").exec(disposition)?.[1];
  const name = parameter("name");
  if (name === undefined) throw refused("A part of the multipart message has no name");
  return {
    name,
    fileName: parameter("filename"),
    isJson: /^content-type:\s*application\/json\b/im.test(head),
    content: bytes.subarray(headEnd + HEAD_END.length),
  };
}

/** The parts between the boundaries; what stands before the first and after the last is nobody's. */
function partsOf(body: Buffer, boundary: string): readonly Part[] {
  const mark = Buffer.from(`--${boundary}`);
  const between = Buffer.concat([LINE, mark]);
  const parts: Part[] = [];
  let at = body.subarray(0, mark.length).equals(mark) ? 0 : body.indexOf(between) + LINE.length;
  if (at === 1) throw refused("The multipart message does not begin with its boundary");
  for (;;) {
    const start = at + mark.length;
    if (body.toString("latin1", start, start + 2) === "--") return parts;
    const end = body.indexOf(between, start);
    if (end === -1) throw refused("The multipart message has no end");
    parts.push(partOf(body.subarray(body.indexOf(LINE, start) + LINE.length, end)));
    at = end + LINE.length;
  }
}

/** The record in the JSON part, with each binary part under its field's name in base64. Throws INVALID_MULTIPART_REQUEST. */
export function multipartRecord(body: Buffer, contentType: string): unknown {
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType) ?? [];
  const boundary = quoted ?? plain;
  if (boundary === undefined) throw refused("The multipart message names no boundary");
  const parts = partsOf(body, boundary);
  const [entity, ...others] = parts.filter(({ fileName }) => fileName === undefined);
  if (entity?.isJson !== true || others.length > 0)
    throw refused("Multipart message must include exactly one non-binary part, of type application/json");
  let record: unknown;
  try {
    record = JSON.parse(entity.content.toString("utf8"));
  } catch {
    throw new SalesforceError("JSON_PARSER_ERROR", "Unexpected character at [line:1, column:1]");
  }
  const files = parts.filter(({ fileName }) => fileName !== undefined);
  return {
    ...(typeof record === "object" ? record : {}),
    ...Object.fromEntries(files.map(({ name, content }) => [name, content.toString("base64")])),
  };
}
