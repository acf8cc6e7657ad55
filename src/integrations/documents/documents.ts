import { createHash, randomBytes } from "node:crypto";
import path from "node:path";
import { documentId, type StoredDocument } from "../../domain/document.ts";
import { RejectedError, UnavailableError } from "../../domain/errors.ts";
import type { Settings } from "../../settings.ts";
import { folderStore } from "./folder.ts";
import { s3Store } from "./s3.ts";
import { documentSeal, SealError } from "./seal.ts";
import { NotStoredError, type SealedStore } from "./store.ts";

/**
 * Where customers' documents wait, sealed, until Salesforce has them. Throws errors of `domain/errors.ts` only, and
 * `put` also what its source threw.
 */
export interface Documents {
  /** Resolves once the document is safe. Where it fails, nothing of it is left. */
  put(bytes: AsyncIterable<Uint8Array>): Promise<PutDocument>;
  /** The plain content in chunks, once the whole of it has proved genuine. */
  open(id: string): Promise<readonly Buffer[]>;
  /** Succeeds where it is gone already. */
  erase(id: string): Promise<void>;
  /** The ids of what was stored more than `olderThanMs` before `nowMs`, uploads that a crash cut off included. */
  leftovers(olderThanMs: number, nowMs: number): Promise<readonly string[]>;
}

/** What the store can tell of a document: not its type, for it never looks into one. */
export type PutDocument = Omit<StoredDocument, "extension">;

export type DocumentSettings = Pick<
  Settings,
  | "DATA_DIR"
  | "DATA_KEY"
  | "VENDOR_TIMEOUT_MS"
  | "DOCUMENTS_S3_BUCKET"
  | "DOCUMENTS_S3_ENDPOINT"
  | "DOCUMENTS_S3_REGION"
  | "DOCUMENTS_S3_ACCESS_KEY_ID"
  | "DOCUMENTS_S3_SECRET_ACCESS_KEY"
  | "DOCUMENTS_S3_PREFIX"
>;

/** The bucket where one is set, else a folder of DATA_DIR. */
export function openDocuments({ settings }: { settings: DocumentSettings }): Documents {
  return documentsIn(storeOf(settings), settings.DATA_KEY ?? []);
}

function storeOf(settings: DocumentSettings): SealedStore {
  const { DOCUMENTS_S3_BUCKET: bucket, DOCUMENTS_S3_ACCESS_KEY_ID: accessKeyId } = settings;
  const { DOCUMENTS_S3_SECRET_ACCESS_KEY: secretAccessKey } = settings;
  if (bucket === undefined) return folderStore(path.resolve(settings.DATA_DIR, "documents"));
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new Error("the settings of S3 were not checked at start");
  return s3Store({
    bucket,
    endpoint: settings.DOCUMENTS_S3_ENDPOINT,
    region: settings.DOCUMENTS_S3_REGION,
    accessKeyId,
    secretAccessKey,
    prefix: settings.DOCUMENTS_S3_PREFIX,
    deadlineMs: settings.VENDOR_TIMEOUT_MS,
  });
}

function documentsIn(store: SealedStore, keys: readonly Buffer[]): Documents {
  const seal = documentSeal(keys);
  return {
    async put(bytes) {
      const id = randomBytes(16).toString("hex");
      const read = reading(bytes);
      try {
        await store.write(id, seal.seal(id, read.chunks));
      } catch (error) {
        throw read.fault === undefined ? away(error) : read.fault.error;
      }
      return { id, ...read.sums() };
    },

    async open(id) {
      if (!documentId.safeParse(id).success) throw missing(); // no other id ever was one, nor may become a path
      try {
        return await seal.open(id, store.read(id));
      } catch (error) {
        if (error instanceof NotStoredError) throw missing();
        throw error instanceof SealError ? unreadable(error) : away(error);
      }
    },

    async erase(id) {
      if (!documentId.safeParse(id).success) return;
      try {
        await store.erase(id);
      } catch (error) {
        throw away(error);
      }
    },

    async leftovers(olderThanMs, nowMs) {
      try {
        return await store.writtenBefore(nowMs - olderThanMs);
      } catch (error) {
        throw away(error);
      }
    },
  };
}

interface Reading {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** What the source threw, if it did: that is not the store's fault. */
  fault?: { readonly error: unknown };
  sums(): Omit<PutDocument, "id">;
}

/** `bytes` as they pass, measured. */
function reading(bytes: AsyncIterable<Uint8Array>): Reading {
  const sha256 = createHash("sha256");
  const md5 = createHash("md5");
  let size = 0;
  const read: Reading = {
    chunks: pass(),
    sums: () => ({ bytes: size, sha256: sha256.digest("hex"), md5: md5.digest("hex") }),
  };
  return read;

  async function* pass() {
    try {
      for await (const chunk of bytes) {
        sha256.update(chunk);
        md5.update(chunk);
        size += chunk.length;
        yield chunk;
      }
    } catch (error) {
      read.fault = { error };
      throw error;
    }
  }
}

function missing(): RejectedError {
  return new RejectedError({
    vendor: null,
    code: "document-missing",
    title: "The document is no longer in the store.",
    detail: "It was erased, or the store is another one than it was put into. Ask the customer to upload it again.",
  });
}

function unreadable(error: SealError): RejectedError {
  return new RejectedError({
    vendor: null,
    code: "document-unreadable",
    title: "The document in the store cannot be opened.",
    detail: error.keyMissing
      ? "No key of DATA_KEY opens it. If a key was taken out too early, put it back and retry the job; else ask the customer to upload the document again."
      : "It was damaged or changed after it was stored. Ask the customer to upload it again.",
    cause: error,
  });
}

function away(cause: unknown): UnavailableError {
  return new UnavailableError({
    vendor: null,
    scope: "call",
    code: "documents-away",
    title: "The document store does not answer.",
    detail:
      "Its folder (DATA_DIR) or bucket (DOCUMENTS_S3_BUCKET) can not be read or written. It is tried again by itself; if it stays, look at the disk's space and rights, or at the bucket's.",
    cause,
  });
}
