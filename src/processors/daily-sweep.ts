import * as z from "zod";
import { SWEEP } from "../domain/daily-calls.ts";
import { dayInJapan } from "../domain/japan-calendar.ts";
import { type Letter, DUE_SHOWN_AT_MOST } from "../domain/letter.ts";
import { isEnded, typeOfCommodity } from "../domain/opportunity.ts";
import type { DueCancellation, Salesforce } from "../integrations/salesforce/client.ts";
import type { Whmcs } from "../integrations/whmcs/client.ts";
import { defineJobKind } from "../queues/job-kind.ts";

interface Services {
  readonly salesforce: Salesforce;
  readonly whmcs: Whmcs;
}

/**
 * Every morning in Japan: services whose last day has passed (`spec/rules.md`, On the scheduled date). What can be ended by
 * itself, or was ended by hand since, becomes a termination job each; the rest is listed in one mail to the administrator.
 * Everything is read from Salesforce, so a day that was missed is caught up with by the next.
 */
export const dailySweep = defineJobKind({
  name: "daily-sweep",
  purpose: "Ends what is due, and tells the administrator what has to be ended by hand",
  payload: z.strictObject({}),
  key: () => "due-services",
  yields: SWEEP,
  routes: [],
  promisedMs: 3_600_000,
  schedule: { dailyAtHour: 9, timeZone: "Asia/Tokyo" },

  async run(_payload, step, { salesforce, whmcs }: Services, job) {
    const due = await step("read what is due", "repeat", () => salesforce.dueCancellations(job.acceptedAt));
    const cameBack = await step("read which lines came back", "repeat", () => salesforce.linesThatCameBack());
    const byHand = due.filter(({ commodity }) => typeOfCommodity(commodity) !== "SIM");
    const stillRunning = await step("look at their services", "repeat", () => running(whmcs, byHand));

    const ready = due.map(({ opportunityId }) => opportunityId).filter((id) => !stillRunning.includes(id));
    // One that failed waits for a person: it must not fail anew every morning.
    const hand = (opportunityId: string) => job.hand("termination", { opportunityId }, { unless: ["failed"] });
    await step("hand them on", "repeat", async () => (await Promise.all([...ready, ...cameBack].map(hand))).length);

    const left = byHand.filter(({ opportunityId }) => stillRunning.includes(opportunityId));
    if (left.length > 0) {
      const today = dayInJapan(job.acceptedAt);
      const mail = { key: `due-services ${today}`, letter: dueLetter(today, left) };
      // One mail a day, however often somebody runs the sweep.
      await step("hand the mail on", "repeat", () =>
        job.hand("mail", mail, { once: "administrator", unless: ["done"] }),
      );
    }
    return { outcome: "done", result: { terminations: ready.length + cameBack.length, endedByHand: left.length } };
  },
});

/** Of `due`, the Opportunities whose services WHMCS has not ended yet. One without a service is among them: a person must look. */
async function running(whmcs: Whmcs, due: readonly DueCancellation[]): Promise<string[]> {
  const left: string[] = [];
  for (const { opportunityId, whmcsServiceId } of due) {
    if (whmcsServiceId === null || !isEnded(await whmcs.serviceStatus(whmcsServiceId))) left.push(opportunityId);
  }
  return left;
}

function dueLetter(today: string, due: readonly DueCancellation[]): Letter {
  return {
    template: "due-today-admin",
    to: "administrator",
    today,
    due: due.slice(0, DUE_SHOWN_AT_MOST).map((one) => ({
      service: typeOfCommodity(one.commodity) === "VPN" ? "VPN" : "Internet",
      opportunityId: one.opportunityId,
      lastDay: dayInJapan(new Date(one.endsAt ?? 0)),
      ...(one.whmcsServiceId !== null && { serviceId: one.whmcsServiceId }),
      ...(one.whmcsClientId !== null && { whmcsClientId: one.whmcsClientId }),
      ...(one.lineReturn !== null && { lineReturn: one.lineReturn }),
    })),
    more: Math.max(0, due.length - DUE_SHOWN_AT_MOST),
  };
}
