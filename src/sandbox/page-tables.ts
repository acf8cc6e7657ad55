import type { Html } from "./html.ts";
import { html } from "./html.ts";
import { knownObject } from "./salesforce/records.ts";
import { eligibilityForm, identityForms, orderForms } from "./page-actions.ts";
import type { FieldValue } from "./salesforce/schema.ts";
import { shownRecord } from "./state.ts";
import type { World } from "./world.ts";

/** The page's tables: what each vendor holds, and the traffic. Newest first. */

const CALLS_SHOWN = 50;
const ROWS_SHOWN = 200;
const GOOD = new Set(["Active", "active", "Activated", "Verified", "Checked", "Closed", "acknowledged"]);
const BAD = new Set([
  "Cancelled",
  "cancelled",
  "Void",
  "Terminated",
  "Fraud",
  "Rejected",
  "Closed client",
  "given up",
  "△Cancelled",
]);

type Cell = Html | string | number | null;

function status(value: FieldValue | undefined): Html {
  const text = value === null || value === undefined ? "" : String(value);
  return html`<span class="${GOOD.has(text) ? "good" : BAD.has(text) ? "bad" : "wait"}">${text}</span>`;
}
/** A value that people copy rather than read. */
export const id = (value: FieldValue | undefined) =>
  html`<span class="id">${value === null || value === undefined ? "" : String(value)}</span>`;
/** The hour is enough on a page that lives for an afternoon; the whole moment is in the title. */
const moment = (iso: string) => html`<span class="soft" title="${iso}">${iso.slice(11, 19)}</span>`;
export const text = (value: FieldValue | undefined): string =>
  value === null || value === undefined ? "" : String(value);

/** A section with a table; `form` stands below it. */
export function tableOf(
  name: string,
  title: string,
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
  empty: string,
  form: Html | null = null,
): Html {
  const head = html`<h2 id="${name}">${title}<span class="count">${rows.length}</span></h2>`;
  if (rows.length === 0)
    return html`<section>
      ${head}
      <p class="empty">${empty}</p>
      ${form}
    </section>`;
  const lines = rows.slice(0, ROWS_SHOWN).map(
    (row) =>
      html`<tr>
        ${row.map((cell) => html`<td>${cell}</td>`)}
      </tr>`,
  );
  const rest =
    rows.length > ROWS_SHOWN
      ? html`<p class="empty">… and ${rows.length - ROWS_SHOWN} more: <a href="/control/state">all as JSON</a></p>`
      : null;
  return html`<section>
    ${head}
    <div class="wide">
      <table>
        <thead>
          <tr>
            ${columns.map((column) => html`<th>${column}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${lines}
        </tbody>
      </table>
      ${rest}
    </div>
    ${form}
  </section>`;
}

/** Newest first, with derived fields. */
export function newest(world: World, object: string): Record<string, FieldValue>[] {
  const { records } = world.salesforce();
  const type = knownObject(object);
  return [...records.tables.rows(type)].toReversed().map((row) => shownRecord(records, type, row));
}

export function salesforceTables(world: World): Html {
  const { tables } = world.salesforce().records;
  const nameOf = (accountId: FieldValue | undefined) =>
    text((typeof accountId === "string" ? tables.row(knownObject("Account"), accountId) : undefined)?.["Name"]);
  const orders = newest(world, "Order").map((order) => [
    id(order["Id"]),
    text(order["OrderNumber"]),
    nameOf(order["AccountId"]),
    text(order["Type"]),
    status(order["Status"]),
    id(order["OpportunityId"]),
    orderForms(order),
  ]);
  const accounts = newest(world, "Account").map((account) => [
    id(account["Id"]),
    text(account["Name"]),
    text(account["WH_Account__c"]),
    html`${text(account["Internet_Eligibility__c"])} ${status(account["Internet_Eligibility_Status__c"])}
    ${eligibilityForm(account)}`,
    html`${status(account["Id_Verification_Status__c"])} ${identityForms(account)}`,
  ]);
  const opportunities = newest(world, "Opportunity").map((opportunity) => [
    id(opportunity["Id"]),
    text(opportunity["Name"]),
    status(opportunity["StageName"]),
    text(opportunity["WHMCS_Service_ID__c"]),
    text(opportunity["Opportunity_Source__c"]),
  ]);
  const cases = newest(world, "Case").map((one) => [
    id(one["Id"]),
    nameOf(one["AccountId"]),
    text(one["Type"]),
    text(one["Subject"]),
    status(one["Status"]),
    id(one["OpportunityId"]),
  ]);
  return html`
    ${tableOf("orders", "Salesforce Orders", ["Id", "Number", "Account", "Type", "Status", "Opportunity", ""], orders, "No orders.")}
    ${tableOf("opportunities", "Salesforce Opportunities", ["Id", "Name", "Stage", "WHMCS service", "Source"], opportunities, "No opportunities.")}
    ${tableOf("cases", "Salesforce Cases", ["Id", "Account", "Type", "Subject", "Status", "Opportunity"], cases, "No cases.")}
    ${tableOf("accounts", "Salesforce Accounts", ["Id", "Name", "WHMCS client", "Internet eligibility", "Identity"], accounts, "No accounts.")}
  `;
}

export function whmcsTables(world: World): Html {
  const { orders, services, products, clients } = world.billing();
  const clientName = (clientId: number) => {
    const client = clients.get(clientId);
    return client === undefined ? String(clientId) : `${String(clientId)} ${client.lastname} ${client.firstname}`;
  };
  const orderRows = [...orders.values()]
    .toReversed()
    .map((order) => [
      id(order.id),
      clientName(order.clientId),
      order.date,
      `¥${order.amount.toLocaleString("en")}`,
      status(order.status),
    ]);
  const serviceRows = [...services.values()]
    .toReversed()
    .map((service) => [
      id(service.id),
      clientName(service.clientId),
      service.orderId === 0 ? "" : String(service.orderId),
      products.get(service.pid)?.name ?? "",
      status(service.status),
      id([...service.customFields.values()].join(" ")),
    ]);
  return html`
    ${tableOf("whmcs-orders", "WHMCS orders", ["Id", "Client", "Date", "Amount", "Status"], orderRows, "No orders yet: approve one above.")}
    ${tableOf("services", "WHMCS services", ["Id", "Client", "Order", "Product", "Status", "Opportunity"], serviceRows, "No services yet.")}
  `;
}

export function freebitTable(world: World): Html {
  const rows = world
    .lines()
    .all()
    .map((line) => [id(line.account), status(line.state), line.cancelDate ?? ""]);
  return tableOf("lines", "Freebit lines", ["Number", "State", "Ends on"], rows, "No lines.");
}

export function trafficTables(world: World): Html {
  const calls = world.stage.calls.all().slice(-CALLS_SHOWN).toReversed();
  const callRows = calls.map((call) => [
    moment(call.at),
    call.vendor,
    call.operation,
    call.status === null
      ? html`<span class="bad">no answer</span>`
      : html`<span class="${call.status < 400 ? "good" : "bad"}">${call.status}</span>`,
    call.fault === undefined ? "" : html`<span class="bad">${call.fault}</span>`,
    html`<code title="${call.summary}">${call.summary.slice(0, 110)}</code>`,
  ]);
  const mails = [...world.mail.received()]
    .toReversed()
    .map((mail) => [moment(mail.at), mail.to.join(", "), mail.subject, id(mail.messageId)]);
  const sent = [...world.outbound().deliveries()]
    .toReversed()
    .map((delivery) => [
      id(delivery.notificationIds.join(" ")),
      id(delivery.orderIds.join(" ")),
      status(delivery.state),
      String(delivery.tries),
      delivery.status === null ? "no answer" : String(delivery.status),
    ]);
  return html`
    ${tableOf("mails", "Mails", ["At", "To", "Subject", "Message-ID"], mails, "No mail yet.")}
    ${tableOf("outbound", "Outbound messages", ["Notification", "Order", "State", "Tries", "Last answer"], sent, world.outbound().url() === null ? "No outbound URL is set, so approved orders are not announced." : "None sent yet.")}
    ${tableOf("calls", `The last ${String(CALLS_SHOWN)} calls`, ["At", "Vendor", "Operation", "Answer", "Fault", "What"], callRows, "No calls yet.")}
  `;
}
