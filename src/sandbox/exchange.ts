import type { Response } from "express";
import type { CallLog } from "./calls.ts";
import type { Fault, Faults, Vendor } from "./faults.ts";
import type { Timers } from "./timers.ts";

/** What a vendor answers: a string or bytes go out as they are, undefined as an empty body, anything else as JSON. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** What every vendor needs to take part in faults and the call log. */
export interface Stage {
  readonly faults: Faults;
  readonly calls: CallLog;
  readonly timers: Timers;
}

export interface Exchange {
  readonly vendor: Vendor;
  readonly operation: string;
  readonly summary: string;
  /** Does what was asked, writes included, at once: it never waits. */
  readonly perform: () => Answer;
  /** Where the vendor itself waits before it performs, as in a long poll: calls back once. A fault does not wait. */
  readonly wait?: (ready: () => void) => void;
  /** The error that this vendor's own software would answer. */
  readonly vendorError: (fault: Fault) => Answer;
}

const AWAY =
  "<!DOCTYPE html><html><head><title>503 Service Unavailable</title></head><body><h1>Service Unavailable</h1></body></html>";

export function send(response: Response, answer: Answer): void {
  response.status(answer.status).set(answer.headers ?? {});
  if (answer.body === undefined) response.end();
  else if (Buffer.isBuffer(answer.body)) response.type("application/octet-stream").send(answer.body);
  else if (typeof answer.body === "string")
    response.type(answer.body.startsWith("<") ? "html" : "text").send(answer.body);
  else response.json(answer.body);
}

/** Half of the answer, which says how long the whole would be. */
function sendHalf(response: Response, { status, headers, body }: Answer): void {
  const whole = Buffer.isBuffer(body)
    ? body
    : Buffer.from(typeof body === "string" ? body : JSON.stringify(body ?? ""));
  response.writeHead(status, { "content-type": "application/json", "content-length": whole.length, ...headers });
  response.write(whole.subarray(0, whole.length / 2), () => response.socket?.destroy());
}

/** Between two pieces of an answer that never ends. */
const PIECE_MS = 20;

function sendWithoutEnd(response: Response, { status, headers }: Answer, timers: Timers): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  const piece = () => {
    if (response.closed) return;
    response.write(" ");
    timers.after(PIECE_MS, piece);
  };
  piece();
}

/** One call to a vendor over HTTP, with the fault that was ordered for it, if any. */
export function exchange(
  stage: Stage,
  response: Response,
  { vendor, operation, summary, perform, wait = (ready) => ready(), vendorError }: Exchange,
): void {
  const note = stage.calls.arrived(vendor, operation, summary);
  const answer = (given: Answer) => {
    note.answered(given.status);
    send(response, given);
  };
  const fault = stage.faults.take(vendor, operation);
  if (fault === undefined) {
    wait(() => answer(perform()));
    return;
  }
  note.hitBy(fault.mode);
  const failure: Answer = { status: fault.status ?? 503, body: fault.body ?? AWAY };
  switch (fault.mode) {
    case "fail-before":
      answer(failure);
      return;
    case "fail-after":
      perform();
      answer(failure);
      return;
    case "hang-before":
      return;
    case "hang-after":
      perform();
      return;
    case "drop-before":
      response.socket?.destroy();
      return;
    case "drop-after":
      perform();
      response.socket?.destroy();
      return;
    case "cut": {
      const given = perform();
      note.answered(given.status);
      sendHalf(response, given);
      return;
    }
    case "endless": {
      const given = perform();
      note.answered(given.status);
      sendWithoutEnd(response, given, stage.timers);
      return;
    }
    case "slow":
      stage.timers.after(fault.delayMs, () => answer(perform()));
      return;
    case "late":
      stage.timers.after(fault.delayMs, perform);
      return;
    case "error":
      answer(vendorError(fault));
      return;
  }
}
