import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "pino";
import { isClassified } from "./domain/errors.ts";
import type { ApprovalEvent, Salesforce } from "./integrations/salesforce/client.ts";
import { POSITION_TOO_OLD } from "./integrations/salesforce/events.ts";
import type { Intake } from "./queues/intake.ts";
import type { AnyJobKind } from "./queues/job-kind.ts";
import type { StreamPosition } from "./queues/stream-position.ts";

/** Everything that Salesforce still has (`vendors/salesforce.md`, section 6). */
const ALL_KEPT = -2;

/** After a stream that ended: soon at first, then at leisure, for the sweep finds what is missed. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

export interface ApprovalEvents {
  readonly salesforce: Pick<Salesforce, "followApprovals">;
  readonly intake: Intake;
  /** The kind that an approved Order becomes; its payload is `{orderId}`. */
  readonly provisioning: AnyJobKind;
  readonly position: StreamPosition;
  readonly log: Logger;
}

/**
 * Follows the platform event `OrderProvisionRequested__e` and takes each approved Order in, as its outbound message would be
 * (the contract's section 4). One process of all follows. An event's place in the stream is written down once its job is
 * safe, so that whoever follows next hears again what may not have been. Ends when `signal` aborts.
 */
export async function followApprovalEvents(parts: ApprovalEvents, signal: AbortSignal): Promise<void> {
  const { position, log } = parts;
  let failures = 0;
  let tooOld = false;
  while (!signal.aborted) {
    try {
      if (tooOld) await position.write(ALL_KEPT);
      tooOld = false;
      if (await position.take()) {
        await followOnce(parts, signal, () => {
          failures = 0;
        });
      }
      await rest(position.leaseMs / 3, signal); // another process listens
    } catch (error) {
      if (signal.aborted) break;
      tooOld = isClassified(error) && error.code === POSITION_TOO_OLD;
      log.warn({ err: error }, "Salesforce's events are not heard at the moment");
      await rest(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures++), signal);
    }
  }
  await position
    .leave()
    .catch((err: unknown) => log.debug({ err }, "the place at Salesforce's events runs out by itself"));
}

/** Listens until the stream ends, or another process has taken this one's place. */
async function followOnce(parts: ApprovalEvents, signal: AbortSignal, onHeard: () => void): Promise<void> {
  const { salesforce, position, log } = parts;
  const replaced = new AbortController();
  const keepPlace = setInterval(() => {
    position.take().then(
      (ours) => ours || replaced.abort(),
      (err: unknown) => log.warn({ err }, "the place at Salesforce's events could not be kept"),
    );
  }, position.leaseMs / 3);
  let taken = Promise.resolve();
  try {
    await salesforce.followApprovals({
      after: (await position.read()) ?? ALL_KEPT,
      signal: AbortSignal.any([signal, replaced.signal]),
      hear(event) {
        onHeard();
        // One after the other: a place that is written down stands for all before it.
        taken = taken.then(() => takeIn(parts, event));
        taken.catch(() => replaced.abort());
      },
    });
  } finally {
    clearInterval(keepPlace);
    await taken;
  }
}

async function takeIn({ intake, provisioning, position, log }: ApprovalEvents, event: ApprovalEvent): Promise<void> {
  const { success, data } = provisioning.payload.safeParse({ orderId: event.orderId });
  if (success) {
    await intake.accept(provisioning, data, { door: `event ${String(event.replayId)}`, unless: ["done"] });
  } else {
    log.error({ replayId: event.replayId }, "an event names no Order: check what publishes OrderProvisionRequested__e");
  }
  await position.write(event.replayId);
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal, ref: false }).catch(() => undefined); // aborted: the loop ends by itself
}
