import * as z from "zod";
import { findable } from "./findable.ts";
import { line, paragraph } from "./free-text.ts";
import { type Day, dayInJapan, lastDayOf, lastSecondOf, type Month, month, monthInJapan } from "./japan-calendar.ts";
import { mailAddress } from "./letter.ts";
import { personal } from "./personal.ts";
import { accountId } from "./salesforce-id.ts";

const common = {
  accountId,
  serviceId: findable(
    z
      .int()
      .positive()
      .meta({ description: "The WHMCS service id", examples: [1234] }),
  ),
  comments: personal(paragraph(5000).meta({ description: "Anything that Customer Service should know" })).optional(),
  alternativeEmail: personal(
    mailAddress.meta({ description: "Gets the confirmation too", examples: ["taro@customer.example"] }),
  ).optional(),
};
const scheduled = { ...common, month: month.meta({ description: "The last month of the service" }) };
const sim = {
  ...scheduled,
  simNumber: personal(
    findable(
      z
        .string()
        .regex(/^\d(?:-?\d){0,19}$/, "must be a SIM's number: digits, with or without hyphens")
        .overwrite((number) => number.replaceAll("-", ""))
        .meta({ description: "The SIM's number, with its leading 0", examples: ["070-0000-0001"] }),
    ),
  ),
  serialNumber: personal(line(40).meta({ description: "What is printed on the SIM" })).optional(),
};

/** What a customer asks for. */
export const cancellation = z.discriminatedUnion("service", [
  z.strictObject({ service: z.literal("Internet"), ...scheduled }),
  z.strictObject({ service: z.literal("SIM"), ...sim }),
  z.strictObject({ service: z.literal("VPN"), ...common }),
]);
export type Cancellation = z.infer<typeof cancellation>;
export type SimCancellation = Extract<Cancellation, { service: "SIM" }>;

/** The same as callers send it, each to the address of its service. */
export const internetBody = z.strictObject(scheduled).transform((body) => ({ service: "Internet" as const, ...body }));
export const simBody = z.strictObject(sim).transform((body) => ({ service: "SIM" as const, ...body }));
export const vpnBody = z.strictObject(common).transform((body) => ({ service: "VPN" as const, ...body }));

/** Until when a service runs. A VPN ends as it is asked for, and its Case has that day's month. */
export function endOf(asked: Cancellation, acceptedAt: Date): { month: Month; lastDay: Day; endsAt: Date } {
  if (asked.service === "VPN")
    return { month: monthInJapan(acceptedAt), lastDay: dayInJapan(acceptedAt), endsAt: acceptedAt };
  return { month: asked.month, lastDay: lastDayOf(asked.month), endsAt: lastSecondOf(asked.month) };
}

/**
 * That the line ends, by Freebit's word: `code`, its result. Null where that was lost, and the line itself showed it or, since
 * nothing of Freebit's tells, a person said so (`told`).
 */
export type Booked = { readonly code: string | null; readonly told?: true; readonly day: string };
