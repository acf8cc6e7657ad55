import * as z from "zod";
import type { Documents } from "../integrations/documents/documents.ts";
import { defineJobKind } from "../queues/job-kind.ts";

/** A document waits for a person this long at most (`spec/rules.md`, Verification). */
const KEPT_MS = 30 * 86_400_000;

/** Every night: documents that nobody erased, because their job failed or their upload was cut off. */
export const documentSweep = defineJobKind({
  name: "document-sweep",
  purpose: "Erases documents that waited for 30 days",
  payload: z.strictObject({}),
  key: () => "leftovers",
  routes: [],
  promisedMs: 3_600_000,
  schedule: { dailyAtHour: 4, timeZone: "Asia/Tokyo" },

  async run(_payload, step, { documents }: { readonly documents: Documents }, job) {
    const erased = await step("erase what is left over", "repeat", async () => {
      const leftovers = await documents.leftovers(KEPT_MS, job.acceptedAt.getTime());
      for (const id of leftovers) await documents.erase(id);
      return leftovers.length;
    });
    return { outcome: "done", result: { documents: erased } };
  },
});
