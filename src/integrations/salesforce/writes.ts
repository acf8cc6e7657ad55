import type { HttpRequest } from "jsforce";
import { Readable } from "node:stream";
import * as z from "zod";
import type { Anew, Outgoing } from "../../domain/vendor-call.ts";

/** A request that writes, taken apart again for a dry run: what it would write, and the answer as though it had. */

type Part = Awaited<ReturnType<Outgoing<unknown>["parts"]>>[number];

const fields = z.record(z.string(), z.unknown());
const composite = z.object({
  compositeRequest: z.array(
    z.object({ method: z.string(), url: z.string(), referenceId: z.string(), body: fields.optional() }),
  ),
});

const togetherIn = (text: string) => composite.safeParse(JSON.parse(text)).data?.compositeRequest;

/** Whether nothing can come of it, whatever the verb says of itself. */
export function readsOnly({ method, body }: HttpRequest): boolean {
  if (method === "GET") return true;
  return typeof body === "string" && togetherIn(body)?.every((part) => part.method === "GET") === true;
}

/** `Case`, `Opportunity/006…`: what a URL names below the API's version. */
const recordIn = (url: string) => url.replace(/^.*?\/sobjects\//, "").replace(/\?.*$/, "");

export async function writesIn({ method, url, body }: HttpRequest): Promise<readonly Part[]> {
  const text = body instanceof Readable ? await recordBeside(body) : typeof body === "string" ? body : "{}";
  const together = togetherIn(text);
  if (together === undefined) return [{ to: `${method} ${recordIn(url)}`, fields: fields.parse(JSON.parse(text)) }];
  return together
    .filter((part) => part.method !== "GET")
    .map((part) => ({ to: `${part.method} ${recordIn(part.url)}`, fields: part.body ?? {} }));
}

/** What a document's upload says of it, and how long it is. */
async function recordBeside(parts: Readable): Promise<string> {
  const all = Buffer.concat(await parts.toArray());
  const [, record = "{}", rest = ""] = /\r\n\r\n(\{.*?\})\r\n--(.*)$/s.exec(all.toString("latin1")) ?? [];
  const [, content = ""] = /\r\n\r\n(.*)\r\n--[\w-]+--\r\n$/s.exec(rest) ?? [];
  const said = fields.parse(JSON.parse(Buffer.from(record, "latin1").toString("utf8")));
  return JSON.stringify({ ...said, VersionData: `(${String(content.length)} bytes)` });
}

/** What the ids of an object's records begin with. */
const PREFIXES: Readonly<Record<string, string>> = {
  Case: "500",
  ContentVersion: "068",
  Opportunity: "006",
  Order: "801",
  OrderItem: "802",
};

export function takenBySalesforce(
  { method, url, body }: HttpRequest,
  anew: Anew,
): { statusCode: number; body: string } {
  const made = (object: string) => ({
    id: `${PREFIXES[object] ?? "000"}${String(anew(`the new ${object}'s id`))}`,
    success: true,
    errors: [],
  });
  const together = typeof body === "string" ? togetherIn(body) : undefined;
  if (together === undefined) {
    const isNew = method === "POST";
    return isNew ? { statusCode: 201, body: JSON.stringify(made(recordIn(url))) } : { statusCode: 204, body: "" };
  }
  const compositeResponse = together.map(({ method, url, referenceId }) => {
    if (method === "POST") return { referenceId, httpStatusCode: 201, body: made(recordIn(url)) };
    if (method !== "GET") return { referenceId, httpStatusCode: 204, body: null };
    const [object = ""] = recordIn(url).split("/");
    const asked = url.replace(/^.*\?fields=/, "").split(",");
    const read = asked.map((field) => [field, String(anew(`the new ${object}'s ${field}`))]);
    return { referenceId, httpStatusCode: 200, body: Object.fromEntries(read) as unknown };
  });
  return { statusCode: 200, body: JSON.stringify({ compositeResponse }) };
}
