import type { DashboardRole, Secret, Settings } from "../settings.ts";
import { type PasswordHash, readPasswordHash } from "./password.ts";

/** Who signed in. */
export interface User {
  readonly name: string;
  readonly role: DashboardRole;
  /** With a password of DASHBOARD_USERS, or with the identity provider. */
  readonly by: "password" | "provider";
}

/** Somebody whom DASHBOARD_USERS names. */
export interface LocalUser extends User {
  readonly by: "password";
  readonly password: PasswordHash;
  /** `password` as the settings have it. */
  readonly phc: Secret;
}

export type LocalUsers = ReadonlyMap<string, LocalUser>;

/** The users that the settings name. Throws an `Error` that names the user whose hash cannot be used. */
export function readUsers(settings: Pick<Settings, "DASHBOARD_USERS">): LocalUsers {
  const users = new Map<string, LocalUser>();
  for (const { name, role, hash } of settings.DASHBOARD_USERS ?? []) {
    if (users.has(name)) throw new Error(`DASHBOARD_USERS names ${name} twice`);
    users.set(name, { name, role, by: "password", phc: hash, password: readHashOf(name, hash) });
  }
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
