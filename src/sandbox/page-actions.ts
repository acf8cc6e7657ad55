import express from "express";
import type { Response, Router } from "express";
import * as z from "zod";
import type { Html } from "./html.ts";
import { html } from "./html.ts";
import { SalesforceError } from "./salesforce/errors.ts";
import { knownObject } from "./salesforce/records.ts";
import type { FieldValue, Fields } from "./salesforce/schema.ts";
import { fieldNamed } from "./salesforce/schema.ts";
import { dateTimeText } from "./salesforce/values.ts";
import type { World } from "./world.ts";

/** What Customer Service does in Salesforce, as buttons: each changes the records as a person there would. */

const NOT_ELIGIBLE = "Not Eligible";
const VALUES = ["Home 1G", "Apartment 1G", NOT_ELIGIBLE];
const text = (value: FieldValue | undefined): string => (value === null || value === undefined ? "" : String(value));

/** For an order in review: approve it, or reject it with a reason. */
export function orderForms(order: Fields): Html | string {
  if (order["Status"] !== "Pending Review") return "";
  const at = `/page/orders/${text(order["Id"])}`;
  return html`<form class="inline" method="post" action="${at}/approve"><button>Approve</button></form>
    <form class="inline" method="post" action="${at}/reject">
      <input name="reason" placeholder="reason" aria-label="Reason" size="12" /><button>Reject</button>
    </form>`;
}

/** For an account whose eligibility is being checked. */
export function eligibilityForm(account: Fields): Html | string {
  if (account["Internet_Eligibility_Status__c"] !== "Pending") return "";
  return html`<form class="inline" method="post" action="/page/accounts/${text(account["Id"])}/eligibility">
    <select name="value" aria-label="Eligibility">
      ${VALUES.map((value) => html`<option>${value}</option>`)}
    </select>
    <button>Answer</button>
  </form>`;
}

/** For an account whose documents wait for a review. */
export function identityForms(account: Fields): Html | string {
  if (!["Submitted", "Pending"].includes(text(account["Id_Verification_Status__c"]))) return "";
  const at = `/page/accounts/${text(account["Id"])}/identity`;
  return html`<form class="inline" method="post" action="${at}">
      <input type="hidden" name="status" value="Verified" /><button>Verify</button>
    </form>
    <form class="inline" method="post" action="${at}">
      <input type="hidden" name="status" value="Rejected" />
      <input name="message" placeholder="message" aria-label="Message to the customer" size="9" />
      <button>Reject</button>
    </form>`;
}

const reasonInput = z.object({ reason: z.string().default("") });
const eligibilityInput = z.object({ value: z.string().min(1) });
const identityInput = z.object({ status: z.enum(["Verified", "Rejected"]), message: z.string().default("") });
const clockInput = z.object({
  /** As a browser's field for date and time sends it, and meant in Japan; empty: back to the real time. */
  now: z.string().regex(/^(?:\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?)?$/, "must be a day and a time"),
});

/** Answers the check: the value on the account, the open Case closed, and its Opportunity moved on. */
function answerEligibility(world: World, accountId: string, value: string): void {
  const { records } = world.salesforce();
  const caseType = knownObject("Case");
  const opportunityType = knownObject("Opportunity");
  const accountField = fieldNamed(caseType, "AccountId");
  records.tables.transaction(() => {
    records.update(knownObject("Account"), accountId, {
      Internet_Eligibility__c: value,
      Internet_Eligibility_Status__c: "Checked",
      Internet_Eligibility_Checked_Date_Time__c: dateTimeText(world.now()),
    });
    const ids =
      accountField === undefined ? [] : [...(records.tables.idsWhere(caseType, accountField, accountId) ?? [])];
    for (const id of ids) {
      const check = records.tables.row(caseType, id) ?? {};
      if (check["Type"] !== "Eligibility Check" || check["Status"] === "Closed") continue;
      records.update(caseType, id, { Status: "Closed" });
      const opportunityId = check["OpportunityId"];
      const opportunity =
        typeof opportunityId === "string" ? records.tables.row(opportunityType, opportunityId) : undefined;
      if (typeof opportunityId === "string" && opportunity?.["StageName"] === "Introduction")
        records.update(opportunityType, opportunityId, { StageName: value === NOT_ELIGIBLE ? "Void" : "Ready" });
    }
  });
}

/** `page` draws the page with what went wrong. */
export function actionRoutes(world: World, page: (problem: string) => string): Router {
  const routes = express.Router();
  const refuse = (response: Response, status: number, problem: string) =>
    response.status(status).type("html").send(page(problem));
  const acting =
    <T>(anchor: string, schema: z.ZodType<T>, act: (id: string, input: T) => void) =>
    (request: express.Request, response: Response) => {
      const input = schema.safeParse(request.body);
      if (!input.success) {
        refuse(
          response,
          400,
          input.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "),
        );
        return;
      }
      try {
        act(String(request.params["id"] ?? ""), input.data);
        response.redirect(303, `/#${anchor}`);
      } catch (error) {
        if (!(error instanceof SalesforceError)) throw error;
        refuse(response, error.status, error.message);
      }
    };
  const update = (object: string, id: string, fields: Readonly<Record<string, unknown>>) =>
    world.salesforce().records.update(knownObject(object), id, fields);

  routes.post(
    "/orders/:id/approve",
    acting("orders", z.unknown(), (id) => update("Order", id, { Status: "Approved" })),
  );
  routes.post(
    "/orders/:id/reject",
    acting("orders", reasonInput, (id, { reason }) => update("Order", id, { Status: "Cancelled", Note__c: reason })),
  );
  routes.post(
    "/accounts/:id/eligibility",
    acting("accounts", eligibilityInput, (id, { value }) => answerEligibility(world, id, value)),
  );
  routes.post(
    "/accounts/:id/identity",
    acting("accounts", identityInput, (id, { status, message }) =>
      update(
        "Account",
        id,
        status === "Verified"
          ? {
              Id_Verification_Status__c: status,
              Id_Verification_Verified_Date_Time__c: dateTimeText(world.now()),
              Id_Verification_Rejection_Message__c: null,
            }
          : { Id_Verification_Status__c: status, Id_Verification_Rejection_Message__c: message },
      ),
    ),
  );
  routes.post(
    "/events",
    acting("events", z.object({ orderId: z.string().min(1).max(18) }), (_, { orderId }) => {
      world.salesforce().events.publish(knownObject("OrderProvisionRequested__e"), { Order_Id__c: orderId });
    }),
  );
  routes.post(
    "/clock",
    acting("clock", clockInput, (_, { now }) => {
      world.clock.set(now === "" ? null : Date.parse(`${now}+09:00`));
    }),
  );
  return routes;
}
