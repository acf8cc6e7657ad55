import type { Request } from "express";
import * as z from "zod";
import { openMonths } from "../domain/cancellation-month.ts";
import type { Handler } from "./exchange.ts";
import { fieldProblems } from "./field-problems.ts";
import { invalid } from "./jobs.ts";
import { sendJson } from "./send.ts";

/** From the current month to the last that may be chosen, twelve ahead. */
const MOST = 13;

/** What may stand behind the `?`. */
export const monthsQuery = z.object({
  count: z
    .string()
    .regex(/^(?:[1-9]|1[0-3])$/, `must be a whole number from 1 to ${String(MOST)}`)
    .transform(Number)
    .default(12)
    .meta({ override: { type: "integer", minimum: 1, maximum: MOST, default: 12 }, description: "How many at most" }),
});

export const monthsAnswer = z.object({
  months: z.array(z.string()).meta({
    description: "The months that a service may end with, the nearest first; fewer where fewer are open",
    examples: [["2026-12", "2027-01"]],
  }),
});

/** `GET /api/services/{internet,sim}/cancellation-months`: what the 25th rule leaves to choose from, now, in Japan. */
export const showMonths: Handler = (request: Request, response) => {
  const query = monthsQuery.safeParse(request.query);
  if (!query.success) throw invalid(fieldProblems(query.error.issues));
  const answer: z.infer<typeof monthsAnswer> = { months: openMonths(new Date(), query.data.count) };
  sendJson(response, answer);
};
