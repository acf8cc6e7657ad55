import * as z from "zod";

/** The media types that are taken as documents, told by content, and the ending that a file of each gets. */
export const DOCUMENT_EXTENSIONS = {
  "image/jpeg": "jpg",
  "image/png": "png",
  "image/webp": "webp",
  "image/heic": "heic",
  "image/heif": "heif",
  "application/pdf": "pdf",
} as const;

export type DocumentType = keyof typeof DOCUMENT_EXTENSIONS;

/** Random, so that it tells nothing; of one case, so that no file system takes two for one. */
export const documentId = z.string().regex(/^[0-9a-f]{32}$/);

/**
 * A document that waits in the document store, as it stands in a job's payload: never its content, never the name of
 * the file it was.
 *
 * Not marked personal: the id is random, and a hash tells nothing of a photograph to whoever does not hold that very
 * file. Operators may see both, which is how they tell whether two jobs are about the same document.
 */
export const storedDocument = z.strictObject({
  /** Names it in the store. */
  id: documentId,
  bytes: z.int().positive(),
  /** Of its content, in hexadecimal: the same document has the same hash, whoever stored it and when. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** The same, as Salesforce counts it (`ContentVersion.Checksum`). */
  md5: z.string().regex(/^[0-9a-f]{32}$/),
  /** By its content, never by its name. */
  extension: z.enum(Object.values(DOCUMENT_EXTENSIONS)),
});

export type StoredDocument = z.infer<typeof storedDocument>;
