import { randomUUID } from "node:crypto";
import type { Records } from "./records.ts";
import type { Fields, ObjectType } from "./schema.ts";
import { USER_ID } from "./token.ts";

/** The event bus: what was published in the last 72 hours, in the order it came. */

/** As a subscriber gets it. */
export interface PlatformEvent {
  readonly channel: string;
  readonly data: {
    readonly schema: string;
    readonly payload: Fields;
    readonly event: { readonly EventUuid: string; readonly replayId: number };
  };
}

export interface PlatformEvents {
  readonly publish: (type: ObjectType, fields: Fields) => PlatformEvent;
  /** Oldest first. */
  readonly retained: () => readonly PlatformEvent[];
  /** The replay id of the last event ever; the next one's is higher. */
  readonly lastReplayId: () => number;
  readonly onPublish: (listener: (event: PlatformEvent) => void) => void;
}

const RETAINED_MS = 72 * 60 * 60 * 1000;
const SCHEMA = "zKcJh4Hp1SLn1dVGMYJXnw";
export const channelOf = ({ name }: ObjectType): string => `/event/${name}`;

/** `now` is milliseconds since 1970; `before` is the last replay id of an earlier start. */
export function platformEvents(now: () => number, before: number): PlatformEvents {
  let kept: { readonly at: number; readonly event: PlatformEvent }[] = [];
  let lastReplayId = before;
  const listeners: ((event: PlatformEvent) => void)[] = [];
  return {
    publish: (type, fields) => {
      const at = now();
      lastReplayId += 1;
      const event: PlatformEvent = {
        channel: channelOf(type),
        data: {
          schema: SCHEMA,
          payload: { CreatedDate: new Date(at).toISOString(), CreatedById: USER_ID, ...fields },
          event: { EventUuid: randomUUID(), replayId: lastReplayId },
        },
      };
      kept.push({ at, event });
      for (const listener of listeners) listener(event);
      return event;
    },
    retained: () => {
      kept = kept.filter(({ at }) => at > now() - RETAINED_MS);
      return kept.map(({ event }) => event);
    },
    lastReplayId: () => lastReplayId,
    onPublish: (listener) => {
      listeners.push(listener);
    },
  };
}

/** Publishes what was created through the API once it is committed, and an order's approval where `onApproval` says so. */
export function announceEvents(
  records: Records,
  events: PlatformEvents,
  provision: ObjectType,
  onApproval: () => boolean,
): void {
  records.tables.onCommit((changes) => {
    for (const { type, id, before, after } of changes) {
      if (type.isEvent && after !== undefined) {
        const given = type.fields.filter(({ name }) => name.endsWith("__c"));
        events.publish(type, Object.fromEntries(given.map(({ name }) => [name, after[name] ?? null])));
      }
      if (
        onApproval() &&
        type.name === "Order" &&
        after?.["Status"] === "Approved" &&
        before?.["Status"] !== "Approved"
      )
        events.publish(provision, { Order_Id__c: id });
    }
  });
}
