import * as z from "zod";

/** One line that a customer typed, of 1 to `most` characters, without control characters. */
export function line(most: number) {
  return z
    .string()
    .trim()
    .min(1, "must not be empty")
    .max(most)
    .regex(/^\P{Cc}*$/u, "must be one line, without control characters");
}

/** Lines that a customer typed, of at most `most` characters in all; line ends and tabs are the only control characters. */
export function paragraph(most: number) {
  return z
    .string()
    .trim()
    .max(most)
    .regex(/^[\P{Cc}\n\r\t]*$/u, "must not hold control characters");
}
