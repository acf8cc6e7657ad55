import { Connection } from "jsforce/lib/core.js";
import * as z from "zod";
import { UnavailableError } from "../../domain/errors.ts";
import type { Salesforce } from "./client.ts";
import type { FieldNames } from "./fields.ts";
import type { Sessions } from "./session.ts";

const CHANNEL = "/event/OrderProvisionRequested__e";

/** How long subscribing may take; listening itself is one long poll after another. */
const SUBSCRIBE_WITHIN_MS = 30_000;

const message = z.object({
  event: z.object({ replayId: z.int() }),
  payload: z.record(z.string(), z.unknown()),
});

/**
 * Following the platform event by the Streaming API (`vendors/salesforce.md`, section 6). The library listens through a
 * transport of its own, which asks again by itself; a session that ends there ends the following, and whoever follows
 * begins again.
 */
export function eventVerbs(
  sessions: Sessions,
  version: string,
  fields: FieldNames,
): Pick<Salesforce, "followApprovals"> {
  const orderField = fields.of("OrderProvisionRequested__e.Order_Id__c");
  return {
    async followApprovals({ after, hear, signal }) {
      const { Streaming, StreamingExtension } = await import("jsforce/lib/api/streaming.js"); // most processes follow nothing
      const asker = {
        signal: AbortSignal.any([signal, AbortSignal.timeout(SUBSCRIBE_WITHIN_MS)]),
        since: performance.now(),
      };
      const session = await sessions.current(asker);
      const connection = new Connection({ version, instanceUrl: session.origin, accessToken: session.accessToken });

      const over = Promise.withResolvers<void>();
      over.promise.catch(() => undefined); // it may end before anybody waits for it
      const stop = () => over.resolve();
      signal.addEventListener("abort", stop, { once: true });
      const client = new Streaming(connection).createClient([
        new StreamingExtension.Replay(CHANNEL, after),
        new StreamingExtension.AuthFailure(() => {
          sessions.refuse(session);
          over.reject(ended("salesforce-events-signed-out", "Salesforce ended the session of the event stream."));
        }),
        refusals((error) => over.reject(error)),
      ]);
      const late = setTimeout(() => {
        over.reject(ended("salesforce-events-silent", "Salesforce did not answer the subscription to its events."));
      }, SUBSCRIBE_WITHIN_MS);
      let listening = true;
      try {
        const subscription = client.subscribe(CHANNEL, (heard: unknown) => {
          const { success, data } = message.safeParse(heard);
          if (success && listening) hear({ replayId: data.event.replayId, orderId: data.payload[orderField] });
        });
        subscription.then(
          () => clearTimeout(late),
          (error: unknown) => over.reject(refused(error)),
        );
        await over.promise;
      } finally {
        listening = false;
        clearTimeout(late);
        signal.removeEventListener("abort", stop);
        (client as unknown as { disconnect(): void }).disconnect(); // jsforce's types of its client leave it out
      }
    },
  };
}

/** Hears of subscriptions that are refused later, when the library subscribes again by itself after a lost session. */
function refusals(tell: (error: UnavailableError) => void) {
  return {
    incoming(heard: { channel?: string; successful?: boolean; error?: string }, next: (heard: unknown) => void) {
      if (heard.channel === "/meta/subscribe" && heard.successful === false)
        tell(refused({ message: heard.error ?? "" }));
      next(heard);
    },
  };
}

/** Why a subscription was refused. Salesforce keeps events for 72 hours: a position older than that is no longer known. */
function refused(error: unknown): UnavailableError {
  const words =
    error instanceof Error || (typeof error === "object" && error !== null && "message" in error)
      ? String(error.message)
      : "";
  return /replay/i.test(words)
    ? ended(POSITION_TOO_OLD, "Salesforce no longer has the events after the last one that was heard.")
    : ended("salesforce-events-refused", "Salesforce refused the subscription to OrderProvisionRequested__e.");
}

/** The code of the error after which following begins with the oldest event that is kept. */
export const POSITION_TOO_OLD = "salesforce-events-too-old";

function ended(code: string, title: string): UnavailableError {
  return new UnavailableError({
    vendor: "salesforce",
    scope: "call",
    code,
    title,
    detail:
      "It is followed anew by itself, and the sweep finds what is missed meanwhile. If this stays, check that the event exists and that the integration user may read it.",
  });
}
