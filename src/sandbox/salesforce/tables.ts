import { nthId } from "./ids.ts";
import type { Field, FieldValue, Fields, ObjectType } from "./schema.ts";
import { objectTypes } from "./schema.ts";

/**
 * The rows of every object, in memory, with what a database gives: transactions that leave no trace when they fail,
 * and quick look-ups by the fields that records are found by.
 */

/** One row that a committed transaction changed. `before` is absent for a new row, `after` for a deleted one. */
interface Change {
  readonly type: ObjectType;
  readonly id: string;
  readonly before: Fields | undefined;
  readonly after: Fields | undefined;
}

export interface Tables {
  readonly row: (type: ObjectType, id: string) => Fields | undefined;
  readonly rows: (type: ObjectType) => IterableIterator<Fields>;
  /** The ids of rows whose field holds the value, or undefined if the field has no index. */
  readonly idsWhere: (type: ObjectType, field: Field, value: FieldValue) => ReadonlySet<string> | undefined;
  readonly wasDeleted: (id: string) => boolean;
  readonly newId: (type: ObjectType) => string;
  readonly nextNumber: (type: ObjectType, field: Field) => string;
  /** Writes a row, or removes it. Only inside `transaction`. */
  readonly put: (type: ObjectType, id: string, row: Fields | undefined) => void;
  /** Runs `work`; whatever it throws undoes all that it wrote. May be nested: an inner failure undoes the inner part. */
  readonly transaction: <T>(work: () => T) => T;
  /** Told of each change once the outermost transaction has ended well. */
  readonly onCommit: (listener: (changes: readonly Change[]) => void) => void;
}

interface Table {
  readonly rows: Map<string, Fields>;
  readonly indexes: Map<string, Map<FieldValue, Set<string>>>;
  count: number;
  readonly numbers: Map<string, number>;
}

const NOTHING: ReadonlySet<string> = new Set();
const isIndexed = (field: Field) =>
  field.type === "reference" || field.unique === true || field.name === "WHMCS_Service_ID__c";
/** Texts are found without regard to case, as everywhere in Salesforce. */
const indexKey = (value: FieldValue) => (typeof value === "string" ? value.toLowerCase() : value);

/** `before`: how many Orders there were before those that are kept here. */
export function tables(before = 0): Tables {
  const byType = new Map<ObjectType, Table>(
    objectTypes.map((type) => [
      type,
      {
        rows: new Map(),
        indexes: new Map(type.fields.filter(isIndexed).map((field) => [field.name, new Map()])),
        count: 0,
        numbers: new Map(),
      },
    ]),
  );
  const deleted = new Set<string>();
  const listeners: ((changes: readonly Change[]) => void)[] = [];
  let journal: Change[] = [];
  let depth = 0;

  const table = (type: ObjectType): Table => {
    const found = byType.get(type);
    if (found === undefined) throw new Error(`the schema has no ${type.name}`);
    return found;
  };
  const write = ({ type, id, before, after }: Change) => {
    const { rows, indexes } = table(type);
    for (const [field, index] of indexes) {
      const from = before?.[field] ?? null;
      const to = after?.[field] ?? null;
      if (from !== null) index.get(indexKey(from))?.delete(id);
      if (to !== null) {
        const ids = index.get(indexKey(to));
        if (ids === undefined) index.set(indexKey(to), new Set([id]));
        else ids.add(id);
      }
    }
    if (after === undefined) {
      rows.delete(id);
      if (before !== undefined) deleted.add(id);
    } else {
      rows.set(id, after);
      deleted.delete(id);
    }
  };

  return {
    row: (type, id) => table(type).rows.get(id),
    rows: (type) => table(type).rows.values(),
    idsWhere: (type, field, value) => {
      const index = table(type).indexes.get(field.name);
      return index === undefined ? undefined : (index.get(indexKey(value)) ?? NOTHING);
    },
    wasDeleted: (id) => deleted.has(id),
    newId: (type) => nthId(type.keyPrefix, ++table(type).count + (type.name === "Order" ? before : 0)),
    nextNumber: (type, field) => {
      const { numbers } = table(type);
      const next = (numbers.get(field.name) ?? 0) + 1;
      numbers.set(field.name, next);
      return String(next).padStart(field.autoNumber ?? 0, "0");
    },
    put: (type, id, row) => {
      if (depth === 0) throw new Error("a row may only be written inside a transaction");
      const change = { type, id, before: table(type).rows.get(id), after: row };
      write(change);
      journal.push(change);
    },
    transaction: (work) => {
      const start = journal.length;
      depth += 1;
      try {
        const result = work();
        if (depth === 1 && journal.length > 0) {
          const committed = journal;
          journal = [];
          for (const listener of listeners) listener(committed);
        }
        return result;
      } catch (error) {
        for (const { type, id, before, after } of journal.splice(start).toReversed()) {
          write({ type, id, before: after, after: before });
          if (before === undefined) deleted.delete(id);
        }
        throw error;
      } finally {
        depth -= 1;
      }
    },
    onCommit: (listener) => {
      listeners.push(listener);
    },
  };
}
