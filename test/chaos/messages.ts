import { until } from "../e2e/process.ts";
import type { Experiment, Finding, Random } from "./experiment.ts";
import { approvedOrders, auditOrders, provisionedTimes } from "./orders.ts";
import { inPlant, OUTBOUND_TOKEN, type Plant } from "./plant.ts";

/** Salesforce's limit on one message. */
const MOST_IN_ENVELOPE = 100;

/** Outbound messages out of order, twice, and not at all; the sweep finds those that never came. */
export const messages: Experiment = {
  name: "messages",
  run: async (scale, random) => [
    await inPlant(async (plant) => await shuffled(plant, scale === "full" ? 600 : 12, random)),
  ],
};

async function shuffled(plant: Plant, times: number, random: Random): Promise<Finding> {
  const api = await plant.startApi();
  const worker = await plant.startWorker();
  await plant.rest("approval-sweep"); // what it finds now is the seed's
  const orders = await approvedOrders(plant, times);

  const announced = orders.filter((_, at) => at > 0 && random.next() >= 0.01); // one at least is dropped
  const sent = inDisorder([...announced, ...announced.filter(() => random.next() < 0.2)], random);
  for (let at = 0; at < sent.length;) {
    const envelope = sent.slice(at, (at += random.between(1, MOST_IN_ENVELOPE)));
    const orderIds = envelope.map(({ orderId }) => orderId);
    await plant.control("POST", "outbound-messages", {
      orderIds,
      to: `${api.url}/salesforce/outbound-messages/${OUTBOUND_TOKEN}`,
    });
  }
  await plant.rest("provisioning");
  const beforeSweep = await provisionedTimes(plant);
  const unannounced = orders.filter((order) => !announced.includes(order));
  const unheard = announced.filter(({ opportunityId }) => !beforeSweep.has(opportunityId)).length;
  if (unheard > 0) throw new Error(`${String(unheard)} orders were announced, and nobody began them`);
  const early = unannounced.filter(({ opportunityId }) => beforeSweep.has(opportunityId)).length;

  const from = performance.now();
  worker.signal("SIGTERM");
  await plant.startWorker({ SWEEP_INTERVAL_MS: "1000" });
  await until(async () => {
    const provisioned = await provisionedTimes(plant);
    return unannounced.every(({ opportunityId }) => provisioned.has(opportunityId)) || undefined;
  }, api);
  const convergedMs = performance.now() - from;
  await plant.rest("provisioning");

  const { code, stdout } = await plant.doctor();
  if (code !== 0) throw new Error(`the systems disagree at the end (${String(code)}):\n${stdout}`);
  return {
    what: "outbound messages shuffled, one order in five announced twice, one in a hundred never, up to 100 to a message",
    times,
    ...(await auditOrders(plant, orders)),
    convergedMs,
    remark: `${String(sent.length)} notifications; ${String(unannounced.length)} orders were never announced, ${String(early)} of them provisioned before the sweep; converged: from the start of a worker that sweeps every second until it had found them`,
  };
}

function inDisorder<T>(all: readonly T[], random: Random): T[] {
  return all
    .map((one) => ({ one, at: random.next() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ one }) => one);
}
