import * as z from "zod";
import { ORDINARY } from "../domain/daily-calls.ts";
import { storedDocument } from "../domain/document.ts";
import { UnavailableError } from "../domain/errors.ts";
import { dayInJapan } from "../domain/japan-calendar.ts";
import { accountId } from "../domain/salesforce-id.ts";
import type { Documents } from "../integrations/documents/documents.ts";
import type { Salesforce, UploadedDocument, Verification } from "../integrations/salesforce/client.ts";
import { defineJobKind, type JobFacts, rejected } from "../queues/job-kind.ts";

interface Services {
  readonly salesforce: Salesforce;
  readonly documents: Documents;
}

const fields = z.strictObject({
  accountId,
  autoApproved: z
    .enum(["true", "false"])
    .optional()
    .meta({ description: "Whether the portal's own check has passed; false where absent", examples: ["false"] }),
});

const payload = z.strictObject({ accountId, autoApproved: z.boolean(), document: storedDocument });

/** A customer's residence card goes to Salesforce, for Customer Service to look at (`spec/rules.md`, Verification). */
export const verification = defineJobKind({
  name: "verification",
  purpose: "A customer's identity document goes to Salesforce",
  payload,
  key: ({ accountId, document }) => `${accountId}.${document.sha256}`,
  // The same document sent again waits under another name in the store: it is the same request all the same.
  asked: ({ accountId, autoApproved, document }) => ({ accountId, autoApproved, sha256: document.sha256 }),
  account: ({ accountId }) => accountId,
  yields: ORDINARY,
  routes: [
    {
      path: "/verification/residence-card",
      summary: "Hand in a residence card",
      fields,
      example: { accountId: "0015g00000HjKlMAAV", file: "(the document's bytes)", autoApproved: "false" },
      payloadOf: (given, document) => {
        const { accountId, autoApproved } = fields.parse(given);
        return { accountId, autoApproved: autoApproved === "true", document };
      },
    },
  ],

  async run(request, step, { salesforce, documents }: Services, job) {
    const { accountId, autoApproved, document } = request;
    /** The document is of no more use here: Salesforce has it, or wants none. */
    const erase = () =>
      step("erase the document", "repeat", async () => {
        await documents.erase(document.id).catch(leftToTheSweep);
        return true;
      });

    const account = await step("read the account", "repeat", () => salesforce.verification(accountId));
    if (account === null) {
      await erase();
      return rejected(unknownAccount);
    }
    if (account.status === "Verified") {
      await erase();
      return { outcome: "already-verified", result: {} };
    }

    const isRejected = account.status === "Rejected";
    const underReview = account.status === "Submitted" || account.status === "Pending";
    const like = () => salesforce.documentsLike({ accountId, md5: document.md5 });
    const [known] = underReview ? await step("look for the same document", "repeat", like) : [];
    if (known !== undefined && !autoApproved) {
      await erase();
      return { outcome: "done", result: { contentVersionId: known.contentVersionId } };
    }

    const contentVersionId =
      known?.contentVersionId ??
      (await step(
        "upload the document",
        { find: async () => ofThisSubmission(await like(), isRejected, job) },
        async () =>
          salesforce.uploadDocument({
            accountId,
            title: `Residence card ${dayInJapan(job.acceptedAt)}`,
            path: `${nameFor(job)}.${document.extension}`,
            content: await documents.open(document.id),
          }),
      ));
    await step("update the account", { find: () => findMark(salesforce, request, account, job) }, async () => {
      if (job.resumed && (await isOvertaken(salesforce, request, account, job))) return true;
      await salesforce.markVerification({ accountId, autoApproved, submittedAt: job.acceptedAt });
      return true;
    });
    await erase();
    return { outcome: "done", result: { contentVersionId } };
  },
});

const unknownAccount = {
  code: "unknown-account",
  title: "Salesforce has no such account.",
  detail: "The accountId may be of another org, or the account was deleted or merged. Nothing was uploaded.",
};

/** What the file is called in Salesforce: by it a job knows its own upload again. */
const nameFor = ({ id }: JobFacts) => `residence-card-${id}`;

/** Of the account's files with the same content: after a rejection only this job's own, for the others are what was rejected. */
function ofThisSubmission(like: readonly UploadedDocument[], isRejected: boolean, job: JobFacts) {
  const [newest] = isRejected ? like.filter(({ path }) => path.startsWith(nameFor(job))) : like;
  return newest?.contentVersionId;
}

/** A store that is away must not fail what is done: the nightly sweep erases what is left over. */
function leftToTheSweep(error: unknown): void {
  if (!(error instanceof UnavailableError)) throw error;
}

/** Whether the identity was verified, or another document submitted, while this one waited. */
async function isOvertaken(
  salesforce: Salesforce,
  request: z.infer<typeof payload>,
  before: Verification,
  job: JobFacts,
): Promise<boolean> {
  const account = await salesforce.verification(request.accountId);
  return account?.status === "Verified" || (await findMark(salesforce, request, before, job)) === true;
}

/** Whether the account carries this submission's mark, whatever Customer Service made of it since. */
async function findMark(
  salesforce: Salesforce,
  { accountId, autoApproved }: z.infer<typeof payload>,
  before: Verification,
  { acceptedAt }: JobFacts,
): Promise<true | undefined> {
  const account = await salesforce.verification(accountId);
  if (account === null || account.submittedAt === null) return undefined;
  if (account.status === before.status && account.submittedAt === before.submittedAt) return undefined; // nobody wrote since
  if (autoApproved && (account.status === "Submitted" || account.status === "Pending")) return undefined; // an earlier one's
  const seconds = (moment: Date) => Math.floor(moment.getTime() / 1000); // Salesforce keeps no more
  // A later one stands for whatever came after this submission: it is not taken back.
  return seconds(new Date(account.submittedAt)) >= seconds(acceptedAt) || undefined;
}
