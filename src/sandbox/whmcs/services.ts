import type { Billing, Service, ServiceStatus } from "./billing.ts";
import {
  CYCLE_SHOWN,
  WhmcsError,
  clientOr,
  customFieldValues,
  isCycle,
  pageOf,
  serviceOr,
  wallClock,
  yen,
} from "./billing.ts";
import type { Parameters } from "./parameters.ts";
import { serializedFields } from "./php-unserialize.ts";

/** GetClientsProducts, UpdateClientProduct and ModuleTerminate. */

const STATUSES: readonly ServiceStatus[] = [
  "Pending",
  "Active",
  "Suspended",
  "Terminated",
  "Cancelled",
  "Fraud",
  "Completed",
];

function shownService(billing: Billing, service: Service): object {
  const product = billing.products.get(service.pid);
  return {
    id: String(service.id),
    qty: String(service.qty),
    clientid: String(service.clientId),
    orderid: String(service.orderId),
    ordernumber: service.orderId === 0 ? "0" : String(7_000_000_000 + service.orderId),
    pid: String(service.pid),
    regdate: service.regDate,
    name: product?.name ?? "",
    translated_name: product?.name ?? "",
    groupname: "SonixNet",
    domain: service.domain,
    dedicatedip: "",
    serverid: "0",
    firstpaymentamount: yen(service.amount),
    recurringamount: yen(service.cycle === "onetime" ? 0 : service.amount),
    billingcycle: CYCLE_SHOWN[service.cycle],
    nextduedate: service.nextDueDate,
    terminationdate: service.terminationDate,
    status: service.status,
    username: "",
    password: "",
    notes: service.notes,
    customfields: {
      customfield: (product?.customFields ?? []).map(({ id, name }) => ({
        id: String(id),
        name,
        translated_name: name,
        value: service.customFields.get(id) ?? "",
      })),
    },
    configoptions: { configoption: [] },
  };
}

/** Ids and the total are strings here, the start a number; an empty list is an empty string. */
export function getClientsProducts(billing: Billing, given: Parameters): object {
  const [clientId, serviceId, pid, domain] = ["clientid", "serviceid", "pid", "domain"].map(given.text);
  if (clientId !== undefined && clientId !== "") clientOr(billing, clientId, "Client ID Not Found");
  const fits = (wanted: string | undefined, value: string) => wanted === "" || wanted === value;
  const matching = [...billing.services.values()].filter(
    (service) =>
      fits(clientId, String(service.clientId)) &&
      fits(serviceId, String(service.id)) &&
      fits(pid, String(service.pid)) &&
      fits(domain, service.domain),
  );
  const start = given.count("limitstart", 0);
  const rows = pageOf(matching, (service) => service.id, start, given.count("limitnum", 25));
  return {
    clientid: clientId,
    serviceid: serviceId === "" ? null : serviceId,
    pid: pid === "" ? null : pid,
    domain: domain === "" ? null : domain,
    totalresults: String(matching.length),
    startnumber: start,
    numreturned: rows.length,
    products: rows.length === 0 ? "" : { product: rows.map((service) => shownService(billing, service)) },
  };
}

/** Changes the record only; no module runs. `customfields` is one text here, not a list. */
export function updateClientProduct(billing: Billing, given: Parameters): object {
  const service = serviceOr(billing, given.text("serviceid"), "Service ID Not Found");
  if (given.has("status")) {
    const status = STATUSES.find((known) => known === given.text("status"));
    if (status === undefined) throw new WhmcsError("Invalid Status");
    service.status = status;
  }
  if (given.has("billingcycle")) {
    const cycle = given.text("billingcycle").toLowerCase().replaceAll(/[ -]/g, "");
    if (!isCycle(cycle)) throw new WhmcsError("Invalid Billing Cycle");
    service.cycle = cycle;
  }
  if (given.has("recurringamount")) service.amount = Number(given.text("recurringamount"));
  if (given.has("nextduedate")) service.nextDueDate = given.text("nextduedate");
  if (given.has("terminationdate")) service.terminationDate = given.text("terminationdate");
  if (given.has("domain")) service.domain = given.text("domain");
  if (given.has("notes")) service.notes = given.text("notes");
  for (const [id, value] of customFieldValues(
    billing.products.get(service.pid),
    serializedFields(given.text("customfields")),
  ))
    service.customFields.set(id, value);
  return { serviceid: String(service.id) };
}

/** Ends the service through its product's module; products without one are ended by a person. */
export function moduleTerminate(billing: Billing, given: Parameters): object {
  if (given.text("serviceid") === "") throw new WhmcsError("Service ID is required");
  const service = serviceOr(billing, given.text("serviceid"), "Service ID not found");
  if ((billing.products.get(service.pid)?.module ?? "") === "")
    throw new WhmcsError("Service not assigned to a module");
  service.status = "Terminated";
  service.terminationDate = wallClock(billing.now()).slice(0, 10);
  return {};
}
