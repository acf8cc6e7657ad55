import { readFileSync } from "node:fs";
import * as z from "zod";

/**
 * Freebit's API is described only in its contract documents, which whoever deploys this holds. So all that may be
 * otherwise there stands in this one table, and a JSON file corrects it (`FREEBIT_PROFILE`, docs/deployment.md).
 */

const code = z.string().regex(/^\w+(-\w+)?$/, 'must be a code like "400" or "400-356"');
const codes = z.array(code);
const name = z.string().min(1, "must not be empty");
const durationMs = z.int("must be a whole number of milliseconds").min(50, "must be at least 50 milliseconds");

/** Where an answer of accountDetail shows a booked cancellation. Names may be paths with dots. */
const readBack = z.strictObject({
  operation: z.literal("accountDetail"),
  /** The list of lines, or one line by itself. */
  list: name,
  /** Within a line: its number. */
  account: name,
  /** Within a line: the date for which the cancellation is booked; empty or zeros where none is. */
  field: name,
  /** What a line without that field means. `none` only where the contract documents say so: `unclear` asks a person. */
  absent: z.enum(["none", "unclear"]),
});

const CODE_LISTS = ["success", "authExpired", "retryable", "alreadyDone", "notFound"] as const;

const operation = z
  .strictObject({
    path: z.string().regex(/^\/[\w./-]*$/, "must be a path that begins with /"),
    /** `form` and `multipart` send one field `json`; `json` sends the JSON itself. */
    encoding: z.enum(["form", "json", "multipart"]),
    /** The field that carries the date, `YYYYMMDD`; null where there is none. */
    dateField: name.nullable(),
    /** Milliseconds. Can only shorten `VENDOR_TIMEOUT_MS`; null leaves that alone. */
    timeoutMs: durationMs.nullable(),
    success: codes.min(1, "must hold at least one code"),
    /** The authKey is no longer valid: nothing happened, and a new one is fetched. */
    authExpired: codes,
    /** Nothing happened, and trying again later helps. */
    retryable: codes,
    /** What was asked for is so already. */
    alreadyDone: codes,
    /** There is no such line. */
    notFound: codes,
    readBack: readBack.nullable(),
  })
  .superRefine((lists, context) => {
    for (const [index, list] of CODE_LISTS.entries()) {
      const other = CODE_LISTS.slice(0, index).find((each) => lists[each].some((code) => lists[list].includes(code)));
      if (other !== undefined)
        context.addIssue({ code: "custom", path: [list], message: `has a code that ${other} has too` });
    }
  });

const profile = z
  .strictObject({
    /** How long an authKey is used before a new one is fetched, in milliseconds. */
    authKeyLifeMs: durationMs,
    /** The sort of line, in each request about one. */
    kind: name,
    /** The version of accountDetail's answer that is asked for. */
    detailVersion: name,
    authenticate: operation,
    cancelAccount: operation,
    accountDetail: operation,
  })
  .superRefine(({ cancelAccount }, context) => {
    if (cancelAccount.dateField === null) {
      context.addIssue({
        code: "custom",
        path: ["cancelAccount", "dateField"],
        message: "must name a field: a cancellation without a date may take effect at once",
      });
    }
  });

export type FreebitProfile = z.infer<typeof profile>;
export type Operation = z.infer<typeof operation>;
export type ReadBack = z.infer<typeof readBack>;
export type OperationName = "authenticate" | "cancelAccount" | "accountDetail";

/** The lists that nobody outside the contract can vouch for are empty. */
const UNVOUCHED = {
  encoding: "form",
  dateField: null,
  timeoutMs: null,
  success: ["100"],
  authExpired: [],
  retryable: [],
  alreadyDone: [],
  notFound: [],
  readBack: null,
} as const;

const SHIPPED = {
  authKeyLifeMs: 20 * 60_000,
  kind: "MVNO",
  detailVersion: "2",
  /** PA01-01. */
  authenticate: { ...UNVOUCHED, path: "/authOem/" },
  /** PA02-04. */
  cancelAccount: {
    ...UNVOUCHED,
    path: "/master/cnclAcnt/",
    dateField: "runDate",
    readBack: {
      operation: "accountDetail",
      list: "responseDatas",
      account: "account",
      field: "cancelDate",
      absent: "unclear",
    },
  },
  /** PA03-02. */
  accountDetail: { ...UNVOUCHED, path: "/mvno/getDetail/" },
} as const;

/**
 * The table, corrected by the JSON file named: what the file holds replaces what is shipped, field by field, and a list
 * as a whole. Throws an error that names every fault where the file cannot be used.
 */
export function freebitProfile(file: string | undefined): FreebitProfile {
  if (file === undefined) return profile.parse(SHIPPED);
  const parsed = profile.safeParse(corrected(SHIPPED, contentsOf(file)));
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.map(String).join(".")} ${issue.message}`.trim());
  throw new Error(`FREEBIT_PROFILE (${file}) has faults: ${faults.join("; ")}`);
}

function contentsOf(file: string): object {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    throw new Error(`FREEBIT_PROFILE (${file}) cannot be read: ${code}`, { cause: error });
  }
  try {
    const contents: unknown = JSON.parse(text);
    if (isObject(contents)) return contents;
  } catch {
    // A parser's own message quotes the text, and a file named by mistake may hold secrets.
  }
  throw new Error(`FREEBIT_PROFILE (${file}) must hold one JSON object`);
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function corrected(shipped: unknown, given: unknown): unknown {
  if (!isObject(shipped) || !isObject(given)) return given;
  const fields = new Map<string, unknown>(Object.entries(shipped));
  for (const [field, value] of Object.entries(given)) fields.set(field, corrected(fields.get(field), value));
  return Object.fromEntries(fields);
}

/** What Freebit said, as text: success is `100`, whether it comes as a text or as a number. */
export interface Codes {
  readonly resultCode: string;
  readonly statusCode: string | null;
}

/** The two codes as the profile writes them: `400-356`, or `400` where there is no second one. */
export const written = ({ resultCode, statusCode }: Codes): string =>
  statusCode === null ? resultCode : `${resultCode}-${statusCode}`;

export type CodeMeaning = (typeof CODE_LISTS)[number] | "unlisted";

/** What the codes mean for the operation; an entry with both codes wins over one with the first alone. */
export function meaningOf(of: Operation, said: Codes): CodeMeaning {
  for (const entry of [written(said), said.resultCode]) {
    const list = CODE_LISTS.find((each) => of[each].includes(entry));
    if (list !== undefined) return list;
  }
  return "unlisted";
}
