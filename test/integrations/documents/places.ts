import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import S3rver from "s3rver";
import { expect, vi } from "vitest";
import { type DocumentSettings, openDocuments } from "../../../src/integrations/documents/documents.ts";
import { readSettings } from "../../../src/settings.ts";

/** A place where documents wait: a folder, or a bucket of a real S3-compatible server on loopback. */
export interface Place {
  /** The settings that lead there. */
  settings(changes?: Partial<DocumentSettings>): DocumentSettings;
  /** The disk below it, on which whoever steals it would look: every file, by its path. */
  files(): Promise<ReadonlyMap<string, Buffer>>;
  /** Changes what lies on disk for the document `id`. */
  tamper(id: string, change: (sealed: Buffer) => Buffer): Promise<void>;
  close(): Promise<void>;
}

export const aKey = (seed: number) => Buffer.alloc(32, seed);

export async function folderPlace(): Promise<Place> {
  const root = await mkdtemp(path.join(tmpdir(), "documents-"));
  return { ...disk(root), settings: settingsFor({ DATA_DIR: root }), close: () => rm(root, { recursive: true }) };
}

export async function s3Place(): Promise<Place & { readonly environment: ReturnType<typeof s3Settings> }> {
  const root = await mkdtemp(path.join(tmpdir(), "documents-s3-"));
  const server = new S3rver({
    address: "127.0.0.1",
    port: 0,
    silent: true,
    directory: root,
    configureBuckets: [{ name: "waiting" }],
  });
  answerOnlyOnceWritten(server);
  const { port } = await server.run();
  return {
    ...disk(root),
    settings: settingsFor(s3Settings(port)),
    environment: s3Settings(port),
    close: async () => {
      const closed = server.close();
      server.httpServer.closeAllConnections(); // one whose upload was refused would stay for seconds
      await closed;
      await rm(root, { recursive: true });
    },
  };
}

/** As S3 does; s3rver answers while its file is still being written, and would give half a document to who asks at once. */
function answerOnlyOnceWritten({ store }: S3rver) {
  const put = store.putObject.bind(store);
  store.putObject = async (object) => {
    const written = await put(object);
    const file = store.getResourcePath(object.bucket, object.key, "object");
    await vi.waitFor(async () => expect((await stat(file)).size).toBe(written.size), { interval: 1 });
    return written;
  };
}

/** The environment that leads to the bucket of the test's server; its keys are s3rver's own. */
export function s3Settings(port: number) {
  return {
    DATA_DIR: "/nowhere",
    DOCUMENTS_S3_BUCKET: "waiting",
    DOCUMENTS_S3_ENDPOINT: `http://127.0.0.1:${String(port)}`,
    DOCUMENTS_S3_ACCESS_KEY_ID: "S3RVER",
    DOCUMENTS_S3_SECRET_ACCESS_KEY: "S3RVER",
  };
}

/** Through the program's own reading of its environment. */
export function settingsFor(environment: NodeJS.ProcessEnv): Place["settings"] {
  const settings = readSettings({
    ROLES: "dashboard",
    REDIS_URL: "redis://127.0.0.1",
    DASHBOARD_USERS: "olga:operator:$scrypt$ln=15,r=8,p=1$c2FsdA$aGFzaA",
    SESSION_SECRET: "signs the sessions of the dashboard",
    DATA_KEY: aKey(1).toString("base64"),
    ...environment,
  });
  return (changes = {}) => ({ ...settings, ...changes });
}

export const openAt = (place: Place, changes?: Partial<DocumentSettings>) =>
  openDocuments({ settings: place.settings(changes) });

function disk(root: string): Pick<Place, "files" | "tamper"> {
  const files = async () => {
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    const paths = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
    return new Map(await Promise.all(paths.map(async (file) => [file, await readFile(file)] as const)));
  };
  return {
    files,
    async tamper(id, change) {
      for (const [file, sealed] of await files()) {
        if (file.includes(id) && sealed.subarray(0, 4).toString() === "HDOC") return writeFile(file, change(sealed));
      }
      throw new Error(`no file holds the document ${id}`);
    },
  };
}
