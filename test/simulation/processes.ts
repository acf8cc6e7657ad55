import { DelayedError, type Queue } from "bullmq";
import { pino } from "pino";
import type { Vendor } from "../../src/domain/errors.ts";
import type { Metrics } from "../../src/metrics.ts";
import { type Breaker, breakerFor } from "../../src/queues/breaker.ts";
import { type Intake, openIntake } from "../../src/queues/intake.ts";
import { openLedger, timingFor } from "../../src/queues/ledger.ts";
import { sealingWith } from "../../src/queues/sealing.ts";
import { attempt } from "../../src/queues/attempt.ts";
import { delayAfter } from "../../src/queues/attempt-failed.ts";
import { LOCK_MS } from "../../src/queues/worker.ts";
import { vendorCall } from "../../src/services.ts";
import type { Faults } from "./faults.ts";
import { kinds, type Services } from "./kinds.ts";
import type { QueueStandIn } from "./queue-stand-in.ts";
import { connectionOver, type Line, openLine, type Server } from "./redis-line.ts";
import type { Process, Time } from "./time.ts";
import type { Vendors } from "./vendor.ts";

export const PREFIX = "{simulation}";
export const ATTEMPTS = 4;
const BASE_MS = 1000;
const JOBS_AT_ONCE = 2;

const SEALING = sealingWith([Buffer.alloc(32, 7)]);
const NO_METRICS = { vendorCall: () => undefined } as unknown as Metrics; // a call's metrics are all that is counted
const LOG = pino({ level: "silent" });

/** What all processes of a world share. */
export interface Surroundings {
  readonly time: Time;
  readonly server: Server;
  readonly queue: QueueStandIn;
  readonly vendors: Vendors;
  readonly faults: Faults;
  /** Of a call to a vendor. */
  readonly deadlineMs: number;
}

/** A process that is up: what the program holds in it. */
export interface Running {
  readonly process: Process;
  readonly line: Line;
  readonly intake: Intake;
}

function engineIn(surroundings: Surroundings, process: Process, isDoor: boolean) {
  const { time, server, queue, faults, deadlineMs } = surroundings;
  const line = openLine(time, server, process, { isDoor, faults });
  const redis = connectionOver(line, server);
  const ledger = openLedger({ redis, prefix: PREFIX, sealing: SEALING, timing: timingFor(deadlineMs) });
  const queues = new Map<string, Queue>(kinds.map(({ name }) => [name, queue.over(line, PREFIX, name)]));
  const intake = openIntake({ redis, ledger, sealing: SEALING, queues: () => queues });
  return { line, redis, ledger, intake };
}

function begun(name: string): Process {
  return { name, alive: true, stillUntilMs: 0, clockAheadMs: 0 };
}

/** A process of the API. */
export function startDoor(surroundings: Surroundings, name: string): Running {
  const process = begun(name);
  const { line, intake } = engineIn(surroundings, process, true);
  return { process, line, intake };
}

/** A process that works. `stop` asks it to end; `ran` hears of each attempt that runs. */
export function startWorker(
  surroundings: Surroundings,
  name: string,
  ran: (job: string) => void,
): Running & { stop(): void } {
  const { time, queue, deadlineMs } = surroundings;
  const process = begun(name);
  const { line, redis, ledger, intake } = engineIn(surroundings, process, false);
  const stopping = new AbortController();
  const breaker = (vendor: Vendor): Breaker =>
    breakerFor(vendor, {
      redis,
      prefix: PREFIX,
      baseMs: BASE_MS,
      probeMs: 2 * deadlineMs,
      complain: (error) => {
        throw error;
      },
    });
  const breakers = {
    salesforce: breaker("salesforce"),
    whmcs: breaker("whmcs"),
    freebit: breaker("freebit"),
    mail: breaker("mail"),
  };
  const counted = kinds.map((kind) => ({
    ...kind,
    run: async (...[payload, step, services, facts]: Parameters<typeof kind.run>) => {
      ran(facts.id);
      return await kind.run(payload, step, services, facts);
    },
  }));
  const setting = {
    redis,
    prefix: PREFIX,
    finding: { remember: async () => {}, find: async () => [] }, // nobody looks anything up here
    ledger,
    sealing: SEALING,
    intake,
    kinds,
    services: servicesIn(surroundings, process, line, breakers),
    breakers,
    allowances: {},
    attempts: ATTEMPTS,
    baseMs: BASE_MS,
    stopping: stopping.signal,
    log: LOG,
  };

  /** As BullMQ does it: take a job, keep its lock, say how it ended. */
  const work = async (token: string): Promise<void> => {
    while (!stopping.signal.aborted) {
      const job = await line.send("take", () => (stopping.signal.aborted ? { answer: null } : queue.take(token)));
      const kind = counted.find((one) => one.name === job?.kind);
      if (job === null || kind === undefined) continue;
      const done = <T>(answer: T) => ({ answer });
      let isOver = false;
      const keepLock = () => {
        setTimeout(() => {
          if (isOver) return;
          void line.send("extend", () => done(queue.extend(job.id, token))).catch(() => undefined);
          keepLock();
        }, LOCK_MS / 2);
      };
      keepLock();
      try {
        const onAttempt = (_kind: string, end: string, _ms: number, code: string) => {
          time.note(`${name}: an attempt at a ${kind.name} is ${end}`);
          if (code === "crashes-its-worker") ran(job.id); // it counts, and runs no more
        };
        await attempt(kind, { ...setting, onAttempt }, LOG, queue.given(line, job), token);
        await line.send("complete", () => done(queue.complete(job.id, token)));
      } catch (error) {
        if (!(error instanceof DelayedError))
          await line
            .send("fail", () => done(queue.fail(job.id, token, delayAfter(error, BASE_MS))))
            .catch(() => undefined); // it lost its lock: another has it
      }
      isOver = true;
    }
  };

  queue.lines.add(line);
  const slots = Array.from({ length: JOBS_AT_ONCE }, (_, slot) => `${name}:${String(slot)}`);
  time.after(0, process, "starts", () => {
    void Promise.all(slots.map(work)).then(() => {
      process.alive = false;
      queue.lines.delete(line);
    });
  });
  return {
    process,
    line,
    intake,
    stop() {
      stopping.abort();
      line.wakeAll();
    },
  };
}

function servicesIn(
  { vendors, faults, deadlineMs }: Surroundings,
  process: Process,
  line: Line,
  breakers: Readonly<Record<Vendor, Breaker>>,
): Services {
  const never = new AbortController().signal;
  const called = async <T>(vendor: Vendor, what: string, perform: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    await vendorCall({ vendor, breaker: breakers[vendor], metrics: NO_METRICS, deadlineMs, cut: never })(
      what,
      async (signal) => {
        faults.at(what, process, line);
        return await perform(signal);
      },
    );
  return {
    write: async (vendor, effect) =>
      await called(vendor, "write", async (signal) => await vendors.write(vendor, effect, process, signal)),
    find: async (vendor, key) =>
      await called(
        vendor,
        "find",
        async (signal) => await vendors.ask(vendor, process, signal, () => vendors.found(key)),
      ),
    read: async (vendor) =>
      await called(vendor, "read", async (signal) => await vendors.ask(vendor, process, signal, vendors.nowMs)),
  };
}
