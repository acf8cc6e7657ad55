import { until } from "../e2e/process.ts";
import type { Experiment, Finding, Random } from "./experiment.ts";
import { activeOpportunities, approvedOrders, provisionedTimes } from "./orders.ts";
import { type Answer, deadlineFor, inPlant, load, OUTBOUND_TOKEN, pause, type Plant } from "./plant.ts";
import { untilWorkGoesOn } from "./redis-kills.ts";
import { startWatchedRedis, type WatchedRedis } from "./sentinel.ts";

/** As a deployment has it by default, the sweep comes every five minutes; here it comes once a second, and only at the end. */
const SWEEP_MS = 1000;

/** An order that is not there by then is left to a person, or lost. */
const SWEPT_WITHIN_MS = 60_000;

/** A replica that lags takes over: what it never heard of is gone from Redis, and some of it has been done. */
export const failover: Experiment = {
  name: "failover",
  async run(scale, random) {
    const watched = await startWatchedRedis();
    return [
      await inPlant(
        async (plant) => {
          if (scale === "short") plant.keepLocksShort();
          return await takeovers(plant, watched, scale === "full" ? 10 : 1, random);
        },
        watched,
        deadlineFor(scale),
      ),
    ];
  },
};

async function takeovers(plant: Plant, redis: WatchedRedis, times: number, random: Random): Promise<Finding> {
  const [api, worker] = await Promise.all([plant.startApi(), plant.startWorker()]);
  await plant.rest("approval-sweep"); // what it finds now is the seed's
  const orders = await approvedOrders(plant, 3 * times);
  const portals = load(plant, api);
  let longestMs = 0;
  for (let time = 0; time < times; time++) {
    await pause(random.between(100, 500));
    await redis.cutReplica();
    const halted = random.next() < 0.5; // then what is announced now is gone before it is done
    if (halted) worker.signal("SIGSTOP");
    const orderIds = orders.slice(3 * time, 3 * time + 3).map(({ orderId }) => orderId);
    await plant.control("POST", "outbound-messages", {
      orderIds,
      to: `${api.url}/salesforce/outbound-messages/${OUTBOUND_TOKEN}`,
    });
    await pause(random.between(0, 1500));
    await redis.failOver();
    if (halted) worker.signal("SIGCONT");
    longestMs = Math.max(longestMs, await untilWorkGoesOn(plant, api));
    await redis.rejoin();
  }
  const answers = await portals.stop();
  await plant.rest();
  await plant.rest("provisioning");

  // A caller who asks after its job hears that there is none, and repeats its request.
  const gone = await Promise.all(answers.map((answer) => isGone(api, answer)));
  const again = await Promise.all(answers.filter((_, at) => gone[at]).map(({ account }) => plant.askFor(api, account)));
  await plant.rest();
  const heard = [...answers.filter((_, at) => !gone[at]), ...again];
  const { accepted, lost, doubled } = await plant.audit(heard);

  const early = await provisionedTimes(plant);
  const vanished = orders.filter(({ opportunityId }) => !early.has(opportunityId)).length;
  const from = performance.now();
  worker.signal("SIGTERM");
  await plant.startWorker({ SWEEP_INTERVAL_MS: String(SWEEP_MS) });
  let missing = orders;
  await until(async () => {
    const active = await activeOpportunities(plant);
    missing = missing.filter(({ opportunityId }) => !active.has(opportunityId));
    return missing.length === 0 || performance.now() - from > SWEPT_WITHIN_MS || undefined;
  }, api);
  const sweptMs = performance.now() - from;
  await plant.rest("provisioning");
  const provisioned = await provisionedTimes(plant);
  const twice = orders.filter(({ opportunityId }) => (provisioned.get(opportunityId) ?? 0) > 1).length;

  return {
    what: "SIGKILL of a Redis whose replica had not heard from it for up to 1.5 s, under a load of posts and outbound messages; a Sentinel made the replica the master",
    times,
    lost: lost + missing.length,
    doubled: doubled + twice,
    convergedMs: longestMs,
    remark: `${String(accepted)} posts acknowledged; ${String(again.length)} of their jobs vanished, each was answered with 404 and then accepted again; of ${String(orders.length)} announced orders ${String(vanished)} vanished before they were done, and the sweep found them (${(sweptMs / 1000).toFixed(1)} s from the start of a worker that sweeps every second)`,
  };
}

async function isGone(api: { get(path: string): Promise<Response> }, { id }: Answer): Promise<boolean> {
  return id !== null && (await api.get(`/api/jobs/${id}`)).status === 404;
}
