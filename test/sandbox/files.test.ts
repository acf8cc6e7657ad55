import { createHash, randomBytes } from "node:crypto";
import { Connection } from "jsforce";
import { describe, expect, it } from "vitest";
import { CREDENTIALS, call, inside, runningSandbox } from "./running-sandbox.ts";

const { url, rest, query, state, seeded, control } = runningSandbox();
/** Every byte there is, so that a text on the way would show. */
const CARD = Buffer.concat([
  Buffer.from("\x89PNG\r\n\r\n--"),
  Buffer.from(Array.from({ length: 256 }, (_, n) => n)),
  randomBytes(999),
]);
const MD5 = createHash("md5").update(CARD).digest("hex");

async function connection() {
  const conn = new Connection({ loginUrl: url(), version: "62.0" });
  await conn.authorize({
    grant_type: "client_credentials",
    client_id: CREDENTIALS.client_id,
    client_secret: CREDENTIALS.client_secret,
  });
  return conn;
}
const card = async (more: object = {}) => ({
  Title: "Residence card",
  PathOnClient: "card.png",
  FirstPublishLocationId: await seeded("accounts", "verified"),
  ...more,
});

/** The file that the account holds, by its hash. */
async function uploaded(account: string) {
  const { body } = await query(
    `SELECT Id, ContentDocumentId, Title, ContentSize, FileExtension, IsLatest, ContentDocument.LatestPublishedVersionId FROM ContentVersion WHERE FirstPublishLocationId = '${account}' AND Checksum = '${MD5}' AND IsLatest = true`,
  );
  expect(inside(body, "totalSize")).toBe(1);
  return inside(body, "records", 0);
}

/** The same bytes come back. */
async function bytesOf(id: unknown) {
  const conn = await connection();
  const response = await fetch(`${url()}/services/data/v62.0/sobjects/ContentVersion/${String(id)}/VersionData`, {
    headers: { authorization: `Bearer ${conn.accessToken ?? ""}` },
  });
  return Buffer.from(await response.arrayBuffer());
}

function multipart(order: "json first" | "bytes first", entity: object): RequestInit {
  const json = `--SEP\r\nContent-Disposition: form-data; name="entity_content";\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(entity)}\r\n`;
  const head = `--SEP\r\nContent-Type: image/png\r\nContent-Disposition: form-data; name="VersionData"; filename="card.png"\r\n\r\n`;
  const binary = [Buffer.from(head), CARD, Buffer.from("\r\n")];
  const parts = order === "json first" ? [Buffer.from(json), ...binary] : [...binary, Buffer.from(json)];
  return {
    method: "POST",
    headers: { "content-type": 'multipart/form-data; boundary="SEP"' },
    body: Buffer.concat([...parts, Buffer.from("--SEP--\r\n")]),
  };
}

describe("a document", () => {
  it("is taken as JSON in base64, and stands on the account by itself", async () => {
    const made = await rest("POST", "sobjects/ContentVersion", await card({ VersionData: CARD.toString("base64") }));
    expect(made).toMatchObject({ status: 201, body: { success: true } });
    const account = await seeded("accounts", "verified");
    const file = await uploaded(account);
    const id = inside(made.body, "id");
    expect(String(id)).toMatch(/^068/);
    expect(file).toMatchObject({
      Id: id,
      Title: "Residence card",
      ContentSize: CARD.length,
      FileExtension: "png",
      ContentDocument: { LatestPublishedVersionId: id },
    });
    expect(await bytesOf(id)).toEqual(CARD);
    const links = await query(
      `SELECT ContentDocumentId, ContentDocument.Title FROM ContentDocumentLink WHERE LinkedEntityId = '${account}'`,
    );
    expect(links.body).toMatchObject({
      records: [{ ContentDocumentId: inside(file, "ContentDocumentId"), ContentDocument: { Title: "Residence card" } }],
    });
  });

  it.each(["json first", "bytes first"] as const)("is taken as multipart, %s, byte for byte", async (order) => {
    const { accessToken } = await connection();
    const init = multipart(order, await card());
    const made = await call(`${url()}/services/data/v62.0/sobjects/ContentVersion`, {
      ...init,
      headers: { ...init.headers, authorization: `Bearer ${accessToken ?? ""}` },
    });
    expect(made.status).toBe(201);
    expect(await uploaded(await seeded("accounts", "verified"))).toMatchObject({ Id: inside(made.body, "id") });
    expect(await bytesOf(inside(made.body, "id"))).toEqual(CARD);
  });

  it("is taken from jsforce as it is", async () => {
    const conn = await connection();
    const made = await conn.create(
      "ContentVersion",
      { ...(await card()), VersionData: CARD },
      { multipartFileFields: { VersionData: { filename: "card.png", contentType: "image/png" } } },
    );
    expect(await uploaded(await seeded("accounts", "verified"))).toMatchObject({ Id: inside(made, "id") });
    expect(await bytesOf(inside(made, "id"))).toEqual(CARD);
  });

  it("has another version, which is then the latest one", async () => {
    await rest("POST", "sobjects/ContentVersion", await card({ VersionData: CARD.toString("base64") }));
    const first = await uploaded(await seeded("accounts", "verified"));
    const documentId = String(inside(first, "ContentDocumentId"));
    const again = { PathOnClient: "b.pdf", VersionData: "YQ==", ContentDocumentId: documentId };
    expect((await rest("POST", "sobjects/ContentVersion", again)).status).toBe(201);
    const { body } = await query(
      `SELECT Title, IsLatest, VersionNumber FROM ContentVersion WHERE ContentDocumentId = '${documentId}' ORDER BY CreatedDate`,
    );
    expect(inside(body, "records")).toMatchObject([
      { Title: "Residence card", IsLatest: false, VersionNumber: "1" },
      { Title: "b", IsLatest: true, VersionNumber: "2" },
    ]);
    expect((await rest("DELETE", `sobjects/ContentDocument/${documentId}`)).status).toBe(204);
    expect(await state("salesforce", "ContentVersion")).toEqual([]);
    expect(await state("salesforce", "ContentDocumentLink")).toEqual([]);
  });

  it("is never shown by the state or the page, only what it is", async () => {
    await rest(
      "POST",
      "sobjects/ContentVersion",
      await card({ VersionData: Buffer.from("SECRET-CARD").toString("base64") }),
    );
    const shown = JSON.stringify((await control("GET", "state")).body) + String((await call(`${url()}/`, {})).body);
    expect(shown).toContain("Residence card");
    expect(shown).not.toContain("SECRET-CARD");
    expect(shown).not.toContain(Buffer.from("SECRET-CARD").toString("base64"));
  });
});

describe("a document is refused", () => {
  it.each<[string, object, string]>([
    ["without bytes", { VersionData: undefined }, "REQUIRED_FIELD_MISSING"],
    ["that is not base64", { VersionData: "no!" }, "INVALID_TYPE_ON_FIELD_IN_RECORD"],
    ["without a file name", { VersionData: "YQ==", PathOnClient: null }, "REQUIRED_FIELD_MISSING"],
    ["with a hash of its own", { VersionData: "YQ==", Checksum: "0" }, "INVALID_FIELD_FOR_INSERT_UPDATE"],
    [
      "for an account that there is not",
      { VersionData: "YQ==", FirstPublishLocationId: "0015g00000HjKlMAAV" },
      "INVALID_CROSS_REFERENCE_KEY",
    ],
  ])("%s", async (_, more, errorCode) => {
    const answer = await rest("POST", "sobjects/ContentVersion", await card(more));
    expect(answer).toMatchObject({ status: 400, body: [{ errorCode }] });
    expect(await state("salesforce", "ContentDocument")).toEqual([]);
  });

  it("in a multipart message without its record, or cut off", async () => {
    const { accessToken } = await connection();
    const whole = multipart("json first", await card());
    const send = (body: Buffer) =>
      call(`${url()}/services/data/v62.0/sobjects/ContentVersion`, {
        ...whole,
        headers: { ...whole.headers, authorization: `Bearer ${accessToken ?? ""}` },
        body: new Uint8Array(body),
      });
    const bytes = whole.body instanceof Buffer ? whole.body : Buffer.alloc(0);
    for (const broken of [bytes.subarray(0, -9), bytes.subarray(bytes.indexOf("--SEP", 9))])
      expect(await send(broken)).toMatchObject({ status: 400, body: [{ errorCode: "INVALID_MULTIPART_REQUEST" }] });
  });

  it("where the same link is made again, or a link is looked for without its ends", async () => {
    await rest("POST", "sobjects/ContentVersion", await card({ VersionData: CARD.toString("base64") }));
    const account = await seeded("accounts", "verified");
    const link = { ContentDocumentId: inside(await uploaded(account), "ContentDocumentId"), LinkedEntityId: account };
    expect(await rest("POST", "sobjects/ContentDocumentLink", link)).toMatchObject({
      body: [{ errorCode: "DUPLICATE_VALUE" }],
    });
    expect(await query("SELECT Id FROM ContentDocumentLink")).toMatchObject({
      body: [{ errorCode: "MALFORMED_QUERY" }],
    });
  });
});
