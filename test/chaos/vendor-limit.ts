import { monthInJapan, monthsAfter } from "../../src/domain/japan-calendar.ts";
import { until } from "../e2e/process.ts";
import type { Experiment, Finding } from "./experiment.ts";
import { ends, inPlant, load, pause, type Plant } from "./plant.ts";

/** A reading of the limit is believed for so many times `RETRY_BASE_MS`: 5 min by default. */
const BELIEVED_FACTOR = 300;

/** The least there is. */
const SWEEP_INTERVAL_MS = 1000;

const DAILY_MAX = 5000;

/** Attempts that began just below a share may carry it so far above (of the daily calls): 20 jobs at once with a few calls each. */
const CARRIED_OVER = 0.02;

/** What a busy machine may add to the wait (ms). */
const SLACK_MS = 5000;

/** Internet and SIM, for services of the sandbox. */
const CANCELLATIONS = [
  ["/api/services/internet/cancellation", { accountId: "0015g000000000DAAQ", serviceId: 801 }],
  ["/api/services/sim/cancellation", { accountId: "0015g000000000EAAQ", serviceId: 802, simNumber: "080-0000-1014" }],
] as const;

/** Salesforce's daily calls run out: sweeps stop, then all but cancellations, and all goes on once calls are free again. */
export const vendorLimit: Experiment = {
  name: "vendor-limit",
  async run(scale) {
    const [baseMs, looks, checks] = scale === "full" ? [10, 2, 200] : [2, 2, 40];
    return [
      await inPlant(
        async (plant) => await limitNears(plant, { believedMs: BELIEVED_FACTOR * baseMs, looks, checks }),
        {},
        {
          RETRY_BASE_MS: String(baseMs),
          VENDOR_TIMEOUT_MS: "1000",
        },
      ),
    ];
  },
};

/** Watches each time for as long as `looks` readings are believed. */
async function limitNears(
  plant: Plant,
  { believedMs, looks, checks }: { readonly believedMs: number; readonly looks: number; readonly checks: number },
): Promise<Finding> {
  const watchedMs = Math.max(looks * believedMs, 1.5 * SWEEP_INTERVAL_MS);
  const use = (share: number) => plant.control("PUT", "limits", { dailyMax: DAILY_MAX, used: share * DAILY_MAX });
  const used = async () => (await plant.state()).apiUsage.used / DAILY_MAX;
  const sweeps = async () =>
    (await plant.calls()).filter(({ summary }) => summary.includes("FROM Order WHERE Status IN")).length;

  await plant.quiet();
  const api = await plant.startApi();
  await use(0.7);
  await plant.startWorker({ SWEEP_INTERVAL_MS: String(SWEEP_INTERVAL_MS) });
  const ordinary = [...(await plant.askAll(api, 10))];
  await plant.rest();
  const sweepsBefore = await sweeps();

  await use(0.85);
  ordinary.push(await plant.ask(api)); // its calls hear of it
  await plant.rest();
  await plant.control("DELETE", "calls");
  const portal = load(plant, api, { portals: 1 });
  await pause(watchedMs);
  ordinary.push(...(await portal.stop()));
  await plant.rest();
  const sweepsAbove = await sweeps();

  await use(0.95);
  ordinary.push(await plant.ask(api));
  await plant.rest();
  const month = monthsAfter(monthInJapan(new Date()), 1);
  await plant.control("DELETE", "calls");
  const [usedBefore, from] = [await used(), performance.now()];
  const waiting = await plant.askAll(api, checks);
  const cancellations = await Promise.all(CANCELLATIONS.map(([at, body]) => api.accepted(at, { ...body, month })));
  const cancelled = await Promise.all(cancellations.map(({ id }) => api.until(id, "completed", "failed")));
  const cancelledMs = performance.now() - from;
  await pause(Math.max(0, watchedMs - cancelledMs));
  const cases = await plant.cases();
  const early = waiting.filter(({ account }) => cases.has(account)).length;
  const usedAbove = await used();

  await use(0.2);
  const convergedMs = await plant.rest();
  await until(async () => (await sweeps()) > 0 || undefined, api);
  const jobs = [...ordinary, ...waiting];
  const { failed, spent } = await ends(api, jobs);
  const uncancelled = cancelled.filter(({ outcome }) => outcome !== "done").length;
  const broken = [
    ...(sweepsBefore === 0 ? ["no sweep before 80 %"] : []),
    ...(sweepsAbove > 0 ? [`${String(sweepsAbove)} sweeps above 80 %`] : []),
    ...(usedAbove > 0.95 + CARRIED_OVER ? [`${percent(usedAbove)} used at last`] : []),
    ...(early > Math.ceil(watchedMs / believedMs) + 1 ? [`${String(early)} checks went ahead above 95 %`] : []),
    ...(uncancelled > 0 ? [`${String(uncancelled)} cancellations were not done`] : []),
    ...(failed + spent > 0 ? [`${String(failed)} jobs failed, ${String(spent)} attempts were spent`] : []),
    ...(convergedMs > 2 * believedMs + SLACK_MS
      ? [`all went on only ${convergedMs.toFixed(0)} ms after calls were free`]
      : []),
  ];
  if (broken.length > 0) throw new Error(broken.join("; "));
  const { lost, doubled } = await plant.audit(jobs);
  return {
    what: `Salesforce's daily calls used to 85 %, then to 95 %, each for ${(watchedMs / 1000).toFixed(1)} s, then free again; a reading is believed for ${(believedMs / 1000).toFixed(1)} s instead of 5 min`,
    times: jobs.length,
    lost,
    doubled,
    convergedMs,
    remark: `above 80 % no sweep came, and checks went on; above 95 % ${String(checks)} checks waited, ${String(early)} went ahead to look, and two cancellations were done within ${(cancelledMs / 1000).toFixed(1)} s; used from ${percent(usedBefore)} to ${percent(usedAbove)} meanwhile; no attempt spent`,
  };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
