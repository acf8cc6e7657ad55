import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kinds } from "../../src/processors/index.ts";
import { mail } from "../../src/processors/mail.ts";
import { provisioning } from "../../src/processors/provisioning.ts";
import type { Ledger } from "../../src/queues/ledger.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Call, type Effects, isProper, type Line, type LineOptions, openLine } from "./line.ts";
import { type Request, requests } from "./requests.ts";

/** What can go wrong at a call to a vendor, as the sandbox carries it out. */
const LOST = ["fail-before", "fail-after", "hang-before", "hang-after", "drop-before", "drop-after", "late"];

/** What jobs hand on to; a kind that is missing here fails its job. */
const HANDED_ON = [mail, provisioning];

/** Dozens of cells, each a system of its own, on a machine that may be busy. */
const LONG_MS = 120_000;

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

/** Opens a line, and tells what came to be by `run` in it. It has no other kinds than the request needs: each costs a worker. */
async function during(
  { kind, prepare = async () => undefined }: Request,
  run: (line: Line, payload: unknown) => Promise<void>,
  options: Omit<LineOptions, "redis"> = {},
): Promise<Effects> {
  // On a busy machine calls run into their deadline by themselves: that must not use up what a job may try.
  const line = await openLine({ redis, kinds: [...new Set([kind, ...HANDED_ON])], attempts: 20, ...options });
  try {
    const payload = await prepare(line);
    await line.forgetCalls();
    const { mails: _, ...before } = await line.effects();
    await run(line, payload);
    const { mails, ...after } = await line.effects();
    const added = Object.entries(after).map(([thing, count]) => [thing, count - before[thing as keyof typeof before]]); // a key of both
    return { ...Object.fromEntries(added), mails } as Effects; // the same keys
  } finally {
    await line.close();
  }
}

/** The calls of the ordinary case, in order. */
async function callsOf(request: Request): Promise<readonly NumberedCall[]> {
  let made: readonly Call[] = [];
  await during(request, async (line, payload) => {
    line.engine.work();
    await line.carry(request.kind, payload ?? request.payload);
    await line.rest();
    made = await line.calls();
  });
  return numbered(made);
}

it("every kind is in the matrix, but the one whose calls go to no vendor", () => {
  const toVendors = kinds.map(({ name }) => name).filter((name) => name !== "callback");
  expect([...new Set(Object.values(requests).map(({ kind }) => kind.name))].toSorted()).toEqual(toVendors.toSorted());
});

describe.for(Object.entries(requests))("%s", ([, request]) => {
  const { kind, effects, calls, ownCalls = calls, mailsOfRefusal = {} } = request;

  it(`takes ${String(calls)} calls to vendors in the ordinary case`, async () => {
    let made: readonly Call[] = [];
    const came = await during(request, async (line, payload) => {
      line.engine.work();
      const job = await line.carry(kind, payload ?? request.payload);
      expect(job).toMatchObject({ state: "completed", outcome: "done", attempts: 1 });
      await line.rest();
      made = (await line.calls()).filter(isProper);
    });
    expect(came).toEqual(effects);
    expect(made.map(({ vendor, operation }) => `${vendor} ${operation}`)).toHaveLength(calls);
  });

  it(
    "survives whatever happens to each of its calls, with one effect",
    async () => {
      // What leads up to a mail is met by the mail's own request, below.
      const made = (await callsOf(request)).filter(
        (call) => kind.name === "mail" || call.vendor !== "mail" || isProper(call),
      );
      const cells = made.flatMap((call) => LOST.map((mode) => ({ ...call, mode })));
      const ends = await inTurns(cells, async ({ vendor, operation, skip, mode }) => {
        let end = "";
        const came = await during(request, async (line, payload) => {
          await line.fault({ vendor, operation, skip, mode, delayMs: 700 });
          line.engine.work();
          end = (await line.carry(kind, payload ?? request.payload)).state;
        });
        return { cell: `${vendor} ${operation} ${String(skip + 1)} ${mode}`, end, came };
      });
      expect(ends).toEqual(ends.map(({ cell }) => ({ cell, end: "completed", came: effects })));
      expect(ends.length).toBe(made.length * LOST.length);
    },
    LONG_MS,
  );

  it("goes on with one effect once a person has mended what was refused", async () => {
    // What a mail server refuses concerns the mail's own job (test/processors/mail.test.ts).
    const made = (await callsOf(request))
      .filter(isProper)
      .slice(0, ownCalls)
      .filter(({ vendor }) => vendor !== "mail");
    const ends = await inTurns(made, async ({ vendor, operation, skip }) => {
      let end: unknown;
      const came = await during(request, async (line, payload) => {
        await line.fault({
          vendor,
          operation,
          skip,
          mode: "error",
          code: "FIELD_CUSTOM_VALIDATION_EXCEPTION",
          body: "Invalid Payment Method. Valid options include x",
        });
        line.engine.work();
        const failed = await line.carry(kind, payload ?? request.payload);
        const mended = await line.retry(failed);
        end = [failed.state, failed.failure?.vendor, mended.state];
      });
      return { cell: `${vendor} ${operation} ${String(skip + 1)}`, end, came };
    });
    expect(ends).toEqual(
      made.map(({ vendor, operation, skip }) => ({
        cell: `${vendor} ${operation} ${String(skip + 1)}`,
        end: ["failed", vendor, "completed"],
        came: vendor === "freebit" ? { ...effects, mails: sum(effects.mails, mailsOfRefusal) } : effects,
      })),
    );
  });

  it(
    "survives a worker that is cut off before and after each of its calls, with one effect",
    async () => {
      const cells = Array.from({ length: calls }, (_, at) => at).flatMap((at) => [
        { at, side: "before" as const },
        { at, side: "after" as const },
      ]);
      const ends = await inTurns(cells, async ({ at, side }) => {
        let end = "";
        const death = deathAt(at, side);
        const came = await during(
          request,
          async (line, payload) => {
            line.engine.work();
            end = (await line.carry(kind, payload ?? request.payload)).state;
          },
          death,
        );
        return { cell: `${side} call ${String(at + 1)}`, died: death.died(), end, came };
      });
      expect(ends).toEqual(ends.map(({ cell }) => ({ cell, died: 1, end: "completed", came: effects })));
    },
    LONG_MS,
  );
});

/**
 * A worker that dies at its call number `at`, once: the call is not made, or its answer is never heard, and nothing more
 * is written to the ledger until another attempt begins, just as where the process is gone.
 */
function deathAt(
  at: number,
  side: "before" | "after",
): Pick<LineOptions, "around" | "ledgerOfWorkers"> & { died: () => number } {
  let calls = 0;
  let deaths = 0;
  let dead = false;
  const die = (): never => {
    deaths += 1;
    dead = true;
    throw new Error("the worker died");
  };
  const mortal = <Client extends object>(client: Client): Client =>
    new Proxy(client, {
      get: (target, verb) => {
        const perform: unknown = Reflect.get(target, verb);
        if (typeof perform !== "function") return perform;
        return async (...args: unknown[]) => {
          const dies = deaths === 0 && calls++ === at;
          if (dies && side === "before") die();
          let result: unknown;
          try {
            result = await Reflect.apply(perform, target, args);
          } catch (error) {
            if (dies) calls = at; // a call that failed by itself, on a busy machine: it dies at the next try
            throw error;
          }
          return dies ? die() : result;
        };
      },
    });
  const silentWhileDead = (ledger: Ledger): Ledger =>
    new Proxy(ledger, {
      get: (target, verb) => {
        const write: unknown = Reflect.get(target, verb);
        if (typeof write !== "function" || verb === "keys") return write;
        return (...args: unknown[]) => {
          if (verb === "begin") dead = false;
          if (dead) throw new Error("the worker died");
          return Reflect.apply(write, target, args) as unknown;
        };
      },
    });
  return {
    died: () => deaths,
    around: ({ salesforce, whmcs, freebit, mail, ...others }) => ({
      ...others,
      salesforce: mortal(salesforce),
      whmcs: mortal(whmcs),
      freebit: mortal(freebit),
      mail: mortal(mail),
    }),
    ledgerOfWorkers: silentWhileDead,
  };
}

interface NumberedCall extends Call {
  /** How many calls of its operation came before it: by that a fault finds the one that is meant. */
  readonly skip: number;
}

function numbered(calls: readonly Call[]): readonly NumberedCall[] {
  const name = ({ vendor, operation }: Call) => `${vendor} ${operation}`;
  return calls.map((call, at) => ({
    vendor: call.vendor,
    operation: call.operation,
    skip: calls.slice(0, at).filter((earlier) => name(earlier) === name(call)).length,
  }));
}

function sum(one: Readonly<Record<string, number>>, other: Readonly<Record<string, number>>): Record<string, number> {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return Object.fromEntries([...names].map((name) => [name, (one[name] ?? 0) + (other[name] ?? 0)]));
}

/** Runs `work` over `cells`, a few at once, and gives the results in their order. */
async function inTurns<Cell, Result>(cells: readonly Cell[], work: (cell: Cell) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  const waiting = [...cells.entries()];
  const take = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) results[next[0]] = await work(next[1]);
  };
  await Promise.all(Array.from({ length: 6 }, take));
  return results;
}
