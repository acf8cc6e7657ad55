import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import * as z from "zod";
import type { Connection } from "./connection.ts";
import { type Plan, planSchema } from "./plan.ts";
import type { Rehearsed } from "./rehearsal.ts";

/**
 * A dry run is asked for where there are no vendors' settings, and carried out by whichever worker is free: the question
 * and its answer pass through Redis. Neither is kept: who asked waits for it, and is told to ask again where nobody answers.
 * `PREFIX:dry-runs` lists the questions; `PREFIX:dry-run:ID` and `…:answer` hold one, for seconds.
 */

/** Who asks holds a connection open; a vendor's deadline (15 s by default) passes within it, so that they hear of that, too. */
const WAIT_MS = 25_000;
const LOOK_MS = 50;
const ANSWER_KEPT_MS = 5_000;

/** A worker asks Redis anew this often, in seconds: a connection that broke without a word is noticed then. */
const LISTEN_S = 5;
const AFTER_TROUBLE_MS = 1_000;

/** One that waits for a vendor must not keep the next one waiting, and many at once must not keep jobs. */
const AT_ONCE = 4;

const question = z.strictObject({ kind: z.string(), id: z.string(), data: z.unknown(), lookFirst: z.boolean() });

export interface DryRuns {
  /** Null where no worker answered in time: nothing was changed, and whoever asks may ask again. */
  ask(rehearsed: Rehearsed): Promise<Plan | null>;
}

interface Place {
  readonly redis: Connection;
  readonly prefix: string;
}

const listOf = (prefix: string) => `${prefix}:dry-runs`;
const questionOf = (prefix: string, id: string) => `${prefix}:dry-run:${id}`;
const answerOf = (prefix: string, id: string) => `${questionOf(prefix, id)}:answer`;

export function openDryRuns({ redis, prefix, waitMs = WAIT_MS }: Place & { readonly waitMs?: number }): DryRuns {
  return {
    async ask(rehearsed) {
      const id = randomUUID();
      const [asked, answer] = [questionOf(prefix, id), answerOf(prefix, id)];
      const until = performance.now() + waitMs;
      await redis.set(asked, JSON.stringify(rehearsed), "PX", waitMs);
      await redis.multi().rpush(listOf(prefix), id).pexpire(listOf(prefix), waitMs).exec();
      while (performance.now() < until) {
        const found = await redis.get(answer);
        if (found !== null) {
          await redis.del(answer);
          return planSchema.safeParse(JSON.parse(found)).data ?? null; // a worker of another version may write it otherwise
        }
        await setTimeout(LOOK_MS);
      }
      await redis.del(asked); // a worker that comes to it now finds nothing to do
      return null;
    },
  };
}

/**
 * Answers dry runs, a few at a time, until `stopping` aborts. `listening`: a connection that nobody else uses, which is
 * closed then. `rehearse` is cut off once nobody waits for it any more.
 */
export async function answerDryRuns(
  { redis, prefix, listening }: Place & { readonly listening: Connection },
  rehearse: (rehearsed: Rehearsed, cut: AbortSignal) => Promise<Plan>,
  complain: (error: unknown) => void,
  stopping: AbortSignal,
): Promise<void> {
  stopping.addEventListener("abort", () => listening.disconnect());
  const answer = async (id: string) => {
    const key = questionOf(prefix, id);
    const leftMs = await redis.pttl(key); // as long as somebody waits for it
    const asked = await redis.getdel(key);
    if (asked === null || leftMs <= 0) return;
    const plan = await rehearse(question.parse(JSON.parse(asked)), AbortSignal.timeout(leftMs));
    await redis.set(answerOf(prefix, id), JSON.stringify(plan), "PX", ANSWER_KEPT_MS);
  };
  const underWay = new Set<Promise<void>>();
  while (!stopping.aborted) {
    try {
      if (underWay.size >= AT_ONCE) await Promise.race(underWay);
      const heard = await listening.blpop(listOf(prefix), LISTEN_S);
      if (heard === null) continue;
      const one = answer(heard[1]).catch(complain);
      underWay.add(one);
      void one.finally(() => underWay.delete(one));
    } catch (error) {
      if (stopping.aborted) break;
      complain(error);
      await setTimeout(AFTER_TROUBLE_MS, undefined, { signal: stopping }).catch(() => undefined);
    }
  }
  await Promise.all(underWay);
}
