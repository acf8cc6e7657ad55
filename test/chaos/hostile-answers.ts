import type { HostileRequest } from "./hostile-requests.ts";
import { MARK, MARKED } from "./hostile-texts.ts";
import type { Answered } from "./sender.ts";

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
  answer: Answered,
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
