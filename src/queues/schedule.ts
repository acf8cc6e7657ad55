import type { Queue } from "bullmq";
import type { Schedule } from "./job-kind.ts";

/** Sweeps come by themselves, so nobody looks for one by its id: the last of them tell how it goes. */
const COMPLETED_KEPT = 50;
const FAILED_KEPT = 10;

/**
 * Makes a kind's jobs come by themselves, one at a time however many workers there are. The time of the next one is in
 * Redis: one that came due while no worker ran is run by the first that comes back.
 *
 * `sweepEveryMs`: `SWEEP_INTERVAL_MS`.
 */
export async function keepSchedule(queue: Queue, schedule: Schedule, sweepEveryMs: number): Promise<void> {
  const repeat =
    schedule === "every sweep"
      ? { every: sweepEveryMs }
      : { pattern: `0 ${String(schedule.dailyAtHour)} * * *`, tz: schedule.timeZone };
  const known = await queue.getJobScheduler(queue.name);
  // Setting the same schedule again would take away a job that is due and put the next one in its place.
  const isKept =
    known !== undefined && Object.entries(repeat).every(([name, value]) => known[name as keyof typeof known] === value); // names of `repeat` are the scheduler's own
  if (isKept && (await isComing(queue, known.next))) return;
  await queue.upsertJobScheduler(queue.name, repeat, {
    name: queue.name,
    data: {},
    opts: { removeOnComplete: { count: COMPLETED_KEPT }, removeOnFail: { count: FAILED_KEPT } },
  });
}

/** Each job of a schedule makes the next one as it begins: where that is not there, somebody broke the chain. */
async function isComing(queue: Queue, next: number | undefined): Promise<boolean> {
  return (await queue.getJob(`repeat:${queue.name}:${String(next)}`)) !== undefined;
}
