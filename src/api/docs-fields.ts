import type { OpenApiDocument } from "./openapi.ts";

/** The part of JSON Schema that this page shows. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly examples?: readonly unknown[];
}

/** One field of a body, as a row of a table. */
export interface Field {
  readonly path: string;
  readonly type: string;
  readonly required: boolean;
  readonly description: string;
  /** A value that it may have, as JSON; null where the schema shows none. */
  readonly example: string | null;
}

/** Every field of `schema`, with those inside it, in order. */
export function fieldsOf(document: OpenApiDocument, schema: Schema, above: string): Field[] {
  const solid = solidOf(document, schema);
  return Object.entries(solid.properties ?? {}).flatMap(([name, given]) => {
    const field = solidOf(document, given);
    const path = above === "" ? name : `${above}.${name}`;
    const description = given.description ?? field.description ?? "";
    const inner =
      field.items === undefined ? fieldsOf(document, field, path) : fieldsOf(document, field.items, `${path}[]`);
    const [shown] = field.examples ?? [];
    const example = shown === undefined ? null : JSON.stringify(shown);
    const required = solid.required?.includes(name) ?? false;
    return [{ path, type: typeOf(document, field), required, description, example }, ...inner];
  });
}

/** `schema` with its reference followed, and without the "or null" around it. */
export function solidOf(document: OpenApiDocument, schema: Schema): Schema {
  if (schema.$ref !== undefined) {
    const found = document.components?.schemas?.[lastOf(schema.$ref)];
    if (found === undefined) throw new Error("a schema of the OpenAPI description leads nowhere");
    return solidOf(document, found as Schema);
  }
  const choices = (schema.anyOf ?? schema.oneOf ?? []).filter(({ type }) => type !== "null");
  const [only] = choices;
  return choices.length === 1 && only !== undefined
    ? { ...solidOf(document, only), ...(schema.description === undefined ? {} : { description: schema.description }) }
    : schema;
}

function typeOf(document: OpenApiDocument, schema: Schema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.items !== undefined) return `list of ${typeOf(document, solidOf(document, schema.items))}`;
  const types =
    schema.type ??
    (schema.anyOf ?? schema.oneOf)?.map((choice) => typeOf(document, solidOf(document, choice))) ??
    "any";
  return `${[types].flat().join(" | ")}${schema.format === undefined ? "" : ` (${schema.format})`}`;
}

/** The name at the end of a reference. */
export const lastOf = (reference: string) => reference.slice(reference.lastIndexOf("/") + 1);
