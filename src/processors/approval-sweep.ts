import * as z from "zod";
import { SWEEP } from "../domain/daily-calls.ts";
import type { Salesforce } from "../integrations/salesforce/client.ts";
import { defineJobKind } from "../queues/job-kind.ts";

/** Salesforce gives a message up after a day; a week covers a holiday on which nobody looked. */
const LOOK_BACK_MS = 7 * 86_400_000;

/** Approved orders that no message and no event announced become provisioning jobs (the contract's section 4). */
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
    const orderIds = await step("read the approved orders", "repeat", () => salesforce.approvedOrders(since));
    // What a person has to look at stays theirs: a sweep must not fail the same order anew every few minutes.
    const hand = (orderId: string) => job.hand("provisioning", { orderId }, { unless: ["done", "failed"] });
    await step("hand them on", "repeat", async () => (await Promise.all(orderIds.map(hand))).length);
    return { outcome: "done", result: { approvedOrders: orderIds.length } };
  },
});
