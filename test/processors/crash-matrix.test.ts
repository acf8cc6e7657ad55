import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kinds } from "../../src/processors/index.ts";
import type { Ledger } from "../../src/queues/ledger.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Call, type Effects, type Line, type LineOptions, openLine } from "./line.ts";
import { requests } from "./requests.ts";

/** What can go wrong at a call to a vendor, as the sandbox carries it out. */
const LOST = ["fail-before", "fail-after", "hang-before", "hang-after", "drop-before", "drop-after", "late"];

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
      orders: after.orders - before.orders,
      whmcsOrders: after.whmcsOrders - before.whmcsOrders,
      whmcsServices: after.whmcsServices - before.whmcsServices,
    };
  } finally {
    await line.close();
  }
}

it("every kind is in the matrix", () => {
  expect(Object.keys(requests)).toEqual(kinds.map(({ name }) => name));
});

describe.for(Object.entries(requests))("%s", ([, { kind, payload, effects, calls }]) => {
  it("takes no more calls in the ordinary case than it must", async () => {
    let made: readonly Call[] = [];
    const came = await during(async (line) => {
      line.engine.work();
      expect(await line.carry(kind, payload)).toMatchObject({ state: "completed", outcome: "done", attempts: 1 });
      made = (await line.calls()).filter(({ operation }) => operation !== "token");
    });
    expect(came).toEqual(effects);
    expect(made.map(({ vendor, operation }) => `${vendor} ${operation}`)).toHaveLength(calls);
  });

  it("survives whatever happens to each of its calls, with one effect", async () => {
    let made: readonly Call[] = [];
    await during(async (line) => {
      line.engine.work();
      await line.carry(kind, payload);
      made = await line.calls();
    });
    const cells = numbered(made).flatMap((call) => LOST.map((mode) => ({ ...call, mode })));
    const ends = await inTurns(cells, async ({ vendor, operation, skip, mode }) => {
      let end = "";
      const came = await during(async (line) => {
        await line.fault({ vendor, operation, skip, mode, delayMs: 700 });
        line.engine.work();
        end = (await line.carry(kind, payload)).state;
      });
      return { cell: `${vendor} ${operation} ${String(skip + 1)} ${mode}`, end, came };
    });
    expect(ends).toEqual(ends.map(({ cell }) => ({ cell, end: "completed", came: effects })));
    expect(ends.length).toBe(made.length * LOST.length);
  });

  it("goes on with one effect once a person has mended what was refused", async () => {
    let made: readonly Call[] = [];
    await during(async (line) => {
      line.engine.work();
      await line.carry(kind, payload);
      made = (await line.calls()).filter(({ operation }) => operation !== "token");
    });
    const ends = await inTurns(numbered(made), async ({ vendor, operation, skip }) => {
      let end: unknown;
      const came = await during(async (line) => {
        await line.fault({
          vendor,
          operation,
          skip,
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
        came: effects,
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
          try {
            const result: unknown = await Reflect.apply(perform, target, args);
            return dies ? die() : result;
          } catch (error) {
            if (dies && deaths === 0) calls = at; // a busy machine let the call time out: its next try is the one
            throw error;
          }
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
    around: ({ salesforce, whmcs, ...others }) => ({ ...others, salesforce: mortal(salesforce), whmcs: mortal(whmcs) }),
    ledgerOfWorkers: silentWhileDead,
  };
}

/** Each call with how many of its operation came before it: by that a fault finds the one that is meant. */
function numbered(calls: readonly Call[]): readonly (Call & { readonly skip: number })[] {
  const name = ({ vendor, operation }: Call) => `${vendor} ${operation}`;
  return calls.map((call, at) => ({
    vendor: call.vendor,
    operation: call.operation,
    skip: calls.slice(0, at).filter((earlier) => name(earlier) === name(call)).length,
  }));
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
