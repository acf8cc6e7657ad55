import * as z from "zod";
import { callsIn } from "./calls.ts";
import type { Connection } from "./connection.ts";
import type { Failure } from "./job-view.ts";
import { FAILED_KEPT_MS } from "./retention.ts";

/**
 * What a job went through, for people: the attempts that did not end it well, the deaths of its workers, and what people did
 * about it. A list beside its ledger; how it was accepted and ended, and its steps, stand in the ledger itself.
 */

/** Nobody reads further back. */
const LONGEST_STORY = 200;

/** For the scripts, whose KEYS[1] is the job's ledger. */
export const TELLING = `
local function tell(event)
  local story = KEYS[1] .. ':story'
  redis.call('RPUSH', story, cjson.encode(event))
  redis.call('LTRIM', story, -${LONGEST_STORY}, -1)
  redis.call('PEXPIRE', story, ${FAILED_KEPT_MS})
end
`;

const at = z.number().transform((ms) => new Date(ms));
const calls = z.string().default("").transform(callsIn);
const failure = z.string().transform((json) => JSON.parse(json) as Failure); // written by the ledger's `pause`

const storyEvent = z.discriminatedUnion("what", [
  /** The worker or the ward that ran it died. */
  z.object({ what: z.literal("died"), at }),
  /** It began to wait for a vendor that is away. */
  z.object({ what: z.literal("waits"), at, failure, calls }),
  /** An attempt failed, and comes again, or is left to a person. */
  z.object({ what: z.enum(["retrying", "failed"]), at, attempt: z.number(), failure, calls }),
  /** Somebody did something about it. */
  z.object({
    what: z.enum(["retried", "settled", "edited", "revealed", "discarded"]),
    at,
    by: z.string(),
    why: z.string(),
    /** Of an answer: to which step, and whether it happened. Absent in those of earlier versions. */
    step: z.string().optional(),
    happened: z.boolean().optional(),
  }),
]);
export type StoryEvent = z.infer<typeof storyEvent>;
/** What a person did. */
type Deed = Omit<Extract<StoryEvent, { by: string }>, "at">;

const storyKey = (prefix: string, id: string) => `${prefix}:ledger:${id}:story`;

/** The job's story in order; empty where nothing was out of the ordinary. What only a newer version can read is left out. */
export async function readStory(redis: Connection, prefix: string, id: string): Promise<StoryEvent[]> {
  const events = await redis.lrange(storyKey(prefix, id), 0, -1);
  return events.flatMap((event) => storyEvent.safeParse(JSON.parse(event)).data ?? []);
}

/** Adds what `by` did, in their own words `why`. */
export async function tellDeed(redis: Connection, prefix: string, id: string, deed: Deed): Promise<void> {
  const key = storyKey(prefix, id);
  await redis
    .multi()
    .rpush(key, JSON.stringify({ at: Date.now(), ...deed }))
    .ltrim(key, -LONGEST_STORY, -1)
    .pexpire(key, FAILED_KEPT_MS)
    .exec();
}
