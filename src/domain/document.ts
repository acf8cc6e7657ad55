import * as z from "zod";

/** A document that waits in the document store, as it stands in a job's payload. */
export const storedDocument = z.strictObject({
  /** Names it in the store. */
  id: z.string().regex(/^[\w-]{16,64}$/),
  bytes: z.int().positive(),
  /** Of its content, in hexadecimal: tells one document from another, and nothing of what it shows. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** The same, as Salesforce counts it (`ContentVersion.Checksum`). */
  md5: z.string().regex(/^[0-9a-f]{32}$/),
  /** By its content, never by its name. */
  extension: z.enum(["jpg", "png", "webp", "heic", "pdf"]),
});

export type StoredDocument = z.infer<typeof storedDocument>;
