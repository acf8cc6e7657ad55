import { hash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "pino";
import {
  follow,
  type Followed,
  followedList,
  idOf,
  isWithin,
  type News,
  newsOf,
  ownerOfTrouble,
  pageOf,
  type Trouble,
  troubles,
} from "./domain/alert.ts";
import { ALERTS_CLIENT, HANDOFF_CLIENT } from "./domain/clients.ts";
import { publicUrlOf } from "./domain/desk-path.ts";
import type { Letter } from "./domain/letter.ts";
import { callback, type CallbackPayload, mail } from "./processors/index.ts";
import type { Connection } from "./queues/connection.ts";
import { openFailureGroups } from "./queues/failure-groups.ts";
import type { Intake } from "./queues/intake.ts";
import { type AnyJobKind, PROMISED_MS } from "./queues/job-kind.ts";
import { script } from "./queues/script.ts";
import { readStanding } from "./queues/standing.ts";
import type { Settings } from "./settings.ts";

/**
 * Tells people of trouble, once as it begins and once when it is over, by mail and by a signed post. What was told is one
 * text in Redis, `PREFIX:alerts`, that is only ever replaced by whoever read it last; what is told is handed on under a key
 * of its own, so it is told once however many workers look, and whenever one of them dies.
 */

const EVERY_MS = 30_000;

export type AlertSettings = Pick<
  Settings,
  "ADMIN_EMAIL" | "ALERT_EMAILS" | "ALERT_WEBHOOK" | "QUIET_HOURS" | "PUBLIC_URL" | "HOST" | "PORT"
>;

export interface Alerting {
  readonly redis: Connection;
  readonly prefix: string;
  readonly intake: Intake;
  readonly kinds: readonly AnyJobKind[];
  readonly settings: AlertSettings;
}

/** Looks twice a minute until `stopping` is aborted, one worker for all. */
export async function watchForTrouble(alerting: Alerting, stopping: AbortSignal, log: Logger): Promise<void> {
  const { redis, prefix } = alerting;
  while (!stopping.aborted) {
    try {
      const turn = await redis.set(`${prefix}:alerts-turn`, "taken", "PX", Math.floor(EVERY_MS * 0.9), "NX");
      if (turn === "OK") await lookForTrouble(alerting, new Date());
    } catch (err) {
      if (!stopping.aborted) log.error({ err }, "nobody could be told of trouble; it is tried again by itself");
    }
    await pause(EVERY_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
}

/** KEYS: what is followed. ARGV: what it was when it was read, and what it becomes. Returns 1 where nobody else changed it meanwhile. */
const replace = script(`
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
`);

/** One look, at the moment `at`. */
export async function lookForTrouble(alerting: Alerting, at: Date): Promise<void> {
  const { redis, prefix, settings } = alerting;
  const key = `${prefix}:alerts`;
  const put = async (from: string, to: readonly Followed[]) => {
    const next = JSON.stringify(to);
    return next === from || Number(await replace(redis, [key], [from, next])) === 1 ? next : null;
  };

  const read = (await redis.get(key)) ?? "";
  const now = at.getTime();
  const followed = follow(read === "" ? [] : followedList.parse(JSON.parse(read)), await troublesNow(alerting), now);
  // Written down before anybody is told: whoever goes on after a crash then speaks of the same one.
  const written = await put(read, followed);
  if (written === null) return;

  const isQuiet = settings.QUIET_HOURS !== undefined && isWithin(settings.QUIET_HOURS, at);
  const after: Followed[] = [];
  for (const one of followed) {
    const news = newsOf(one, now, isQuiet);
    if (news !== null) await tell(alerting, one, news);
    if (news !== "over") after.push({ ...one, told: one.told || news === "begun" });
  }
  await put(written, after);
}

async function troublesNow({ redis, prefix, kinds }: Alerting): Promise<Trouble[]> {
  const names = kinds.map(({ name }) => name);
  const [groups, standing] = await Promise.all([
    openFailureGroups({ redis, prefix }).list(),
    readStanding(redis, prefix, names),
  ]);
  const waits = kinds.map(({ name, promisedMs = PROMISED_MS, schedule }) => {
    return { kind: name, promisedMs, sweep: schedule !== undefined, oldestMs: standing.kinds[name]?.oldestMs ?? null };
  });
  return troubles(groups, standing.awayMs, waits);
}

/** Hands it on to whoever hears of it; a second time, nothing comes of it. */
async function tell({ intake, settings }: Alerting, one: Followed, news: News): Promise<void> {
  const { trouble } = one;
  const owner = ownerOfTrouble(trouble);
  const since = new Date(one.since).toISOString();
  const until = one.goneSince === null ? undefined : new Date(one.goneSince).toISOString();
  const key = `alert ${hash("sha256", idOf(trouble)).slice(0, 16)} ${String(one.since)} ${news}`;
  const request = { door: ALERTS_CLIENT, idempotency: { client: HANDOFF_CLIENT, key } };

  if ((settings.ALERT_EMAILS?.get(owner) ?? settings.ADMIN_EMAIL) !== undefined) {
    const letter: Letter = { template: "alert", to: owner, since, ...(news === "over" && { until }), trouble };
    await intake.accept(mail, { key, letter }, request);
  }
  if (settings.ALERT_WEBHOOK !== undefined) {
    const url = publicUrlOf(settings) + pageOf(trouble);
    const data = { id: idOf(trouble), owner, since, ...(news === "over" && { until }), url, ...trouble };
    const timestamp = (news === "over" ? until : undefined) ?? since;
    const event: CallbackPayload["event"] = { type: `alert.${news}`, timestamp, data };
    const payload: CallbackPayload = { client: ALERTS_CLIENT, id: key.replaceAll(" ", "-"), event };
    await intake.accept(callback, payload, { ...request, idempotency: { client: HANDOFF_CLIENT, key: `post ${key}` } });
  }
}
