import type { RequestHandler } from "express";
import type { Stage } from "../exchange.ts";
import { exchange, send } from "../exchange.ts";
import type { Fault } from "../faults.ts";
import { bearerToken } from "./token.ts";
import type { Sessions } from "./token.ts";
import type { Message, Streaming } from "./streaming.ts";

/** Serves `/cometd/NN.0`: JSON lists of Bayeux messages, each with its answer. */

export interface StreamingApi {
  readonly sessions: Sessions;
  readonly streaming: Streaming;
}

function messagesIn(body: unknown): readonly Message[] | undefined {
  if (typeof body !== "string") return undefined;
  try {
    const parsed: unknown = JSON.parse(body);
    const list: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed];
    const messages = list.flatMap((one) => (typeof one === "object" && one !== null ? [{ ...one }] : []));
    return messages.length > 0 && messages.length === list.length ? messages : undefined;
  } catch {
    return undefined; // not JSON: answered like any other body that holds no messages
  }
}

const operationOf = ({ channel }: Message) =>
  typeof channel === "string" && channel.startsWith("/meta/") ? channel.slice("/meta/".length) : "publish";

/** What a call with several messages is named by: a client may put its connect beside another. */
const mainOf = (messages: readonly Message[], first: Message): Message =>
  messages.find(({ channel }) => channel !== "/meta/connect") ?? first;

/** The refusal that was ordered, with the advice that belongs to it. */
function orderedRefusal({ channel, id }: Message, fault: Fault): Message {
  const error = fault.code ?? "500::Internal server error";
  const reconnect = error.startsWith("401") ? "none" : error.startsWith("403") ? "handshake" : "retry";
  return { channel, id, successful: false, error, advice: { reconnect, interval: 0 } };
}

export function salesforceStreaming(current: () => StreamingApi, stage: Stage): RequestHandler {
  return (request, response) => {
    const messages = request.method === "POST" ? messagesIn(request.body) : undefined;
    const [first] = messages ?? [];
    if (messages === undefined || first === undefined) {
      // a client that tries other transports first asks by GET, or with an upgrade
      send(response, { status: 400, body: "Only long-polling is supported" });
      return;
    }
    const token = bearerToken(request.get("authorization"));
    const answers = () => {
      const { sessions, streaming } = current();
      const isOpen = sessions.isOpen(token);
      return { status: 200, body: messages.flatMap((message) => streaming.answer(message, isOpen)) };
    };
    const connect = messages.length === 1 && first["channel"] === "/meta/connect" ? first : undefined;
    exchange(stage, response, {
      vendor: "salesforce",
      operation: operationOf(mainOf(messages, first)),
      summary: messages
        .map((message) => `${String(message["channel"])} ${JSON.stringify(message["subscription"] ?? "")}`)
        .join(" "),
      perform: answers,
      wait: (answered) => {
        const { sessions, streaming } = current();
        const letGo =
          connect !== undefined && sessions.isOpen(token) ? streaming.hold(connect, token, answered) : undefined;
        if (letGo === undefined) answered();
        else response.once("close", letGo);
      },
      vendorError: (fault) => ({
        status: fault.status ?? 200,
        body: messages.map((message) => orderedRefusal(message, fault)),
      }),
    });
  };
}
