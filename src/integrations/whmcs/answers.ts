import * as z from "zod";

// Shapes of WHMCS's answers. PHP gives ids as text or number, and lists as whatever an array happened to be.

/** An id: 12 or "12"; null for "", 0, "0" and null. Anything else is refused. */
export const id = z
  .union([z.number(), z.string(), z.null()])
  .optional()
  .transform((value, context) => {
    const number = Number(value ?? 0);
    if (Number.isSafeInteger(number) && number >= 0) return number === 0 ? null : number;
    context.addIssue({ code: "custom", message: "must be an id" });
    return z.NEVER;
  });

/** An id that must be there. */
export const requiredId = id
  .refine((value) => value !== null, "must not be empty")
  .transform((value) => value ?? z.NEVER);

/** Several ids: "66,67", 66, ["66", 67], "" or null. */
export const ids = z
  .preprocess((value) => (typeof value === "string" ? value.split(",") : items(value)), z.array(id))
  .transform((list) => list.filter((item) => item !== null));

/** A count: 3 or "3"; 0 where absent. */
export const count = z
  .union([z.number(), z.string()])
  .optional()
  .transform(Number)
  .pipe(z.int().nonnegative().catch(0));

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The items of a list that comes as [], {}, {"0": …}, {"1": …}, one bare value, "" or null. */
function items(value: unknown): unknown {
  if (value === undefined || value === null || value === "") return [];
  if (typeof value === "number") return [value];
  if (!isObject(value)) return value;
  const keys = Object.keys(value);
  return keys.every((key) => /^\d+$/.test(key)) ? Object.values(value) : [value];
}

/** A list of `item`, however PHP wrapped it. */
export function list<Item extends z.ZodType>(item: Item) {
  return z.preprocess(items, z.array(item));
}

/** A list inside its own wrapper, `{ [name]: [...] }`, where an empty one may lack the wrapper or be "" itself. */
export function wrapped<Item extends z.ZodType>(name: string, item: Item) {
  return z.preprocess((value) => (isObject(value) ? value[name] : value), list(item));
}

export const orderMade = z.object({ orderid: requiredId, serviceids: ids, productids: ids });

export const orderList = z.object({ orders: wrapped("order", z.object({ id, status: z.string() })) });

const customField = z.object({ id, name: z.string().nullish(), value: z.union([z.string(), z.number()]).nullish() });

const service = z.object({
  id: requiredId,
  clientid: id,
  orderid: id,
  pid: id,
  status: z.string(),
  domain: z.string().nullish(),
  customfields: wrapped("customfield", customField),
});
export type Service = z.infer<typeof service>;

export const servicePage = z.object({ totalresults: count, products: wrapped("product", service) });

export const productList = z.object({ products: wrapped("product", z.object({ pid: id })) });
