import { type Detector, fileTypeFromBuffer } from "file-type";
import type { DocumentType } from "../domain/document.ts";

/** How much of a file's beginning tells its type, whatever the format. */
export const SNIFFED_BYTES = 4100;

/** What the content may prove to be. A series of pictures in HEIF, which telephones make too, opens as its first one. */
const TAKEN: Readonly<Record<string, DocumentType>> = {
  "image/jpeg": "image/jpeg",
  "image/png": "image/png",
  "image/webp": "image/webp",
  "image/heic": "image/heic",
  "image/heic-sequence": "image/heic",
  "image/heif": "image/heif",
  "image/heif-sequence": "image/heif",
  "application/pdf": "application/pdf",
};

/** By the signature alone: the library walks on through the chunks, and gives up where the beginning ends amid one. */
const png: Detector = {
  id: "png",
  async detect(tokenizer) {
    const signature = Buffer.alloc(PNG_SIGNATURE.length);
    const length = await tokenizer.peekBuffer(signature, { mayBeLess: true });
    return length === signature.length && signature.equals(PNG_SIGNATURE)
      ? { ext: "png", mime: "image/png" }
      : undefined;
  },
};
const PNG_SIGNATURE = Buffer.from("89504e470d0a1a0a", "hex");

/** The type of a document that begins with `head`, told by content alone; null where it is none that is taken. */
export async function documentTypeOf(head: Uint8Array): Promise<DocumentType | null> {
  const found = await fileTypeFromBuffer(head, { customDetectors: [png] });
  return (found && TAKEN[found.mime]) ?? null;
}
