import { type Handoff, until } from "../e2e/process.ts";
import type { Experiment, Finding, Random, Scale } from "./experiment.ts";
import { deadlineFor, inPlant, load, pause, type Plant, refusedOf } from "./plant.ts";

/** Redis dies under a load of posts, again and again; and it is away for a while. */
export const redisKills: Experiment = {
  name: "redis-kills",
  async run(scale, random) {
    if (scale === "short") return [await kills(2, "always", scale, random)];
    return [await kills(100, "always", scale, random), await everySecond(random)];
  },
};

/** Redis is away for seconds or minutes; whoever asks meanwhile is told so at once. */
export const redisAway: Experiment = {
  name: "redis-away",
  beside: "all",
  run: async (scale) => [await outages(scale === "full" ? [1, 2, 5, 10, 20, 60, 300] : [1], scale)],
};

async function kills(
  times: number,
  appendfsync: "always" | "everysec",
  scale: Scale,
  random: Random,
): Promise<Finding> {
  return await inPlant(
    async (plant) => {
      if (scale === "short") plant.keepLocksShort();
      const [api] = await Promise.all([plant.startApi(), plant.startWorker()]);
      const portals = load(plant, api);
      let longestMs = 0;
      for (let kill = 0; kill < times; kill++) {
        await pause(random.between(50, 600));
        await plant.redis.kill();
        await plant.redis.restart();
        longestMs = Math.max(longestMs, await untilWorkGoesOn(plant, api));
      }
      const answers = await portals.stop();
      await plant.rest();
      const { accepted, lost, doubled } = await plant.audit(answers);
      const refused = refusedOf(answers).length;
      return {
        what: `SIGKILL of Redis under a load of posts, appendfsync ${appendfsync}`,
        times,
        lost,
        doubled,
        convergedMs: longestMs,
        remark: `${String(accepted)} posts acknowledged, ${String(refused)} answered 503; converged: the first job that came after Redis's return is done`,
      };
    },
    { appendfsync },
    deadlineFor(scale),
  );
}

/** What the setting that deployments must not have would cost: told, and not counted. */
async function everySecond(random: Random): Promise<Finding> {
  const { lost, remark, ...finding } = await kills(10, "everysec", "full", random);
  return {
    ...finding,
    lost: 0,
    remark: `not what is promised, and not counted: ${String(lost)} acknowledged jobs were lost. ${remark ?? ""}`,
  };
}

/** From Redis's return until a new request is accepted and done, in milliseconds. */
export async function untilWorkGoesOn(plant: Plant, api: Handoff): Promise<number> {
  const backAt = performance.now();
  const id = await until(async () => (await plant.ask(api)).id ?? undefined, api);
  await until(async () => {
    const response = await api.get(`/api/jobs/${id}`);
    if (response.status === 404) throw new Error("a job that was just accepted is not known");
    if (!response.ok) return undefined;
    return ((await response.json()) as { readonly state: string }).state === "completed" || undefined; // a job's JSON
  }, api);
  return performance.now() - backAt;
}

async function outages(seconds: readonly number[], scale: Scale): Promise<Finding> {
  return await inPlant(
    async (plant) => {
      if (scale === "short") plant.keepLocksShort();
      const [api] = await Promise.all([plant.startApi(), plant.startWorker()]);
      const portals = load(plant, api, { refusedRestMs: 250 });
      let longestMs = 0;
      for (const length of seconds) {
        await pause(500);
        await plant.redis.kill();
        await pause(length * 1000);
        await plant.redis.restart();
        longestMs = Math.max(longestMs, await untilWorkGoesOn(plant, api));
      }
      const answers = await portals.stop();
      await plant.rest();
      const { accepted, lost, doubled } = await plant.audit(answers);
      const refused = refusedOf(answers);
      if (refused.length === 0) throw new Error("nobody was told that Redis is away");
      const slowestMs = Math.max(...refused.map(({ ms }) => ms));
      return {
        what: `Redis away for ${seconds.join(", ")} s under a load of posts`,
        times: seconds.length,
        lost,
        doubled,
        convergedMs: longestMs,
        remark: `${String(accepted)} posts acknowledged; ${String(refused.length)} answered 503 with Retry-After within ${slowestMs.toFixed(0)} ms`,
      };
    },
    {},
    deadlineFor(scale),
  );
}
