import * as z from "zod";
import { customerView, type CustomerView } from "../domain/customer-view.ts";
import { isClassified, UnavailableError } from "../domain/errors.ts";
import { SERVICE_TYPES } from "../domain/opportunity.ts";
import { accountId } from "../domain/salesforce-id.ts";
import type { Salesforce } from "../integrations/salesforce/client.ts";
import type { Handler } from "./exchange.ts";
import { fieldProblems } from "./field-problems.ts";
import { invalid } from "./jobs.ts";
import { Problem } from "./problem.ts";
import { sendJson } from "./send.ts";

/** Whom the doors ask about a customer, and how they read the answer. */
export interface Customers {
  readonly salesforce: Pick<Salesforce, "accountStatus">;
  /** Values of `Internet_Eligibility__c` that mean no. */
  readonly notEligibleValues: readonly string[];
}

/** Where Salesforce names no wish of its own. */
const ASK_AGAIN_S = 5;

const asked = z.strictObject({ accountId });

/** `GET /api/accounts/:accountId/status`: the one call that waits for a vendor, for it promises nothing and only reads. */
export function showAccountStatus({ salesforce, notEligibleValues }: Customers): Handler {
  return async (request, response) => {
    const parsed = asked.safeParse(request.params);
    if (!parsed.success) throw invalid(fieldProblems(parsed.error.issues));
    const facts = await salesforce.accountStatus(parsed.data.accountId).catch(asAway);
    if (facts === null) throw new Problem("unknown-account", "Salesforce has no account with this id.");
    response.locals.facts = { account: parsed.data.accountId };
    sendJson(response, customerView(facts, notEligibleValues) satisfies CustomerView);
  };
}

/** What Salesforce refused is ours to mend and no caller's: the log has the reason. */
function asAway(error: unknown): never {
  if (!isClassified(error)) throw error;
  const isAway = error instanceof UnavailableError;
  const seconds = isAway && error.retryAfterMs !== null ? Math.ceil(error.retryAfterMs / 1000) : ASK_AGAIN_S;
  throw new Problem("salesforce-unavailable", isAway ? error.title : "Salesforce refused to tell.", {
    cause: error,
    headers: { "retry-after": String(Math.max(1, seconds)) },
  });
}

const moment = (description: string) => z.iso.datetime().nullable().meta({ description });
const day = (description: string) => z.iso.date().nullable().meta({ description });

/** The view as callers see it. The annotation makes the compiler refuse a schema that strays from `CustomerView`. */
export const customerViewSchema: z.ZodType<CustomerView> = z
  .strictObject({
    eligibility: z.strictObject({
      view: z.enum(["address-form", "checking", "plan-selection", "not-available"]),
      value: z.string().nullable().meta({ description: "What can be had; null while it is not known" }),
      requestedAt: moment("When the customer asked"),
      checkedAt: moment("When Customer Service answered"),
    }),
    verification: z.strictObject({
      view: z.enum(["upload-form", "verifying", "verified", "resubmit"]),
      message: z.string().nullable().meta({ description: "With resubmit: what was wrong, for the customer" }),
      submittedAt: moment("When the document was uploaded"),
    }),
    orders: z
      .array(
        z.strictObject({
          orderId: z.string(),
          status: z.enum(["Pending Review", "Approved", "Cancelled", "Activated"]),
          view: z.enum(["processing", "approved", "active", "rejected"]),
          message: z.string().nullable().meta({ description: "With rejected: the reason, for the customer" }),
        }),
      )
      .meta({ description: "The newest first" }),
    cancellations: z
      .array(
        z.strictObject({
          serviceId: z.int().meta({ description: "The service's number, as cancellations name it" }),
          type: z.enum(SERVICE_TYPES),
          view: z.enum(["cancelling", "cancelled"]),
          endDate: day("The service's last day, in Japan"),
          returnDeadline: day("Internet: until when the equipment must be back"),
          kitStatus: z
            .enum(["not-sent", "sent", "returned", "not-needed"])
            .nullable()
            .meta({ description: "Internet: the kit for sending the equipment back" }),
        }),
      )
      .meta({ description: "The newest service first" }),
  })
  .meta({
    id: "AccountStatus",
    description: "What the customer of an account sees",
    examples: [
      {
        eligibility: {
          view: "plan-selection",
          value: "Home 1G",
          requestedAt: "2026-11-20T01:02:03.000Z",
          checkedAt: "2026-11-21T02:00:00.000Z",
        },
        verification: { view: "verified", message: null, submittedAt: "2026-11-20T01:10:00.000Z" },
        orders: [{ orderId: "8015g00000ZxCvBAAV", status: "Pending Review", view: "processing", message: null }],
        cancellations: [
          {
            serviceId: 1234,
            type: "Internet",
            view: "cancelling",
            endDate: "2026-12-31",
            returnDeadline: null,
            kitStatus: "not-sent",
          },
        ],
      },
    ],
  });
