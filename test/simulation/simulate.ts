import type { AnyJobKind } from "../../src/queues/job-kind.ts";
import { NotAcceptedError } from "../../src/queues/intake.ts";
import { type Random, randomFrom } from "../chaos/experiment.ts";
import { faultsOf, weatherOf } from "./faults.ts";
import { judgeWorld, openJobs } from "./judge.ts";
import { kinds, type Services } from "./kinds.ts";
import { type Running, startDoor, startWorker, type Surroundings } from "./processes.ts";
import { queueStandIn } from "./queue-stand-in.ts";
import type { Line } from "./redis-line.ts";
import { redisStandIn } from "./redis-stand-in.ts";
import { BEGINNING_MS, openTime, type Process, takeOver, type Time } from "./time.ts";
import { openVendors } from "./vendor.ts";

/** Something that a caller wants. */
export interface Wanted {
  readonly kind: AnyJobKind<Services>;
  readonly payload: { readonly account: string; readonly name: string };
  /** The caller's own key, where it has one. */
  readonly once: string | null;
}

/** What came of one world. */
export interface Report {
  readonly seed: number;
  readonly violations: readonly string[];
  /** Stands for all that happened: the same seed has the same one. */
  readonly hash: number;
  /** All that happened, a line each. */
  readonly said: readonly string[];
  readonly promised: number;
  readonly effects: number;
  /** How long after the last fault all was done (ms of that world). */
  readonly convergedMs: number;
}

/** How long all may take to be done once nothing breaks any more. */
const PATIENCE_MS = 30 * 60_000;

/** Lives through the world of `seed`: what is asked for, what breaks, and when, all follow from it. */
export async function simulate(seed: number): Promise<Report> {
  const random = randomFrom(seed);
  const time = openTime(random);
  const giveBack = takeOver(time);
  try {
    return await live(time, random);
  } finally {
    giveBack();
  }
}

async function live(time: Time, random: Random): Promise<Report> {
  const violations: string[] = [];
  const accuse = (violation: string): void => {
    time.note(`WRONG: ${violation}`);
    violations.push(violation);
  };
  const deadlineMs = random.oneOf([1000, 1000, 2000, 5000]);
  const faultsMs = 60_000 + 15 * deadlineMs;
  const weather = weatherOf(random, deadlineMs);
  const runs = new Map<string, number>();
  const server = {
    redis: redisStandIn({
      nowMs: () => BEGINNING_MS + time.nowMs(),
      pushed: (list, ids) => queue.pushed(list, ids),
    }),
    isUp: true,
    repeated: 0,
  };
  const running: Running[] = [];
  const lines = new Map<Process, Line>();
  let names = 0;
  const kill = (process: Process): void => {
    if (!process.alive) return;
    process.alive = false;
    time.note(`${process.name} is dead`);
    const line = lines.get(process);
    line?.cut(0);
    if (line !== undefined) queue.lines.delete(line);
    const at = running.findIndex((one) => one.process === process);
    if (at < 0) return; // it was to end anyway, and has its successor
    running.splice(at, 1);
    const isDoor = process.name.startsWith("door");
    time.after(500 + random.next() * 8000, null, "another one starts", () => start(isDoor));
  };
  const faults = faultsOf(random, weather, {
    kill,
    after: (delayMs, what, run) => void time.after(delayMs, null, what, run),
    nowMs: time.nowMs,
  });
  const queue = queueStandIn(time, server);
  const vendors = openVendors(time, { faults, deadlineMs, accuse });
  const surroundings: Surroundings = { time, server, queue, vendors, faults, deadlineMs };
  const start = (isDoor: boolean): void => {
    names += 1;
    const ran = (job: string) => void runs.set(job, (runs.get(job) ?? 0) + 1);
    const one = isDoor
      ? startDoor(surroundings, `door ${String(names)}`)
      : startWorker(surroundings, `worker ${String(names)}`, ran);
    lines.set(one.process, one.line);
    running.push(one);
  };
  for (const isDoor of [true, true, false, false, false]) start(isDoor);

  const promised = new Map<string, Wanted>();
  const byKey = new Map<string, string>();
  /** A caller asks, and asks again where it hears nothing. */
  const ask = (wanted: Wanted, triesLeft: number): void => {
    let isAnswered = false;
    const again = (): void => {
      if (!isAnswered && triesLeft > 1) ask(wanted, triesLeft - 1);
      isAnswered = true;
    };
    const doors = running.filter(({ process }) => process.name.startsWith("door"));
    const door = doors[random.between(0, doors.length - 1)];
    time.after(2500 + random.next() * 4000, null, "a caller asks again", again);
    if (door === undefined) return;
    time.after(1, door.process, `${wanted.kind.name} ${wanted.payload.name} is asked for`, () => {
      void accept(door, wanted).then((id) => {
        if (id === null) return;
        isAnswered = true;
        promised.set(id, wanted);
        time.note(`${wanted.kind.name} ${wanted.payload.name} is promised`);
        if (wanted.once !== null && (byKey.get(wanted.once) ?? id) !== id)
          accuse(`two jobs for the key ${wanted.once}`);
        if (wanted.once !== null) byKey.set(wanted.once, id);
      });
    });
  };
  const accept = async ({ intake }: Running, { kind, payload, once }: Wanted): Promise<string | null> => {
    try {
      const idempotency = once === null ? {} : { idempotency: { client: "portal", key: once } };
      const taken = await intake.accept(kind, payload, { door: "portal", ...idempotency });
      if (taken.how === "key-reused") accuse(`the key ${once ?? ""} is taken for another's`);
      else return taken.job.id;
    } catch (error) {
      if (!(error instanceof NotAcceptedError)) accuse(`a door broke: ${String(error)}`);
    }
    return null;
  };

  for (let count = random.between(3, 9); count > 0; count--) {
    const wanted = anything(random, count);
    const times = random.oneOf([1, 1, 2]);
    for (let one = 0; one < times; one++)
      time.after(random.next() * faultsMs * 0.7, null, "a caller comes", () => ask(wanted, 5));
  }
  for (const { atMs, what } of plansOf(random, faultsMs)) {
    time.after(atMs, null, what, () => {
      const one = running[random.between(0, running.length - 1)];
      if (what === "Redis restarts") {
        server.isUp = false;
        for (const { line } of running) line.cut(0);
        time.after(100 + random.next() * 8000, null, "Redis is back", () => {
          server.redis.restart();
          server.isUp = true;
        });
      } else if (what === "a clock jumps" && one !== undefined) {
        one.process.clockAheadMs = (random.next() - 0.5) * 1_200_000;
      } else if (what === "a deploy" && one !== undefined && "stop" in one) {
        running.splice(running.indexOf(one), 1);
        (one as ReturnType<typeof startWorker>).stop();
        start(false);
      } else if (what === "a person retries") retryAll();
    });
  }
  const retryAll = (): void => {
    for (const { id, state } of queue.jobs.values()) if (state === "failed") queue.retry(id);
  };

  let areAllAsked = false;
  const open = () => openJobs(surroundings, promised, areAllAsked);
  await time.passUntil(() => time.nowMs() >= faultsMs, faultsMs);
  faults.stop();
  for (const { process } of running) process.clockAheadMs = 0;
  const calmFromMs = faultsMs;
  const finish = async (what: string): Promise<void> => {
    if (!(await time.passUntil(() => open().length === 0, time.nowMs() + PATIENCE_MS)))
      accuse(`${what}, ${open().join(", ")} never ended`);
  };
  await finish("after the faults");
  const convergedMs = time.nowMs() - calmFromMs;
  judgeWorld({ ...surroundings, runs, accuse, isMended: false });
  retryAll();
  await finish("after all were retried");
  const waits = (id: string) => !["completed", "failed"].includes(queue.jobs.get(id)?.state ?? "");
  const asked = [...promised].filter(([id]) => waits(id) || random.next() < 0.5);
  for (const [, wanted] of asked) ask({ ...wanted, once: null }, 1);
  await time.passUntil(() => false, time.nowMs() + 5000);
  areAllAsked = true;
  await finish("after all were asked for again");
  retryAll();
  await finish("at the end");
  judgeWorld({ ...surroundings, runs, accuse, isMended: true });
  const { hash, said } = time.record();
  const effects = [...vendors.landed.values()].reduce((all, one) => all + one, 0);
  return { seed: random.seed, violations, hash, said, promised: promised.size, effects, convergedMs };
}

/** Few accounts and names, so that requests meet each other. */
function anything(random: Random, count: number): Wanted {
  const kind = kinds[random.oneOf([0, 0, 0, 2, 3, 3])];
  if (kind === undefined) throw new Error("there is no such kind");
  const account = random.oneOf(["Sato", "Ito"]);
  return {
    kind,
    payload: { account, name: `${account} ${String(random.between(1, 3))}` },
    once: random.next() < 0.5 ? `key ${String(count)}` : null,
  };
}

/** What happens to the world as a whole. */
function plansOf(random: Random, faultsMs: number): { readonly atMs: number; readonly what: string }[] {
  return ["Redis restarts", "a clock jumps", "a clock jumps", "a deploy", "a deploy", "a person retries"].flatMap(
    (what) => (random.next() < 0.3 ? [{ atMs: random.next() * faultsMs, what }] : []),
  );
}
