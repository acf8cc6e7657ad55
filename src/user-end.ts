import { once } from "node:events";
import { parseArgs } from "node:util";
import { openAudit } from "./dashboard/audit.ts";
import { fromRedis, isRedisAway } from "./dashboard/redis-away.ts";
import { endSessions } from "./dashboard/session.ts";
import { endAccess, restoreAccess } from "./ended-access.ts";
import { connectDoor, type Connection } from "./queues/connection.ts";
import { readSettings, type Settings } from "./settings.ts";

// npm run user:end NAME: somebody leaves. Ends all sessions of that name at once, lets it sign in no more, has the doors
// refuse the keys of a client that is called so, and says what else is to be taken out. `-- --undo` lets it in again. It
// reads the dashboard's settings. Exit status 0: done; 64: called otherwise; 69: Redis did not answer; 78: the settings are wrong.

/** Exit statuses of sysexits.h: EX_USAGE, EX_UNAVAILABLE, EX_CONFIG. */
const BAD_USAGE = 64;
const NO_ANSWER = 69;
const BAD_SETTINGS = 78;

const REDIS_ANSWERS_WITHIN_MS = 5000;

process.exitCode = await userEnd();

async function userEnd(): Promise<number> {
  const asked = whoIsMeant();
  if (asked === null) return complain("npm run user:end NAME, or npm run user:end NAME -- --undo", BAD_USAGE);
  let settings: Settings;
  try {
    settings = readSettings({ ...process.env, ROLES: "dashboard" });
  } catch (error) {
    // It says which settings are at fault, and shows no value.
    return complain(error instanceof Error ? error.message : String(error), BAD_SETTINGS);
  }
  const redis = connectDoor(settings);
  try {
    await fromRedis(answering(redis));
    process.stdout.write(await (asked.undo ? letIn : end)(redis, settings, asked.name));
    return 0;
  } catch (error) {
    if (!isRedisAway(error)) throw error;
    return complain(`${error.detail} Nothing is known to be ended: do it again.`, NO_ANSWER);
  } finally {
    redis.disconnect();
  }
}

async function end(redis: Connection, settings: Settings, name: string): Promise<string> {
  const { QUEUE_PREFIX: prefix } = settings;
  await fromRedis(openAudit({ redis, prefix }).record({ who: "system", what: "access ended", to: { name } }));
  await fromRedis(endAccess(redis, prefix, name)); // first, so that no session begins behind the look at those there are
  const sessions = await fromRedis(endSessions(redis, prefix, name));
  const steps = whatIsLeft(settings, name);
  const isKnown = sessions > 0 || isNamed(settings.DASHBOARD_USERS, name) || isClient(settings, name);
  return [
    `${name} is signed out (${sessions === 1 ? "1 session" : `${String(sessions)} sessions`}) and cannot sign in any more.`,
    `Within seconds every api process refuses the keys of a client that is called ${name}.`,
    ...(isKnown
      ? []
      : [`But nobody here was signed in as ${name}, or is called so in these settings: check the name.`]),
    "",
    "This holds as long as Redis keeps it. To make it last:",
    ...steps.map((step) => `- ${step}`),
    "",
    `npm run user:end ${name} -- --undo lets ${name} in again.`,
    "",
  ].join("\n");
}

async function letIn(redis: Connection, { QUEUE_PREFIX: prefix }: Settings, name: string): Promise<string> {
  await fromRedis(openAudit({ redis, prefix }).record({ who: "system", what: "access given back", to: { name } }));
  return (await fromRedis(restoreAccess(redis, prefix, name)))
    ? `${name} can sign in again, and keys of a client that is called so are taken again.\n`
    : `${name} was not kept out.\n`;
}

function whatIsLeft(settings: Settings, name: string): readonly string[] {
  const { OIDC_ISSUER: issuer, DASHBOARD_USERS: users, API_KEYS: keys } = settings;
  return [
    ...(isNamed(users, name) ? [`take ${name} out of DASHBOARD_USERS, and restart the dashboard's processes`] : []),
    ...(issuer === undefined
      ? []
      : [`close the account at ${new URL(issuer).host}, where the same person may have another name`]),
    ...(keys === undefined || isClient(settings, name)
      ? [
          `take the keys of ${name} out of API_KEYS${keys === undefined ? ", where it names such a client" : ""}, and restart the api processes`,
        ]
      : []),
    `replace what ${name} knew and others go on using: docs/deployment.md, Changing keys`,
  ];
}

function isNamed(users: Settings["DASHBOARD_USERS"], name: string): boolean {
  return users?.some((user) => user.name === name) ?? false;
}

function isClient({ API_KEYS: keys }: Settings, name: string): boolean {
  return keys?.some(({ client }) => client === name) ?? false;
}

/** Null where nobody is named, or more than one. */
function whoIsMeant(): { readonly name: string; readonly undo: boolean } | null {
  try {
    const { positionals, values } = parseArgs({
      options: { undo: { type: "boolean", default: false } },
      allowPositionals: true,
    });
    const [name = "", ...more] = positionals;
    return name.trim() === "" || more.length > 0 ? null : { name, undo: values.undo };
  } catch {
    return null;
  }
}

/** Resolves once Redis answers. */
async function answering(redis: Connection): Promise<void> {
  redis.on("error", () => undefined); // it is tried again by itself, within the limit
  if (redis.status === "ready") return;
  await once(redis, "ready", { signal: AbortSignal.timeout(REDIS_ANSWERS_WITHIN_MS) });
}

function complain(words: string, status: number): number {
  process.stderr.write(`${words}\n`);
  return status;
}
