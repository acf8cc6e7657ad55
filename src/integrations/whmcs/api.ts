import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { AxiosError, create, type AxiosResponse } from "axios";
import * as z from "zod";
import type { Anew, Outgoing, VendorCall } from "../../domain/vendor-call.ts";
import type { Settings } from "../../settings.ts";
import { form, type FormValue } from "./encoding.ts";
import { whmcsError, type Trouble } from "./errors.ts";

/** What is read of a response. */
type Reply = Pick<AxiosResponse<unknown>, "status" | "data">;

/** Far above any page of services. */
const MAX_ANSWER_BYTES = 10 * 1024 * 1024;

export type ApiSettings = Pick<Settings, "WHMCS_URL" | "WHMCS_IDENTIFIER" | "WHMCS_SECRET" | "WHMCS_ACCESS_KEY">;

/** One call to an API action. `answer` says what success looks like. */
export interface Action<Answer extends z.ZodType> {
  readonly action: string;
  readonly writes: boolean;
  readonly parameters: Readonly<Record<string, FormValue | undefined>>;
  readonly answer: Answer;
  /** What success looks like in a dry run, where the answer has to hold something. */
  readonly taken?: (anew: Anew) => object;
}

export type Perform = <Answer extends z.ZodType>(action: Action<Answer>) => Promise<z.infer<Answer>>;

/** Nothing personal stands in these. */
const PLAIN_PARAMETERS =
  /^(?:addons|billingcycle|clientid|customfields|noemail|orderid|paymentmethod|pid|qty|serviceid)(?:\[\d+\])?$/;

const verdict = z.object({
  result: z.string().optional(),
  status: z.string().optional(),
  message: z.string().optional(),
});

/** How actions are performed at one WHMCS. Throws at once where a setting is missing. */
export function performing({ settings, call }: { settings: ApiSettings; call: VendorCall }): Perform {
  const { WHMCS_URL: root, WHMCS_IDENTIFIER: identifier, WHMCS_SECRET: secret, WHMCS_ACCESS_KEY: accessKey } = settings;
  if (root === undefined || identifier === undefined || secret === undefined) {
    throw new Error("WHMCS_URL, WHMCS_IDENTIFIER and WHMCS_SECRET are needed");
  }
  const http = create({
    maxRedirects: 0, // a followed 302 would arrive as a GET without a body, and look like success
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

  return ({ action, writes, parameters, answer, taken = () => ({}) }) =>
    call(action, async (signal, _tellUsed, send) => {
      const fail = (trouble: Trouble, cause?: unknown) => whmcsError({ action, writes, trouble, cause });
      if (signal.aborted) throw fail({ kind: "network", failure: "not-reached" }, signal.reason);
      const data = form({
        action,
        identifier,
        secret: secret.reveal(),
        accesskey: accessKey?.reveal(),
        responsetype: "json",
        ...parameters,
      });
      const outgoing: Outgoing<Reply> = {
        writes: writes || !action.startsWith("Get"),
        parts: () => [{ to: action, fields: Object.fromEntries(form(parameters)) }],
        isPlain: (name) => PLAIN_PARAMETERS.test(name),
        taken: (anew) => ({ status: 200, data: JSON.stringify({ result: "success", ...taken(anew) }) }),
      };
      let response: Reply;
      try {
        response = await send(outgoing, () => http.post<unknown>(`${root}/includes/api.php`, data, { signal }));
      } catch (error) {
        // The cause is what lies below axios: axios's own error carries the secret.
        throw fail(networkTrouble(error, signal), error instanceof AxiosError ? error.cause : undefined);
      }
      const { status } = response;
      const body = parsed(response.data);
      const said = verdict.safeParse(body).data;
      if (said === undefined) throw fail({ kind: "unreadable", status });
      // AddBillableItem's documented sample says `status` where all others say `result`.
      const result = said.result ?? said.status;
      if (result === "error") throw fail({ kind: "refused", status, message: said.message ?? "" });
      if (result !== "success" || status >= 300) throw fail({ kind: "unreadable", status });
      const wanted = answer.safeParse(body);
      if (!wanted.success) throw fail({ kind: "misshapen" }, wanted.error);
      return wanted.data;
    });
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
