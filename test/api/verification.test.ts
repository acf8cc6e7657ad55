import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ask, asPortal, type Doors, type Engine, openDoors, startEngine } from "./doors.ts";

let engine: Engine;
let doors: Doors;
let dataDir: string;

beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.close());
beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), "handoff-verification-"));
  doors = await openDoors(engine.intake, { dataDir });
});
afterEach(async () => {
  await doors.close();
  await rm(dataDir, { recursive: true });
});

let accounts = 0;
/** An account that no other test asks for. */
const nextAccount = () => `0015g${String(++accounts).padStart(10, "0")}`;

function submit(fields: Readonly<Record<string, string>>, content = "%PDF-1.7 a residence card", key?: string) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  form.set("file", new Blob([content]));
  return ask(`${doors.url}/api/verification/residence-card`, {
    method: "POST",
    headers: { ...asPortal, ...(key !== undefined && { "idempotency-key": key }) },
    body: form,
  });
}

/** Resolves once so many documents wait: what is not needed is erased right behind the answer. */
async function waiting(count: number): Promise<void> {
  while ((await readdir(path.join(dataDir, "documents")).catch(() => [])).length !== count) await setImmediate();
}

describe("a residence card at the door", () => {
  it("is accepted with a job once it is stored, and waits for its upload", async () => {
    const answer = await submit({ accountId: nextAccount() });
    expect(answer.status).toBe(202);
    expect(answer.json).toMatchObject({ kind: "verification", state: "queued", doors: ["portal"] });
    expect(answer.headers.get("location")).toBe(`/api/jobs/${String(answer.json["id"])}`);
    await waiting(1);
  });

  it("that is sent again while its job is under way is the same job, and waits once", async () => {
    const accountId = nextAccount();
    const first = await submit({ accountId });
    const second = await submit({ accountId });
    expect([second.status, second.json["id"]]).toEqual([202, first.json["id"]]);
    await waiting(1);
  });

  it("with the same Idempotency-Key is the same job, and the key with another document is refused", async () => {
    const accountId = nextAccount();
    const first = await submit({ accountId }, "%PDF-1.7 one", `key-${accountId}`);
    const second = await submit({ accountId, autoApproved: "false" }, "%PDF-1.7 one", `key-${accountId}`);
    expect([second.status, second.json["id"]]).toEqual([202, first.json["id"]]);
    const other = await submit({ accountId }, "%PDF-1.7 other", `key-${accountId}`);
    expect([other.status, other.json["code"]]).toEqual([422, "idempotency-key-reused"]);
    await waiting(1);
  });

  it("which is wrong in several ways hears of all of them at once, and nothing is kept", async () => {
    const answer = await submit({ accountId: "nobody", autoApproved: "perhaps", colour: "green" }, "GIF89a");
    expect(answer.status).toBe(422);
    const errors = answer.json["errors"] as readonly { readonly path: string }[]; // as the OpenAPI test holds it to
    expect(errors.map(({ path }) => path).toSorted()).toEqual(["accountId", "autoApproved", "colour", "file"]);
    await waiting(0);
  });
});
