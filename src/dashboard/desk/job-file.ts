import type { Job } from "bullmq";
import { type Call, callsIn } from "../../queues/calls.ts";
import type { AnyJobKind, Explanation } from "../../queues/job-kind.ts";
import type { JobView } from "../../queues/job-view.ts";
import { jobView } from "../../queues/job-view.ts";
import type { Ledger } from "../../queues/ledger.ts";
import { findableIn } from "../../queues/finding.ts";
import { openPersonal } from "../../queues/sealing.ts";
import { readStory, type StoryEvent } from "../../queues/story.ts";
import type { DeskContext } from "./context.ts";
import { idsIn, type StepDone } from "./verdict.ts";

/** All that is known of one job. */
export interface JobFile {
  readonly view: JobView;
  readonly steps: readonly (StepDone & {
    readonly at: string;
    readonly ms: number | null;
    /** Until when a request of it may still arrive, as far as it was sent; null where that is not known. */
    readonly landsUntil: Date | null;
    readonly calls: readonly Call[];
  })[];
  readonly story: readonly StoryEvent[];
  /** In which step it failed; null where in none, or where it did not. */
  readonly failedIn: string | null;
  /** The ledger may not tell all that was done. */
  readonly suspect: boolean;
  /** The fields that its kind lets people change. */
  readonly editable: readonly string[];
  /** Its failure group; null where it is in none. */
  readonly group: string | null;
  /** What was asked, personal values sealed; null where BullMQ has it no more. */
  readonly asked: unknown;
  /** The same, opened; null where it cannot be. */
  readonly opened: unknown;
  /** Ids by which people know it, from what was asked and what it made. */
  readonly ids: readonly string[];
  /** Why its dates are what they are. */
  readonly explained: readonly Explanation[];
}

export async function readJobFile(desk: DeskContext, id: string): Promise<JobFile | null> {
  if (!/^[\w:-]{1,200}$/.test(id)) return null;
  const record = await desk.ledger.read(id);
  const kindName = record["kind"];
  const kind = desk.kinds.find(({ name }) => name === kindName);
  const queue = desk.queues()?.get(kindName ?? "");
  if (kindName === undefined || queue === undefined) return null;
  const [job, state, story] = await Promise.all([
    queue.getJob(id) as Promise<Job<unknown> | undefined>, // payloads are checked where they are opened
    queue.getJobState(id),
    readStory(desk.redis, desk.prefix, id),
  ]);
  const queued =
    job === undefined
      ? null
      : { state, finishedOn: job.finishedOn, processedOn: job.processedOn, attemptsMade: job.attemptsMade };
  const view = jobView(id, record, queued);
  const opened = job === undefined ? null : openedPayload(desk, kind, job.data, id);
  const group = record["group"]?.slice(`${desk.prefix}:groups:`.length) ?? null;
  const step = group === null ? "" : decodeURIComponent(group.split("~")[1] ?? "");
  return {
    view,
    steps: stepsOf(desk.ledger, record, view),
    story,
    failedIn: step === "" ? null : step,
    suspect: record["suspect"] === "1",
    editable: kind?.editable ?? [],
    group,
    asked: job?.data ?? null,
    opened,
    ids: [
      ...(kind === undefined || opened === null ? [] : findableIn(kind.payload, opened)),
      ...Object.entries(view.result ?? {}).flatMap(([name, value]) => (name.endsWith("Id") ? [String(value)] : [])),
    ],
    explained: kind?.explain === undefined || opened === null ? [] : kind.explain(opened, new Date(view.createdAt)),
  };
}

/** The payload as its kind reads it; null where no key opens it, or it is not of the kind. */
function openedPayload(
  { sealing }: Pick<DeskContext, "sealing">,
  kind: AnyJobKind | undefined,
  data: unknown,
  id: string,
): unknown {
  try {
    return kind?.payload.parse(openPersonal(sealing, data, id)) ?? null;
  } catch {
    return null; // the page says that it is hidden
  }
}

function stepsOf(ledger: Ledger, record: Readonly<Record<string, string>>, view: JobView): JobFile["steps"] {
  return view.steps.map(({ name, state, at }) => {
    const { effect, result, ms, asks, said, calls, lands, lease } = JSON.parse(record[`step ${name}`] ?? "{}") as {
      effect?: boolean;
      result?: string;
      ms?: number;
      asks?: string;
      said?: string;
      calls?: string;
      lands?: number;
      lease?: number;
    }; // the ledger's scripts wrote it
    return {
      name,
      state,
      at,
      effect: effect === true,
      ms: ms ?? null,
      landsUntil: lands === undefined ? null : new Date(Math.max(lands, lease ?? 0)),
      calls: callsIn(calls ?? ""),
      asks: asks ?? null,
      isSaid: said !== undefined,
      made: result === undefined ? {} : madeBy(ledger, view, name, result),
    };
  });
}

function madeBy(ledger: Ledger, job: Parameters<Ledger["open"]>[0], step: string, sealed: string): StepDone["made"] {
  try {
    return idsIn(ledger.open(job, step, sealed));
  } catch {
    return {}; // no key opens it here
  }
}
