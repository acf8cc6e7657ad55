import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kinds } from "../../src/processors/index.ts";
import type { Ledger } from "../../src/queues/ledger.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Call, type Effects, isProper, type Line, type LineOptions, openLine } from "./line.ts";
import { requests } from "./requests.ts";

/** What can go wrong at a call to a vendor, as the sandbox carries it out. */
const LOST = ["fail-before", "fail-after", "hang-before", "hang-after", "drop-before", "drop-after", "late"];

/** Dozens of cells, each a system of its own, on a machine that may be busy. */
const LONG_MS = 120_000;

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

/** Opens a line, and tells what came to be by `run` in it. */
async function during(
  run: (line: Line) => Promise<void>,
  options: Omit<LineOptions, "redisUrl"> = {},
): Promise<Effects> {
  const line = await openLine({ redisUrl: redis.url, ...options });
  try {
    const before = await line.effects();
    await run(line);
    const after = await line.effects();
    return {
      opportunities: after.opportunities - before.opportunities,
      cases: after.cases - before.cases,
      whmcsOrders: after.whmcsOrders - before.whmcsOrders,
      whmcsServices: after.whmcsServices - before.whmcsServices,
      lineEnds: after.lineEnds - before.lineEnds,
      mails: after.mails, // none came before
    };
  } finally {
    await line.close();
  }
}

it("every kind is in the matrix", () => {
  expect([...new Set(Object.values(requests).map(({ kind }) => kind.name))]).toEqual(kinds.map(({ name }) => name));
});

describe.for(Object.entries(requests))("%s", ([, { kind, payload, effects, calls, mailsOfRefusal = {} }]) => {
  it("takes no more calls in the ordinary case than it must", async () => {
    let made: readonly Call[] = [];
    const came = await during(async (line) => {
      line.engine.work();
      expect(await line.carry(kind, payload)).toMatchObject({ state: "completed", outcome: "done", attempts: 1 });
      await line.rest();
      made = (await line.calls()).filter(isProper);
    });
    expect(came).toEqual(effects);
    expect(made.map(({ vendor, operation }) => `${vendor} ${operation}`)).toHaveLength(calls);
  });

  it(
    "survives whatever happens to each of its calls, with one effect",
    async () => {
      let made: readonly Call[] = [];
      await during(async (line) => {
        line.engine.work();
        await line.carry(kind, payload);
        await line.rest();
        // What leads up to a mail is met by the mail's own request, below.
        made = distinct(await line.calls()).filter(
          (call) => kind.name === "mail" || call.vendor !== "mail" || isProper(call),
        );
      });
      const cells = made.flatMap((call) => LOST.map((mode) => ({ ...call, mode })));
      const ends = await inTurns(cells, async ({ vendor, operation, mode }) => {
        let end = "";
        const came = await during(async (line) => {
          await line.fault({ vendor, operation, mode, delayMs: 700 });
          line.engine.work();
          end = (await line.carry(kind, payload)).state;
        });
        return { cell: `${vendor} ${operation} ${mode}`, end, came };
      });
      expect(ends).toEqual(ends.map(({ cell }) => ({ cell, end: "completed", came: effects })));
      expect(ends.length).toBe(made.length * LOST.length);
    },
    LONG_MS,
  );

  it("goes on with one effect once a person has mended what was refused", async () => {
    let made: readonly Call[] = [];
    await during(async (line) => {
      line.engine.work();
      await line.carry(kind, payload);
      // What a mail server refuses concerns the mail's own job (test/processors/mail.test.ts).
      made = distinct(await line.calls()).filter((call) => isProper(call) && call.vendor !== "mail");
    });
    const ends = await inTurns(made, async ({ vendor, operation }) => {
      let end: unknown;
      const came = await during(async (line) => {
        await line.fault({
          vendor,
          operation,
          mode: "error",
          code: "FIELD_CUSTOM_VALIDATION_EXCEPTION",
          body: "Invalid Payment Method. Valid options include x",
        });
        line.engine.work();
        const failed = await line.carry(kind, payload);
        const mended = await line.retry(failed);
        end = [failed.state, failed.failure?.vendor, mended.state];
      });
      return { cell: `${vendor} ${operation}`, end, came };
    });
    expect(ends).toEqual(
      made.map(({ vendor, operation }) => ({
        cell: `${vendor} ${operation}`,
        end: ["failed", vendor, "completed"],
        came: vendor === "freebit" ? { ...effects, mails: sum(effects.mails, mailsOfRefusal) } : effects,
      })),
    );
  });

  it("survives a worker that is cut off before and after each of its calls, with one effect", async () => {
    const cells = Array.from({ length: calls }, (_, at) => at).flatMap((at) => [
      { at, side: "before" as const },
      { at, side: "after" as const },
    ]);
    const ends = await inTurns(cells, async ({ at, side }) => {
      let end = "";
      const death = deathAt(at, side);
      const came = await during(async (line) => {
        line.engine.work();
        end = (await line.carry(kind, payload)).state;
      }, death);
      return { cell: `${side} call ${String(at + 1)}`, died: death.died(), end, came };
    });
    expect(ends).toEqual(ends.map(({ cell }) => ({ cell, died: 1, end: "completed", came: effects })));
  });
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

/** One call of each operation: a fault hits the first of them anyway. */
const distinct = (calls: readonly Call[]): readonly Call[] => [
  ...new Map(calls.map((call) => [`${call.vendor} ${call.operation}`, call])).values(),
];

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
