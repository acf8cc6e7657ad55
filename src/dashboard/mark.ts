import { createHmac, timingSafeEqual } from "node:crypto";
import type { Secret } from "../settings.ts";

/** HMAC-SHA256 over `parts`, in base64url. The first part says what the mark is for, so that none can stand in for another. */
export function mark(secret: Secret, parts: readonly (string | number)[]): string {
  return createHmac("sha256", secret.reveal()).update(JSON.stringify(parts)).digest("base64url");
}

/** Compares two marks in a time that does not tell where they differ. */
export function sameText(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
