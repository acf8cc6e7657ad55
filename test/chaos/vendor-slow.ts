import type { Handoff } from "../e2e/process.ts";
import { until } from "../e2e/process.ts";
import type { Experiment, Finding, Random } from "./experiment.ts";
import { approvedOrders, auditOrders } from "./orders.ts";
import { type Answer, ends, inPlant, load, pause, type Plant } from "./plant.ts";
import { choose } from "./turns.ts";

/** `VENDOR_TIMEOUT_MS` here, a tenth of the default; what takes a vendor 60 s takes it 6 s. */
const DEADLINE_MS = 1500;
const SLOW_MS = 4 * DEADLINE_MS;
const SETTINGS = { VENDOR_TIMEOUT_MS: String(DEADLINE_MS), RETRY_BASE_MS: "100" };

/** A session ends after so many calls that were answered. */
const CALLS_A_SESSION = 10;

/** Vendors that answer slowly, forget our session all the time, or have the record locked. */
export const vendorSlow: Experiment = {
  name: "vendor-slow",
  async run(scale, random) {
    const [times, orders] = scale === "full" ? [300, 60] : [40, 20];
    const all = [
      (plant: Plant) => slowWhmcs(plant, orders),
      (plant: Plant) => sessionsExpire(plant, times),
      (plant: Plant) => rowsAreLocked(plant, times, random),
    ];
    const findings: Finding[] = [];
    for (const work of scale === "full" ? all : choose(all, 1, random))
      findings.push(await inPlant(work, {}, SETTINGS));
    return findings;
  },
};

async function slowWhmcs(plant: Plant, times: number): Promise<Finding> {
  await plant.quiet();
  const [api] = await Promise.all([plant.startApi(), plant.startWorker()]);
  const orders = await approvedOrders(plant, times);
  const alone = await underLoad(plant, api, async () => await pause(SLOW_MS / 2));
  await plant.fault({ vendor: "whmcs", operation: "*", mode: "slow", delayMs: SLOW_MS, times: 1_000_000 });
  const beside = await underLoad(plant, api, async () => {
    await Promise.all(orders.map(({ orderId }) => api.accepted("/api/provisioning", { orderId })));
    await pause(SLOW_MS);
  });
  await plant.clearFaults();
  const convergedMs = await plant.rest("provisioning");
  const jobs = [...alone.answers, ...beside.answers];
  const { failed, spent } = await ends(api, jobs);
  if (failed + spent > 0) throw new Error(`${String(failed)} checks failed, ${String(spent)} attempts were spent`);
  // A check that waited behind an order would wait for a deadline at least; a busy machine slows both down.
  if (beside.p99 > Math.max(DEADLINE_MS, 3 * alone.p99))
    throw new Error(`a check took ${beside.p99.toFixed(0)} ms beside a slow WHMCS, alone ${alone.p99.toFixed(0)} ms`);
  const [checks, provisioned] = [await plant.audit(jobs), await auditOrders(plant, orders)];
  return {
    what: `WHMCS takes ${String(SLOW_MS / DEADLINE_MS)} deadlines for each answer (60 s by default, ${String(SLOW_MS / 1000)} s here), with orders for all its places, while checks come in`,
    times,
    lost: checks.lost + provisioned.lost,
    doubled: checks.doubled + provisioned.doubled,
    convergedMs,
    remark: `99 of 100 checks done within ${beside.p99.toFixed(0)} ms, ${alone.p99.toFixed(0)} ms without (${String(beside.answers.length)} and ${String(alone.answers.length)} checks)`,
  };
}

/** Checks that a portal asks for during `work`, and within what time 99 of 100 were done (ms). */
async function underLoad(
  plant: Plant,
  api: Handoff,
  work: () => Promise<void>,
): Promise<{ readonly answers: readonly Answer[]; readonly p99: number }> {
  const portals = load(plant, api);
  await work();
  const answers = await portals.stop();
  await plant.rest();
  const views = await Promise.all(answers.flatMap(({ id }) => (id === null ? [] : [api.job(id)])));
  const tookMs = views
    .map(({ createdAt, finishedAt }) => Date.parse(finishedAt ?? "") - Date.parse(createdAt))
    .toSorted((a, b) => a - b);
  return { answers, p99: tookMs[Math.floor(0.99 * (tookMs.length - 1))] ?? Number.NaN };
}

async function sessionsExpire(plant: Plant, times: number): Promise<Finding> {
  await plant.quiet();
  const api = await plant.startApi();
  const answers = await plant.askAll(api, times);
  const isOver = new AbortController();
  let expiries = 0;
  const expiring = until(async () => {
    const answered = (await plant.calls()).filter(
      ({ vendor, operation, status }) =>
        vendor === "salesforce" && operation !== "token" && status !== null && status < 300,
    ).length;
    if (answered >= CALLS_A_SESSION * (expiries + 1)) {
      expiries += 1;
      await plant.control("POST", "expire-sessions");
    }
    return isOver.signal.aborted || undefined;
  });
  await plant.startWorker();
  const convergedMs = await plant.rest();
  isOver.abort();
  await expiring;
  const calls = (await plant.calls()).filter(({ vendor }) => vendor === "salesforce");
  const logins = calls.filter(({ operation }) => operation === "token").length - 1; // the first is no expiry's
  const refused = calls.filter(({ status }) => status === 401).length;
  const { failed, spent } = await ends(api, answers);
  if (failed > 0 || logins > expiries)
    throw new Error(`${String(failed)} checks failed; ${String(logins)} sign-ins for ${String(expiries)} expiries`);
  const { lost, doubled } = await plant.audit(answers);
  return {
    what: `every session of Salesforce ended after ${String(CALLS_A_SESSION)} calls, under 20 checks at once`,
    times: expiries,
    lost,
    doubled,
    convergedMs,
    remark: `${String(times)} checks, none failed; ${String(logins)} sign-ins for ${String(expiries)} expiries, ${String(refused)} calls were refused and made again; ${String(spent)} attempts spent where the new session had ended by then, too`,
  };
}

async function rowsAreLocked(plant: Plant, times: number, random: Random): Promise<Finding> {
  await plant.quiet();
  const api = await plant.startApi();
  const answers = await plant.askAll(api, times);
  let locked = 0;
  for (let skip = 0; skip < 2 * times; skip++) {
    if (random.next() >= 0.3) continue;
    locked += 1;
    await plant.fault({ vendor: "salesforce", operation: "create", mode: "error", code: "UNABLE_TO_LOCK_ROW", skip });
  }
  await plant.startWorker();
  const convergedMs = await plant.rest();
  const { failed, spent } = await ends(api, answers);
  if (failed > 0) throw new Error(`${String(failed)} checks failed`);
  const { lost, doubled } = await plant.audit(answers);
  return {
    what: "UNABLE_TO_LOCK_ROW in three writes of ten inside all-or-none calls",
    times: locked,
    lost,
    doubled,
    convergedMs,
    remark: `${String(times)} checks, none failed, ${String(spent)} attempts spent`,
  };
}
