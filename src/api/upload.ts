import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import busboy from "busboy";
import { DOCUMENT_EXTENSIONS, type StoredDocument } from "../domain/document.ts";
import { UnavailableError } from "../domain/errors.ts";
import type { Documents } from "../integrations/documents/documents.ts";
import { BodyError, checkType } from "./body.ts";
import { documentTypeOf, SNIFFED_BYTES } from "./document-type.ts";
import { unknownField } from "./field-problems.ts";
import { type FieldProblem, Problem } from "./problem.ts";

export interface UploadRules {
  /** The names of the text fields that are known, beside the one document in `file`. */
  readonly fields: readonly string[];
  /** The largest document. */
  readonly mostBytes: number;
  /** From the first look at the body to its last byte, in milliseconds. */
  readonly deadlineMs: number;
}

/** The contract's limit, and a minute for it: slower than 1.4 Mbit/s a document would not have arrived. */
export const DOCUMENT_RULES: Pick<UploadRules, "mostBytes" | "deadlineMs"> = {
  mostBytes: 10 * 1024 * 1024,
  deadlineMs: 60_000,
};

export interface Upload {
  /** The text fields that are known, as they came. */
  readonly fields: Readonly<Record<string, string>>;
  /** Null where `problems` has any. */
  readonly document: StoredDocument | null;
  readonly problems: readonly FieldProblem[];
}

/** All that is in a body beside the document: the boundaries, the parts' headers, the fields. */
const MOST_BYTES_AROUND = 64 * 1024;
/** Of each sort, files and fields. */
const MOST_PARTS = 20;
const MOST_FIELD_BYTES = 1024;

/**
 * Reads a multipart body: its one document goes to `store` as it arrives, its fields are told. The document's type is
 * told by its content; what the caller calls it, and the name that the file had, are not looked at.
 *
 * Throws `BodyError` for a body that cannot be taken at all, and the problem `not-accepted` where the store is away.
 * Whatever it throws, and where there are problems, nothing of the document stays. The caller must erase a document
 * that it got and makes no job of.
 */
export async function readUpload(request: IncomingMessage, rules: UploadRules, store: Documents): Promise<Upload> {
  checkType(request.headers, { types: ["multipart/form-data"], typeRequired: true });
  if (Number(request.headers["content-length"]) > rules.mostBytes + MOST_BYTES_AROUND) throw tooLarge(rules);
  const form = openForm(request.headers);
  const body = Promise.withResolvers<void>();

  const problems: FieldProblem[] = [];
  const problem = (path: string, message: string) => problems.push({ path, message });
  const fields = new Map<string, string>();
  const taking: Promise<StoredDocument | string>[] = []; // one at most

  // Where a part has no name, or text cannot be decoded, busboy gives `undefined`, which its types keep quiet about.
  form.on("field", (name: string | undefined, value: string | undefined, { valueTruncated }) => {
    if (name === "file") problem("file", "must be a file");
    else if (name === undefined || !rules.fields.includes(name)) problems.push(unknownField(name ?? ""));
    else if (fields.has(name)) problem(name, "is given more than once");
    else if (value === undefined || value.includes("\uFFFD")) problem(name, "must be text in UTF-8");
    else if (valueTruncated) problem(name, `must have ${String(MOST_FIELD_BYTES)} bytes at most`);
    else fields.set(name, value);
  });
  form.on("file", (name: string | undefined, file) => {
    file.once("error", () => body.reject(malformed()));
    if (name === "file" && taking.length === 0) {
      const taken = take(file, rules, store);
      taken.catch(body.reject);
      taking.push(taken);
      return;
    }
    if (name === "file") problem("file", "is given more than once");
    else if (name === undefined || !rules.fields.includes(name)) problems.push(unknownField(name ?? ""));
    else problem(name, "must be text, not a file");
    file.resume();
  });
  for (const limit of ["filesLimit", "fieldsLimit"] as const)
    form.once(limit, () => problem("", "has more parts than any upload needs"));
  form.once("close", body.resolve);
  form.on("error", () => body.reject(malformed())); // its own words quote headers

  try {
    await arrival(request, form, rules, body);
    const [taken] = await Promise.all(taking);
    if (typeof taken === "string") problem("file", taken);
    if (taken === undefined && !problems.some(({ path }) => path === "file")) problem("file", "is required");
    if (problems.length > 0) await forget(taking, store);
    const document = problems.length > 0 || taken === undefined || typeof taken === "string" ? null : taken;
    return { fields: Object.fromEntries(fields), document, problems };
  } catch (error) {
    form.destroy(); // and with it the file that is being taken
    await forget(taking, store);
    if (error instanceof UnavailableError) throw notStored(error);
    throw error;
  }
}

function openForm(headers: IncomingHttpHeaders): busboy.Busboy {
  try {
    // A byte more than is allowed: busboy cannot tell what is as large as its limit from what is larger.
    const limits = { fields: MOST_PARTS, fieldSize: MOST_FIELD_BYTES + 1, files: MOST_PARTS };
    return busboy({ headers, limits });
  } catch {
    throw malformed();
  }
}

/** Settles with `body`. Past a limit Node reads the rest away, so that the caller hears the answer instead of a reset. */
async function arrival(
  request: IncomingMessage,
  form: busboy.Busboy,
  rules: UploadRules,
  body: PromiseWithResolvers<void>,
): Promise<void> {
  let size = 0;
  const measure = (chunk: Buffer) => {
    size += chunk.length;
    if (size > rules.mostBytes + MOST_BYTES_AROUND) body.reject(tooLarge(rules));
  };
  const closed = () => {
    if (!request.complete) body.reject(new BodyError("cut-off", "The connection closed before the body was complete."));
  };
  const deadline = setTimeout(() => {
    const seconds = String(rules.deadlineMs / 1000);
    body.reject(new BodyError("too-slow", `The body did not arrive within ${seconds} seconds.`));
  }, rules.deadlineMs);
  request.on("data", measure).once("close", closed);
  request.pipe(form);
  if (request.destroyed) closed();
  try {
    await body.promise;
  } finally {
    clearTimeout(deadline);
    request.off("data", measure).off("close", closed).unpipe(form);
    request.resume();
  }
}

/** Stores what proves to be a document. Gives, in words, what is wrong with it otherwise, with the rest read away. */
async function take(file: Readable, rules: UploadRules, store: Documents): Promise<StoredDocument | string> {
  const chunks: AsyncIterableIterator<Buffer> = file.iterator({ destroyOnReturn: false });
  const head: Buffer[] = [];
  let size = 0;
  while (size < SNIFFED_BYTES) {
    const next = await chunks.next();
    if (next.done === true) break;
    head.push(next.value);
    size += next.value.length;
  }
  if (size === 0) return "must not be empty";
  const type = await documentTypeOf(Buffer.concat(head));
  if (type === null) {
    while ((await chunks.next()).done !== true);
    return "must be a JPEG, PNG, WebP, HEIC or PDF by its content";
  }
  const stored = await store.put(whole(head, chunks, rules));
  return { ...stored, extension: DOCUMENT_EXTENSIONS[type] };
}

async function* whole(head: readonly Buffer[], rest: AsyncIterable<Buffer>, rules: UploadRules) {
  let size = 0;
  const measured = (chunk: Buffer) => {
    size += chunk.length;
    if (size > rules.mostBytes) throw tooLarge(rules);
    return chunk;
  };
  for (const chunk of head) yield measured(chunk);
  for await (const chunk of rest) yield measured(chunk);
}

/** Waits until the document is stored or not, and erases it. What cannot be erased now, the sweep finds. */
async function forget(taking: readonly Promise<StoredDocument | string>[], store: Documents): Promise<void> {
  for (const taken of await Promise.allSettled(taking)) {
    if (taken.status === "fulfilled" && typeof taken.value !== "string")
      await store.erase(taken.value.id).catch(() => {});
  }
}

const tooLarge = ({ mostBytes }: UploadRules) =>
  new BodyError("too-large", `The document may have ${String(mostBytes)} bytes at most.`);
const malformed = () =>
  new BodyError("malformed-multipart", "The body cannot be read as multipart/form-data with the boundary it names.");

const RETRY_AFTER_SECONDS = 5;

function notStored(error: UnavailableError): Problem {
  return new Problem("not-accepted", "The document could not be stored at the moment. Send the same request again.", {
    cause: error,
    headers: { "retry-after": String(RETRY_AFTER_SECONDS) },
  });
}
