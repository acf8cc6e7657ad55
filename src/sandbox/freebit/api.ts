import type { RequestHandler } from "express";
import * as z from "zod";
import type { Answer, Stage } from "../exchange.ts";
import { exchange, send } from "../exchange.ts";
import type { AuthKeys } from "./auth-keys.ts";
import { FREEBIT_CREDENTIALS } from "./auth-keys.ts";
import type { Lines } from "./lines.ts";
import { isDay } from "./lines.ts";

/**
 * Freebit's API, below `/freebit`: JSON in a form's field `json`, answers in an envelope whose codes are now texts, now
 * numbers. The codes of its refusals are the sandbox's own inventions, since the real ones stand only in contracts.
 */

/** A refusal: resultCode, statusCode, message. The HTTP status is 200 all the same. */
class FreebitError extends Error {
  readonly resultCode: string | number;
  readonly statusCode: string | number;
  constructor(resultCode: string | number, statusCode: string | number, message: string) {
    super(message);
    this.name = "FreebitError";
    this.resultCode = resultCode;
    this.statusCode = statusCode;
  }
}

const malformed = () => new FreebitError(400, 1, "Parameter Error");
const wrongCredentials = () => new FreebitError("401", "10", "OEM authentication failed");
const expiredKey = () => new FreebitError("401", 20, "authKey is invalid or has expired");
const noSuchLine = () => new FreebitError(404, "1", "Account not found");
const badDate = () => new FreebitError("400", "356", "runDate is invalid");
const alreadyBooked = () => new FreebitError(400, "409", "Cancellation is already accepted");

/** In each request; what is missing is for the operation to refuse. */
const request = z.looseObject({ authKey: z.unknown() });
const signIn = z.looseObject({ oemId: z.string(), oemKey: z.string() });
const cancellation = z.looseObject({
  kind: z.literal("MVNO"),
  account: z.string().regex(/^\d+$/),
  runDate: z.string().optional(),
});
const detail = z.looseObject({
  version: z.string(),
  requestDatas: z.array(z.looseObject({ kind: z.literal("MVNO"), account: z.string() })).min(1),
});

function given<T>(schema: z.ZodType<T>, json: unknown): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw malformed();
}

/** Accepts the end of a line. Without a `runDate` the line ends at once: so the real one is feared to behave. */
function cnclAcnt(lines: Lines, json: unknown): object {
  const { account, runDate = "" } = given(cancellation, json);
  const line = lines.line(account);
  if (line === undefined) throw noSuchLine();
  if (line.cancelDate !== null) throw alreadyBooked();
  if (runDate !== "" && (!isDay(runDate) || runDate <= lines.today())) throw badDate();
  lines.cancel(account, runDate === "" ? null : runDate);
  return {};
}

function getDetail(lines: Lines, json: unknown): object {
  const { requestDatas } = given(detail, json);
  const responseDatas = requestDatas.map(({ kind, account }) => {
    const line = lines.line(account);
    if (line === undefined) throw noSuchLine();
    return { kind, account, state: line.state, cancelDate: line.cancelDate ?? "" };
  });
  return { responseDatas };
}

interface Operation {
  readonly name: "authOem" | "cnclAcnt" | "getDetail";
  /** Success, in the form in which this operation tells it. */
  readonly success: string | number;
  readonly perform: (lines: Lines, keys: AuthKeys, json: unknown) => object;
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  "/authOem/": { name: "authOem", success: "100", perform: (_, keys) => ({ authKey: keys.issue() }) },
  "/master/cnclAcnt/": { name: "cnclAcnt", success: 100, perform: (lines, _, json) => cnclAcnt(lines, json) },
  "/mvno/getDetail/": { name: "getDetail", success: "100", perform: (lines, _, json) => getDetail(lines, json) },
};

const refused = ({ resultCode, statusCode, message }: FreebitError): Answer => ({
  status: 200,
  body: { resultCode, status: { message, statusCode } },
});

/** Who asks, before anything else: the OEM's own key at the door, an authKey behind it. */
function letIn({ name }: Operation, keys: AuthKeys, json: unknown): void {
  if (name === "authOem") {
    const { oemId, oemKey } = given(signIn, json);
    if (oemId !== FREEBIT_CREDENTIALS.oemId || oemKey !== FREEBIT_CREDENTIALS.oemKey) throw wrongCredentials();
  } else if (!keys.isValid(given(request, json).authKey)) throw expiredKey();
}

/** What a call was about, without its keys. */
function summaryOf(name: string, json: unknown): string {
  const about = z.object({ account: z.string().optional(), runDate: z.string().optional() }).safeParse(json).data;
  const asked = detail.safeParse(json).data?.requestDatas.map(({ account }) => account);
  const account = about?.account ?? asked?.join(",");
  return [name, account && `account=${account}`, about?.runDate && `runDate=${about.runDate}`]
    .filter((part) => part !== undefined && part !== "")
    .join(" ");
}

function jsonOf(contentType: string, body: unknown): unknown {
  if (!contentType.startsWith("application/x-www-form-urlencoded") || typeof body !== "string") return undefined;
  try {
    return JSON.parse(new URLSearchParams(body).get("json") ?? "");
  } catch {
    return undefined; // refused as malformed
  }
}

/** Serves `POST /freebit/…/`. Wrong credentials and keys are refused before any fault is met. */
export function freebitApi({
  lines,
  keys,
  stage,
}: {
  lines: () => Lines;
  keys: AuthKeys;
  stage: Stage;
}): RequestHandler {
  return (request, response, next) => {
    const operation = request.method === "POST" ? OPERATIONS[request.path] : undefined;
    if (operation === undefined) {
      next();
      return;
    }
    const json = jsonOf(request.get("content-type") ?? "", request.body);
    try {
      letIn(operation, keys, json);
    } catch (error) {
      if (!(error instanceof FreebitError)) throw error;
      stage.calls.arrived("freebit", operation.name, error.message).answered(200);
      send(response, refused(error));
      return;
    }
    exchange(stage, response, {
      vendor: "freebit",
      operation: operation.name,
      summary: summaryOf(operation.name, json),
      perform: () => {
        try {
          const body = operation.perform(lines(), keys, json);
          return {
            status: 200,
            body: { resultCode: operation.success, status: { message: "OK", statusCode: 200 }, ...body },
          };
        } catch (error) {
          if (error instanceof FreebitError) return refused(error);
          throw error;
        }
      },
      vendorError: ({ code = "500", status = 200 }) => {
        const [resultCode = "", statusCode = "1"] = code.split("-");
        return {
          status,
          body: { resultCode, status: { message: "The sandbox was told to answer an error", statusCode } },
        };
      },
    });
  };
}
