import * as z from "zod";
import { needsPerson, type RejectedError } from "../domain/errors.ts";
import { isEnded, mayCloseCase, STAGE, typeOfCommodity } from "../domain/opportunity.ts";
import { opportunityId } from "../domain/salesforce-id.ts";
import type { DueCancellation, Salesforce } from "../integrations/salesforce/client.ts";
import type { Whmcs } from "../integrations/whmcs/client.ts";
import { defineJobKind, rejected } from "../queues/job-kind.ts";

interface Services {
  readonly salesforce: Salesforce;
  readonly whmcs: Whmcs;
}

const payload = z.strictObject({ opportunityId });

/** A service whose last day has passed is ended, and its Opportunity and Case with it (`spec/rules.md`, On the scheduled date). */
export const termination = defineJobKind({
  name: "termination",
  purpose: "A service whose last day has passed is ended",
  payload,
  key: ({ opportunityId }) => opportunityId,
  routes: [],

  async run({ opportunityId }, step, { salesforce, whmcs }: Services, job) {
    const due = await step("read the opportunity", "repeat", () => salesforce.dueCancellation(opportunityId));
    if (due === null) return rejected(unknownOpportunity);
    const isOver = due.stage === STAGE.cancelled; // only the Case was left open
    if (!isOver && !isDue(due, job.acceptedAt)) return rejected(notDue(due));
    /** Days may have passed since it was read: the customer may have stayed after all. */
    const stillDue = async () => {
      if (!job.resumed) return;
      const now = await salesforce.dueCancellation(opportunityId);
      if (now === null || (now.stage !== STAGE.cancelled && !isDue(now, job.acceptedAt))) throw noLongerDue();
    };

    if (!isOver) {
      const serviceId = linked(due);
      const isSim = typeOfCommodity(due.commodity) === "SIM";
      const status = await step("look at the service", "repeat", () => whmcs.serviceStatus(serviceId));
      if (!isSim && !isEnded(status)) return rejected(stillRuns(serviceId));
      if (isSim && !isEnded(status)) {
        const find = async () => isEnded(await whmcs.serviceStatus(serviceId)) || undefined;
        await step("end the service", { find }, async () => {
          await stillDue();
          await whmcs.terminate(serviceId);
          return true;
        });
      }
    }

    const caseIds = mayCloseCase(due)
      ? await step("look for its case", "repeat", () => salesforce.openCancellationCases(opportunityId))
      : [];
    const find = () => findClosed(salesforce, due);
    await step("close the cancellation", { find }, async () => {
      await stillDue();
      await salesforce.closeCancellation({ opportunityId, caseIds });
      return true;
    });
    const [caseId] = caseIds;
    return {
      outcome: "done",
      result: {
        opportunityId,
        ...(due.whmcsServiceId !== null && { whmcsServiceId: due.whmcsServiceId }),
        ...(caseId !== undefined && { caseId }),
      },
    };
  },
});

function isDue({ stage, endsAt }: DueCancellation, now: Date): boolean {
  return stage === STAGE.cancelling && endsAt !== null && new Date(endsAt) <= now;
}

async function findClosed(salesforce: Salesforce, due: DueCancellation): Promise<true | undefined> {
  const now = await salesforce.dueCancellation(due.opportunityId);
  if (now?.stage !== STAGE.cancelled) return undefined;
  const open = mayCloseCase(due) ? await salesforce.openCancellationCases(due.opportunityId) : [];
  return open.length === 0 || undefined;
}

function linked({ whmcsServiceId }: DueCancellation): number {
  if (whmcsServiceId !== null) return whmcsServiceId;
  throw needsPerson(
    "no-service-link",
    "The opportunity has no WHMCS service.",
    "Fill in WHMCS_Service_ID__c on it in Salesforce, then retry. Nothing was ended.",
  );
}

function noLongerDue(): RejectedError {
  return needsPerson(
    "no-longer-due",
    "The cancellation was taken back, or put off, while its end waited.",
    "Nothing more was written. If an earlier attempt may have ended the service in WHMCS, look there.",
  );
}

const unknownOpportunity = {
  code: "unknown-opportunity",
  title: "Salesforce has no such opportunity.",
  detail: "It was deleted or merged since the sweep saw it. Nothing was ended.",
};

function notDue({ stage }: DueCancellation) {
  return {
    code: "not-due",
    title: `The opportunity is in stage ${stage}, or its last day is still to come.`,
    detail: "Somebody changed it since the sweep saw it. Nothing was ended.",
  };
}

function stillRuns(serviceId: number) {
  return {
    code: "service-still-runs",
    title: `WHMCS service ${String(serviceId)} still runs.`,
    detail: "Internet and VPN are ended in WHMCS by hand; the daily mail lists it until that is done.",
  };
}
