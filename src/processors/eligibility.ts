import * as z from "zod";
import { ORDINARY } from "../domain/daily-calls.ts";
import { accountId, type AccountId } from "../domain/salesforce-id.ts";
import { line, paragraph } from "../domain/free-text.ts";
import { personal } from "../domain/personal.ts";
import type { EligibilityFacts, Salesforce } from "../integrations/salesforce/client.ts";
import { defineJobKind, rejected } from "../queues/job-kind.ts";

const address = z
  .strictObject({
    postalCode: z
      .string()
      .regex(/^\d{3}-?\d{4}$/, "must be a Japanese postal code: 150-0002")
      .meta({ examples: ["150-0002"] }),
    prefecture: line(40).meta({ examples: ["東京都"] }),
    city: line(80).meta({ examples: ["渋谷区"] }),
    street: line(160).meta({ examples: ["渋谷2-21-1"] }),
    building: line(160)
      .optional()
      .meta({ examples: ["ヒカリエ 8F"] }),
  })
  .meta({ description: "Where Internet is wanted" });

const payload = z.strictObject({
  accountId,
  address: personal(address),
  notes: personal(paragraph(2000).meta({ description: "Anything that Customer Service should know" })).optional(),
});

/** A customer asks whether Internet can be had at an address: Customer Service gets a Case (`spec/rules.md`, Eligibility). */
export const eligibility = defineJobKind({
  name: "eligibility",
  purpose: "A customer asks whether Internet can be had at an address",
  payload,
  key: ({ accountId }) => accountId,
  account: ({ accountId }) => accountId,
  yields: ORDINARY,
  routes: [
    {
      path: "/services/internet/eligibility-request",
      summary: "Ask whether Internet can be had at an address",
      body: payload,
      example: {
        accountId: "0015g00000HjKlMAAV",
        address: {
          postalCode: "150-0002",
          prefecture: "東京都",
          city: "渋谷区",
          street: "渋谷2-21-1",
          building: "ヒカリエ 8F",
        },
      },
    },
  ],

  async run({ accountId, address, notes }, step, { salesforce }: { readonly salesforce: Salesforce }, job) {
    const account = await step("read the account", "repeat", () => salesforce.eligibility(accountId));
    if (account === null) return rejected(unknownAccount);
    if (account.eligibility !== null) return { outcome: "already-known", result: { eligibility: account.eligibility } };
    const underWay = checkIn(account);
    if (underWay !== undefined) return { outcome: "done", result: underWay };

    const where =
      `${address.postalCode} ${address.prefecture}${address.city}${address.street} ${address.building ?? ""}`.trim();
    const check = await step("open the case", { find: () => findCheck(salesforce, accountId) }, () =>
      salesforce.requestEligibilityCheck({
        accountId,
        accountName: account.accountName,
        opportunityId: account.introduction,
        subject: `Internet Eligibility - ${where}`,
        description: description(address, notes, job.id),
        requestedAt: job.acceptedAt,
      }),
    );
    return { outcome: "done", result: check };
  },
});

const unknownAccount = {
  code: "unknown-account",
  title: "Salesforce has no such account.",
  detail: "The accountId may be of another org, or the account was deleted or merged. Nothing was written.",
};

/** What came of an earlier request; Customer Service may have answered it and closed its Case meanwhile. */
async function findCheck(salesforce: Salesforce, accountId: AccountId): Promise<Record<string, string> | undefined> {
  const account = await salesforce.eligibility(accountId);
  if (account === null) return undefined;
  return account.eligibility === null ? checkIn(account) : { eligibility: account.eligibility };
}

/** A check that is under way: its Case is open and the account says Pending, which one write does or does not. */
function checkIn({ status, openCase }: EligibilityFacts): Record<string, string> | undefined {
  if (status !== "Pending" || openCase === null) return undefined;
  const { caseId, opportunityId } = openCase;
  return { ...(opportunityId !== null && { opportunityId }), caseId };
}

function description(where: z.infer<typeof address>, notes: string | undefined, job: string): string {
  return [
    `Postal code: ${where.postalCode}`,
    `Prefecture: ${where.prefecture}`,
    `City: ${where.city}`,
    `Street: ${where.street}`,
    ...(where.building === undefined ? [] : [`Building: ${where.building}`]),
    ...(notes === undefined ? [] : ["", "Notes from the customer:", notes]),
    "",
    `Handoff job: ${job}`,
  ].join("\n");
}
