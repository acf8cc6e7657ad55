import type { Environment } from "../e2e/process.ts";
import { type Experiment, type Finding, type Random, randomFrom, type Scale } from "./experiment.ts";
import { until } from "../e2e/process.ts";
import { type Answer, inPlant, pause, type Plant, type TimedCall } from "./plant.ts";
import { startRedisProxy } from "./redis-proxy.ts";

/** How many checks a worker is in the middle of. */
const CHECKS = 20;

/** What is in flight is waited for by the other worker until its lease, twice this, and 12 times this are over: less than a lock lasts. */
const DEADLINE_MS = { full: 2_000, short: 500 };

/** A worker that was thought dead comes back to life while another has its jobs. */
export const zombies: Experiment = {
  name: "zombies",
  beside: "all",
  async run(scale, random) {
    if (scale === "short") return [await random.oneOf([standStill, cutOff])(scale, random)];
    // Each has numbers of its own: which of them draws first would not follow from the seed.
    const [one, other] = [randomFrom(random.between(0, 2 ** 31)), randomFrom(random.between(0, 2 ** 31))];
    return await Promise.all([standStill(scale, one), cutOff(scale, other)]);
  },
};

interface Zombie {
  /** How it reaches Redis. */
  readonly environment: Environment;
  /** Takes the worker of that pid out of the world. */
  readonly bury: (pid: number) => void;
  readonly raise: (pid: number) => void;
}

async function standStill(scale: Scale, random: Random): Promise<Finding> {
  return await inPlant(
    async (plant) =>
      await raiseTheDead(
        plant,
        scale,
        random,
        "SIGSTOP of a worker in the middle of 20 checks, SIGCONT once another has done them",
        {
          environment: plant.redis.environment,
          bury: (pid) => process.kill(pid, "SIGSTOP"),
          raise: (pid) => process.kill(pid, "SIGCONT"),
        },
      ),
    {},
    { VENDOR_TIMEOUT_MS: String(DEADLINE_MS[scale]) },
  );
}

async function cutOff(scale: Scale, random: Random): Promise<Finding> {
  return await inPlant(
    async (plant) => {
      const proxy = await startRedisProxy(plant.redis.port);
      try {
        return await raiseTheDead(
          plant,
          scale,
          random,
          "a worker cut from Redis, not from the vendors, in the middle of 20 checks, and let back once another has done them",
          {
            environment: { REDIS_URL: proxy.url },
            bury: () => proxy.cut(),
            raise: () => proxy.mend(),
          },
        );
      } finally {
        await proxy.close();
      }
    },
    { cluster: false }, // what is cut is a cable to one server
    { VENDOR_TIMEOUT_MS: String(DEADLINE_MS[scale]) },
  );
}

const isWrite = ({ operation }: TimedCall) => operation === "composite";

async function raiseTheDead(
  plant: Plant,
  scale: Scale,
  random: Random,
  what: string,
  { environment, bury, raise }: Zombie,
): Promise<Finding> {
  const answers: Answer[] = [];
  const [rounds, deadlineMs] = [scale === "full" ? 3 : 1, DEADLINE_MS[scale]];
  const within = (least: number, most: number) => random.between(least * deadlineMs, most * deadlineMs);
  const api = await plant.startApi();
  let longestMs = 0;
  for (let round = 0; round < rounds; round++) {
    const first = await plant.startWorker(environment);
    // Each call takes a time of its own, so that the worker is stopped at another place in each check.
    for (let call = 0; call < 2 * CHECKS; call++)
      await plant.fault({ vendor: "salesforce", operation: "*", mode: "slow", delayMs: within(0.1, 0.5) });
    const writes = async () => (await plant.calls()).filter(isWrite).length;
    // When it is buried some checks are done, some are being written, and some have only been read.
    const enough = (await writes()) + random.between(1, CHECKS / 2);
    const asking = Promise.all(Array.from({ length: CHECKS }, () => plant.ask(api)));
    await until(async () => (await writes()) >= enough || undefined, first);
    bury(first.pid);
    const buriedAt = performance.now();
    answers.push(...(await asking));
    if (scale === "short") await plant.endLocks();
    const second = await plant.startWorker();
    await plant.rest();
    longestMs = Math.max(longestMs, performance.now() - buriedAt);
    raise(first.pid);
    await first.ready();
    // What it still had to say or send goes out before it is told to stop.
    await pause(deadlineMs);
    for (const worker of [first, second]) {
      worker.signal("SIGTERM");
      await worker.ended;
    }
  }
  const { accepted, lost, doubled } = await plant.audit(answers);
  return { what, times: rounds, lost, doubled, convergedMs: longestMs, remark: `${String(accepted)} checks` };
}
