import { createHmac, timingSafeEqual } from "node:crypto";
import type { DashboardRole, Secret, Settings } from "../settings.ts";
import { type PasswordHash, readPasswordHash } from "./password.ts";

/**
 * Who is signed in: a cookie that carries a name and a time, and a mark over them that only this program can make.
 * Nothing is stored. The mark also covers the user's role and password hash as the settings have them now, so a user
 * who was removed, given another role or a new password is signed out at once.
 */

export type DashboardSettings = Pick<Settings, "DASHBOARD_USERS" | "SESSION_SECRET" | "PUBLIC_URL">;

export interface User {
  readonly name: string;
  readonly role: DashboardRole;
  readonly password: PasswordHash;
  /** `password` as the settings have it. */
  readonly phc: Secret;
}

export type Users = ReadonlyMap<string, User>;

/** How long a session lasts, whatever happens in it: a working day. */
export const SESSION_MS = 8 * 60 * 60 * 1000;

/** The users that the settings name. Throws an `Error` that names the user whose hash cannot be used. */
export function readUsers(settings: DashboardSettings): Users {
  const users = new Map<string, User>();
  for (const { name, role, hash } of settings.DASHBOARD_USERS ?? []) {
    if (users.has(name)) throw new Error(`DASHBOARD_USERS names ${name} twice`);
    users.set(name, { name, role, phc: hash, password: readHashOf(name, hash) });
  }
  if (users.size === 0) throw new Error("DASHBOARD_USERS names nobody: the dashboard role needs at least one user");
  return users;
}

function readHashOf(name: string, hash: Secret): PasswordHash {
  try {
    return readPasswordHash(hash.reveal());
  } catch (error) {
    const problem = error instanceof Error ? error.message : "it cannot be read";
    throw new Error(`DASHBOARD_USERS: the hash of ${name} cannot be used: ${problem}`, { cause: error });
  }
}

/** The cookie's value for `user`, signed in at `issuedAt` (milliseconds since 1970). */
export function issueSession(user: User, secret: Secret, issuedAt: number): string {
  return `${Buffer.from(user.name).toString("base64url")}.${String(issuedAt)}.${sessionMark(user, secret, issuedAt)}`;
}

/** Whose session `cookie` is, at `now` (milliseconds since 1970); undefined where it is nobody's, altered or over. */
export function readSession(cookie: string | undefined, users: Users, secret: Secret, now: number): User | undefined {
  const [, encoded = "", time = "", given = ""] = /^([\w-]+)\.(\d{1,15})\.([\w-]+)$/.exec(cookie ?? "") ?? [];
  const user = users.get(Buffer.from(encoded, "base64url").toString());
  if (user === undefined) return undefined;
  const issuedAt = Number(time);
  if (!sameText(given, sessionMark(user, secret, issuedAt))) return undefined;
  return now - issuedAt < SESSION_MS ? user : undefined;
}

function sessionMark({ name, role, phc }: User, secret: Secret, issuedAt: number): string {
  return mark(secret, ["session", name, role, phc.reveal(), issuedAt]);
}

/** HMAC-SHA256 over `parts`, in base64url. The first part says what the mark is for, so that none can stand in for another. */
export function mark(secret: Secret, parts: readonly (string | number)[]): string {
  return createHmac("sha256", secret.reveal()).update(JSON.stringify(parts)).digest("base64url");
}

/** Compares two marks in a time that does not tell where they differ. */
export function sameText(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
