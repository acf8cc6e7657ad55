import { randomBytes } from "node:crypto";

export const FREEBIT_CREDENTIALS = { oemId: "sandbox-oem", oemKey: "sandbox-oem-key" } as const;

/** The authKeys that are in force. */
export interface AuthKeys {
  readonly issue: () => string;
  readonly isValid: (key: unknown) => boolean;
  readonly expireAll: () => void;
}

const LIFE_MS = 60 * 60 * 1000;

export function authKeys(): AuthKeys {
  const issuedAt = new Map<string, number>();
  return {
    issue: () => {
      const key = randomBytes(24).toString("base64url");
      issuedAt.set(key, Date.now());
      return key;
    },
    isValid: (key) => typeof key === "string" && Date.now() - (issuedAt.get(key) ?? 0) < LIFE_MS,
    expireAll: () => issuedAt.clear(),
  };
}
