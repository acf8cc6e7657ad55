import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { documentId } from "../../domain/document.ts";
import { NotStoredError, type SealedStore } from "./store.ts";

const WHOLE = ".sealed";
/** Until it is complete. A crash leaves it behind; it goes by the document's id, so whoever erases that one erases it. */
const PART = ".part";

/** Documents as files of `folder`, which this user alone may read. It is made when it is first needed. */
export function folderStore(folder: string): SealedStore {
  const file = (id: string, ending: string) => path.join(folder, id + ending);
  const erase = async (id: string) => {
    await Promise.all([rm(file(id, WHOLE), { force: true }), rm(file(id, PART), { force: true })]);
  };

  return {
    async write(id, sealed) {
      if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined) await syncFolder(path.dirname(folder));
      try {
        const handle = await open(file(id, PART), "wx", 0o600);
        try {
          await handle.writeFile(sealed);
          await handle.sync();
        } finally {
          await handle.close();
        }
        await rename(file(id, PART), file(id, WHOLE));
        await syncFolder(folder); // the name is on disk as well
      } catch (error) {
        await erase(id).catch(() => {}); // why it failed is the news
        throw error;
      }
    },

    async *read(id) {
      const handle = await open(file(id, WHOLE)).catch((error: unknown) => {
        throw isMissing(error) ? new NotStoredError() : error;
      });
      // Closes the handle at its end, and where whoever reads gives up.
      yield* handle.createReadStream() as AsyncIterable<Buffer>; // without an encoding a file gives buffers
    },

    async erase(id) {
      await erase(id);
    },

    async writtenBefore(moment) {
      const names = await readdir(folder).catch((error: unknown) => {
        if (isMissing(error)) return [];
        throw error;
      });
      const old = new Set<string>();
      for (const name of names) {
        const { name: id, ext } = path.parse(name);
        if ((ext !== WHOLE && ext !== PART) || !documentId.safeParse(id).success) continue;
        const found = await stat(path.join(folder, name)).catch((error: unknown) => {
          if (isMissing(error)) return null; // erased or renamed meanwhile
          throw error;
        });
        if (found !== null && found.mtimeMs < moment) old.add(id);
      }
      return [...old];
    },
  };
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const isMissing = (error: unknown) => error instanceof Error && "code" in error && error.code === "ENOENT";
