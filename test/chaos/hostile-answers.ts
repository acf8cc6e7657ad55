import { Agent, request as ask } from "node:http";
import type { HostileRequest } from "./hostile-requests.ts";
import { MARK, MARKED } from "./hostile-texts.ts";

export interface HostileAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
  readonly ms: number;
}

/** Sends as it is told, over connections that are used again; a stream of events is left once it has begun. */
export function sender(url: string, connections: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const { hostname, port } = new URL(url);
  return {
    close: () => agent.destroy(),
    send: async ({ method, path, headers, body }: HostileRequest): Promise<HostileAnswer> => {
      const sentAt = performance.now();
      return await new Promise((resolve, reject) => {
        const length = body === null ? {} : { "content-length": String(body.length) };
        const asking = ask({ hostname, port, agent, method, path, headers: { ...headers, ...length } });
        const failed = (error: Error) =>
          reject(new Error(`${error.message}\n${shown({ method, path, headers, body })}`));
        asking.once("error", failed);
        asking.once("response", (response) => {
          const chunks: Buffer[] = [];
          const answered = () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks).toString("utf8"),
              ms: performance.now() - sentAt,
            });
          if (response.headers["content-type"]?.startsWith("text/event-stream") === true) {
            answered();
            response.destroy();
            return;
          }
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.once("end", answered).once("error", failed);
        });
        asking.end(body ?? undefined);
      });
    },
  };
}

/** More than the doors' answers to bad input need, however much of it there was. */
const LONGEST_REFUSAL = 32 * 1024;
/** A machine that is busy answers late; one that works for seconds on one request is brought to a stand by a few. */
const SLOWEST_MS = 10_000;

/** What Node says by itself of what is no HTTP: it ends the connection, and has nothing in its body. */
const OF_NODE: ReadonlySet<number> = new Set([400, 408, 413, 417, 431]);

/** The page to sign in at shows the name that was typed again, escaped, in its field. */
const TYPED_NAME = new RegExp(`name="name"\\s+value="${MARK.replaceAll("<", "&lt;").replaceAll(">", "&gt;")}"`);

/** What is wrong with an answer; null where nothing is. `codes`: the problems that the API has. `door`: where SOAP is spoken. */
export function faultOf(
  { method, path }: HostileRequest,
  answer: HostileAnswer,
  { codes, door }: { readonly codes: ReadonlySet<string>; readonly door: string },
): string | null {
  const { status, headers, body, ms } = answer;
  if (status >= 500) return `status ${String(status)}`;
  if (ms > SLOWEST_MS) return `${ms.toFixed(0)} ms`;
  const withoutName = method === "POST" && path.split("?")[0] === "/sign-in" ? body.replace(TYPED_NAME, "") : body;
  if (MARKED.test(withoutName) || MARKED.test(JSON.stringify(headers))) return "the answer holds what was sent";
  if (status < 400) return null;
  if (body.length > LONGEST_REFUSAL) return `a refusal of ${String(body.length)} characters`;
  if (method === "HEAD") return null;
  if (body === "" && headers["x-request-id"] === undefined && OF_NODE.has(status)) return null;
  const type = String(headers["content-type"]);
  if (type === "application/problem+json") {
    const problem = JSON.parse(body) as { readonly code?: string; readonly status?: number }; // the API's own tests hold it to that
    if (problem.status !== status || !codes.has(problem.code ?? "")) return `no problem of ours: ${body.slice(0, 200)}`;
    return path.split("?")[0] === door ? "no SOAP fault" : null;
  }
  if (path.startsWith("/salesforce/") && type === "text/xml; charset=utf-8" && body.includes("<soapenv:Fault>"))
    return null;
  return path.startsWith("/admin") || path.startsWith("/sign-") ? null : `no problem: ${type} ${body.slice(0, 200)}`;
}

/** For people, who want to send it again. */
export function shown({ method, path, headers, body }: HostileRequest): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const content = body === null ? "" : `\n\n${JSON.stringify(body.subarray(0, 2000).toString("latin1"))}`;
  return `${method} ${path.slice(0, 300)}\n${lines.join("\n").slice(0, 2000)}${content}`;
}
