import { Connection } from "jsforce/lib/core.js";
import { isClassified } from "../../domain/errors.ts";
import type { VendorCall } from "../../domain/vendor-call.ts";
import { salesforceError, SESSION_REFUSED, type Failure } from "./errors.ts";
import type { Session, Sessions } from "./session.ts";
import { speakThrough } from "./transport.ts";

/** What a call is about. */
export interface Question {
  /** The verb, by which calls are counted. */
  readonly operation: string;
  readonly asked: "read" | "write";
  /** The sObject meant, for messages. */
  readonly object?: string;
}

/** Makes one call to Salesforce: `speak` gets a jsforce connection that is signed in and under the call's deadline. */
export type Ask = <T>(question: Question, speak: (salesforce: Connection) => Promise<T>) => Promise<T>;

/**
 * Signing in, where it is needed, falls under the same deadline as the call, so that a verb never outlasts it. A call
 * whose session was refused did nothing, and is made once more with a new one. What `speak` throws beside errors of
 * `domain/errors.ts` means an answer of an unexpected shape.
 */
export function asking(setup: {
  readonly call: VendorCall;
  readonly sessions: Sessions;
  readonly version: string;
}): Ask {
  const { call, sessions, version } = setup;
  return (question, speak) =>
    call(question.operation, async (signal, tellUsed, send) => {
      const asker = { signal, since: performance.now() };
      const once = async (session: Session) => {
        const connection = new Connection({ version, instanceUrl: session.origin, accessToken: session.accessToken });
        speakThrough(connection, { ...question, signal, origin: session.origin, tellUsed, send });
        try {
          return await speak(connection);
        } catch (error) {
          throw isClassified(error) ? error : misshapen(question, error);
        }
      };
      const session = await sessions.current(asker);
      try {
        return await once(session);
      } catch (error) {
        if (!isClassified(error) || error.code !== SESSION_REFUSED) throw error;
      }
      return once(await sessions.after(session, asker));
    });
}

function misshapen({ asked }: { asked: Failure["asked"] }, cause: unknown) {
  return salesforceError({ asked, trouble: { kind: "misshapen" }, cause });
}
