import type { Redis } from "ioredis";
import { accept } from "../../src/queues/accept-script.ts";
import * as attemptScripts from "../../src/queues/attempt-scripts.ts";
import type { Script } from "../../src/queues/script.ts";
import * as stepScripts from "../../src/queues/step-scripts.ts";
import type { Command } from "./redis-proxy.ts";

/** A worker's talk with one other side, as it is seen from outside. */
export type Exchange =
  /** `nth` of this name in the job and those that it handed on. */
  | { readonly with: "Redis"; readonly name: string; readonly nth: number }
  | { readonly with: "vendor"; readonly vendor: string; readonly operation: string; readonly nth: number };

/** The digests by which the ledger's scripts are sent, with their names. */
const LEDGER_SCRIPTS: ReadonlyMap<string, string> = await digests();

async function digests(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const [name, script] of Object.entries<Script>({ accept, ...attemptScripts, ...stepScripts })) {
    const spy = {
      evalsha: async (sha: string) => {
        found.set(sha, name);
      },
    };
    await script(spy as unknown as Redis, [], []); // all that a script asks of its connection
  }
  return found;
}

/** Names what goes by of the ledger and of a job's completion; undefined for all that concerns no job's progress. */
export function namesOfExchanges(prefix: string): (command: Command) => Exchange | undefined {
  const kinds = new Map<string, string>();
  const seen = new Map<string, number>();
  const nameOf = ([name = "", script = "", count = "", ...rest]: Command): string | undefined => {
    const [keys, args] = [rest.slice(0, Number(count)), rest.slice(Number(count))];
    if (name.toLowerCase() !== "evalsha") return undefined;
    if (keys.length === 14 && keys[10]?.endsWith(":completed") === true)
      return `${keys[0]?.split(":").at(-2) ?? ""}: leaves the queue`;
    const verb = LEDGER_SCRIPTS.get(script);
    if (verb === "accept" && keys[0] === `${prefix}:era`) return `${args[2] ?? ""}: is handed on`;
    const [ledger, id] = keys[0]?.split(":ledger:") ?? [];
    if (verb === undefined || ledger !== prefix || id === undefined) return undefined;
    if (verb === "begin") kinds.set(id, args[1] ?? "");
    return `${kinds.get(id) ?? ""}: ${verb}${verb === "claim" ? ` "${args[0] ?? ""}"` : ""}`;
  };
  return (command) => {
    const name = nameOf(command);
    if (name === undefined) return undefined;
    const nth = seen.get(name) ?? 0;
    seen.set(name, nth + 1);
    return { with: "Redis", name, nth };
  };
}
