import { once } from "node:events";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { connectDoor } from "./queues/connection.ts";
import { readSettings } from "./settings.ts";
import { auditLines, type Verdict, verifyAudit } from "./dashboard/audit.ts";

// npm run audit:verify: whether the audit log in Redis is whole. With --export it prints the log as JSON lines; with a file
// of such lines it looks at that instead. Exit status 0: it is whole; 1: it is not; 78: the settings are wrong.

const BAD_SETTINGS = 78;
const REDIS_ANSWERS_WITHIN_MS = 5000;

const [asked] = process.argv.slice(2);
if (asked === undefined || asked === "--export") process.exitCode = await ofRedis(asked === "--export");
else process.exitCode = told(await verifyAudit(createInterface({ input: createReadStream(asked) }), null));

async function ofRedis(exports: boolean): Promise<number> {
  let settings;
  try {
    settings = readSettings({ ...process.env, ROLES: "dashboard" });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return BAD_SETTINGS;
  }
  const redis = connectDoor(settings);
  const log = { redis, prefix: settings.QUEUE_PREFIX };
  try {
    if (redis.status !== "ready") await once(redis, "ready", { signal: AbortSignal.timeout(REDIS_ANSWERS_WITHIN_MS) });
    if (!exports) return told(await verifyAudit(auditLines(log), (await redis.get(`${log.prefix}:audit:head`)) ?? ""));
    for await (const line of auditLines(log)) process.stdout.write(`${line}\n`);
    return 0;
  } finally {
    redis.disconnect();
  }
}

function told(verdict: Verdict): number {
  process.stdout.write(
    verdict.whole
      ? `The audit log is whole: ${String(verdict.entries)} entries, the last one's hash is ${verdict.head || "(none)"}.\n`
      : `The audit log is not whole: entry ${String(verdict.entry)}: ${verdict.why}.\n`,
  );
  return verdict.whole ? 0 : 1;
}
