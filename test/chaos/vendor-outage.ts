import type { Experiment, Finding } from "./experiment.ts";
import { approvedOrders, auditOrders } from "./orders.ts";
import { ends, inPlant, pause, type Plant, type TimedCall } from "./plant.ts";

/** `RETRY_BASE_MS` here: the breaker's times, and so the whole outage, are 500 times as quick as by default. */
const BASE_MS = 2;
const QUICKER = 1000 / BASE_MS;
const SETTINGS = { RETRY_BASE_MS: String(BASE_MS), VENDOR_TIMEOUT_MS: "3000" };

const AN_HOUR_MS = 3_600_000;

/** What a worker has in its hands when the first call fails, of each kind. */
const JOBS_AT_ONCE = 20;

/** Jobs that begin while nobody knows yet that the vendor is away, or whether it is back. */
const MOST_NEWCOMERS = 5;

/** A vendor that has just come back gets no more than so many times what it gets when a worker is busy. */
const MOST_TIMES_ORDINARY = 2;

/** Fewer fill no window. */
const ENOUGH_FOR_A_RATE = 200;

/** Over which a rate is taken (ms). */
const WINDOW_MS = 500;

/** Vendors are down for hours: jobs wait, and a few probes find out when they are back. */
export const vendorOutage: Experiment = {
  name: "vendor-outage",
  beside: "none",
  async run(scale) {
    const [hours, checks, orders] = scale === "full" ? [3, 400, 40] : [0.15, 40, 0];
    return await inPlant(
      async (plant) => {
        const findings = [await salesforceDown(plant, hours, checks)];
        if (orders > 0) findings.push(await whmcsDown(plant, hours / 6, orders));
        return findings;
      },
      {},
      SETTINGS,
    );
  },
};

async function salesforceDown(plant: Plant, hours: number, checks: number): Promise<Finding> {
  await plant.quiet();
  const api = await plant.startApi();
  await plant.startWorker();
  const before = [...(await plant.askAll(api, checks))];
  await plant.rest();
  let ordinary: number | null = null;
  if (checks >= ENOUGH_FOR_A_RATE) {
    // All of them wait before it takes the first, as after an outage; its code is warm by now.
    await plant.inQueue((queue) => queue.pause());
    before.push(...(await plant.askAll(api, checks)));
    await plant.control("DELETE", "calls");
    await plant.inQueue((queue) => queue.resume());
    await plant.rest();
    ordinary = rateOf(await callsOf(plant, "salesforce"));
  }

  await plant.control("DELETE", "calls");
  await plant.fault({ vendor: "salesforce", operation: "*", mode: "fail-before", times: 1_000_000 });
  const downAt = performance.now();
  const during = await plant.askAll(api, checks);
  await pause((hours * AN_HOUR_MS) / QUICKER - (performance.now() - downAt));
  const probes = await callsOf(plant, "salesforce");
  const lengthMs = performance.now() - downAt;

  await plant.control("DELETE", "calls");
  await plant.clearFaults();
  const convergedMs = await plant.rest();
  const drained = rateOf(await callsOf(plant, "salesforce"));
  const { failed, spent } = await ends(api, during);
  const allowed = JOBS_AT_ONCE + MOST_NEWCOMERS + openings(lengthMs);
  const broken = [
    ...(failed > 0 ? [`${String(failed)} jobs failed`] : []),
    ...(spent > 0 ? [`${String(spent)} attempts were spent`] : []),
    ...(probes.length > allowed ? [`${String(probes.length)} calls where ${String(allowed)} are allowed`] : []),
    ...(ordinary !== null && drained > MOST_TIMES_ORDINARY * ordinary
      ? [`${shown(drained)} calls a second afterwards, ordinarily ${shown(ordinary)}`]
      : []),
  ];
  if (broken.length > 0) throw new Error(broken.join("; "));
  const { lost, doubled } = await plant.audit([...before, ...during]);
  return {
    what: `Salesforce answers 503 for ${String(hours)} h, all times ${String(QUICKER)} times as quick, while checks come in`,
    times: checks,
    lost,
    doubled,
    convergedMs,
    remark: `no attempt spent, none failed; ${String(probes.length)} calls in all that time; afterwards ${shown(drained)} calls a second at most${ordinary === null ? "" : `, ${shown(ordinary)} where the same worker is busy`}`,
  };
}

/** An order's first call to WHMCS is a write: one that is sent counts, whatever the answer. */
async function whmcsDown(plant: Plant, hours: number, times: number): Promise<Finding> {
  const api = await plant.startApi();
  const orders = await approvedOrders(plant, times);
  await plant.control("DELETE", "calls");
  await plant.fault({ vendor: "whmcs", operation: "*", mode: "fail-before", times: 1_000_000 });
  const posted = await Promise.all(orders.map(({ orderId }) => api.accepted("/api/provisioning", { orderId })));
  await pause((hours * AN_HOUR_MS) / QUICKER);
  const calls = await callsOf(plant, "whmcs");
  await plant.clearFaults();
  const convergedMs = await plant.rest("provisioning");
  const { failed, spent } = await ends(api, posted);
  const writes = calls.filter(({ operation }) => operation === "AddOrder").length;
  if (failed > 0 || spent > writes || writes > JOBS_AT_ONCE + MOST_NEWCOMERS)
    throw new Error(
      `${String(failed)} orders failed; ${String(spent)} attempts were spent, ${String(writes)} on writes`,
    );
  return {
    what: `WHMCS answers 503 for ${String(hours)} h, all times ${String(QUICKER)} times as quick, while approved orders come in`,
    times,
    ...(await auditOrders(plant, orders)),
    convergedMs,
    remark: `none failed; ${String(calls.length)} calls in all that time, ${String(writes)} of them AddOrder, nearly all of them before it was known to be down: what was sent may have been carried out, so these spent ${String(spent)} attempts, one of the 12 that an order has`,
  };
}

async function callsOf(plant: Plant, vendor: string): Promise<readonly TimedCall[]> {
  return (await plant.calls()).filter((call) => call.vendor === vendor);
}

/** How often the breaker opens within `lengthMs`, where each probe comes as soon as it may. */
function openings(lengthMs: number): number {
  let count = 0;
  for (let at = 0, length = 5 * BASE_MS; at < lengthMs; at += length, length = Math.min(2 * length, 300 * BASE_MS))
    count += 1;
  return count;
}

/** The most calls a second in any window. */
function rateOf(calls: readonly TimedCall[]): number {
  const times = calls.map(({ at }) => Date.parse(at));
  const within = times.map((from) => times.filter((at) => at >= from && at < from + WINDOW_MS).length);
  return Math.max(0, ...within) / (WINDOW_MS / 1000);
}

const shown = (rate: number): string => rate.toFixed(0);
