import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Audit, auditLines, openAudit, verifyAudit } from "../../src/dashboard/audit.ts";
import type { Connection } from "../../src/queues/connection.ts";
import { startRedis, type TestRedis } from "../redis.ts";

let server: TestRedis;
let redis: Connection;
let audit: Audit;
const prefix = "{audit}";

beforeAll(async () => {
  server = await startRedis();
  redis = server.connect();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  await server.flush();
  audit = openAudit({ redis, prefix });
});

const linesOf = async () => {
  const lines: string[] = [];
  for await (const line of auditLines({ redis, prefix })) lines.push(line);
  return lines;
};
const head = async () => (await redis.get(`${prefix}:audit:head`)) ?? "";
async function* those(lines: readonly string[]) {
  yield* lines;
}
const retried = (job: string) =>
  audit.record({ who: "olga", what: "job retried", to: { job }, why: "the typo is mended" });

describe("the audit log", () => {
  it("says who did what, when and why, the newest first", async () => {
    await retried("j1");
    await audit.record({
      who: "adam",
      what: "queue paused",
      to: { queue: "order" },
      before: { paused: false },
      after: { paused: true },
    });
    expect(await audit.newest(10)).toMatchObject([
      {
        who: "adam",
        what: "queue paused",
        to: { queue: "order" },
        before: { paused: false },
        after: { paused: true },
        why: null,
      },
      { who: "olga", what: "job retried", to: { job: "j1" }, why: "the typo is mended", previous: "" },
    ]);
  });

  it("takes entries of many processes at the same moment, each built on the last", async () => {
    await Promise.all(Array.from({ length: 40 }, async (_, at) => await retried(`j${String(at)}`)));
    expect(await verifyAudit(auditLines({ redis, prefix }), await head())).toMatchObject({ whole: true, entries: 40 });
  });

  it("is whole while it is empty, and goes on over more entries than are read at once", async () => {
    expect(await verifyAudit(auditLines({ redis, prefix }), "")).toMatchObject({ whole: true, entries: 0 });
    await Promise.all(Array.from({ length: 3 }, async (_, at) => await retried(`j${String(at)}`)));
    expect((await linesOf()).map((line) => (JSON.parse(line) as { who: string }).who)).toEqual([
      "olga",
      "olga",
      "olga",
    ]);
  });
});

describe("of an audit log somebody", () => {
  const broken = [
    {
      what: "changed an entry",
      change: (lines: string[]) => lines.with(1, (lines[1] ?? "").replace("j1", "j9")),
      entry: 3,
    },
    { what: "took an entry out", change: (lines: string[]) => lines.toSpliced(1, 1), entry: 2 },
    { what: "put an entry in", change: (lines: string[]) => lines.toSpliced(1, 0, lines[1] ?? ""), entry: 3 },
    {
      what: "changed the last entry",
      change: (lines: string[]) => lines.with(3, (lines[3] ?? "").replace("j3", "j9")),
      entry: 4,
    },
    { what: "took the last entries out", change: (lines: string[]) => lines.slice(0, 2), entry: 2 },
    { what: "took all entries out", change: () => [], entry: 0 },
    { what: "made an entry no entry", change: (lines: string[]) => lines.with(2, "{}"), entry: 3 },
  ];
  it.each(broken)("$what, and it says so", async ({ change, entry }) => {
    for (const job of ["j0", "j1", "j2", "j3"]) await retried(job);
    const lines = await linesOf();
    expect(await verifyAudit(those(lines), await head())).toMatchObject({ whole: true });
    expect(await verifyAudit(those(change(lines)), await head())).toMatchObject({ whole: false, entry });
  });
});
