import { monthInJapan, monthsAfter } from "../../src/domain/japan-calendar.ts";
import type { JobState } from "../../src/queues/job-view.ts";
import { envelope, notification } from "../api/salesforce.ts";
import { ADDRESS } from "../processors/line.ts";
import { API_KEY, type Environment, type Handoff } from "./process.ts";
import { OUTBOUND_TOKEN, type System } from "./system.ts";

/** What customers tell us, what Salesforce knows of them, and how vendors and people quote them, each by a door of its own. */
export const PLANTED = {
  city: "秘密市大字隠里",
  street: "秘密通り4711-0815",
  building: "Hidden Heights 9F",
  eligibilityNotes: "the dog is called Xerxes",
  orderNotes: "ring twice, grandmother Adelheid is deaf",
  internetComments: "we move to Ogasawara for her asthma",
  internetEmail: "adelheid.internet@customer.example",
  simNumber: "08000001014",
  serialNumber: "8981300021234567890F",
  simComments: "the telephone was stolen in Kabukicho",
  simEmail: "adelheid.sim@customer.example",
  vpnComments: "I was dismissed by Takahashi Shoji",
  vpnEmail: "adelheid.vpn@customer.example",
  fileName: "Adelheid Geheimnis residence card",
  customerName: "Adelheid Geheimnis-Verborgen",
  contactEmail: "adelheid.geheimnis@customer.example",
  rejection: "Your card AB12345678CD has run out",
  orderNote: "call Mrs Geheimnis at 090-9876-5432",
  saidBySalesforce: "duplicate of Balthasar Doppelgaenger",
  saidByWhmcs: "client kaspar.whmcs@customer.example owes 12,345",
  saidByFreebit: "line of Melchior Freimann is suspended",
  saidByMail: "mailbox of balthasar.smtp@customer.example is full",
  misplaced: "passport TK7654321 of Hedwig",
} as const;
type Planted = typeof PLANTED;

/** What is free text, where a customer could also write an address of the net. */
const FREE = new Set<keyof Planted>([
  ...([
    "street",
    "building",
    "eligibilityNotes",
    "orderNotes",
    "internetComments",
    "simComments",
    "vpnComments",
  ] as const),
  ...(["fileName", "customerName", "rejection", "orderNote", "saidBySalesforce", "saidByWhmcs", "misplaced"] as const),
]);

/** What jobs of customers need of vendors, beside what every story starts with. */
export const vendorsOf = ({ sandbox }: System): Environment => ({
  SMTP_URL: sandbox.smtpUrl,
  MAIL_FROM: "portal@sonixnet.example",
  ADMIN_EMAIL: "operations@sonixnet.example",
  FREEBIT_URL: `${sandbox.url}/freebit`,
  FREEBIT_OEM_ID: "sandbox-oem",
  FREEBIT_OEM_KEY: "sandbox-oem-key",
  PORTAL_PRICEBOOK_ID: "01s5g0000000001AAA",
});

/**
 * Customers hand in all that they can; some of it is refused by each vendor, in words that quote customers, and one waits
 * for Salesforce to come back. Free text also holds `link`. Gives the jobs that were
 * accepted by the API, and what dry runs of their requests had said before.
 */
export async function plantEverything(
  system: System,
  api: Handoff,
  link: string,
  { jpeg, pdf }: { readonly jpeg: Buffer; readonly pdf: Buffer },
): Promise<{ readonly jobs: readonly string[]; readonly plans: readonly string[] }> {
  const told = (name: keyof Planted) => (FREE.has(name) ? `${PLANTED[name]} ${link}` : PLANTED[name]);
  const account = (name: string) => system.seed("accounts", name);
  const jobs: string[] = [];
  const plans: string[] = [];
  const carry = async (id: string, ...ends: readonly JobState[]) => {
    jobs.push(id);
    const job = await api.until(id, "completed", "failed", ...ends);
    if (!ends.includes(job.state)) throw new Error(`${job.kind} is ${job.state}: ${JSON.stringify(job.failure)}`);
  };
  const ask = async (end: JobState, path: string, body: object) => {
    await tryOut(path, body);
    await carry((await api.accepted(path, body)).id, end);
  };
  const tryOut = async (path: string, body: object) => {
    const answer = await api.post(`${path}?dryRun=true`, body);
    plans.push(await answer.text());
    if (answer.status !== 200) throw new Error(plans.at(-1));
  };
  const check = async (name: string) => ({
    accountId: await account(name),
    address: { ...ADDRESS, city: told("city"), street: told("street"), building: told("building") },
    notes: told("eligibilityNotes"),
  });
  const month = monthsAfter(monthInJapan(new Date()), 2);
  const CHECK = "/api/services/internet/eligibility-request";

  for (const name of ["unasked", "homeEligible", "activeInternet", "activeSim", "activeVpn"]) {
    const id = await account(name);
    await system.edit("Account", id, { Name: told("customerName") });
    const contact = (await system.state()).salesforce.Contact.find((one) => one["AccountId"] === id);
    await system.edit("Contact", String(contact?.["Id"]), { Email: told("contactEmail") });
  }
  await system.edit("Account", await account("rejected"), { Id_Verification_Rejection_Message__c: told("rejection") });

  await ask("completed", CHECK, await check("unasked"));
  await ask("completed", "/api/orders", {
    accountId: await account("homeEligible"),
    orderType: "Internet",
    items: [{ productId: await system.seed("products", "home1g") }],
    notes: told("orderNotes"),
  });
  await carry(await upload(api, await account("fresh"), jpeg, `${told("fileName")}.jpg`), "completed");

  // As often as they are asked, for the worker's own looks at the org are refused, too.
  await system.fault({
    vendor: "salesforce",
    operation: "*",
    mode: "error",
    code: "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    body: `${told("saidBySalesforce")} is refused`,
    times: 1000,
  });
  await ask("failed", CHECK, await check("introduced"));
  await carry(await upload(api, await account("withoutClient"), pdf, `${told("fileName")}.pdf`), "failed");
  await system.clearFaults();

  await system.fault({ vendor: "mail", operation: "rcpt", mode: "error", status: 550, body: told("saidByMail") });
  await ask("completed", "/api/services/internet/cancellation", {
    accountId: await account("activeInternet"),
    serviceId: 801,
    month,
    comments: told("internetComments"),
    alternativeEmail: told("internetEmail"),
  });
  const status = { message: told("saidByFreebit"), statusCode: "355" };
  await system.fault({
    vendor: "freebit",
    operation: "cnclAcnt",
    mode: "fail-before",
    status: 200,
    body: { resultCode: "400", status },
  });
  const ofSim = {
    accountId: await account("activeSim"),
    serviceId: 802,
    simNumber: told("simNumber"),
    serialNumber: told("serialNumber"),
  };
  const SIM = "/api/services/sim/cancellation";
  const more = { comments: told("simComments"), alternativeEmail: told("simEmail") };
  await ask("failed", SIM, { ...ofSim, ...more, month: monthsAfter(month, 1) });
  await ask("completed", SIM, { ...ofSim, ...more, month });
  await ask("completed", "/api/services/vpn/cancellation", {
    accountId: await account("activeVpn"),
    serviceId: 803,
    comments: told("vpnComments"),
    alternativeEmail: told("vpnEmail"),
  });
  await (await api.get(`/api/accounts/${await account("rejected")}/status`)).text();

  await system.fault({ vendor: "whmcs", operation: "AddOrder", mode: "error", body: told("saidByWhmcs") });
  const order = await system.approvedOrder();
  const message = notification(1, "Approved", order).replace(/(?<=<sf:Note__c>)[^<]*/, told("orderNote"));
  const announced = envelope([message]).replaceAll("https://x.my.salesforce.com", link);
  const heard = await fetch(`${api.url}/salesforce/outbound-messages/${OUTBOUND_TOKEN}`, {
    method: "POST",
    headers: { "content-type": "text/xml" },
    body: announced,
  });
  if (heard.status !== 200) throw new Error(await heard.text());
  await ask("failed", "/api/provisioning", { orderId: order });

  const away = {
    vendor: "salesforce",
    operation: "*",
    mode: "fail-before",
    times: 1000,
    body: `<html>${told("saidBySalesforce")}`,
  };
  await system.fault(away);
  await tryOut(CHECK, await check("fresh"));
  const { id } = await api.accepted(CHECK, await check("fresh"));
  await carry(id, "retrying", "failed");
  return { jobs, plans };
}

async function upload(api: Handoff, accountId: string, document: Buffer, name: string): Promise<string> {
  const form = new FormData();
  form.set("accountId", accountId);
  form.set("file", new Blob([new Uint8Array(document)]), name);
  const answer = await fetch(`${api.url}/api/verification/residence-card`, {
    method: "POST",
    headers: { authorization: `Bearer ${API_KEY}` },
    body: form,
  });
  const { id } = (await answer.json()) as { readonly id?: string }; // a job, or a problem
  if (id === undefined) throw new Error(`a document was answered with ${String(answer.status)}`);
  return id;
}
