import * as z from "zod";
import { SWEEP } from "../domain/daily-calls.ts";
import type { Work } from "../domain/disagreement.ts";
import { approvedWithoutService } from "../domain/disagreements.ts";
import type { Salesforce } from "../integrations/salesforce/client.ts";
import { defineJobKind } from "../queues/job-kind.ts";

/** Salesforce gives a message up after a day; a week covers a holiday on which nobody looked. */
const LOOK_BACK_MS = 7 * 86_400_000;

/** Approved orders that no message and no event announced become provisioning jobs (the contract's section 4): what the doctor would advise. */
export const approvalSweep = defineJobKind({
  name: "approval-sweep",
  purpose: "Looks for approved orders that nobody announced",
  payload: z.strictObject({}),
  key: () => "approved-orders",
  yields: SWEEP,
  routes: [],
  schedule: "every sweep",

  async run(_payload, step, { salesforce }: { readonly salesforce: Salesforce }, job) {
    const since = new Date(job.acceptedAt.getTime() - LOOK_BACK_MS);
    const found = await step("read the approved orders", "repeat", async () =>
      approvedWithoutService(await salesforce.approvedOrders(since)).flatMap(({ heal }) =>
        heal.by === "post" ? [heal.work] : [],
      ),
    );
    // Why nobody announced it is not known, nor what was done to it: the job looks first. And what a person has to look at
    // stays theirs: a sweep must not fail the same order anew every few minutes.
    const hand = ({ kind, payload }: Work) => job.hand(kind, payload, { unless: ["done", "failed"], lookFirst: true });
    await step("hand them on", "repeat", async () => (await Promise.all(found.map(hand))).length);
    return { outcome: "done", result: { approvedOrders: found.length } };
  },
});
