import { randomBytes } from "node:crypto";
import type { PlatformEvent, PlatformEvents } from "./platform-events.ts";

/** The Streaming API's clients, by the Bayeux protocol with long polling: who listens to what, and what waits for them. */

/** A Bayeux message of either direction; what a client sends is checked as it is read. */
export type Message = Readonly<Record<string, unknown>>;

export interface Streaming {
  /** Answers one message at once; for a connect, with what waits for the client. */
  readonly answer: (message: Message, isAuthenticated: boolean) => readonly Message[];
  /**
   * Holds a connect until something comes for its client, or its time is over. False: it is answered at once.
   * `answered` is called at most once, and the returned function lets go of it.
   */
  readonly hold: (message: Message, token: string, answered: () => void) => (() => void) | undefined;
  /** Lets every connect that is held go, whose token `isOpen` no longer knows. */
  readonly checkSessions: (isOpen: (token: string) => boolean) => void;
  readonly clients: () => number;
  /** Forgets every client: what each hears next is `403::Unknown client`. */
  readonly dropClients: () => void;
}

interface Client {
  readonly subscriptions: Set<string>;
  waiting: PlatformEvent[];
  hasConnected: boolean;
  held: { readonly token: string; readonly release: () => void } | undefined;
  lastSeen: number;
}

/** How long a connect waits, as Salesforce has it. */
const CONNECT_MS = 110_000;
/** A client that has not connected for so long is forgotten. */
const FORGOTTEN_AFTER_MS = 40_000;
const SUPPORTED = ["long-polling"];
const EXT = { replay: true, "payload.format": true };
const NEW_ONLY = -1;
const ALL_RETAINED = -2;

const textOf = (value: unknown) => (typeof value === "string" ? value : "");
const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? new Map(Object.entries(value)).get(name) : undefined;

/** `channels` are those that can be subscribed to. */
export function streaming(events: PlatformEvents, channels: readonly string[]): Streaming {
  const clients = new Map<string, Client>();
  const clientOf = ({ clientId }: Message): Client | undefined => clients.get(textOf(clientId));
  const forgetTheSilent = () => {
    for (const [id, { held, lastSeen }] of clients)
      if (held === undefined && lastSeen < Date.now() - FORGOTTEN_AFTER_MS) clients.delete(id);
  };
  events.onPublish((event) => {
    for (const client of clients.values())
      if (client.subscriptions.has(event.channel)) {
        client.waiting.push(event);
        client.held?.release();
      }
  });

  const refused = ({ channel, id }: Message, error: string, advice?: object): Message => ({
    channel,
    id,
    successful: false,
    error,
    ...(advice === undefined ? {} : { advice }),
  });
  const unknownClient = (message: Message) =>
    refused(message, "403::Unknown client", { interval: 0, reconnect: "handshake" });
  const handshake = ({ channel, id }: Message): Message => {
    forgetTheSilent();
    const clientId = randomBytes(14).toString("hex");
    clients.set(clientId, {
      subscriptions: new Set(),
      waiting: [],
      hasConnected: false,
      held: undefined,
      lastSeen: Date.now(),
    });
    return {
      channel,
      id,
      clientId,
      version: "1.0",
      minimumVersion: "1.0",
      supportedConnectionTypes: SUPPORTED,
      successful: true,
      ext: EXT,
    };
  };
  const subscribe = (message: Message, client: Client): Message => {
    const { channel, id, clientId } = message;
    const wanted = textOf(message["subscription"]);
    if (wanted === "") return refused(message, "400::Channel name not specified");
    if (!channels.includes(wanted))
      return refused(message, `400::The channel you requested to subscribe to doesn't exist {${wanted}}`);
    const asked = fieldOf(fieldOf(message["ext"], "replay"), wanted) ?? NEW_ONLY;
    const kept = events.retained().filter((event) => event.channel === wanted);
    const oldest = kept[0]?.data.event.replayId ?? events.lastReplayId() + 1;
    const isValid =
      asked === NEW_ONLY ||
      asked === ALL_RETAINED ||
      (typeof asked === "number" && asked >= oldest - 1 && asked <= events.lastReplayId());
    if (!isValid)
      return refused(
        message,
        `400::The replayId {${JSON.stringify(asked)}} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.`,
      );
    client.subscriptions.add(wanted);
    if (asked !== NEW_ONLY)
      client.waiting.push(...kept.filter(({ data }) => asked === ALL_RETAINED || data.event.replayId > asked));
    if (client.waiting.length > 0) client.held?.release();
    return { channel, id, clientId, subscription: wanted, successful: true };
  };
  const connect = ({ channel, id, clientId }: Message, client: Client): readonly Message[] => {
    const advice = { interval: 0, timeout: CONNECT_MS, reconnect: "retry" };
    const first = client.hasConnected ? {} : { advice };
    client.hasConnected = true;
    const { waiting } = client;
    client.waiting = [];
    return [
      ...waiting.map(({ channel: on, data }) => ({ channel: on, data })),
      { channel, id, clientId, successful: true, ...first },
    ];
  };

  return {
    answer: (message, isAuthenticated) => {
      const { channel, id, clientId } = message;
      if (channel === "/meta/handshake") {
        if (isAuthenticated) return [handshake(message)];
        const failure = { sfdc: { failureReason: "401::Authentication invalid" } };
        return [{ ...refused(message, "403::Handshake denied", { reconnect: "none" }), ext: { ...EXT, ...failure } }];
      }
      if (!isAuthenticated)
        return [{ ...refused(message, "401::Authentication invalid", { reconnect: "none", interval: 0 }), clientId }];
      const client = clientOf(message);
      if (client === undefined) return [unknownClient(message)];
      client.lastSeen = Date.now();
      switch (channel) {
        case "/meta/connect":
          if (message["connectionType"] !== SUPPORTED[0])
            return [refused(message, `400::Invalid connection type {${textOf(message["connectionType"])}}`)];
          return connect(message, client);
        case "/meta/subscribe":
          return [subscribe(message, client)];
        case "/meta/unsubscribe":
          client.subscriptions.delete(textOf(message["subscription"]));
          return [{ channel, id, clientId, subscription: message["subscription"], successful: true }];
        case "/meta/disconnect":
          clients.delete(textOf(clientId));
          client.held?.release();
          return [{ channel, id, clientId, successful: true }];
        default:
          return [refused(message, "403::Publish denied")];
      }
    },
    hold: (message, token, answered) => {
      const client = clientOf(message);
      if (client?.hasConnected !== true || client.waiting.length > 0) return undefined;
      client.held?.release(); // one connect a client: an older one is answered by the next
      const letGo = () => {
        clearTimeout(timer);
        if (client.held === held) client.held = undefined;
        client.lastSeen = Date.now();
      };
      const held = {
        token,
        release: () => {
          letGo();
          answered();
        },
      };
      const timer = setTimeout(held.release, CONNECT_MS);
      client.held = held;
      return letGo;
    },
    checkSessions: (isOpen) => {
      for (const { held } of clients.values()) if (held !== undefined && !isOpen(held.token)) held.release();
    },
    clients: () => clients.size,
    dropClients: () => {
      const dropped = [...clients.values()];
      clients.clear();
      for (const { held } of dropped) held?.release();
    },
  };
}
