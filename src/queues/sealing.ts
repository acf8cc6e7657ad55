import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  hkdfSync,
  randomBytes,
} from "node:crypto";
import * as z from "zod";
import { personalFields } from "../domain/personal.ts";

/** Seals what must not stand readable in Redis, with AES-256-GCM; the first key seals, every key opens. */
export interface Sealing {
  /** `about` is bound to the seal: it opens only under the same words. */
  seal(value: unknown, about: string): string;
  /** Throws where no key opens it, or it was sealed about something else. */
  open(sealed: string, about: string): unknown;
  /** What `value` is called where it must be found again and not be read: a name by each key, the first one's first. */
  tags(value: string): readonly string[];
}

const MARK = "sealed:v1:";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** 128 bits, in base64url. */
const NAME_LENGTH = 22;

/** `keys`: 32 bytes each; a role that seals nothing has none. */
export function sealingWith(keys: readonly Buffer[]): Sealing {
  // Keys as objects: a cipher made from bytes takes four times as long.
  const named = keys.map((key) => ({ key: createSecretKey(key), name: hash("sha256", key, "hex").slice(0, 8) }));
  // Of the same keys, and yet others: what names things must not be what seals them.
  const naming = keys.map((key) => createSecretKey(Buffer.from(hkdfSync("sha256", key, "", "names to find by", 32))));
  return {
    seal(value, about) {
      const [first] = named;
      if (first === undefined) throw new Error("nothing can be sealed without DATA_KEY");
      const nonce = nextNonce();
      const cipher = createCipheriv("aes-256-gcm", first.key, nonce).setAAD(Buffer.from(about));
      const body = Buffer.concat([
        nonce,
        cipher.update(JSON.stringify(value), "utf8"),
        cipher.final(),
        cipher.getAuthTag(),
      ]);
      return `${MARK}${first.name}:${body.toString("base64url")}`;
    },
    open(sealed, about) {
      const [name, text = ""] = sealed.slice(MARK.length).split(":");
      const known = named.find((candidate) => candidate.name === name);
      if (!sealed.startsWith(MARK) || known === undefined)
        throw new Error("no key of DATA_KEY opens this: was a key removed too early?");
      const body = Buffer.from(text, "base64url");
      const decipher = createDecipheriv("aes-256-gcm", known.key, body.subarray(0, NONCE_BYTES))
        .setAAD(Buffer.from(about))
        .setAuthTag(body.subarray(-TAG_BYTES));
      const opened: unknown = JSON.parse(
        decipher.update(body.subarray(NONCE_BYTES, -TAG_BYTES), undefined, "utf8") + decipher.final("utf8"),
      );
      return opened;
    },
    tags(value) {
      return naming.map((key) => createHmac("sha256", key).update(value).digest("base64url").slice(0, NAME_LENGTH));
    },
  };
}

/** Random bytes in stock: asking for a few at a time takes longer than the cipher. */
let stock = Buffer.alloc(0);

function nextNonce(): Buffer {
  if (stock.length === 0) stock = randomBytes(512 * NONCE_BYTES);
  const nonce = stock.subarray(0, NONCE_BYTES);
  stock = stock.subarray(NONCE_BYTES);
  return nonce;
}

export function isSealed(value: unknown): value is string {
  return typeof value === "string" && value.startsWith(MARK);
}

/** `payload` with every value that its schema marks as personal sealed about `jobId`. */
export function sealPersonal(sealing: Sealing, schema: z.ZodType, payload: unknown, jobId: string): unknown {
  return mapMarked(personalFields, schema, payload, "", (value, path) => sealing.seal(value, `${jobId} ${path}`));
}

/** The reverse of `sealPersonal`. Needs no schema: what is sealed says so. */
export function openPersonal(sealing: Sealing, payload: unknown, jobId: string, path = ""): unknown {
  if (isSealed(payload)) return sealing.open(payload, `${jobId} ${path}`);
  if (Array.isArray(payload)) return payload.map((item, at) => openPersonal(sealing, item, jobId, `${path}/${at}`));
  if (typeof payload === "object" && payload !== null) {
    return Object.fromEntries(
      Object.entries(payload).map(([name, value]) => [name, openPersonal(sealing, value, jobId, `${path}/${name}`)]),
    );
  }
  return payload;
}

/** `value` with every part that its schema marks in `marked` changed; `path`: where it stands in the payload. */
export function mapMarked(
  marked: z.core.$ZodRegistry<object>,
  schema: z.core.$ZodType,
  value: unknown,
  path: string,
  change: (value: unknown, path: string) => unknown,
): unknown {
  if (value === undefined || value === null) return value;
  if (marked.has(schema)) return change(value, path);
  const { def } = (schema as z.core.$ZodTypes)._zod; // every schema is of one of zod's own types
  if (def.type === "optional" || def.type === "nullable" || def.type === "default" || def.type === "readonly") {
    return mapMarked(marked, def.innerType, value, path, change);
  }
  if (def.type === "array" && Array.isArray(value)) {
    return value.map((item, at) => mapMarked(marked, def.element, item, `${path}/${String(at)}`, change));
  }
  if (def.type === "object") {
    const mapped: Record<string, unknown> = {};
    for (const [name, part] of Object.entries(value)) {
      const field = def.shape[name];
      mapped[name] = field === undefined ? part : mapMarked(marked, field, part, `${path}/${name}`, change);
    }
    return mapped;
  }
  if (def.type === "union") {
    const chosen = def.options.find((option) => z.safeParse(option, value).success);
    return chosen === undefined ? value : mapMarked(marked, chosen, value, path, change);
  }
  if (typeof value !== "object" && def.type !== "pipe" && def.type !== "lazy") return value;
  throw new Error(
    `cannot tell which parts of a payload are personal, or findable, at "${path}": teach mapMarked this form of schema`,
  );
}
