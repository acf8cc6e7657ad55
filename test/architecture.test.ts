import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";

/**
 * Plants every import that the design forbids (and every one that it allows) in a copy of the source tree's shape, and
 * sees that the project's own lint rules catch exactly the forbidden ones.
 */

const PROJECT = path.join(import.meta.dirname, "..");

/** What can be imported, by the file that stands for it. `a kind` is one processor, `the list` all of them. */
const PARTS = {
  domain: "src/domain/planted.ts",
  settings: "src/settings.ts",
  queues: "src/queues/planted.ts",
  "a kind": "src/processors/cancellation.ts",
  "the list": "src/processors/index.ts",
  integrations: "src/integrations/whmcs/planted.ts",
  sandbox: "src/sandbox/planted.ts",
  api: "src/api/planted.ts",
  dashboard: "src/dashboard/planted.ts",
  services: "src/services.ts",
} as const;
type Part = keyof typeof PARTS;
const PART_NAMES = Object.keys(PARTS) as Part[]; // an object literal has no other keys

/** The design's import table. What a row does not name, it forbids. */
const TABLE: readonly { part: string; file: string; may: readonly Part[]; mayTypesOf?: readonly Part[] }[] = [
  { part: "domain", file: "src/domain/rule.ts", may: ["domain"] },
  { part: "queues", file: "src/queues/engine.ts", may: ["domain", "queues"], mayTypesOf: ["integrations"] },
  {
    part: "a kind",
    file: "src/processors/eligibility.ts",
    may: ["domain", "queues"],
    mayTypesOf: ["integrations"],
  },
  {
    part: "the list of kinds",
    file: "src/processors/index.ts",
    may: ["domain", "queues", "a kind"],
    mayTypesOf: ["integrations"],
  },
  {
    part: "integrations/salesforce",
    file: "src/integrations/salesforce/client.ts",
    may: ["domain"],
    mayTypesOf: ["settings"],
  },
  {
    part: "api",
    file: "src/api/door.ts",
    may: ["domain", "queues", "the list", "api"],
    mayTypesOf: ["settings", "integrations"],
  },
  {
    part: "dashboard",
    file: "src/dashboard/board.ts",
    may: ["domain", "queues", "the list", "dashboard"],
    mayTypesOf: ["settings", "integrations"],
  },
  {
    part: "main",
    file: "src/main.ts",
    may: ["domain", "settings", "queues", "the list", "integrations", "api", "dashboard", "services"],
  },
  { part: "sandbox", file: "src/sandbox/vendor.ts", may: ["sandbox"] },
];

const PLANTED_FAULTS = [
  {
    file: "src/queues/unawaited.ts",
    source: `export function accept(write: () => Promise<void>): void {\n  write();\n}\n`,
    rule: "typescript(no-floating-promises)",
    why: "a write that nobody awaits",
  },
  {
    file: "src/queues/misused.ts",
    source: `export function each(ids: readonly string[], write: (id: string) => Promise<void>): void {\n  ids.forEach(async (id) => write(id));\n}\n`,
    rule: "typescript(no-misused-promises)",
    why: "a promise handed to something that drops it",
  },
  {
    file: "src/queues/unhandled-case.ts",
    source: `export function delay(state: "active" | "failed" | "completed"): number {\n  switch (state) {\n    case "active":\n      return 1;\n    case "failed":\n      return 2;\n  }\n  return 0;\n}\n`,
    rule: "typescript(switch-exhaustiveness-check)",
    why: "a switch that forgets a case",
  },
  {
    file: "src/queues/thrown-string.ts",
    source: `export function refuse(): never {\n  throw "no";\n}\n`,
    rule: "typescript(only-throw-error)",
    why: "a thrown value that is no error",
  },
  {
    file: "src/queues/environment.ts",
    source: `export const host = process.env["HOST"];\n`,
    rule: "node(no-process-env)",
    why: "a reader of the environment beside settings.ts",
  },
  {
    file: "src/domain/circle-a.ts",
    source: `import { b } from "./circle-b.ts";\nexport const a = (): number => b();\n`,
    rule: "import(no-cycle)",
    why: "two files that import each other",
  },
  {
    file: "src/domain/reader.ts",
    source: `import { readFileSync } from "node:fs";\nexport const rules = readFileSync("rules.txt", "utf8");\n`,
    rule: "eslint(no-restricted-imports)",
    why: "a rule of the domain that reads a file",
  },
] as const;

interface Complaint {
  readonly rule: string;
  readonly file: string;
  readonly line: number;
  /** The rule's reason in words. */
  readonly reason: string;
}

const lintReport = z.object({
  diagnostics: z.array(
    z.object({
      code: z.string(),
      filename: z.string(),
      help: z.string().optional(),
      labels: z.array(z.object({ span: z.object({ line: z.number() }) })),
    }),
  ),
});

let folder: string;
let complaints: readonly Complaint[];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "handoff-architecture-"));
  for (const name of [".oxlintrc.json", "tsconfig.json"]) await cp(path.join(PROJECT, name), path.join(folder, name));
  await symlink(path.join(PROJECT, "node_modules"), path.join(folder, "node_modules"));
  for (const { file } of TABLE) await plant(file, importsOfEverything(file));
  for (const { file, source } of PLANTED_FAULTS) await plant(file, source);
  await plant("src/domain/circle-b.ts", `import { a } from "./circle-a.ts";\nexport const b = (): number => a();\n`);
  complaints = await lint();
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the import table", () => {
  describe.each(TABLE)("$part", ({ file, may, mayTypesOf = [] }) => {
    const verdictOn = (line: number) =>
      complaints.find(
        (known) => known.file === file && known.line === line && known.rule.includes("restricted-imports"),
      );

    const parts = partsSeenFrom(file).map((part) => ({
      part,
      value: may.includes(part),
      type: may.includes(part) || mayTypesOf.includes(part),
    }));
    it.each(
      parts.map((row) => ({
        ...row,
        may: row.value ? "may import" : row.type ? "may import the types of" : "never imports",
      })),
    )("$may $part", ({ part, value, type }) => {
      const complaint = { value: verdictOn(lineOf(file, part, "value")), type: verdictOn(lineOf(file, part, "type")) };
      expect({ value: complaint.value === undefined, type: complaint.type === undefined }).toEqual({ value, type });
    });
  });

  it("says in words why", () => {
    const reasons = complaints.filter(({ rule }) => rule.includes("restricted-imports")).map(({ reason }) => reason);
    for (const reason of reasons) expect(reason).toMatch(/^[A-Za-z]+( \S+){4,}\.$/);
  });

  it("forbids something in every row, and allows something in every row", () => {
    for (const { file } of TABLE) {
      const forbidden = complaints.filter((known) => known.file === file && known.rule.includes("restricted-imports"));
      expect(forbidden.length).toBeGreaterThan(0);
      expect(forbidden.length).toBeLessThan(2 * partsSeenFrom(file).length);
    }
  });
});

describe("the rules that keep work from being lost", () => {
  it.each(PLANTED_FAULTS)("catch $why", ({ file, rule }) => {
    expect(complaints.filter((known) => known.file === file).map((known) => known.rule)).toContain(rule);
  });
});

async function plant(file: string, source: string): Promise<void> {
  const target = path.join(folder, file);
  await mkdir(path.dirname(target), { recursive: true });
  await writeFile(target, source);
}

/** Two lines for each part, one that imports a value and one that imports a type. */
function importsOfEverything(file: string): string {
  const lines = partsSeenFrom(file).flatMap((part, index) => {
    const relative = path.relative(path.dirname(file), PARTS[part]);
    const specifier = relative.startsWith(".") ? relative : `./${relative}`;
    return [`import { value${index} } from "${specifier}";`, `import type { Type${index} } from "${specifier}";`];
  });
  const uses = partsSeenFrom(file).map((_, index) => `export const use${index}: Type${index} = value${index};`);
  return [...lines, ...uses, ""].join("\n");
}

function partsSeenFrom(file: string): readonly Part[] {
  return PART_NAMES.filter((part) => PARTS[part] !== file);
}

function lineOf(file: string, part: Part, how: "value" | "type"): number {
  return 2 * partsSeenFrom(file).indexOf(part) + (how === "value" ? 1 : 2);
}

async function lint(): Promise<readonly Complaint[]> {
  const oxlint = path.join(PROJECT, "node_modules/oxlint/bin/oxlint");
  // It exits 1 because it finds something, as it should here.
  const output = await new Promise<string>((resolve) => {
    execFile(
      process.execPath,
      [oxlint, "--type-aware", "-f", "json", "src"],
      { cwd: folder, maxBuffer: 2 ** 26 },
      (_, stdout) => resolve(stdout),
    );
  });
  return lintReport.parse(JSON.parse(output)).diagnostics.map(({ code, filename, help, labels }) => ({
    rule: code,
    file: filename,
    line: labels[0]?.span.line ?? 0,
    reason: help ?? "",
  }));
}
