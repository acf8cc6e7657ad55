import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import * as z from "zod";
import { inSystem, until } from "./system.ts";

/** What `ops/` hands to Prometheus and Grafana, held against what a running program tells. */

const OPS = path.join(import.meta.dirname, "../../ops");
const PROMETHEUS = path.join(OPS, "prometheus");
const dashboardFile = readFileSync(path.join(OPS, "grafana/dashboards/handoff.json"), "utf8");

const panel = z.object({
  id: z.number(),
  type: z.string(),
  title: z.string(),
  datasource: z.object({ uid: z.string() }).optional(),
  gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
  targets: z.array(z.object({ expr: z.string() })).default([]),
});
const { panels } = z.object({ panels: z.array(panel) }).parse(JSON.parse(dashboardFile));
const { groups } = z
  .object({ groups: z.array(z.object({ rules: z.array(z.object({ alert: z.string(), expr: z.string() })) })) })
  .parse(parse(readFileSync(path.join(PROMETHEUS, "alerts.yml"), "utf8")));
const rules = groups.flatMap((group) => group.rules);

/** Every metric that somebody asks for, with the labels that it is asked for by. */
const asked = [...rules, ...panels.flatMap(({ targets }) => targets)].flatMap(({ expr }) =>
  [...expr.matchAll(/\b((?:handoff|nodejs|process)_\w+)(?:\{([^}]*)\})?/g)].map(([, name = "", selector = ""]) => ({
    name,
    labels: [...selector.matchAll(/(\w+)[!=]~?"/g), ...groupings(expr)].map(([, label = ""]) => label),
  })),
);

/** The labels that an expression gathers by; those of a histogram's buckets among them. */
function groupings(expr: string): RegExpMatchArray[] {
  return [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = ""]) => [...list.matchAll(/(\w+)/g)]);
}

it("every metric that ops/ asks for is told by a running program, with those labels", () =>
  inSystem(async (system) => {
    const handoff = await system.start();
    await system.fault({ vendor: "whmcs", operation: "AcceptOrder", mode: "error" });
    const { id } = await handoff.accepted("/api/provisioning", { orderId: await system.approvedOrder() });
    await handoff.until(id, "failed");
    const told = await until(async () => {
      const text = await handoff.text("/metrics");
      return text.includes("handoff_vendor_allowance_used_ratio{") ? text : undefined;
    });

    expect(asked.length).toBeGreaterThan(30);
    for (const { name, labels } of asked) {
      const samples = told.split("\n").filter((line) => new RegExp(`^${name}[{ ]`).test(line));
      expect(samples, name).not.toEqual([]);
      for (const label of labels) expect(samples[0], name).toMatch(new RegExp(`[{,]${label}="`));
    }
    expect(told).toMatch(/^handoff_attempts_total\{kind="provisioning",end="failed",code="whmcs-[a-z-]+"\} 1$/m);
    expect(told).toMatch(/^handoff_job_wait_seconds_count\{kind="provisioning"\} 1$/m);
    expect(told).not.toMatch(/^handoff_job_wait_seconds_count\{kind="approval-sweep"\}/m);
  }));

describe("the dashboard", () => {
  it("asks the Prometheus that is handed to Grafana", () => {
    const { datasources } = z
      .object({ datasources: z.array(z.object({ uid: z.string() })) })
      .parse(parse(readFileSync(path.join(OPS, "grafana/provisioning/datasources/prometheus.yml"), "utf8")));
    const uids = new Set(panels.flatMap(({ datasource }) => datasource?.uid ?? []));
    expect([...uids]).toEqual(datasources.map(({ uid }) => uid));
  });

  it("has four rows, and panels that do not lie on each other", () => {
    expect(panels.filter(({ type }) => type === "row").map(({ title }) => title)).toEqual([
      "What waits",
      "What fails",
      "Vendors",
      "Redis and processes",
    ]);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${String(x + (cell % w))} ${String(y + Math.floor(cell / w))}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  });
});

describe("promtool", () => {
  const promtool = process.env["PROMTOOL"] ?? "promtool";
  const run = (...args: readonly string[]) =>
    new Promise<{ missing: boolean; output: string }>((resolve) => {
      execFile(promtool, args, { cwd: PROMETHEUS }, (error, stdout, stderr) =>
        resolve({ missing: error?.code === "ENOENT", output: `${error === null ? "well: " : ""}${stdout}${stderr}` }),
      );
    });

  it.for([
    { what: "takes the configuration and its rules", args: ["check", "config", "prometheus.yml"] },
    { what: "sees the alerts fire when they should", args: ["test", "rules", "alerts.test.yml"] },
  ])("$what", async ({ args }, { skip }) => {
    expect(readdirSync(PROMETHEUS)).toContain(args[2]);
    const { missing, output } = await run(...args);
    if (missing) skip("promtool is not installed (Debian's package prometheus has it): PROMTOOL=/path/to/promtool");
    expect(output).toMatch(/^well: /);
  });
});
