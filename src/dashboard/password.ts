import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { argon2Verify } from "hash-wasm";

/**
 * Passwords of the dashboard's users, kept as hashes in PHC string form:
 * `$scrypt$ln=15,r=8,p=3$salt$hash` (what `npm run user:add` makes) or `$argon2id$v=19$m=65536,t=3,p=4$salt$hash`,
 * salt and hash in base64 without padding.
 */

interface ScryptHash {
  readonly algorithm: "scrypt";
  /** The base-2 logarithm of the cost. */
  readonly ln: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

interface Argon2Hash {
  readonly algorithm: "argon2id";
  readonly phc: string;
}

export type PasswordHash = ScryptHash | Argon2Hash;

const SCRYPT = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;
const ARGON2ID = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/**
 * What one check of a password may take: 128 MiB is four times what `user:add` asks for and twice the RFC 9106 setting
 * for ordinary servers, and the passes keep a check below a few seconds. A hash that asks for more is refused when it is read.
 */
const MOST_MEMORY_BYTES = 128 * 1024 * 1024;
const MOST_PASSES = 8;
const MOST_LANES = 16;

/** OWASP's 32 MiB setting for scrypt. */
const NEW_HASH = { ln: 15, r: 8, p: 3 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** Nobody types more; hashing more would only be work for whoever sends it. */
export const LONGEST_PASSWORD = 1024;

/** Reads a PHC string. Throws an `Error` that says what is wrong with it and does not quote it. */
export function readPasswordHash(phc: string): PasswordHash {
  return readScrypt(phc) ?? readArgon2(phc) ?? fail("it is neither a scrypt nor an argon2id hash in PHC string form");
}

function readScrypt(phc: string): ScryptHash | undefined {
  const [, ln, r, p, salt, hash] = SCRYPT.exec(phc) ?? [];
  if (salt === undefined || hash === undefined) return undefined;
  const read: ScryptHash = {
    algorithm: "scrypt",
    ln: Number(ln),
    r: Number(r),
    p: Number(p),
    salt: Buffer.from(salt, "base64"),
    hash: Buffer.from(hash, "base64"),
  };
  if (read.ln < 1 || read.r < 1) fail("its parameters are not scrypt's");
  checkCost(scryptMemory(read), read.p, 1);
  checkLengths(read.salt, read.hash);
  return read;
}

function readArgon2(phc: string): Argon2Hash | undefined {
  const [, kibibytes, passes, lanes, salt, hash] = ARGON2ID.exec(phc) ?? [];
  if (salt === undefined || hash === undefined) return undefined;
  if (Number(kibibytes) < 8 * Number(lanes)) fail("its parameters are not argon2id's");
  checkCost(Number(kibibytes) * 1024, Number(passes), Number(lanes));
  checkLengths(Buffer.from(salt, "base64"), Buffer.from(hash, "base64"));
  return { algorithm: "argon2id", phc };
}

function checkCost(bytes: number, passes: number, lanes: number): void {
  if (passes < 1 || lanes < 1) fail("one of its parameters is zero");
  if (bytes > MOST_MEMORY_BYTES) fail("it asks for more than 128 MiB of memory");
  if (passes > MOST_PASSES || lanes > MOST_LANES) fail("it asks for too much work");
}

function checkLengths(salt: Buffer, hash: Buffer): void {
  if (salt.length < 8 || salt.length > 64) fail("its salt must have 8 to 64 bytes");
  if (hash.length < 16 || hash.length > 64) fail("its hash must have 16 to 64 bytes");
}

function fail(problem: string): never {
  throw new Error(problem);
}

/** Whether `password` is the one that `expected` was made from. */
export async function verifyPassword(password: string, expected: PasswordHash): Promise<boolean> {
  if (password === "" || password.length > LONGEST_PASSWORD) return false;
  if (expected.algorithm === "argon2id") return argon2Verify({ password, hash: expected.phc });
  return timingSafeEqual(await deriveScrypt(password, expected, expected.hash.length), expected.hash);
}

/** A new scrypt hash of `password`, in PHC string form, with a salt of its own. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await deriveScrypt(password, { ...NEW_HASH, salt }, HASH_BYTES);
  const { ln, r, p } = NEW_HASH;
  return `$scrypt$ln=${String(ln)},r=${String(r)},p=${String(p)}$${unpadded(salt)}$${unpadded(hash)}`;
}

type ScryptParameters = Pick<ScryptHash, "ln" | "r" | "p" | "salt">;

/** Runs on libuv's threads, so requests go on meanwhile. */
function deriveScrypt(password: string, { ln, r, p, salt }: ScryptParameters, length: number): Promise<Buffer> {
  const options = { N: 2 ** ln, r, p, maxmem: 2 * scryptMemory({ ln, r }) + 1024 * 1024 };
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, options, (error, derived) => (error === null ? resolve(derived) : reject(error)));
  });
}

function scryptMemory({ ln, r }: { readonly ln: number; readonly r: number }): number {
  return 128 * r * 2 ** ln;
}

function unpadded(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}
