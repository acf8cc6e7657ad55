import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { RejectedError, UnavailableError, type ClassifiedError } from "../../src/domain/errors.ts";
import { sendIt, type VendorCall } from "../../src/domain/vendor-call.ts";

/** What an error means, in the terms of the tables: `after` is the vendor's own wish, in milliseconds. */
export type Meaning =
  | { readonly rejected: string }
  | { readonly unavailable: UnavailableError["scope"]; readonly code: string; readonly after?: number }
  | { readonly unknown: string; readonly mayStillLand: boolean };

export function meaning(error: ClassifiedError): Meaning {
  if (error instanceof RejectedError) return { rejected: error.code };
  if (error instanceof UnavailableError) {
    const { scope, code, retryAfterMs } = error;
    return { unavailable: scope, code, ...(retryAfterMs === null ? {} : { after: retryAfterMs }) };
  }
  return { unknown: error.code, mayStillLand: "mayStillLand" in error && error.mayStillLand };
}

/** A call under a deadline and nothing else: no breaker, no metrics. */
export function callWithin(deadlineMs: number): VendorCall {
  return (_operation, perform) => perform(AbortSignal.timeout(deadlineMs), () => undefined, sendIt);
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A vendor of a test's own making, on a free port until the test ends. `seen` fills with what it was asked. */
export async function vendorThat(
  answer: (request: SeenRequest, response: ServerResponse) => void,
): Promise<{ readonly url: string; readonly seen: readonly SeenRequest[] }> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const asked = {
        method: request.method ?? "",
        path: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(chunks).toString("utf8"),
      };
      seen.push(asked);
      answer(asked, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

/** Answers with `body` as JSON. */
export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json;charset=UTF-8" }).end(JSON.stringify(body));
}

/** The ways in which a lost answer gets lost. */
export const LOST_ANSWERS: readonly (readonly [string, (response: ServerResponse) => void])[] = [
  ["never answers", () => undefined],
  [
    "stalls after its headers",
    (response) => void response.writeHead(200, { "content-type": "application/json" }).write("{"),
  ],
  [
    "cuts its answer off",
    (response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "1000" }).write('{"a":');
      setImmediate(() => response.destroy());
    },
  ],
  ["drops the connection", (response) => void response.destroy()],
];

/** A port where nobody listens: one that was free a moment ago. */
export async function deserted(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}
