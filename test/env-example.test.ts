import { readFileSync } from "node:fs";
import path from "node:path";
import { parseEnv } from "node:util";
import { describe, expect, it } from "vitest";
import { readSettings, type Variable, variables } from "../src/settings.ts";

/** `.env.example` and the schema describe the same settings: each variable once, with its meaning and its default. */

const text = readFileSync(path.join(import.meta.dirname, "../.env.example"), "utf8");

interface Entry {
  readonly name: string;
  /** As a program reads the line: without quotes. */
  readonly value: string;
  /** Whether the line is in force in an unchanged copy. */
  readonly inForce: boolean;
  readonly description: string;
}

const entries = [...text.matchAll(/^# (?<description>.+)\n(?<off>#?)(?<line>(?<name>[A-Z0-9_]+)=.*)$/gm)].map(
  ({ groups = {} }): Entry => {
    const { name = "", line = "", off, description = "" } = groups;
    return { name, value: parseEnv(line)[name] ?? "", inForce: off === "", description };
  },
);
const isVariable = (name: string): name is Variable => Object.hasOwn(variables.shape, name);

describe(".env.example", () => {
  it("names every variable of the schema, once, and no other", () => {
    expect(entries.map(({ name }) => name).toSorted()).toEqual(Object.keys(variables.shape).toSorted());
    expect(text.match(/^#?[A-Z0-9_]+=/gm)).toHaveLength(entries.length);
  });

  it("says of each what the schema says", () => {
    const said = Object.fromEntries(entries.map(({ name, description }) => [name, description]));
    const meant = Object.fromEntries(
      Object.entries(variables.shape).map(([name, schema]) => [name, schema.description]),
    );
    expect(said).toEqual(meant);
  });

  const shown = entries.flatMap((entry) =>
    isVariable(entry.name) && entry.value !== "" ? [{ ...entry, name: entry.name }] : [],
  );
  it.each(shown)("shows $name as the schema reads it, out of force", ({ name, value, inForce }) => {
    expect(variables.shape[name].safeParse(value)).toMatchObject({ success: true });
    expect(inForce).toBe(false);
  });

  const defaults = shown.filter(({ name }) => variables.shape[name].safeParse(undefined).data !== undefined);
  it.each(defaults)("shows the default of $name", ({ name, value }) => {
    expect(variables.shape[name].parse(value)).toEqual(variables.shape[name].parse(undefined));
  });

  it("leaves empty what a whole deployment cannot do without, and nothing else", () => {
    const toFillIn = entries.filter(({ inForce }) => inForce);
    expect(toFillIn.every(({ value }) => value === "")).toBe(true);

    const filledIn: Record<string, string> = Object.fromEntries(
      toFillIn.map(({ name }) => [name, EXAMPLES[name] ?? ""]),
    );
    expect(() => readSettings(filledIn)).not.toThrow();
    for (const { name } of toFillIn) expect(() => readSettings({ ...filledIn, [name]: "" }), name).toThrow(name);
  });
});

const EXAMPLES: Readonly<Record<string, string>> = {
  REDIS_URL: "redis://localhost:6379",
  DATA_KEY: Buffer.alloc(32, 7).toString("base64"),
  API_KEYS: "portal:0123456789abcdef",
  SALESFORCE_ORG_ID: "00D5g000004XyZAEA0",
  SALESFORCE_OUTBOUND_TOKEN: "0123456789abcdef",
  DASHBOARD_USERS: "admin:admin:$scrypt$ln=15,r=8,p=1$c2FsdA$aGFzaA",
  SESSION_SECRET: "0123456789abcdef0123456789abcdef",
  SALESFORCE_LOGIN_URL: "https://example.my.salesforce.com",
  SALESFORCE_CLIENT_ID: "consumer key",
  SALESFORCE_CLIENT_SECRET: "consumer secret",
  WHMCS_URL: "https://billing.example.com",
  WHMCS_IDENTIFIER: "identifier",
  WHMCS_SECRET: "secret",
};
