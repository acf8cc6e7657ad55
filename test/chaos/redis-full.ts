import { readFile } from "node:fs/promises";
import { until } from "../e2e/process.ts";
import type { Experiment } from "./experiment.ts";
import { deadlineFor, inPlant, load, pause, refusedOf } from "./plant.ts";

/** What a person can still read, and a disk still hold. */
const MOST_LINES_A_SECOND = 10;

/** So soon a load of posts has used up the room that is left. */
const REFUSED_WITHIN_MS = 20_000;

/** Beyond what it uses, Redis may take so much (bytes). */
const ROOM = 200_000;

/** Redis is full and throws nothing away: nothing new is accepted, and nothing goes round in circles. */
export const redisFull: Experiment = {
  name: "redis-full",
  async run(scale) {
    const times = scale === "full" ? 3 : 1;
    const fullMs = scale === "full" ? 20_000 : 3_000;
    return [
      await inPlant(
        async (plant) => {
          if (scale === "short") plant.keepLocksShort();
          const [api, worker] = await Promise.all([plant.startApi(), plant.startWorker()]);
          const linesOf = () => [api, worker].reduce((all, { stdout }) => all + repeatedLines(stdout()), 0);
          const portals = load(plant, api, { portals: 4, restMs: 5, refusedRestMs: 100 });
          const refusals = () => portals.answers.filter(({ status }) => status !== 202).length;
          let [most, busiest] = [0, 0];
          let longestMs = 0;
          for (let time = 0; time < times; time++) {
            await plant.redis.each(async (server) => {
              const used = Number(/used_memory:(\d+)/.exec(await server.info("memory"))?.[1]);
              await server.config("SET", "maxmemory", used + ROOM);
            });
            const [before, noneAfter] = [refusals(), performance.now() + REFUSED_WITHIN_MS];
            await until(() => refusals() > before || performance.now() > noneAfter || undefined, api);
            if (refusals() === before) throw new Error("everything is accepted, and Redis has no room for it");
            const [from, cpuFrom] = [linesOf(), await cpuSecondsOf(worker.pid)];
            await pause(fullMs);
            busiest = Math.max(busiest, ((await cpuSecondsOf(worker.pid)) - cpuFrom) / (fullMs / 1000));
            most = Math.max(most, (linesOf() - from) / (fullMs / 1000));
            await plant.redis.each((server) => server.config("SET", "maxmemory", 0));
            const roomAt = performance.now();
            const answered = portals.answers.filter(({ id }) => id !== null).length;
            await until(() => portals.answers.filter(({ id }) => id !== null).length > answered || undefined, api);
            longestMs = Math.max(longestMs, performance.now() - roomAt);
          }
          const answers = await portals.stop();
          const restMs = await plant.rest();
          const { accepted, lost, doubled } = await plant.audit(answers);
          const refused = refusedOf(answers);
          if (most > MOST_LINES_A_SECOND) throw new Error(`the log grew by ${most.toFixed(1)} lines a second`);
          return {
            what: `Redis full (noeviction) for ${String(fullMs / 1000)} s under a load of posts, then given memory`,
            times,
            lost,
            doubled,
            convergedMs: longestMs + restMs,
            remark: `${String(accepted)} posts acknowledged, ${String(refused.length)} answered 503 with Retry-After; the log grew by ${most.toFixed(1)} lines a second at most, beside one a request and a job; the worker took ${(100 * busiest).toFixed(0)} % of a core`,
          };
        },
        {},
        deadlineFor(scale),
      ),
    ];
  },
};

/** How many lines are more than one for each request and one for each job: those are no circle. */
function repeatedLines(log: string): number {
  const jobs = new Set<string>();
  return log.split("\n").filter((line) => {
    const job = /"job":"([^"]+)"/.exec(line)?.[1];
    if (job === undefined || jobs.has(job)) return !line.includes('"msg":"request"');
    jobs.add(job);
    return false;
  }).length;
}

/** What a process has taken of the processors so far; Linux counts it in hundredths of a second, and elsewhere nobody does (0). */
async function cpuSecondsOf(pid: number): Promise<number> {
  if (process.platform !== "linux") return 0;
  const fields = (await readFile(`/proc/${String(pid)}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
