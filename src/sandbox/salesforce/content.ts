import { createHash } from "node:crypto";
import { extname } from "node:path";
import { SalesforceError } from "./errors.ts";
import type { FieldValue, Fields, ObjectType } from "./schema.ts";
import { fieldNamed, objectNamed } from "./schema.ts";
import type { Tables } from "./tables.ts";

/** Salesforce Files: what a new ContentVersion makes besides itself, and where its bytes are kept. */

/** Of a larger document only its hash and size are kept, so that a benchmark cannot fill the memory. */
const LARGEST_KEPT = 20_000_000;

export interface Content {
  /** The fields of a version about to be saved: its bytes are taken out, and its hash and size put in. */
  readonly received: (id: string, before: Fields | undefined, after: Fields) => Readonly<Record<string, FieldValue>>;
  /** Makes a new version's document and its link, or makes the version the latest of the document it names. */
  readonly published: (id: string, moment: string) => void;
  /** Removes a document's versions and links with it. */
  readonly removed: (documentId: string) => void;
  /** A version's bytes; null where they were too many to keep. */
  readonly bytes: (versionId: string) => Buffer | null;
}

function objectType(name: string): ObjectType {
  const type = objectNamed(name);
  if (type === undefined) throw new Error(`the schema has no ${name}`);
  return type;
}
const VERSION = objectType("ContentVersion");
const DOCUMENT = objectType("ContentDocument");
const LINK = objectType("ContentDocumentLink");

const fileNameOf = (path: FieldValue | undefined) =>
  typeof path === "string" ? (path.split(/[\\/]/).at(-1) ?? "") : "";

export function content(tables: Tables): Content {
  const kept = new Map<string, Buffer>();
  const idsOf = (type: ObjectType, documentId: string): readonly string[] => {
    const field = fieldNamed(type, "ContentDocumentId");
    return field === undefined ? [] : [...(tables.idsWhere(type, field, documentId) ?? [])];
  };
  return {
    received: (id, before, after) => {
      if (before !== undefined) return {};
      const data = after["VersionData"];
      if (typeof data !== "string")
        throw new SalesforceError("REQUIRED_FIELD_MISSING", "Required fields are missing: [VersionData]", [
          "VersionData",
        ]);
      if (typeof after["ContentDocumentId"] === "string" && typeof after["FirstPublishLocationId"] === "string")
        throw new SalesforceError(
          "FIELD_INTEGRITY_EXCEPTION",
          "A new version of a document cannot be published to a first location",
          ["FirstPublishLocationId"],
        );
      const bytes = Buffer.from(data, "base64");
      if (bytes.length <= LARGEST_KEPT) kept.set(id, bytes);
      const fileName = fileNameOf(after["PathOnClient"]);
      const extension = extname(fileName);
      return {
        VersionData: `/services/data/v62.0/sobjects/ContentVersion/${id}/VersionData`,
        Title: after["Title"] ?? fileName.slice(0, fileName.length - extension.length),
        FileExtension: extension === "" ? null : extension.slice(1),
        FileType: extension === "" ? "UNKNOWN" : extension.slice(1).toUpperCase(),
        ContentSize: bytes.length,
        Checksum: createHash("md5").update(bytes).digest("hex"),
        IsLatest: true,
      };
    },
    published: (id, moment) => {
      const version = tables.row(VERSION, id) ?? {};
      const { Title, FileExtension, FileType, ContentSize, FirstPublishLocationId } = version;
      const given = version["ContentDocumentId"];
      const isNew = typeof given !== "string";
      const documentId = isNew ? tables.newId(DOCUMENT) : given;
      const dates = { CreatedDate: moment, LastModifiedDate: moment };
      const described = {
        Title: Title ?? null,
        FileExtension: FileExtension ?? null,
        FileType: FileType ?? null,
        ContentSize: ContentSize ?? null,
        LatestPublishedVersionId: id,
      };
      for (const other of idsOf(VERSION, documentId))
        if (other !== id) tables.put(VERSION, other, { ...tables.row(VERSION, other), IsLatest: false });
      tables.put(VERSION, id, {
        ...version,
        ContentDocumentId: documentId,
        VersionNumber: String(idsOf(VERSION, documentId).length + (isNew ? 1 : 0)),
      });
      tables.put(DOCUMENT, documentId, {
        ...(isNew ? { Id: documentId, ...dates } : tables.row(DOCUMENT, documentId)),
        ...described,
        LastModifiedDate: moment,
      });
      if (typeof FirstPublishLocationId !== "string") return;
      const linkId = tables.newId(LINK);
      tables.put(LINK, linkId, {
        Id: linkId,
        ContentDocumentId: documentId,
        LinkedEntityId: FirstPublishLocationId,
        ShareType: "V",
        Visibility: "AllUsers",
        ...dates,
      });
    },
    removed: (documentId) => {
      for (const type of [VERSION, LINK]) for (const id of idsOf(type, documentId)) tables.put(type, id, undefined);
    },
    bytes: (versionId) => kept.get(versionId) ?? null,
  };
}
