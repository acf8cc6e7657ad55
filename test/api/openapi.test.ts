import { Ajv2020, type AnySchemaObject, type ValidateFunction } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kinds } from "../../src/processors/index.ts";
import { ask, asPortal, type Doors, type Engine, openDoors, post, startEngine } from "./doors.ts";

interface Media {
  readonly schema: object;
  readonly example?: unknown;
}
interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly security?: readonly Readonly<Record<string, unknown>>[];
  readonly parameters?: readonly {
    readonly $ref?: string;
    readonly name?: string;
    readonly in?: string;
    readonly required?: boolean;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, Media>> }>
  >;
}
interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly webhooks: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, object>>>>;
}

let engine: Engine;
let doors: Doors;
let document: Document;
let text: string;

beforeAll(async () => {
  engine = await startEngine();
  doors = await openDoors(engine.intake);
  const answer = await ask(`${doors.url}/api/openapi.json`);
  text = answer.text;
  document = JSON.parse(text);
});
afterAll(async () => {
  await doors.close();
  await engine.close();
});

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

/** `schema` as a check. Strict: a keyword that JSON Schema does not know is an error; `example` is OpenAPI's own. */
function checkOf(schema: object): ValidateFunction {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true, validateFormats: false });
  ajv.addKeyword("example");
  const whole = JSON.stringify({ ...schema, $defs: document.components["schemas"] });
  const check: AnySchemaObject = JSON.parse(whole.replaceAll('"#/components/schemas/', '"#/$defs/'));
  return ajv.compile(check);
}

/** What `schema` has against `value`; empty where it fits. */
function faultsOf(value: unknown, schema: object | undefined): readonly unknown[] {
  const check = checkOf(schema ?? { not: {} });
  return check(value) ? [] : (check.errors ?? []);
}

describe("the OpenAPI description", () => {
  it("can be read without a key, for whoever writes a client has none yet", async () => {
    const answer = await ask(`${doors.url}/api/openapi.json`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toMatch(/^application\/json/);
  });

  it("is a well-formed OpenAPI 3.1 document", () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    expect(
      Object.keys(document).filter(
        (key) => !["openapi", "info", "servers", "security", "tags", "paths", "webhooks", "components"].includes(key),
      ),
    ).toEqual([]);
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const schemes = Object.keys(document.components["securitySchemes"] ?? {});
    for (const { path, operation } of operations()) {
      expect(path).toMatch(/^\//);
      for (const name of (operation.security ?? document.security).flatMap(Object.keys))
        expect(schemes).toContain(name);
      for (const tag of operation.tags) expect(document.tags.map(({ name }) => name)).toContain(tag);
      for (const [status, response] of Object.entries(operation.responses)) {
        expect(status).toMatch(/^[1-5]\d\d$/);
        expect(response.description).not.toBe("");
      }
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === "path");
      expect(declared.map(({ name }) => name)).toEqual(inPath);
      expect(declared.every(({ required }) => required === true)).toBe(true);
    }
  });

  it("has no reference that leads nowhere", () => {
    const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference = ""]) => reference);
    expect(references.length).toBeGreaterThan(0);
    for (const reference of references) {
      const [root, section = "", group = "", name = ""] = reference.split("/");
      expect([root, section]).toEqual(["#", "components"]);
      expect(document.components[group]).toHaveProperty([name]);
    }
  });

  it("describes bodies in JSON Schema and nothing else: no mark of ours, no vendor, no address", () => {
    const schemas = operations().flatMap(({ operation }) => [
      ...Object.values(operation.requestBody?.content ?? {}),
      ...Object.values(operation.responses).flatMap(({ content = {} }) => Object.values(content)),
    ]);
    for (const { schema } of schemas) expect(() => checkOf(schema)).not.toThrow();
    expect(text).not.toMatch(/https?:\/\/|personal|sealed|\.salesforce\.com|whmcs\.|127\.0\.0\.1/i);
  });

  it("has every kind's route, with its own body", () => {
    for (const route of kinds.flatMap(({ routes }) => routes)) {
      const operation = document.paths[`/api${route.path}`]?.["post"];
      expect(Object.values(operation?.requestBody?.content ?? {}).map(({ example }) => example)).toEqual([
        route.example,
      ]);
      expect(Object.keys(operation?.responses ?? {})).toEqual([
        "200", // of a dry run
        "202",
        "400",
        "401",
        "408",
        "413",
        "415",
        "422",
        "429",
        "500",
        "503",
      ]);
    }
  });

  it("shows examples that are accepted when they are posted, and are answered with the job it describes", async () => {
    const posts = operations().filter(({ method }) => method === "post");
    expect(posts.length).toBe(kinds.flatMap(({ routes }) => routes).length);
    for (const { path, operation } of posts) {
      const [[type, media] = ["", undefined]] = Object.entries(operation.requestBody?.content ?? {});
      const answer =
        type === "application/json"
          ? await post(doors.url + path, media?.example)
          : await ask(doors.url + path, { method: "POST", headers: asPortal, body: formOf(media?.example) });
      expect(answer.status).toBe(202);
      expect(faultsOf(answer.json, operation.responses["202"]?.content?.["application/json"]?.schema)).toEqual([]);
      expect(faultsOf(media?.example, media?.schema)).toEqual([]);
    }
  });

  it("describes the callback of a job's end, with the job as it is answered elsewhere", async () => {
    const operation = document.webhooks["jobEnded"]?.["post"];
    const { json: data } = await post(`${doors.url}/api/provisioning`, { orderId: "8015g0000000777AAA" });
    const schema = operation?.requestBody?.content["application/json"]?.schema;
    expect(faultsOf({ type: "job.failed", timestamp: "2026-11-22T01:02:03.004Z", data }, schema)).toEqual([]);
    expect(faultsOf({ type: "job.failed", timestamp: "2026-11-22T01:02:03.004Z", data: {} }, schema)).not.toEqual([]);
  });

  it("describes problems as they are answered", async () => {
    const operation = document.paths["/api/provisioning"]?.["post"];
    const refused = await post(`${doors.url}/api/provisioning`, { orderId: 1, more: 2 });
    expect(faultsOf(refused.json, operation?.responses["422"]?.content?.["application/problem+json"]?.schema)).toEqual(
      [],
    );
    const unknown = await ask(`${doors.url}/api/jobs/none`, { headers: asPortal });
    expect(
      faultsOf(
        unknown.json,
        document.paths["/api/jobs/{id}"]?.["get"]?.responses["404"]?.content?.["application/problem+json"]?.schema,
      ),
    ).toEqual([]);
  });
});

/** A documented form, with a document in the place where the example only says so. */
function formOf(example: unknown): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(example ?? {})) {
    form.set(name, name === "file" ? new Blob(["%PDF-1.7 a residence card"]) : String(value));
  }
  return form;
}

describe("the readable page", () => {
  it("shows every call and every problem, from our own server alone", async () => {
    const answer = await ask(`${doors.url}/api/docs`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("text/html; charset=utf-8");
    for (const { operation } of operations()) expect(answer.text).toContain(`id="${operation.operationId}"`);
    expect(answer.text).not.toMatch(/https?:\/\/|<script|<link|<img|@import|url\(/i);
  });

  it("has a policy that allows its own stylesheet, by its hash, and nothing else", async () => {
    const { headers, text: page } = await ask(`${doors.url}/api/docs`);
    const [, style = ""] = /<style>([^]*)<\/style>/.exec(page) ?? [];
    const digest = Buffer.from(await crypto.subtle.digest("SHA-256", Buffer.from(style))).toString("base64");
    expect(headers.get("content-security-policy")).toBe(
      `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
  });

  it("has no link that leads nowhere and no id twice", async () => {
    const { text: page } = await ask(`${doors.url}/api/docs`);
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, anchor] of page.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(anchor);
  });
});
