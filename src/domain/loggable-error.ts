import { isClassified } from "./errors.ts";

/**
 * An error as the log may show it, by a list of what is kept: an error of an HTTP client carries the request with its
 * secrets, and a message may quote what a customer typed. Only our own errors' words are known to be clean.
 */
export interface LoggableError {
  readonly name: string;
  readonly code?: string;
  readonly message?: string;
  readonly vendor?: string | null;
  readonly at?: string;
  readonly cause?: LoggableError;
}

/** `error` with what is safe of it, its causes included. */
export function loggableError(error: unknown, depth = 0): LoggableError {
  if (!(error instanceof Error)) return { name: typeof error };
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return {
    name: error.name,
    ...(code !== undefined && { code }),
    ...(isClassified(error) ? { message: error.message, vendor: error.vendor } : safeMessage(error)),
    ...(frames(error) !== "" && { at: frames(error) }),
    ...(error.cause !== undefined && depth < 3 && { cause: loggableError(error.cause, depth + 1) }),
  };
}

/** Messages of Node, Redis and the language itself, which name hosts, ports and commands but no customer. */
function safeMessage(error: Error): { message?: string } {
  const ours = [
    "TypeError",
    "ReferenceError",
    "RangeError",
    "ReplyError",
    "NotAcceptedError",
    "MaxRetriesPerRequestError",
    "ClusterAllFailedError",
  ].includes(error.name);
  const system =
    "syscall" in error ||
    /^(Connection is closed|Stream isn't writeable|Command timed out|Cluster isn't ready)/.test(error.message);
  return ours || system ? { message: error.message.slice(0, 300) } : {};
}

/** Where it came from, without the message that a stack begins with. */
function frames(error: Error): string {
  return (error.stack ?? "")
    .split("\n")
    .filter((line) => line.startsWith("    at "))
    .slice(0, 4)
    .map((line) => line.trim())
    .join(" < ");
}
