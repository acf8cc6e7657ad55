import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

/** Why a body could not be taken. The doors answer each in their own form. */
export type BodyFault = "type" | "encoding" | "too-large" | "too-slow" | "cut-off" | "not-utf8" | "malformed-multipart";

export class BodyError extends Error {
  readonly fault: BodyFault;
  constructor(fault: BodyFault, detail: string) {
    super(detail);
    this.name = "BodyError";
    this.fault = fault;
  }
}

export interface BodyRules {
  /** Media types in lower case, e.g. `application/json`. */
  readonly types: readonly string[];
  readonly typeRequired: boolean;
  readonly mostBytes: number;
  /** From the first look at the body to its last byte, in milliseconds. */
  readonly deadlineMs: number;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The body as text, without a byte order mark. Throws `BodyError`; the type is judged before a byte is read. */
export async function readText(request: IncomingMessage, rules: BodyRules): Promise<string> {
  checkType(request.headers, rules);
  const bytes = await readBytes(request, rules);
  try {
    return utf8.decode(bytes);
  } catch {
    throw new BodyError("not-utf8", "The body is not valid UTF-8.");
  }
}

/** Throws `BodyError` where the body is of another type, or encoded, before a byte of it is read. */
export function checkType(
  headers: IncomingHttpHeaders,
  { types, typeRequired }: Pick<BodyRules, "types" | "typeRequired">,
): void {
  const given = headers["content-type"];
  if (given === undefined) {
    if (typeRequired) throw new BodyError("type", `Content-Type is missing: it must be ${types.join(" or ")}.`);
  } else if (!types.includes(given)) {
    const [type = "", ...parameters] = given.toLowerCase().split(";");
    if (!types.includes(type.trim())) throw new BodyError("type", `Content-Type must be ${types.join(" or ")}.`);
    const charset = parameters
      .map((parameter) => parameter.trim())
      .find((parameter) => parameter.startsWith("charset="));
    if (charset !== undefined && !/^charset="?utf-?8"?$/.test(charset))
      throw new BodyError("encoding", "The charset must be utf-8.");
  }
  const encoding = headers["content-encoding"];
  // A compressed body could unfold to a thousand times its size, and nothing sent here is large enough to gain by it.
  if (encoding !== undefined && encoding.toLowerCase() !== "identity")
    throw new BodyError("encoding", "Send the body without Content-Encoding.");
}

/** Past the limit nothing is kept; Node reads the rest away, so that the caller hears the answer instead of a reset. */
function readBytes(request: IncomingMessage, { mostBytes, deadlineMs }: BodyRules): Promise<Buffer> {
  const tooLarge = () => new BodyError("too-large", `The body may have ${String(mostBytes)} bytes at most.`);
  return new Promise((resolve, reject) => {
    if (Number(request.headers["content-length"]) > mostBytes) return reject(tooLarge());
    const chunks: Buffer[] = [];
    let size = 0;
    const fail = (error: BodyError) => {
      clearTimeout(deadline);
      chunks.length = 0;
      reject(error);
    };
    const deadline = setTimeout(
      () => fail(new BodyError("too-slow", `The body did not arrive within ${String(deadlineMs / 1000)} seconds.`)),
      deadlineMs,
    );
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= mostBytes) chunks.push(chunk);
      else fail(tooLarge());
    });
    request.once("end", () => {
      clearTimeout(deadline);
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    });
    // "close" ends every request: only where the body is not complete is it news, and an error costs more than all the rest.
    request.once("close", () => {
      if (!request.complete) fail(new BodyError("cut-off", "The connection closed before the body was complete."));
    });
  });
}
