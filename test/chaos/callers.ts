import { ADDRESS } from "../processors/line.ts";
import { API_KEY, type Handoff, until } from "../e2e/process.ts";
import type { Experiment, Finding, Random } from "./experiment.ts";
import { deadlineFor, inPlant, pause, type Plant } from "./plant.ts";
import { type Sender, sender } from "./sender.ts";
import { sum } from "./turns.ts";

const PATH = "/api/services/internet/eligibility-request";

/** Of the vendors: what Redis cut off is looked for again at times that follow from it. */
const DEADLINE = { full: { VENDOR_TIMEOUT_MS: "2000" }, short: deadlineFor("short") };

/** Who ask at the same time. */
const PEOPLE = 16;

/** Of a check that was accepted already. */
const MOST_REPEATS = 40;

/** Callers that ask too often, at the same moment, or again because nobody answered. */
export const callers: Experiment = {
  name: "callers",
  async run(scale, random) {
    const [equal, checks, breaks] = scale === "full" ? [1000, 5000, 80] : [100, 150, 2];
    return await inPlant(
      async (plant) => {
        if (scale === "short") plant.keepLocksShort();
        const doors = await Promise.all([plant.startApi(), plant.startApi()]);
        const atRest = await equalPosts(plant, doors, equal, { withKey: false });
        const atWork = await equalPosts(plant, doors, equal, { withKey: true });
        return [atRest, atWork, await whileRedisComesAndGoes(plant, doors[0], checks, breaks, random)];
      },
      {},
      DEADLINE[scale],
    );
  },
};

/** Without a key a worker begins only afterwards, as a post that comes after the job has ended is new work. */
async function equalPosts(
  plant: Plant,
  doors: readonly [Handoff, Handoff],
  times: number,
  { withKey }: { readonly withKey: boolean },
): Promise<Finding> {
  const account = await plant.make("Account", { Name: "ひとつの会社" });
  const body = { accountId: account, address: ADDRESS };
  const headers = withKey ? { "idempotency-key": "one-and-the-same" } : undefined;
  const from = performance.now();
  const answers = await Promise.all(
    Array.from({ length: times }, async (_, at) => {
      const response = await (at % 2 === 0 ? doors[0] : doors[1]).post(PATH, body, headers);
      const { id = null } = (await response.json()) as { readonly id?: string }; // a job, or a problem
      return { status: response.status, id };
    }),
  );
  if (!withKey) await plant.startWorker();
  const ids = new Set(answers.map(({ id }) => id));
  for (const id of ids) await doors[0].until(id ?? "", "completed", "failed");
  await plant.rest();
  const cases = (await plant.cases()).get(account) ?? 0;
  return {
    what: `equal posts at the same moment to two processes, ${withKey ? "with one Idempotency-Key while a worker works" : "without a key"}`,
    times,
    lost: answers.filter(({ status }) => status !== 202).length + (cases === 0 ? 1 : 0),
    doubled: Math.max(0, ids.size - 1) + Math.max(0, cases - 1),
    convergedMs: performance.now() - from,
    remark: `${String(ids.size)} job, ${String(cases)} Case`,
  };
}

interface Asked {
  readonly account: string;
  /** Of every answer that accepted it. */
  readonly ids: ReadonlySet<string>;
  /** How often it was asked for, how often that was accepted, and how often the caller had no patience. */
  readonly posts: number;
  readonly accepted: number;
  readonly hungUp: number;
}

/**
 * Callers that hang up early now and then, while Redis is killed or stands still. Each asks for one check with a key of its own until
 * it is accepted, as the contract tells them to, and then again and again: an answer may have been lost on the way.
 */
async function whileRedisComesAndGoes(
  plant: Plant,
  api: Handoff,
  times: number,
  mostBreaks: number,
  random: Random,
): Promise<Finding> {
  const asked: Asked[] = [];
  let begun = 0;
  const portal = sender(api.url, PEOPLE);
  const person = async () => {
    while (begun < times) asked.push(await askUntilAccepted(plant, api, portal, (begun += 1), random));
  };
  const over = Promise.all(Array.from({ length: PEOPLE }, person));
  const ended = new AbortController();
  void over.finally(() => ended.abort()).catch(() => undefined); // awaited below
  let breaks = 0;
  do {
    await pause(random.between(200, 1500));
    if (random.next() < 0.5) await plant.redis.kill();
    else await plant.redis.kill("SIGSTOP");
    await pause(random.between(50, 800));
    await plant.redis.kill("SIGCONT");
    await plant.redis.restart();
    breaks += 1;
  } while (!ended.signal.aborted && breaks < mostBreaks);
  await over.finally(portal.close);
  const from = performance.now();
  await plant.rest();
  const convergedMs = performance.now() - from;
  const cases = await plant.cases();
  const failed = await plant.inQueue(async (queue) => await queue.getFailed());
  for (const { id, failedReason } of failed) process.stderr.write(`\n${String(id)} failed: ${failedReason}\n`);
  const all = (of: "posts" | "accepted" | "hungUp") => sum(asked.map((one) => one[of]));
  return {
    what: `posts of ${String(times)} checks, each repeated until it is accepted and some times more, by callers who hang up early now and then, while Redis comes and goes`,
    times: all("posts"),
    lost: asked.filter(({ account }) => !cases.has(account)).length + failed.length,
    doubled: sum(asked.map(({ account, ids }) => ids.size - 1 + Math.max(0, (cases.get(account) ?? 0) - 1))),
    convergedMs,
    remark: `${String(all("accepted"))} were accepted, of ${String(all("hungUp"))} the caller hung up before an answer, the others had 503; Redis was killed or stood still ${String(breaks)} times`,
  };
}

async function askUntilAccepted(
  plant: Plant,
  api: Handoff,
  portal: Sender,
  number: number,
  random: Random,
): Promise<Asked> {
  const account = await plant.make("Account", { Name: `会社 ${String(number)}` });
  const ids = new Set<string>();
  let [posts, accepted, hungUp] = [0, 0, 0];
  const ask = async (patienceMs: number): Promise<boolean> => {
    posts += 1;
    const { how, id } = await post(portal, account, `check-${String(number)}`, patienceMs);
    if (how === "hung up") hungUp += 1;
    if (how !== "accepted") return false;
    accepted += 1;
    ids.add(id);
    return true;
  };
  const more = random.between(0, MOST_REPEATS);
  await until(async () => {
    if (await ask(random.next() < 0.4 ? random.between(1, 10) : 30_000)) return true;
    await pause(50);
    return undefined;
  }, api);
  for (let repeat = 0; repeat < more; repeat++) await ask(30_000);
  return { account, ids, posts, accepted, hungUp };
}

type Posted =
  | { readonly how: "accepted"; readonly id: string }
  | { readonly how: "refused" | "hung up"; readonly id: null };

async function post(portal: Sender, accountId: string, key: string, patienceMs: number): Promise<Posted> {
  const patience = AbortSignal.timeout(patienceMs);
  const request = {
    method: "POST",
    path: PATH,
    headers: { authorization: `Bearer ${API_KEY}`, "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify({ accountId, address: ADDRESS }),
  };
  try {
    const { status, body } = await portal.send(request, patience);
    const { id } = JSON.parse(body) as { readonly id?: string }; // a job, or a problem
    if (status === 202 && id !== undefined) return { how: "accepted", id };
    if (status === 503) return { how: "refused", id: null };
    throw new Error(`the door answered ${String(status)}`);
  } catch (error) {
    if (patience.aborted && error instanceof Error && error.name === "AbortError") return { how: "hung up", id: null };
    throw error;
  }
}
