import { SalesforceError } from "./errors.ts";
import type { Records } from "./records.ts";
import type { Field, ObjectType } from "./schema.ts";
import { fieldNamed, objectNamed } from "./schema.ts";

/** Field-level security of the user that the system signs in as: what it may see and write. */

export const ACCESSES = ["edit", "read", "hidden"] as const;
export type Access = (typeof ACCESSES)[number];

export interface Permissions {
  /** By `Object.Field`; whatever is not named may be edited. Replaces what was set before. */
  readonly set: (accesses: Readonly<Record<string, Access>>) => void;
  readonly all: () => Readonly<Record<string, Access>>;
  readonly of: (type: ObjectType, field: Field) => Access;
}

/** The object and field of `Case.Subject`, or undefined if the org has none. */
export function fieldAt(path: string): { readonly type: ObjectType; readonly field: Field } | undefined {
  const [objectName = "", fieldName = "", ...rest] = path.split(".");
  const type = objectNamed(objectName);
  const field = type === undefined || rest.length > 0 ? undefined : fieldNamed(type, fieldName);
  return type === undefined || field === undefined ? undefined : { type, field };
}

const pathOf = (type: ObjectType, field: Field) => `${type.name}.${field.name}`;

export function permissions(): Permissions {
  let accesses = new Map<string, Access>();
  return {
    set: (given) => {
      accesses = new Map(
        Object.entries(given).flatMap(([path, access]) => {
          const at = fieldAt(path);
          return at === undefined ? [] : [[pathOf(at.type, at.field), access] as const];
        }),
      );
    },
    all: () => Object.fromEntries(accesses),
    of: (type, field) => accesses.get(pathOf(type, field)) ?? "edit",
  };
}

/** The org as that user meets it: what is hidden is not there, what may only be read is refused on a write. */
export function asUser(records: Records, allowed: Permissions): Records {
  const check = (type: ObjectType, input: unknown) => {
    const names = typeof input === "object" && input !== null ? Object.keys(input) : [];
    const given = names.flatMap((name) => {
      const field = fieldNamed(type, name);
      return field === undefined ? [] : [{ name: field.name, access: allowed.of(type, field) }];
    });
    const hidden = given.find(({ access }) => access === "hidden");
    if (hidden !== undefined)
      throw new SalesforceError("INVALID_FIELD", `No such column '${hidden.name}' on sobject of type ${type.name}`);
    const readOnly = given.filter(({ access }) => access === "read").map(({ name }) => name);
    if (readOnly.length > 0)
      throw new SalesforceError(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        `Unable to create/update fields: ${readOnly.join(", ")}. Please check the security settings of this field and verify that it is read/write for your profile or permission set.`,
        readOnly,
      );
  };
  return {
    ...records,
    access: allowed.of,
    create: (type, input) => {
      check(type, input);
      return records.create(type, input);
    },
    update: (type, id, input) => {
      check(type, input);
      records.update(type, id, input);
    },
    byExternalId: (type, fieldName, value) => {
      const field = fieldNamed(type, fieldName);
      return records.byExternalId(
        type,
        field !== undefined && allowed.of(type, field) === "hidden" ? "" : fieldName,
        value,
      );
    },
  };
}
