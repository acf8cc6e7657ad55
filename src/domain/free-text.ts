import * as z from "zod";

/** Without half a surrogate pair: JSON can carry one, and Salesforce would refuse it long after the door let it in. */
function typed() {
  return z
    .string()
    .trim()
    .refine((text) => text.isWellFormed(), "must consist of whole characters");
}

/** One line that a customer typed, of 1 to `most` characters, without control characters. */
export function line(most: number) {
  return typed()
    .min(1, "must not be empty")
    .max(most)
    .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, "must be one line, without control characters");
}

/** Lines that a customer typed, of at most `most` characters in all; line ends and tabs are the only control characters. */
export function paragraph(most: number) {
  return typed()
    .max(most)
    .regex(/^[\P{Cc}\n\r\t]*$/u, "must not hold control characters");
}
