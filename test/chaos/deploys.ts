import type { Handoff } from "../e2e/process.ts";
import type { Experiment } from "./experiment.ts";
import { inPlant, load, pause } from "./plant.ts";

/** Salesforce answers so slowly that a worker is always in the middle of some checks when it is told to stop. */
const SLOW = { vendor: "salesforce", operation: "*", mode: "slow", delayMs: 150, times: 1_000_000 };

/** Of the vendors: long for such an answer, and short enough that what was not handed back is soon seen. */
const DEADLINE = { VENDOR_TIMEOUT_MS: "3000" };

/** Workers are told to stop one after the other, each once its successor is ready, while a portal asks. */
export const deploys: Experiment = {
  name: "deploys",
  async run(scale, random) {
    const times = scale === "full" ? 20 : 1;
    return [
      await inPlant(
        async (plant) => {
          const [api, ...first] = await Promise.all([plant.startApi(), plant.startWorker(), plant.startWorker()]);
          await plant.fault(SLOW);
          const workers: Handoff[] = [...first];
          const portals = load(plant, api);
          let slowestMs = 0;
          let badly = 0;
          for (let restart = 0; restart < times; restart++) {
            await pause(random.between(100, 500));
            workers.push(await plant.startWorker());
            const old = workers.shift();
            const toldAt = performance.now();
            old?.signal("SIGTERM");
            if ((await old?.ended)?.code !== 0) badly += 1;
            slowestMs = Math.max(slowestMs, performance.now() - toldAt);
          }
          const answers = await portals.stop();
          const restMs = await plant.rest();
          const { accepted, lost, doubled } = await plant.audit(answers);
          let [retried, stalled] = [0, 0];
          await plant.inQueue(async (queue) => {
            for (const { id } of answers) {
              if (id === null) continue;
              const { attempts } = await api.job(id);
              if (attempts !== 1) retried += 1;
              if (((await queue.getJob(id))?.stalledCounter ?? 0) > 0) stalled += 1;
            }
          });
          if (retried + stalled + badly > 0)
            throw new Error(
              `${String(retried)} jobs spent an attempt, ${String(stalled)} stalled, ${String(badly)} workers ended badly`,
            );
          return {
            what: "SIGTERM of one of two workers under a load of posts, once its successor is ready",
            times,
            lost,
            doubled,
            convergedMs: restMs,
            remark: `${String(accepted)} checks, each done in 1 attempt, none stalled; a worker ended within ${(slowestMs / 1000).toFixed(1)} s`,
          };
        },
        {},
        DEADLINE,
      ),
    ];
  },
};
