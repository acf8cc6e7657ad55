import * as z from "zod";

/** The schemas whose values people look for a job by: ids, a SIM's number. */
export const findableFields = z.registry<{ readonly why?: string }>();

/** Marks every value of `schema` as one that people look for a job by. The one place where a field is said to be so. */
export function findable<Schema extends z.ZodType>(schema: Schema): Schema {
  findableFields.add(schema, {});
  return schema;
}
