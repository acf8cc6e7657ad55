import type { Booked } from "./cancellation.ts";
import { line } from "./free-text.ts";
import type { Day } from "./japan-calendar.ts";
import { type Letter, mailAddress } from "./letter.ts";
import type { ServiceType } from "./opportunity.ts";
import type { AccountId, CaseId, OpportunityId } from "./salesforce-id.ts";

/** What every letter about a cancellation tells. */
export interface About {
  readonly service: ServiceType;
  readonly serviceId: number;
  readonly lastDay: Day;
  readonly accountId: AccountId;
  readonly whmcsClientId: number;
  readonly opportunityId?: OpportunityId;
  readonly jobId: string;
}

/** By recipient: the customer's confirmations, and the administrator's letter where there is something to know. */
export function lettersAbout(
  about: About,
  { email, accountName }: { readonly email: string | null; readonly accountName: string },
  alternative: string | undefined,
  { caseId, caseNumber }: { readonly caseId: CaseId; readonly caseNumber: string },
  booked: Booked | null,
): Record<string, Letter> {
  const { service, serviceId, lastDay } = about;
  const address = mailAddress.safeParse(email).data;
  const name = line(200).safeParse(accountName.slice(0, 200)).data;
  const confirmed = (to: string): Letter => ({
    template: "cancellation-confirmed",
    to,
    name,
    service,
    serviceId,
    lastDay,
    reference: caseNumber,
  });
  const isOther = alternative !== undefined && alternative.toLowerCase() !== address?.toLowerCase();
  const hasNews = booked !== null || about.opportunityId === undefined || address === undefined;
  return {
    ...(address !== undefined && { account: confirmed(address) }),
    ...(isOther && { alternative: confirmed(alternative) }),
    ...(hasNews && {
      administrator: {
        template: "cancellation-admin",
        to: "administrator",
        ...about,
        caseId,
        ...(booked !== null && { freebit: { code: booked.code ?? undefined, told: booked.told, runDate: booked.day } }),
        ...(address === undefined && { noAddress: true }),
      },
    }),
  };
}
