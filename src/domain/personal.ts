import * as z from "zod";

/** The schemas whose values are personal data. A value so marked is sealed before it enters Redis, masked on pages, and kept out of logs. */
export const personalFields = z.registry<{ readonly why?: string }>();

/** Marks every value of `schema` as personal data. The one place where a field is said to be so. */
export function personal<Schema extends z.ZodType>(schema: Schema): Schema {
  personalFields.add(schema, {});
  return schema;
}
