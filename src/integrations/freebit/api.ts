import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { AxiosError, create, type AxiosResponse } from "axios";
import * as z from "zod";
import { type Outgoing, type Send, sendIt, type VendorCall } from "../../domain/vendor-call.ts";
import type { Settings } from "../../settings.ts";
import { keepAuthKeys } from "./auth-key.ts";
import { freebitError, notSetUp, type Trouble } from "./errors.ts";
import {
  meaningOf,
  type CodeMeaning,
  type Codes,
  type FreebitProfile,
  type Operation,
  type OperationName,
} from "./profile.ts";

/** What is read of a response. */
type Reply = Pick<AxiosResponse<unknown>, "status" | "data">;

/** Far above any answer about one line. */
const MAX_ANSWER_BYTES = 10 * 1024 * 1024;

export type ApiSettings = Pick<Settings, "FREEBIT_URL" | "FREEBIT_OEM_ID" | "FREEBIT_OEM_KEY">;

/** Freebit's own names, for metrics and messages. */
const NAMES = { authenticate: "authOem", cancelAccount: "cnclAcnt", accountDetail: "getDetail" } as const;
const WRITES = { authenticate: false, cancelAccount: true, accountDetail: false } as const;

interface Answer {
  readonly meaning: CodeMeaning;
  readonly codes: Codes;
  readonly body: unknown;
}

/** A success, or for a write the answer that what was asked for is so already. */
export interface Accepted extends Answer {
  readonly meaning: "success" | "alreadyDone";
}

export interface Api {
  readonly perform: (
    name: Exclude<OperationName, "authenticate">,
    fields: Readonly<Record<string, unknown>>,
  ) => Promise<Accepted>;
  /** Fetches an authKey, whether one is held or not. */
  readonly signIn: () => Promise<void>;
}

const codeText = z.union([z.string().trim().min(1), z.number()]).transform(String);
const envelope = z.looseObject({
  resultCode: codeText,
  status: z
    .object({ statusCode: codeText.nullish().catch(null) })
    .nullish()
    .catch(null),
});
const signedIn = z.object({ authKey: z.string().min(1) });

/** How operations are performed at one Freebit. `now`: milliseconds since 1970. */
export function freebitApi({
  settings,
  profile,
  call,
  now,
}: {
  settings: ApiSettings;
  profile: FreebitProfile;
  call: VendorCall;
  now: () => number;
}): Api {
  const { FREEBIT_URL: root, FREEBIT_OEM_ID: oemId, FREEBIT_OEM_KEY: oemKey } = settings;
  const http = create({
    maxRedirects: 0, // a followed 302 would arrive as a GET without a body
    proxy: false,
    // Each call has its own connection: a reset of one that was kept open could not be told from a lost answer.
    httpAgent: new HttpAgent({ keepAlive: false }),
    httpsAgent: new HttpsAgent({ keepAlive: false }),
    responseType: "text",
    transformResponse: (body: unknown) => body, // read below, where broken JSON becomes an error
    maxContentLength: MAX_ANSWER_BYTES,
    validateStatus: () => true,
    transitional: { clarifyTimeoutError: true },
  });

  const refuse = (name: OperationName, trouble: Trouble, cause?: unknown) =>
    freebitError({ operation: NAMES[name], writes: WRITES[name], trouble, cause });

  /** One exchange. Throws where Freebit's own answer did not come. */
  async function exchange(
    name: OperationName,
    request: object,
    outer: AbortSignal,
    send: Send = sendIt,
  ): Promise<Answer> {
    const operation = profile[name];
    const signal = withinItsTime(operation, outer);
    if (signal.aborted) throw refuse(name, { kind: "network", failure: "not-reached" }, signal.reason);
    const { data, headers } = encoded(operation, request);
    const outgoing: Outgoing<Reply> = {
      writes: WRITES[name],
      parts: () => [
        { to: NAMES[name], fields: Object.fromEntries(Object.entries(request).filter(([name]) => name !== "authKey")) },
      ],
      isPlain: (name) => name === "kind" || name === operation.dateField,
      taken: () => ({ status: 200, data: JSON.stringify({ resultCode: operation.success[0] }) }),
    };
    let response: Reply;
    try {
      response = await send(outgoing, () => http.post<unknown>(`${root}${operation.path}`, data, { signal, headers }));
    } catch (error) {
      // The cause is what lies below axios: axios's own error carries the keys.
      throw refuse(name, networkTrouble(error, signal), error instanceof AxiosError ? error.cause : undefined);
    }
    // The HTTP status says nothing: the body does.
    const body = envelope.safeParse(parsed(response.data)).data;
    if (body === undefined) throw refuse(name, { kind: "unreadable", status: response.status });
    const codes = { resultCode: body.resultCode, statusCode: body.status?.statusCode ?? null };
    return { meaning: meaningOf(operation, codes), codes, body };
  }

  function accepted(name: OperationName, { meaning, codes, body }: Answer): Accepted {
    if (meaning === "success" || (meaning === "alreadyDone" && WRITES[name])) return { meaning, codes, body };
    throw refuse(name, { kind: "refused", meaning, codes });
  }

  const keys = keepAuthKeys({
    lifeMs: profile.authKeyLifeMs,
    now,
    async signIn(signal) {
      const answer = await exchange("authenticate", { oemId, oemKey: oemKey?.reveal() }, signal);
      const key = signedIn.safeParse(accepted("authenticate", answer).body);
      if (!key.success) throw refuse("authenticate", { kind: "misshapen" });
      return key.data.authKey;
    },
  });

  async function withKey(name: OperationName, fields: object, signal: AbortSignal, send: Send): Promise<Accepted> {
    const authKey = await keys.current(signal);
    const answer = await exchange(name, { authKey, ...fields }, signal, send);
    // Behind a code that nobody explained there may be a key that has expired: the next call fetches another.
    if (answer.meaning === "authExpired" || answer.meaning === "unlisted") keys.forget(authKey);
    if (answer.meaning !== "authExpired") return accepted(name, answer);
    const renewed = await keys.current(signal);
    return accepted(name, await exchange(name, { authKey: renewed, ...fields }, signal, send));
  }

  const checked = <T>(name: OperationName, perform: (signal: AbortSignal, send: Send) => Promise<T>): Promise<T> =>
    call(NAMES[name], async (signal, _tellUsed, send) => {
      if (root === undefined || oemId === undefined || oemKey === undefined) throw notSetUp();
      return await perform(signal, send);
    });

  return {
    perform: (name, fields) => checked(name, (signal, send) => withKey(name, fields, signal, send)),
    signIn: () => checked("authenticate", async (signal) => void (await keys.renewed(signal))),
  };
}

function withinItsTime({ timeoutMs }: Operation, signal: AbortSignal): AbortSignal {
  return timeoutMs === null ? signal : AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
}

function encoded({ encoding }: Operation, request: object) {
  const text = JSON.stringify(request);
  switch (encoding) {
    case "form":
      return { data: new URLSearchParams({ json: text }), headers: {} };
    case "json":
      return { data: text, headers: { "content-type": "application/json" } };
    case "multipart": {
      const data = new FormData();
      data.set("json", text);
      return { data, headers: {} };
    }
  }
}

function parsed(body: unknown): unknown {
  try {
    return typeof body === "string" ? JSON.parse(body) : undefined;
  } catch {
    return undefined; // the caller makes it an error, with the status
  }
}

const NEVER_CONNECTED: ReadonlySet<unknown> = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN"]);

function networkTrouble(error: unknown, signal: AbortSignal): Trouble {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = "code" in cause ? cause.code : undefined;
    const syscall = "syscall" in cause ? cause.syscall : undefined;
    if (NEVER_CONNECTED.has(code) || syscall === "connect") return { kind: "network", failure: "not-reached" };
  }
  if (signal.aborted) return { kind: "network", failure: "deadline" };
  if (error instanceof AxiosError && /maxContentLength/.test(error.message)) {
    return { kind: "unreadable", status: error.response?.status ?? 200 };
  }
  return { kind: "network", failure: "dropped" };
}
