import { hash } from "node:crypto";
import { once } from "node:events";
import { stat, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type Documents, openDocuments } from "../../../src/integrations/documents/documents.ts";
import { aKey, folderPlace, openAt, type Place, s3Place, s3Settings, settingsFor } from "./places.ts";

/** What a thief of the disk would search for. */
const TELLTALE = "RESIDENCE CARD of TARO YAMADA, AB12345678CD.";
const CARD = Buffer.from(TELLTALE.repeat(5000));
const MINUTE = 60_000;

async function* inChunks(bytes: Buffer, size = 10_000) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
/** One after the other: s3rver trips over deletions at the same time. */
async function eraseAll(documents: Documents, ...ids: readonly string[]) {
  for (const id of ids) await documents.erase(id);
}
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => "it succeeded",
    (error: unknown) => error,
  );

describe.each([
  { where: "a folder", openPlace: folderPlace },
  { where: "an S3 bucket", openPlace: s3Place },
])("documents in $where", ({ openPlace }) => {
  let place: Place;
  beforeAll(async () => {
    place = await openPlace();
  });
  afterAll(() => place.close());

  it("come back as they were put, measured on the way, until they are erased", async () => {
    const documents = openAt(place);
    const stored = await documents.put(inChunks(CARD));
    expect(stored).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      bytes: CARD.length,
      sha256: hash("sha256", CARD),
      md5: hash("md5", CARD),
    });
    // By another process: nothing but the settings is shared.
    expect(Buffer.concat(await openAt(place).open(stored.id)).equals(CARD)).toBe(true);

    await documents.erase(stored.id);
    expect(await failure(documents.open(stored.id))).toMatchObject({
      name: "RejectedError",
      code: "document-missing",
      vendor: null,
    });
    await documents.erase(stored.id);
  });

  it("hold the largest document that is taken", async () => {
    const largest = Buffer.alloc(10 * 1024 * 1024, TELLTALE);
    const documents = openAt(place);
    const { id, sha256 } = await documents.put(inChunks(largest, 65_536));
    expect(sha256).toBe(hash("sha256", largest));
    expect(hash("sha256", Buffer.concat(await documents.open(id)))).toBe(sha256);
    await documents.erase(id);
  });

  it("show nothing of their content to who has the disk, and no two look alike", async () => {
    const documents = openAt(place);
    const one = await documents.put(inChunks(CARD));
    const other = await documents.put(inChunks(CARD));
    const files = [...(await place.files())];
    expect(files.filter(([, bytes]) => bytes.includes("RESIDENCE") || bytes.includes("TARO"))).toEqual([]);
    const sealed = (id: string) => files.find(([file, bytes]) => file.includes(id) && bytes.length > CARD.length)?.[1];
    expect(sealed(one.id)?.length).toBe(sealed(other.id)?.length);
    expect(
      sealed(one.id)
        ?.subarray(21, 200)
        .equals(sealed(other.id)?.subarray(21, 200) ?? CARD),
    ).toBe(false);
    await eraseAll(documents, one.id, other.id);
    expect([...(await place.files()).keys()].filter((file) => file.includes(one.id))).toEqual([]);
  });

  it("whose source breaks off leave nothing behind, and its own error comes back", async () => {
    const documents = openAt(place);
    const hungUp = new Error("the caller hung up");
    async function* breakingOff() {
      yield CARD;
      yield CARD;
      throw hungUp;
    }
    expect(await failure(documents.put(breakingOff()))).toBe(hungUp);
    expect([...(await place.files()).values()].filter((bytes) => bytes.length > 1000)).toEqual([]);
    expect(await documents.leftovers(-MINUTE, Date.now())).toEqual([]);
  });

  const flip = (at: number) => (sealed: Buffer) => {
    const offset = at < 0 ? sealed.length + at : at;
    return Buffer.concat([
      sealed.subarray(0, offset),
      Buffer.of((sealed[offset] ?? 0) ^ 1),
      sealed.subarray(offset + 1),
    ]);
  };
  it.each([
    { how: "one bit of the content flipped", change: flip(1000) },
    { how: "one bit of the nonce flipped", change: flip(10) },
    { how: "one bit of the tag flipped", change: flip(-1) },
    { how: "another mark at the beginning", change: flip(0) },
    { how: "the last byte missing", change: (sealed: Buffer) => sealed.subarray(0, -1) },
    { how: "nothing left but the header", change: (sealed: Buffer) => sealed.subarray(0, 21) },
    { how: "nothing left but half a header", change: (sealed: Buffer) => sealed.subarray(0, 9) },
    { how: "a byte more", change: (sealed: Buffer) => Buffer.concat([sealed, Buffer.of(0)]) },
  ])("with $how are noticed, and nothing of them is given", async ({ change }) => {
    const documents = openAt(place);
    const { id } = await documents.put(inChunks(CARD));
    await place.tamper(id, change);
    expect(await failure(documents.open(id))).toMatchObject({
      name: "RejectedError",
      code: "document-unreadable",
      detail: expect.stringContaining("damaged"),
    });
    await documents.erase(id);
  });

  it("put in each other's place are noticed", async () => {
    const documents = openAt(place);
    const hers = await documents.put(inChunks(CARD));
    const his = await documents.put(inChunks(Buffer.from("another card")));
    let taken: Buffer = Buffer.alloc(0);
    await place.tamper(hers.id, (sealed) => (taken = sealed));
    await place.tamper(his.id, () => taken);
    expect(await failure(documents.open(his.id))).toMatchObject({ code: "document-unreadable" });
    await eraseAll(documents, hers.id, his.id);
  });

  it("outlive a change of DATA_KEY: the first key seals, every key opens", async () => {
    const [before, after] = [aKey(1), aKey(2)];
    const old = await openAt(place, { DATA_KEY: [before] }).put(inChunks(CARD));
    const during = openAt(place, { DATA_KEY: [after, before] });
    const fresh = await during.put(inChunks(CARD));
    expect(Buffer.concat(await during.open(old.id)).equals(CARD)).toBe(true);

    const finished = openAt(place, { DATA_KEY: [after] });
    expect(Buffer.concat(await finished.open(fresh.id)).equals(CARD)).toBe(true);
    expect(await failure(finished.open(old.id))).toMatchObject({
      name: "RejectedError",
      code: "document-unreadable",
      detail: expect.stringContaining("put it back"),
    });
    await eraseAll(finished, old.id, fresh.id);
  });

  it("that nobody fetched are found by their age", async () => {
    const documents = openAt(place);
    const { id } = await documents.put(inChunks(CARD));
    const now = Date.now();
    expect(await documents.leftovers(30 * MINUTE, now)).toEqual([]);
    expect(await documents.leftovers(30 * MINUTE, now + 31 * MINUTE)).toEqual([id]);
    await documents.erase(id);
    expect(await documents.leftovers(30 * MINUTE, now + 31 * MINUTE)).toEqual([]);
  });

  it.each(["../../../etc/passwd", "", "0123456789abcdef0123456789abcde/", "never-was-one"])(
    "are never looked for under a name that is no id: %j",
    async (id) => {
      const documents = openAt(place);
      expect(await failure(documents.open(id))).toMatchObject({ code: "document-missing" });
      await documents.erase(id);
    },
  );
});

describe("the folder", () => {
  let place: Place;
  beforeAll(async () => {
    place = await folderPlace();
  });
  afterAll(() => place.close());

  it("is for this user alone, as is every document in it", async () => {
    const documents = openAt(place);
    const { id } = await documents.put(inChunks(CARD));
    const folder = path.join(place.settings().DATA_DIR, "documents");
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(path.join(folder, `${id}.sealed`))).mode & 0o777).toBe(0o600);
    await documents.erase(id);
  });

  it("gives a document only once it is complete, and finds what a crash left half written", async () => {
    const documents = openAt(place);
    const underWay = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    async function* slowly() {
      yield CARD;
      underWay.resolve();
      await goOn.promise;
      yield CARD;
    }
    const putting = documents.put(slowly());
    await underWay.promise;
    const [id = "none"] = await documents.leftovers(-MINUTE, Date.now());
    expect(await failure(documents.open(id))).toMatchObject({ code: "document-missing" });
    goOn.resolve();
    expect(await putting).toMatchObject({ id, bytes: 2 * CARD.length });
    expect(await documents.leftovers(-MINUTE, Date.now())).toEqual([id]);

    const crashed = "c".repeat(32);
    const folder = path.join(place.settings().DATA_DIR, "documents");
    await writeFile(path.join(folder, `${crashed}.part`), "half");
    await writeFile(path.join(folder, "README"), "not ours");
    expect((await documents.leftovers(-MINUTE, Date.now())).toSorted()).toEqual([id, crashed].toSorted());
    await eraseAll(documents, crashed, id);
    expect([...(await place.files()).keys()]).toEqual([path.join(folder, "README")]);
  });
});

describe("a store that is away", () => {
  const AN_ID = "a".repeat(32);
  const documents = (environment: NodeJS.ProcessEnv) => openDocuments({ settings: settingsFor(environment)() });
  const AWAY = { name: "UnavailableError", code: "documents-away", scope: "call", vendor: null };

  /** What each of the calls throws. */
  const faultsOf = (away: Documents) =>
    Promise.all(
      [away.put(inChunks(CARD)), away.open(AN_ID), away.erase(AN_ID), away.leftovers(MINUTE, Date.now())].map(failure),
    );

  /** A server in the bucket's place, which answers as `answer` does. */
  async function serverThat(answer: (socket: Socket) => void) {
    const server = createServer((socket) => answer(socket.on("error", () => {}))).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the test server has no port");
    return { port: address.port, close: () => void server.close() };
  }

  it("is told apart from a document that is gone: a folder that cannot be", async () => {
    const inAFile = documents({ DATA_DIR: import.meta.filename });
    expect(await faultsOf(inAFile)).toMatchObject([AWAY, AWAY, AWAY, AWAY]);
  });

  it("is told apart from a document that is gone: a bucket that is not there", async () => {
    const place = await s3Place();
    const elsewhere = openAt(place, { DOCUMENTS_S3_BUCKET: "elsewhere" });
    expect(await faultsOf(elsewhere)).toMatchObject([AWAY, AWAY, AWAY, AWAY]);
    await place.close();
  });

  it("is told apart from a document that is gone: a server that is down", async () => {
    const { port, close } = await serverThat(() => {});
    close();
    expect(await faultsOf(documents(s3Settings(port)))).toMatchObject([AWAY, AWAY, AWAY, AWAY]);
  });

  it("holds nobody up for longer than VENDOR_TIMEOUT_MS", async () => {
    const { port, close } = await serverThat(() => {});
    const silent = documents({ ...s3Settings(port), VENDOR_TIMEOUT_MS: "200" });
    expect(await faultsOf(silent)).toMatchObject([AWAY, AWAY, AWAY, AWAY]);
    close();
  });

  it("is given up amid an answer, too", async () => {
    const { port, close } = await serverThat((socket) =>
      socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nHDOC")),
    );
    const stalling = documents({ ...s3Settings(port), VENDOR_TIMEOUT_MS: "200" });
    expect(await failure(stalling.open(AN_ID))).toMatchObject(AWAY);
    close();
  });

  it("is asked once a call: the queue is the one that tries again", async () => {
    let asked = 0;
    const { port, close } = await serverThat((socket) =>
      socket.once("data", () => {
        asked += 1;
        socket.end("HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\n\r\n");
      }),
    );
    expect(await failure(documents(s3Settings(port)).open(AN_ID))).toMatchObject(AWAY);
    expect(asked).toBe(1);
    close();
  });
});

describe("the bucket", () => {
  afterEach(() => vi.unstubAllEnvs());

  it("is what the settings say, whatever the SDK would find in its own variables", async () => {
    const place = await s3Place();
    vi.stubEnv("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    vi.stubEnv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1");
    vi.stubEnv("AWS_ACCESS_KEY_ID", "somebody else");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "else");
    vi.stubEnv("AWS_REGION", "ap-nowhere-9");
    vi.stubEnv("AWS_USE_FIPS_ENDPOINT", "true");
    vi.stubEnv("AWS_MAX_ATTEMPTS", "not a number");
    vi.stubEnv("AWS_REQUEST_CHECKSUM_CALCULATION", "WHEN_SUPPORTED");
    const { id } = await openAt(place).put(inChunks(CARD));
    expect(await openAt(place).leftovers(-MINUTE, Date.now())).toEqual([id]);
    await place.close();
  });

  it("may be shared: documents keep to their prefix", async () => {
    const place = await s3Place();
    const ours = openAt(place);
    const theirs = openAt(place, { DOCUMENTS_S3_PREFIX: "staging/" });
    const { id } = await theirs.put(inChunks(CARD));
    expect(await ours.leftovers(-MINUTE, Date.now())).toEqual([]);
    expect(await failure(ours.open(id))).toMatchObject({ code: "document-missing" });
    await place.close();
  });
});
