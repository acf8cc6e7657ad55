import { createCipheriv, createDecipheriv, createSecretKey, hash, hkdfSync, randomBytes } from "node:crypto";

/**
 * How a document is sealed, with AES-256-GCM: a header, the sealed content, the tag.
 *
 * | bytes | what                                                                     |
 * | ----- | ------------------------------------------------------------------------ |
 * | 5     | `HDOC` and the version, 1                                                |
 * | 4     | the key's name                                                           |
 * | 12    | the nonce, fresh and random                                              |
 * | n     | the content, as long as it is in plain                                   |
 * | 16    | the tag, over all of the above and the document's id: it opens as no other |
 */
const MARK = Buffer.from("HDOC\u0001");
const NAME_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = MARK.length + NAME_BYTES + NONCE_BYTES;

/** What is stored cannot be opened. `keyMissing`: a key that was taken away would. */
export class SealError extends Error {
  readonly keyMissing: boolean;
  constructor(keyMissing: boolean, cause?: unknown) {
    super(keyMissing ? "no key opens it" : "it is damaged", { cause });
    this.keyMissing = keyMissing;
  }
}

export interface DocumentSeal {
  /** `plain` sealed, chunk by chunk. */
  seal(id: string, plain: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void>;
  /** The content in chunks, none of it before the tag at its end was verified. Throws `SealError`. */
  open(id: string, sealed: AsyncIterable<Buffer>): Promise<readonly Buffer[]>;
}

/** `keys`: 32 bytes each; the first seals, every one opens. */
export function documentSeal(keys: readonly Buffer[]): DocumentSeal {
  const named = keys.map(keyFor);
  return {
    async *seal(id, plain) {
      const [first] = named;
      if (first === undefined) throw new Error("no document can be sealed without DATA_KEY");
      const header = Buffer.concat([MARK, first.name, randomBytes(NONCE_BYTES)]);
      const cipher = createCipheriv("aes-256-gcm", first.key, nonceOf(header)).setAAD(bound(header, id));
      yield header;
      for await (const chunk of plain) yield cipher.update(chunk);
      yield Buffer.concat([cipher.final(), cipher.getAuthTag()]);
    },

    async open(id, sealed) {
      const plain: Buffer[] = [];
      let decipher: ReturnType<typeof decipherFor> | null = null;
      let rest: Buffer = Buffer.alloc(0); // what is not opened yet: its last bytes may be the tag
      for await (const chunk of sealed) {
        rest = Buffer.concat([rest, chunk]);
        if (decipher === null) {
          if (rest.length < HEADER_BYTES) continue;
          decipher = decipherFor(rest.subarray(0, HEADER_BYTES), id);
          rest = rest.subarray(HEADER_BYTES);
        }
        if (rest.length > TAG_BYTES) {
          plain.push(decipher.update(rest.subarray(0, -TAG_BYTES)));
          rest = rest.subarray(-TAG_BYTES);
        }
      }
      if (decipher === null || rest.length < TAG_BYTES) throw new SealError(false);
      try {
        decipher.setAuthTag(rest).final(); // GCM has no last block: what it gives is empty
      } catch (error) {
        throw new SealError(false, error);
      }
      return plain;
    },
  };

  function decipherFor(header: Buffer, id: string) {
    if (!header.subarray(0, MARK.length).equals(MARK)) throw new SealError(false);
    const name = header.subarray(MARK.length, MARK.length + NAME_BYTES);
    const known = named.find((candidate) => candidate.name.equals(name));
    if (known === undefined) throw new SealError(true);
    return createDecipheriv("aes-256-gcm", known.key, nonceOf(header), { authTagLength: TAG_BYTES }).setAAD(
      bound(header, id),
    );
  }
}

/** A key for documents alone: under one shared with the fields of jobs, a nonce could come up twice. */
function keyFor(dataKey: Buffer) {
  const key = Buffer.from(hkdfSync("sha256", dataKey, "", "handoff documents v1", 32));
  return { key: createSecretKey(key), name: hash("sha256", key, "buffer").subarray(0, NAME_BYTES) };
}

const nonceOf = (header: Buffer) => header.subarray(-NONCE_BYTES);
const bound = (header: Buffer, id: string) => Buffer.concat([header, Buffer.from(id)]);
