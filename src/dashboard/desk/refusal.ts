import type * as z from "zod";
import type { Deed } from "../audit.ts";
import type { DeskContext } from "./context.ts";
import { type Reply, sendWord } from "./visit.ts";
import { type Words, WORDS } from "./words.ts";

/** What is wrong with what somebody typed; `otherwise`, where it is neither the reason nor the id. */
export function faultIn({ issues }: Pick<z.ZodError, "issues">, words: Words, otherwise: string): string {
  const isOf = (name: string) => issues.some(({ path }) => path[0] === name);
  if (issues.some(({ path, code }) => path[0] === "why" && code === "too_big")) return words.whyTooLong;
  if (isOf("id")) return words.oddId;
  return isOf("why") && issues.length === 1 ? words.needsReason : otherwise;
}

/** Says no to what stands in the audit log already, and adds an entry that says so: in English, as all of the log. */
export async function refuse(
  { audit }: Pick<DeskContext, "audit">,
  response: Reply,
  { what, to }: Pick<Deed, "what" | "to">,
  why: "notFailed" | "mayStillLand" | "notInDoubt" | "notEditable" | "unknownGroup",
  back: string,
): Promise<void> {
  const { words, user } = response.locals;
  await audit.record({ who: user.name, what: `${what}: refused`, to, why: WORDS.en[why] });
  sendWord(response, 409, words[why], back);
}
