import { once } from "node:events";
import { EventEmitter } from "node:events";
import { pino } from "pino";
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from "vitest";
import type { Finding, VendorReport } from "../src/domain/check.ts";
import type { Connection } from "../src/queues/connection.ts";
import { vendorWarnings, watchVendors } from "../src/vendor-watch.ts";
import { startRedis, type TestRedis } from "./redis.ts";

const PREFIX = "{handoff}";
let server: TestRedis;
let redis: Connection;
beforeAll(async () => {
  server = await startRedis();
  redis = server.connect();
});
afterAll(async () => {
  await redis.quit();
  await server.stop();
});
beforeEach(() => server.flush());

const found = (weight: Finding["weight"]): VendorReport => ({
  vendor: "salesforce",
  checks: [
    {
      subject: "Opportunity",
      findings: [{ weight, subject: "Opportunity.LineReturn__c", problem: "missing", remedy: "Create the field." }],
    },
  ],
  notChecked: null,
});
const fine: VendorReport = {
  vendor: "salesforce",
  checks: [{ subject: "Opportunity", findings: [] }],
  notChecked: null,
};
const away: VendorReport = { vendor: "whmcs", checks: [], notChecked: "WHMCS is away." };

/** A watch over vendors that are found as `reports` say, one look after the other and then always as the last. */
function watchOver(reports: readonly VendorReport[], { everyMs = 60_000, soonMs = 5 } = {}) {
  const events = new EventEmitter();
  const log: { msg?: string; warnings?: string[] }[] = [];
  const stopping = new AbortController();
  onTestFinished(() => stopping.abort());
  let looks = 0;
  watchVendors({
    redis,
    prefix: PREFIX,
    async check() {
      const report = reports[Math.min(looks, reports.length - 1)] ?? fine;
      looks += 1;
      return [report];
    },
    log: pino(
      { level: "info" },
      {
        write: (line) => {
          log.push(JSON.parse(line) as object);
          events.emit("line");
        },
      },
    ),
    stopping: stopping.signal,
    everyMs,
    soonMs,
  });
  return {
    log,
    looks: () => looks,
    line: () => once(events, "line"),
    warnings: () => vendorWarnings(redis, PREFIX),
  };
}

it("tells every process what a worker found missing, and what to do about it", async () => {
  const watch = watchOver([found("missing")], { soonMs: 60_000 });
  await watch.line();
  expect(await watch.warnings()).toEqual(["Salesforce, Opportunity.LineReturn__c: missing. Create the field."]);
  expect(watch.log[0]?.warnings).toEqual(await watch.warnings());
});

it("tells nothing before a worker has looked", async () => {
  expect(await vendorWarnings(redis, PREFIX)).toEqual([]);
});

it("looks again soon while something is missing, and says so in the log only once", async () => {
  const watch = watchOver([found("missing"), found("missing"), found("missing"), fine]);
  await watch.line();
  await watch.line();
  expect(watch.log.map(({ msg }) => msg)).toEqual([
    "vendors are not set up as Handoff needs them",
    "vendors are set up as Handoff needs them",
  ]);
  expect(watch.looks()).toBe(4);
  expect(await watch.warnings()).toEqual([]);
});

it("looks again soon where a vendor did not answer", async () => {
  const watch = watchOver([away, fine]);
  await watch.line();
  expect(watch.log[0]?.warnings).toEqual(["WHMCS could not be checked. WHMCS is away."]);
  await watch.line();
  expect(await watch.warnings()).toEqual([]);
});

it("keeps what is only doubtful to those who ask", async () => {
  const watch = watchOver([found("doubtful"), found("missing")], { everyMs: 5 });
  await watch.line();
  expect(watch.looks()).toBe(2);
});

it("lets one worker look for all of them while they look often", async () => {
  const one = watchOver([found("missing")], { soonMs: 60_000 });
  await one.line();
  const other = watchOver([found("missing")], { soonMs: 60_000 });
  await expect.poll(() => redis.pttl(`${PREFIX}:org-check-turn`)).toBeGreaterThan(50_000);
  expect(other.looks()).toBe(0);
});
