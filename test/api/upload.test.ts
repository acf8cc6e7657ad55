import { hash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import express from "express";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { beginExchange } from "../../src/api/exchange.ts";
import { answerFailure } from "../../src/api/failures.ts";
import { DOCUMENT_RULES, readUpload, type UploadRules } from "../../src/api/upload.ts";
import { storedDocument } from "../../src/domain/document.ts";
import { type Documents, openDocuments } from "../../src/integrations/documents/documents.ts";
import { settingsFor } from "../integrations/documents/places.ts";

/** The beginnings by which each sort of file is known, made as long as a small scan. */
const scan = (beginning: Buffer | string) => Buffer.concat([Buffer.from(beginning), Buffer.alloc(20_000, 0x5a)]);
const heif = (brand: string) => scan(`\0\0\0\u0018ftyp${brand}\0\0\0\0mif1heic`);
const JPEG = scan(Buffer.from("ffd8ffe000104a46494600010100000100010000", "hex"));
const PNG = scan(Buffer.from("89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de", "hex"));
const WEBP = scan("RIFF\u0010N\0\0WEBPVP8 ");
const PDF = scan("%PDF-1.7\n%");
let server: Server;
let port: number;
let root: string;
let documents: Documents;
/** What `readUpload` gave or threw, in order. */
let heard: unknown[];
let rules: UploadRules;

const usual: UploadRules = { ...DOCUMENT_RULES, fields: ["accountId", "autoApproved"] };

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), "uploads-"));
  documents = openDocuments({ settings: settingsFor({ DATA_DIR: root })() });
  const app = express();
  app.use(beginExchange);
  app.post("/upload", async (request, response) => {
    const upload = await readUpload(request, rules, documents).catch((error: unknown) => {
      heard.push(error);
      throw error;
    });
    heard.push(upload);
    response.json(upload);
  });
  app.use(answerFailure);
  server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the test server has no port");
  ({ port } = address);
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(root, { recursive: true });
});
beforeEach(async () => {
  heard = [];
  rules = usual;
  await rm(path.join(root, "documents"), { recursive: true, force: true });
});

/** Every file that is in the store, whole or not. */
const stored = () => readdir(path.join(root, "documents")).catch(() => []);

type Part = readonly [name: string, value: string | Buffer, fileName?: string];
async function upload(...parts: readonly Part[]) {
  const form = new FormData();
  for (const [name, value, fileName] of parts) {
    if (typeof value === "string") form.append(name, value);
    else form.append(name, new Blob([value], { type: "text/html" }), fileName ?? "card.exe");
  }
  const answer = await fetch(`http://127.0.0.1:${String(port)}/upload`, { method: "POST", body: form });
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Record<string, unknown> };
}

const ACCOUNT: Part = ["accountId", "0015g00000HjKlMAAV"];

describe("an upload", () => {
  it.each([
    { type: "image/jpeg", extension: "jpg", file: JPEG },
    { type: "image/png", extension: "png", file: PNG },
    { type: "image/webp", extension: "webp", file: WEBP },
    { type: "image/heic", extension: "heic", file: heif("heic") },
    { type: "image/heif", extension: "heif", file: heif("mif1") },
    { type: "application/pdf", extension: "pdf", file: PDF },
  ])("of $type is told by its content and stored", async ({ extension, file }) => {
    const { status, body } = await upload(ACCOUNT, ["file", file], ["autoApproved", "true"]);
    expect(status).toBe(200);
    expect(body).toEqual({
      fields: { accountId: "0015g00000HjKlMAAV", autoApproved: "true" },
      document: {
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        bytes: file.length,
        sha256: hash("sha256", file),
        md5: hash("md5", file),
        extension,
      },
      problems: [],
    });
    const { id } = storedDocument.parse(body["document"]);
    expect(Buffer.concat(await documents.open(id)).equals(file)).toBe(true);
  });

  it("may begin with the file, as short as it likes", async () => {
    const { body } = await upload(["file", Buffer.from("%PDF-1.4\n")], ACCOUNT);
    expect(body).toMatchObject({ document: { bytes: 9, extension: "pdf" }, problems: [] });
  });

  it("keeps neither the name of the file nor a byte of it in plain", async () => {
    const secret = Buffer.concat([PDF, Buffer.from("TARO YAMADA ".repeat(1000))]);
    const { body } = await upload(ACCOUNT, ["file", secret, "taro-yamada.pdf"]);
    expect(JSON.stringify(body)).not.toMatch(/taro/i);
    const [file = "none", ...others] = await stored();
    expect(others).toEqual([]);
    expect(file).not.toMatch(/taro/i);
    expect((await readFile(path.join(root, "documents", file))).includes("TARO")).toBe(false);
  });

  it("holds 10 MiB, and not a byte more", async () => {
    const most = Buffer.concat([PDF, Buffer.alloc(10 * 1024 * 1024 - PDF.length)]);
    expect(await upload(ACCOUNT, ["file", most])).toMatchObject({
      status: 200,
      body: { document: { bytes: 10485760 } },
    });
    await rm(path.join(root, "documents"), { recursive: true });

    const { status, body } = await upload(ACCOUNT, ["file", Buffer.concat([most, Buffer.of(0)])]);
    expect({ status, ...body }).toMatchObject({
      status: 413,
      code: "too-large",
      detail: "The document may have 10485760 bytes at most.",
    });
    expect(await stored()).toEqual([]);
  });

  it("that says to be far too large is refused before it comes", async () => {
    const socket = connect(port, "127.0.0.1");
    socket.write(head("content-length: 20000000"));
    const [answer] = (await once(socket, "data")) as [Buffer]; // a socket without an encoding gives buffers
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 413 /);
    expect(await stored()).toEqual([]);
    socket.destroy();
  });

  it("that turns out to be far too large is read away, so that its caller hears the answer", async () => {
    const socket = connect(port, "127.0.0.1");
    socket.write(head("transfer-encoding: chunked\r\nconnection: close"));
    socket.write(chunked(opening("file", PDF)));
    const mebibyte = () => pipeline([chunked(Buffer.alloc(1024 * 1024))], socket, { end: false });
    for (let sent = 0; sent < 11; sent++) await mebibyte();
    await expect.poll(() => heard).toMatchObject([{ name: "BodyError", fault: "too-large" }]);
    for (let sent = 11; sent < 15; sent++) await mebibyte();
    socket.write(chunked(Buffer.alloc(0)));
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 413 /);
    expect(await stored()).toEqual([]);
  });

  it("whose other parts are far too large is refused, too", async () => {
    const { status, body } = await upload(ACCOUNT, ["film", Buffer.alloc(11 * 1024 * 1024)], ["file", PDF]);
    expect({ status, ...body }).toMatchObject({ status: 413, code: "too-large" });
    expect(await stored()).toEqual([]);
  });
});

describe("an upload that does not fit its description", () => {
  const problemsOf = async (...parts: readonly Part[]) => {
    const { status, body } = await upload(...parts);
    expect(status).toBe(200);
    expect(body["document"]).toBe(null);
    expect(await stored()).toEqual([]);
    return body["problems"];
  };
  const NO_TYPE = { path: "file", message: "must be a JPEG, PNG, WebP, HEIC or PDF by its content" };

  it.each([
    { what: "a web page", file: Buffer.from("<html><script>alert(1)</script></html>") },
    { what: "a GIF", file: scan("GIF89a") },
    { what: "a film", file: scan("\0\0\0\u0018ftypisom\0\0\u0002\0isomiso2") },
    { what: "a program", file: scan("MZ") },
    { what: "an AVIF", file: heif("avif") },
    { what: "noise", file: Buffer.alloc(50_000, 0xa5) },
  ])("for $what is no document, whatever its name and type say", async ({ file }) => {
    expect(await problemsOf(ACCOUNT, ["file", file, "card.jpg"])).toEqual([NO_TYPE]);
  });

  it("hears of every problem at once, and nothing is kept", async () => {
    expect(
      await problemsOf(
        ["colour", "green"],
        ["花子の写真", "x"],
        ["file", PDF],
        ["file", JPEG],
        ["selfie", JPEG],
        ACCOUNT,
        ACCOUNT,
        ["autoApproved", JPEG],
      ),
    ).toEqual([
      { path: "colour", message: "is not known here" },
      { path: "", message: "holds a field whose name is not known here" },
      { path: "file", message: "is given more than once" },
      { path: "selfie", message: "is not known here" },
      { path: "accountId", message: "is given more than once" },
      { path: "autoApproved", message: "must be text, not a file" },
    ]);
  });

  it.each([
    { what: "without a file", parts: [ACCOUNT], problem: { path: "file", message: "is required" } },
    {
      what: "with an empty file",
      parts: [["file", Buffer.alloc(0)]],
      problem: { path: "file", message: "must not be empty" },
    },
    {
      what: "with text for a file",
      parts: [["file", "%PDF-1.7"]],
      problem: { path: "file", message: "must be a file" },
    },
    {
      what: "with a file for text",
      parts: [
        ["file", PDF],
        ["accountId", JPEG],
      ],
      problem: { path: "accountId", message: "must be text, not a file" },
    },
    {
      what: "with a text that is far too long",
      parts: [
        ["file", PDF],
        ["accountId", "x".repeat(2000)],
      ],
      problem: { path: "accountId", message: "must have 1024 bytes at most" },
    },
    {
      what: "with text in another encoding",
      parts: [
        ["file", PDF],
        ["accountId", "\uFFFD"],
      ],
      problem: { path: "accountId", message: "must be text in UTF-8" },
    },
  ] satisfies { what: string; parts: Part[]; problem: unknown }[])("$what", async ({ parts, problem }) => {
    expect(await problemsOf(...parts)).toEqual([problem]);
  });

  it("names fields after what the language itself knows without coming to harm", async () => {
    expect(await problemsOf(["file", PDF], ["__proto__", "x"], ["constructor", "y"])).toEqual([
      { path: "__proto__", message: "is not known here" },
      { path: "constructor", message: "is not known here" },
    ]);
  });

  it("with more fields than any needs is not counted to its end", async () => {
    const many = Array.from({ length: 500 }, (_, at): Part => [`field${String(at)}`, "x"]);
    expect(await problemsOf(["file", PDF], ...many)).toHaveLength(21);
  });
});

describe("a body that is no upload", () => {
  const post = async (type: string | null, body: string | Buffer) => {
    const answer = await fetch(`http://127.0.0.1:${String(port)}/upload`, {
      method: "POST",
      headers: type === null ? {} : { "content-type": type },
      body: Buffer.from(body),
    });
    return { status: answer.status, body: await answer.json() };
  };

  it.each([null, "application/json", "application/x-www-form-urlencoded", "multipart/mixed; boundary=x"])(
    "of type %s is refused before it is read",
    async (type) => {
      expect(await post(type, "{}")).toMatchObject({ status: 415, body: { code: "unsupported-media-type" } });
    },
  );

  const whole = Buffer.concat([opening("file", PDF), Buffer.from("\r\n--edge--\r\n")]);
  it.each([
    { what: "names no boundary", type: "multipart/form-data", body: whole },
    { what: "has another boundary", type: "multipart/form-data; boundary=brim", body: whole },
    { what: "ends amid the file", type: "multipart/form-data; boundary=edge", body: whole.subarray(0, 9000) },
    {
      what: "ends amid the file's beginning",
      type: "multipart/form-data; boundary=edge",
      body: whole.subarray(0, 500),
    },
    { what: "ends before the last boundary", type: "multipart/form-data; boundary=edge", body: whole.subarray(0, -6) },
    { what: "ends amid a part's header", type: "multipart/form-data; boundary=edge", body: whole.subarray(0, 40) },
    {
      what: "has a header that is none",
      type: "multipart/form-data; boundary=edge",
      body: "--edge\r\n(\r\n\r\nx\r\n--edge--",
    },
    { what: "is empty", type: "multipart/form-data; boundary=edge", body: "" },
  ])("that $what is malformed, and nothing stays", async ({ type, body }) => {
    expect(await post(type, body)).toMatchObject({ status: 400, body: { code: "malformed-multipart" } });
    expect(await stored()).toEqual([]);
  });
});

describe("an upload that does not arrive", () => {
  const half = Buffer.concat([opening("file", PDF), Buffer.alloc(500_000)]);

  it("because its caller goes away leaves nothing", async () => {
    const socket = connect(port, "127.0.0.1");
    socket.write(Buffer.concat([Buffer.from(head("content-length: 1000000")), half]));
    await expect.poll(async () => (await stored())[0]).toMatch(/\.part$/);
    socket.destroy();
    await expect.poll(() => heard).toMatchObject([{ name: "BodyError", fault: "cut-off" }]);
    expect(await stored()).toEqual([]);
  });

  it("because its caller goes away once the document is complete leaves nothing either", async () => {
    const socket = connect(port, "127.0.0.1");
    const complete = Buffer.concat([opening("file", PDF), Buffer.from("\r\n--edge\r\n")]);
    socket.write(Buffer.concat([Buffer.from(head("content-length: 1000000")), complete]));
    await expect.poll(async () => (await stored())[0]).toMatch(/\.sealed$/);
    socket.destroy();
    await expect.poll(() => heard).toMatchObject([{ name: "BodyError", fault: "cut-off" }]);
    expect(await stored()).toEqual([]);
  });

  it.each([
    { what: "stops amid the document", sent: half },
    { what: "stops before the document", sent: Buffer.from("--edge\r\n") },
  ])("in time because it $what is given up at the deadline", async ({ sent }) => {
    rules = { ...usual, deadlineMs: 200 };
    const socket = connect(port, "127.0.0.1");
    const answer = text(socket);
    socket.write(Buffer.concat([Buffer.from(head("content-length: 1000000")), sent]));
    expect(await answer).toMatch(/^HTTP\/1\.1 408 .*connection: close/is); // and the connection ended, or this would wait on
    expect(await stored()).toEqual([]);
  });
});

describe("a store that is away", () => {
  it("is answered with 503, and nothing is promised", async () => {
    const there = documents;
    documents = openDocuments({ settings: settingsFor({ DATA_DIR: import.meta.filename })() });
    const { status, headers, body } = await upload(ACCOUNT, ["file", PDF]);
    documents = there;
    expect({ status, ...body }).toMatchObject({ status: 503, code: "not-accepted" });
    expect(headers.get("retry-after")).toBe("5");
    expect(heard).toMatchObject([{ cause: { code: "documents-away" } }]);
  });
});

function head(length: string): string {
  return `POST /upload HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=edge\r\n${length}\r\n\r\n`;
}

/** The beginning of a body: one file, without the boundary after it. */
function opening(name: string, content: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`--edge\r\ncontent-disposition: form-data; name="${name}"; filename="card.pdf"\r\n\r\n`),
    content,
  ]);
}

function chunked(content: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${content.length.toString(16)}\r\n`), content, Buffer.from("\r\n")]);
}
