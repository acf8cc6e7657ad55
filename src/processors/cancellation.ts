import {
  type Booked,
  cancellation as payload,
  type Cancellation,
  endOf,
  internetBody,
  simBody,
  type SimCancellation,
  vpnBody,
} from "../domain/cancellation.ts";
import { cancellationDescription, cancellationSubject } from "../domain/cancellation-case.ts";
import { explainedEnd } from "../domain/cancellation-explained.ts";
import { type About, lettersAbout } from "../domain/cancellation-letters.ts";
import { earliestMonth, isOpenMonth, latestMonth } from "../domain/cancellation-month.ts";
import { needsPerson, RejectedError } from "../domain/errors.ts";
import { type Month, monthInJapan, monthsAfter, runDateAfter } from "../domain/japan-calendar.ts";
import type { Letter } from "../domain/letter.ts";
import { type ServiceType, STAGE, typeOfCommodity } from "../domain/opportunity.ts";
import type { CaseId, OpportunityId } from "../domain/salesforce-id.ts";
import type { Freebit, FreebitAnswer } from "../integrations/freebit/client.ts";
import type { CancellationFacts, CancellationQuestion, Salesforce } from "../integrations/salesforce/client.ts";
import type { ServiceState, Whmcs } from "../integrations/whmcs/client.ts";
import { defineJobKind, type JobFacts, type Outcome, rejected, type Rule, type Step } from "../queues/job-kind.ts";

interface Services {
  readonly salesforce: Salesforce;
  readonly whmcs: Whmcs;
  readonly freebit: Freebit;
}

const openMonth: Rule<Cancellation> = {
  code: "cancellation-month-closed",
  title: "The service cannot end with this month.",
  help: "Until the 24th (in Japan) the current month is the first to choose from, from the 25th on the next; twelve months ahead is the last. Ask `cancellation-months`.",
  broken: (asked, now) =>
    !("month" in asked) || isOpenMonth(asked.month, now)
      ? null
      : `The first month that is open is ${earliestMonth(now)}, the last is ${latestMonth(now)}.`,
};

const example = { accountId: "0015g00000HjKlMAAV", serviceId: 1234 };
/** Open for the next eleven months at least, so that the example can be tried. */
const exampleMonth = latestMonth(new Date());

/** A customer ends a service: at the end of a month, or a VPN at once (`spec/rules.md`, Cancellation). */
export const cancellation = defineJobKind({
  name: "cancellation",
  purpose: "A customer ends a service",
  payload,
  key: (asked) => [asked.accountId, asked.serviceId, ...("month" in asked ? [asked.month] : [])].join("."),
  account: ({ accountId }) => accountId,
  explain: explainedEnd,
  editable: ["simNumber", "serialNumber", "alternativeEmail", "comments"],
  routes: [
    {
      path: "/services/internet/cancellation",
      summary: "End an Internet service with a month",
      body: internetBody,
      example: { ...example, month: exampleMonth, comments: "引っ越しのため" },
      rule: openMonth,
    },
    {
      path: "/services/sim/cancellation",
      summary: "End a SIM with a month",
      body: simBody,
      example: { ...example, month: exampleMonth, simNumber: "070-0000-0001" },
      rule: openMonth,
    },
    {
      path: "/services/vpn/cancellation",
      summary: "End a VPN service at once",
      body: vpnBody,
      example: { ...example, alternativeEmail: "taro@customer.example" },
    },
  ],

  async run(asked, step, { salesforce, whmcs, freebit }: Services, job) {
    const { service, accountId, serviceId } = asked;
    const { month, lastDay, endsAt } = endOf(asked, job.acceptedAt);
    const question = { accountId, serviceId, service, subject: cancellationSubject(service, month) };
    const facts = await step("read the account", "repeat", () => salesforce.cancellation(question));
    if (facts === null) return rejected(unknownAccount);
    const settled = settledBefore(facts, question, month, job.id);
    if (settled !== null) return settled;

    const whmcsClientId = clientOf(facts);
    const state = await step("ask whose service it is", "repeat", () =>
      whmcs.serviceOf({ clientId: whmcsClientId, serviceId }),
    );
    if (state === null) return rejected(notYours);
    if (OVER.has(state.status)) return rejected(alreadyOver(state.status));
    if (asked.service === "SIM") checkNumber(asked, state);

    const opportunityId = facts.opportunity?.opportunityId ?? null;
    const about = {
      serviceId,
      lastDay,
      accountId,
      whmcsClientId,
      ...(opportunityId !== null && { opportunityId }),
      jobId: job.id,
    };
    /** An attempt that comes back later must not undo what another request has settled meanwhile. */
    const stillWanted = async () => {
      if (!job.resumed) return;
      const now = await salesforce.cancellation(question);
      if (now === null || settledBefore(now, question, month, job.id) !== null) throw settledOtherwise();
    };
    const booked = asked.service === "SIM" ? await cancelLine(asked, about, step, { freebit, stillWanted }, job) : null;
    const made = await step("open the case", { find: () => findCase(salesforce, question, job.id) }, async () => {
      await stillWanted();
      return await salesforce.requestCancellation({
        ...question,
        opportunityId,
        description: cancellationDescription(asked, booked, job.id),
        endsAt,
      });
    });
    const letters = lettersAbout({ service, ...about }, facts, asked.alternativeEmail, made, booked);
    await step("hand the mails on", "repeat", () => handOn(letters, job));
    return done(opportunityId, made.caseId, serviceId);
  },
});

/** How the request ends where its service is ending already, or null where it is to be carried out. Throws where a person must look. */
function settledBefore(
  { opportunity, cases }: CancellationFacts,
  { service, serviceId, subject }: CancellationQuestion,
  month: Month,
  jobId: string,
): Outcome | null {
  // Ours, though Redis has lost that it is: what is left to do is done.
  if (cases.some((each) => each.jobId === jobId)) return null;
  if (opportunity === null) {
    const open = cases.find((each) => each.isOpen && each.serviceId === serviceId);
    if (open === undefined) return null;
    const isSame = service === "VPN" || open.subject === subject;
    return isSame ? done(null, open.caseId, serviceId) : rejected(alreadyCancelling);
  }
  const { opportunityId, stage, commodity, scheduledFor } = opportunity;
  const sold = typeOfCommodity(commodity);
  if (sold !== null && sold !== service) return rejected(anotherType(sold));
  if (stage === STAGE.active) return null;
  if (stage !== STAGE.cancelling) {
    throw needsPerson(
      "service-not-active",
      `The service's opportunity is in stage ${stage}, not Active.`,
      "Look in Salesforce and WHMCS whether the service runs. If so, set its opportunity to Active, then retry; if not, tell the customer.",
    );
  }
  const isSame = service === "VPN" || (scheduledFor !== null && monthInJapan(new Date(scheduledFor)) === month);
  if (!isSame) return rejected(alreadyCancelling);
  const found = cases.find((each) => each.opportunityId === opportunityId);
  return done(opportunityId, found?.caseId ?? null, serviceId);
}

function done(opportunityId: OpportunityId | null, caseId: CaseId | null, whmcsServiceId: number): Outcome {
  return {
    outcome: "done",
    result: { ...(opportunityId !== null && { opportunityId }), ...(caseId !== null && { caseId }), whmcsServiceId },
  };
}

/** Without a client nothing can show whose service it is, and the request must not be lost for that. */
function clientOf({ whmcsClientId }: CancellationFacts): number {
  if (whmcsClientId !== null) return whmcsClientId;
  throw needsPerson(
    "no-whmcs-client",
    "The account has no WHMCS client, so nothing shows that the service is the customer's.",
    "Fill in WH_Account__c on the account in Salesforce with its WHMCS client id, then retry.",
  );
}

/** Ends a SIM's line with the month. Where Freebit says no for good, the administrator is told, since nothing else is written. */
async function cancelLine(
  { month, simNumber, comments }: SimCancellation,
  about: Omit<About, "service">,
  step: Step,
  { freebit, stillWanted }: { readonly freebit: Freebit; readonly stillWanted: () => Promise<void> },
  job: JobFacts,
): Promise<Booked> {
  const runDate = runDateAfter(month);
  const find = async () => {
    const booked = await freebit.bookedCancellation(simNumber);
    if (booked === null) return undefined;
    if (booked === runDate) return { code: null };
    // Sent now, it might move an end that somebody else has settled.
    throw needsPerson(
      "line-ends-otherwise",
      `Freebit has the line's end booked for another day (${booked}).`,
      "Ask the customer which day is meant, and change it with Freebit by hand if need be.",
    );
  };
  try {
    const known = await step<Omit<Booked, "day">>(
      "cancel the line",
      { find, told: { believe: () => ({ code: null, told: true }) } },
      async () => {
        await stillWanted();
        return resultCode(await freebit.cancelLine({ account: simNumber, runDate }));
      },
    );
    return { ...known, day: `${monthsAfter(month, 1)}-01` };
  } catch (error) {
    // No step: an attempt that goes better never comes by here, and a step that is missing then would stop it.
    if (error instanceof RejectedError) {
      const { code, title, detail } = error;
      const reason = `${title} ${detail}`;
      await handOn(
        {
          refused: {
            template: "cancellation-refused-admin",
            to: "administrator",
            ...about,
            simNumber,
            comments,
            code,
            reason,
          },
        },
        job,
      );
    }
    throw error;
  }
}

/** Freebit's two codes as one: `400-356`. A code of an odd form is not shown. */
function resultCode({ resultCode, statusCode }: FreebitAnswer): Pick<Booked, "code"> {
  const code = statusCode === undefined ? resultCode : `${resultCode}-${statusCode}`;
  return { code: /^[\w-]{1,32}$/.test(code) ? code : null };
}

/** WHMCS may keep a SIM's number as its service's domain: where both are telephone numbers, they are the same. */
function checkNumber({ simNumber }: SimCancellation, { domain }: ServiceState): void {
  const known = domain.replaceAll(/[\s-]/g, "");
  if (![known, simNumber].every((number) => /^0\d{9,13}$/.test(number)) || known === simNumber) return;
  throw needsPerson(
    "sim-number-differs",
    "The SIM's number is not the one that WHMCS has for this service.",
    "Nothing was written, for another customer's line might end. Ask the customer; if the number is right, correct the service's domain in WHMCS, then retry.",
  );
}

async function findCase(salesforce: Salesforce, question: CancellationQuestion, jobId: string) {
  const found = (await salesforce.cancellation(question))?.cases.find((each) => each.jobId === jobId);
  return found && { caseId: found.caseId, caseNumber: found.caseNumber };
}

/** Hands each letter on as a mail of its own, once however often it is done. */
async function handOn(letters: Readonly<Record<string, Letter>>, { id, hand }: JobFacts): Promise<string[]> {
  return await Promise.all(
    Object.entries(letters).map(([to, letter]) => hand("mail", { key: `${id} ${to}`, letter }, { once: `mail ${to}` })),
  );
}

/** Statuses of a service that has ended, in WHMCS's words. */
const OVER = new Set(["Cancelled", "Terminated"]);

const unknownAccount = {
  code: "unknown-account",
  title: "Salesforce has no such account.",
  detail: "The accountId may be of another org, or the account was deleted or merged. Nothing was written.",
};

const notYours = {
  code: "not-your-service",
  title: "The account's WHMCS client has no such service.",
  detail: "Check the serviceId, and WH_Account__c on the account in Salesforce. Nothing was written.",
};

const alreadyCancelling = {
  code: "already-cancelling",
  title: "The service is being cancelled already, for another month.",
  detail: "Customer Service can change the month in Salesforce. Nothing was written.",
};

function settledOtherwise(): RejectedError {
  return needsPerson(
    "settled-otherwise",
    "Another request has settled the service's cancellation since this one began.",
    "Nothing more was written. Look in Salesforce which month the service ends with, and ask the customer where two were chosen.",
  );
}

function alreadyOver(status: string) {
  return {
    code: "already-cancelled",
    title: `The service is ${status} in WHMCS: it has ended already.`,
    detail: "If its opportunity in Salesforce says otherwise, correct it there. Nothing was written.",
  };
}

function anotherType(sold: ServiceType) {
  return {
    code: "another-service-type",
    title: `The service's opportunity is about ${sold}.`,
    detail: `Send the request to the address for ${sold}, or correct the opportunity's commodity in Salesforce. Nothing was written.`,
  };
}
